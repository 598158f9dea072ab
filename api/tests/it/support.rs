//! A management plane for one test, and callers of every kind.

pub mod account;
pub mod call;
pub mod explaining;
pub mod peer;
pub mod shop;
pub mod world;

use std::sync::Arc;

use api::{Clock, Ctx, Plane, Rings, Settings};
use domain::seal::KeyRing;
use entity::database::{DatabaseSettings, connect};
use migration::testing::{TestDatabase, each_backend};

pub use call::{Answer, Call, Client};
pub use explaining::Listener;
pub use world::{Caller, World};

/// A password that the rules accept.
pub const PASSWORD: &str = "violet anchor seldom brick";

/// One process of the management plane. Its database lives as long as it.
pub struct App {
    pub plane: Arc<Plane>,
    pub router: axum::Router,
    pub database: TestDatabase,
    /// In the place of the gateway's code.
    pub explaining: Listener,
}

impl App {
    pub async fn new(database: TestDatabase) -> Self {
        Self::with(database, |_| {}).await
    }

    pub async fn with(database: TestDatabase, change: impl FnOnce(&mut Settings)) -> Self {
        let options = DatabaseSettings {
            traffic_url: Some(database.traffic_url.clone()),
            ..DatabaseSettings::new(&database.url)
        };
        let databases = connect(&options).await.unwrap();
        let portal = "http://localhost:3000".parse().unwrap();
        let mut settings = Settings::new(portal, "http://localhost:8080".parse().unwrap());
        settings.authorities = peer::authorities();
        change(&mut settings);
        let rings = Rings {
            portal: KeyRing::new(vec![[1; 32]]),
            gateway: KeyRing::new(vec![[2; 32]]),
        };
        let clock = Clock::manual("2026-11-21T12:00:00Z".parse().unwrap());
        let plane = Plane::new(databases, settings, rings, clock).unwrap();
        let explaining = Listener::default();
        plane.explainer.set(Arc::new(explaining.clone())).unwrap();
        let router = api::http::router(Arc::clone(&plane));
        Self {
            plane,
            router,
            database,
            explaining,
        }
    }

    /// A browser or program at an address of its own.
    pub fn client(&self) -> Client {
        Client::new(self.router.clone())
    }

    pub fn job(&self) -> Ctx {
        Ctx::job(&self.plane, "test")
    }

    pub fn advance(&self, by: chrono::Duration) {
        self.plane.clock.advance(by);
    }

    /// A gateway says that it serves this state.
    pub async fn reports(&self, node: &str, state: u64) {
        let now = self.plane.clock.now();
        let report = entity::store::node::Report {
            id: domain::id::NodeId::from_name("node", node),
            name: node.into(),
            kind: "gateway".into(),
            version: "0".into(),
            group: String::new(),
            region: String::new(),
            state,
            cpu: 0.0,
            memory: 0,
            connections: 0,
            dropped: 0,
            unreadable: 0,
            started_at: now,
        };
        let traffic = &self.plane.databases.traffic;
        entity::store::node::report(traffic, report, now)
            .await
            .unwrap();
    }

    /// The token in the newest mail of `kind` to `recipient`, as the operator would read it.
    pub async fn mailed_token(&self, kind: &str, recipient: &str) -> String {
        let text = self.mailed(kind, recipient).await;
        let link = text
            .lines()
            .find(|line| line.starts_with("http://localhost:3000/"))
            .unwrap();
        link.rsplit('/').next().unwrap().to_owned()
    }

    pub async fn mailed(&self, kind: &str, recipient: &str) -> String {
        let ctx = self.job();
        let page = api::service::outbox::list(&ctx, &Default::default())
            .await
            .unwrap();
        let found = page
            .items
            .iter()
            .find(|mail| mail.kind == kind && mail.recipient == recipient);
        let mail = found.unwrap_or_else(|| panic!("no {kind} to {recipient} in {:?}", page.items));
        api::service::outbox::show(&ctx, mail.id)
            .await
            .unwrap()
            .text
    }

    /// Makes the mails of all that has happened, and of what follows from that.
    pub async fn dispatch(&self) {
        let job = self.job();
        while api::service::notifications::dispatch(&job).await.unwrap() > 0 {}
    }

    pub async fn mail_count(&self) -> usize {
        let page = api::service::outbox::list(&self.job(), &Default::default())
            .await
            .unwrap();
        page.items.len()
    }
}

/// Runs a test on each database.
pub async fn each<F: AsyncFn(App)>(test: F) {
    each_backend(async |database| test(App::new(database).await).await).await;
}
