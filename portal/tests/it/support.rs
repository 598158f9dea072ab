//! A portal over a database of its own, and a browser without JavaScript.

mod browser;
mod shop;
mod tenant;

use std::sync::Arc;

use api::{
    Clock, Ctx, Plane, Rings, Settings as PlaneSettings,
    plane::{DatabaseSettings, connect},
    service::outbox,
};
use axum::Router;
use domain::seal::KeyRing;
use migration::testing::{TestDatabase, each_backend};
use portal::{Portal, Settings};

pub(crate) use browser::{Answer, Browser};
pub(crate) use shop::{Shop, publish};
pub(crate) use tenant::{A, B, Tenant, call, filled, parameters};

/// A password that the rules accept.
pub(crate) const PASSWORD: &str = "violet anchor seldom brick";

/// One process. Its database lives as long as it.
pub(crate) struct App {
    pub(crate) plane: Arc<Plane>,
    pub(crate) portal: Portal,
    pub(crate) router: Router,
    _database: TestDatabase,
}

impl App {
    pub(crate) async fn new(database: TestDatabase) -> Self {
        Self::at("http://localhost:3000", database).await
    }

    pub(crate) async fn at(portal_url: &str, database: TestDatabase) -> Self {
        Self::with(portal_url, database, |_| {}).await
    }

    pub(crate) async fn with(
        portal_url: &str,
        database: TestDatabase,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let options = DatabaseSettings {
            traffic_url: Some(database.traffic_url.clone()),
            ..DatabaseSettings::new(&database.url)
        };
        let url = |text: &str| url::Url::parse(text).unwrap();
        let plane = Plane::new(
            connect(&options).await.unwrap(),
            PlaneSettings::new(url(portal_url), url("http://localhost:8080")),
            Rings {
                portal: KeyRing::new(vec![[1; 32]]),
                gateway: KeyRing::new(vec![[2; 32]]),
            },
            Clock::manual("2026-11-21T12:00:00Z".parse().unwrap()),
        )
        .unwrap();
        let mut settings = Settings::new(url(portal_url), url("http://localhost:8080"));
        // A folder without a browser part: what an earlier build left must not change a test.
        std::fs::create_dir_all(database.directory.path().join("site/pkg")).unwrap();
        settings.site_dir = Some(database.directory.path().join("site"));
        change(&mut settings);
        let portal = Portal::new(settings, Arc::clone(&plane)).unwrap();
        Self {
            router: portal::router(&portal),
            portal,
            plane,
            _database: database,
        }
    }

    /// A browser that has been nowhere.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// The link in the newest mail of `kind` to `recipient`, as a path.
    pub(crate) async fn mailed(&self, kind: &str, recipient: &str) -> String {
        let ctx = Ctx::job(&self.plane, "test");
        let page = outbox::list(&ctx, &Default::default()).await.unwrap();
        let mail = page
            .items
            .iter()
            .find(|mail| mail.kind == kind && mail.recipient == recipient)
            .unwrap_or_else(|| panic!("no {kind} to {recipient} in {:?}", page.items));
        let text = outbox::show(&ctx, mail.id).await.unwrap().text;
        let link = text
            .lines()
            .find_map(|line| line.strip_prefix("http://localhost:3000"));
        link.unwrap_or_else(|| panic!("no link in {text}"))
            .to_owned()
    }

    /// Somebody who signed up, verified and signed in, all through the pages.
    pub(crate) async fn member(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let email = format!("{name}@{name}.example");
        let organization = format!("{name} and co");
        let form = [
            ("email", email.as_str()),
            ("password", PASSWORD),
            ("name", name),
            ("organization", organization.as_str()),
        ];
        browser.post("/sign-up", &form).await.ok(200);
        let link = self.mailed("account.verify", &email).await;
        browser.get(&link).await.ok(200);
        browser
            .post(&link, &[("password", PASSWORD)])
            .await
            .to("/sign-in?done=verified");
        browser.sign_in(&email, PASSWORD).await.to("/home");
        browser
    }
}

/// Runs a test on each database.
pub(crate) async fn each<F: AsyncFn(App)>(test: F) {
    each_backend(async |database| test(App::new(database).await).await).await;
}
