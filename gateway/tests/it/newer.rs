//! Gateways of this release beside a newer one, on one database: what they cannot read costs its
//! own object, and everything else goes on.

use std::time::{Duration, Instant};

use chrono::Utc;
use domain::id::TeamId;
use domain::seal::KeyRing;
use domain::snapshot::{Kind, Parts, Revision, SCHEMA};
use entity::database::{DatabaseSettings, Databases, begin_write, connect, connect_later};
use gateway::duty::Pen;
use gateway::source::channel;
use gateway::source::database::DatabaseSource;
use gateway::source::disk::Disk;
use gateway::{Handle, Settings, start};
use migration::testing::{TestDatabase, each_backend};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, IntoActiveModel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::rig::{Client, Upstream, key, snapshot};
use crate::switch::until;

const ACME: &str = r#"
portunus: 1
organization: acme
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /acme/one }, upstream: echo, policies: [{ key_auth: {} }] }
      v2: { match: { path: /acme/two }, upstream: echo, policies: [{ key_auth: {} }] }
      v3: { match: { path: /acme/three }, upstream: echo, policies: [{ key_auth: {} }] }
products: { shop: { versions: [shop/v1, shop/v2, shop/v3], plans: { free: {} } } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  b: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

const OTHER: &str = r#"
portunus: 1
organization: other
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { shop: { versions: { v1: { match: { path: /other }, upstream: echo, policies: [{ key_auth: {} }] } } } }
products: { shop: { versions: [shop/v1], plans: { free: {} } } }
applications: { c: { keys: [{ name: c, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: free }] } }
"#;

async fn insert<M>(tx: &DatabaseTransaction, row: M)
where
    M: IntoActiveModel<<M::Entity as sea_orm::EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    M: sea_orm::FromQueryResult,
    <M::Entity as sea_orm::EntityTrait>::ActiveModel: Send + ActiveModelTrait<Entity = M::Entity>,
{
    let row = row.into_active_model();
    <M::Entity as sea_orm::EntityTrait>::insert(row)
        .exec_without_returning(tx)
        .await
        .unwrap();
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// A file's organization as rows.
async fn plant(databases: &Databases, parts: &Parts) {
    let tx = begin_write(&databases.main).await.unwrap();
    let now = Utc::now();
    let organization = &parts.organizations[0];
    let owner = organization.id.uuid();
    let team = TeamId::from_name("team", &organization.slug).uuid();
    let row = entity::organization::Model {
        id: owner,
        slug: organization.slug.clone(),
        name: organization.slug.clone(),
        state: "active".into(),
        grants: "[]".into(),
        client_addresses: organization.client_addresses.as_str().into(),
        policies: json(&organization.policies),
        created_at: now,
        created_by: None,
        etag: 1,
    };
    insert(&tx, row).await;
    let row = entity::team::Model {
        id: team,
        organization_id: owner,
        slug: "team".into(),
        name: "Team".into(),
        description: String::new(),
        created_at: now,
        etag: 1,
    };
    insert(&tx, row).await;
    for one in &parts.upstreams {
        let row = entity::upstream::Model {
            id: one.id.uuid(),
            organization_id: owner,
            team_id: team,
            name: one.name.clone(),
            settings: json(&one.settings),
            credential: None,
            client_certificate: None,
            client_key: None,
            created_at: now,
            updated_at: now,
            etag: 1,
        };
        insert(&tx, row).await;
    }
    for one in &parts.apis {
        let row = entity::api::Model {
            id: one.id.uuid(),
            organization_id: owner,
            team_id: team,
            slug: one.slug.clone(),
            name: one.slug.clone(),
            summary: String::new(),
            description: String::new(),
            category: String::new(),
            tags: "[]".into(),
            labels: "[]".into(),
            visibility: "private".into(),
            policies: json(&one.policies),
            search: String::new(),
            purges: None,
            created_at: now,
            updated_at: now,
            etag: 1,
        };
        insert(&tx, row).await;
    }
    for one in &parts.versions {
        let row = entity::version::Model {
            id: one.id.uuid(),
            organization_id: owner,
            api_id: one.api.uuid(),
            slug: one.slug.clone(),
            state: "published".into(),
            enabled: true,
            current_revision_id: Some(one.revision.id.uuid()),
            deprecated_at: None,
            sunset_at: None,
            successor_id: None,
            retire_at_sunset: false,
            message: String::new(),
            created_at: now,
            published_at: Some(now),
            etag: 1,
        };
        insert(&tx, row).await;
        let row = entity::revision::Model {
            id: one.revision.id.uuid(),
            version_id: one.id.uuid(),
            number: 1,
            document_id: None,
            snapshot: json(&one.revision),
            note: String::new(),
            created_at: now,
            created_by: None,
        };
        insert(&tx, row).await;
    }
    for one in &parts.products {
        let row = entity::product::Model {
            id: one.id.uuid(),
            organization_id: owner,
            team_id: team,
            slug: "shop".into(),
            name: "Shop".into(),
            description: String::new(),
            created_at: now,
            etag: 1,
        };
        insert(&tx, row).await;
        for version in &one.versions {
            let row = entity::product_version::Model {
                product_id: one.id.uuid(),
                version_id: version.uuid(),
            };
            insert(&tx, row).await;
        }
    }
    for one in &parts.plans {
        let row = entity::plan::Model {
            id: one.id.uuid(),
            organization_id: owner,
            product_id: one.product.uuid(),
            slug: one.slug.clone(),
            name: one.slug.clone(),
            description: String::new(),
            state: "published".into(),
            approval: "manual".into(),
            terms: String::new(),
            terms_revision: 1,
            price: String::new(),
            policies: json(&one.policies),
            scopes: None,
            max_per_application: None,
            max_subscriptions: None,
            organizations: "[]".into(),
            priority: 0,
            position: 0,
            created_at: now,
            published_at: Some(now),
            etag: 1,
        };
        insert(&tx, row).await;
    }
    for one in &parts.applications {
        let row = entity::application::Model {
            id: one.id.uuid(),
            organization_id: owner,
            team_id: team,
            slug: one.id.to_string(),
            name: one.id.to_string(),
            description: String::new(),
            state: "active".into(),
            labels: None,
            created_at: now,
            created_by: None,
            etag: 1,
        };
        insert(&tx, row).await;
    }
    for one in &parts.credentials {
        let row = entity::credential::Model {
            id: one.id.uuid(),
            organization_id: owner,
            application_id: one.application.uuid(),
            kind: "key".into(),
            digest: one.digest.0.to_vec(),
            claim: None,
            claimed: None,
            display_id: one.id.to_string(),
            name: one.id.to_string(),
            environment: one.environment.as_str().into(),
            cidrs: "[]".into(),
            created_at: now,
            created_by: None,
            expires_at: None,
            retires_at: None,
            revoked_at: None,
            revoked_by: None,
            rolled_from: None,
            told_end: None,
            told_ahead: None,
            tell_after: None,
            etag: 1,
        };
        insert(&tx, row).await;
    }
    for one in &parts.subscriptions {
        let row = entity::subscription::Model {
            id: one.id.uuid(),
            provider_id: owner,
            consumer_id: owner,
            application_id: one.application.uuid(),
            product_id: one.product.uuid(),
            plan_id: one.plan.uuid(),
            state: "approved".into(),
            paused: false,
            reason: String::new(),
            decision_note: String::new(),
            requested_by: None,
            requested_at: now,
            decided_by: None,
            decided_at: None,
            approved_at: Some(now),
            starts_at: None,
            ends_at: None,
            terms_revision: None,
            updated_at: now,
            etag: 1,
        };
        insert(&tx, row).await;
    }
    entity::change::append(&tx, Kind::Organization, owner, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

struct Node {
    handle: Handle,
    source: JoinHandle<()>,
}

impl Node {
    async fn start(url: &str, disk: Option<Disk>) -> Self {
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin: Some("127.0.0.1:0".parse().unwrap()),
            workers: Some(1),
            ..Settings::default()
        };
        let (changes, received) = channel();
        let handle = start(settings, received).unwrap();
        let source = DatabaseSource {
            main: connect_later(&DatabaseSettings::new(url))
                .await
                .unwrap()
                .main,
            listen: Some(url.to_owned()),
            told: None,
            changes,
            disk,
            pen: Pen::default(),
            needs_full: handle.needs_full.clone(),
        };
        let source = tokio::spawn(source.run());
        Self { handle, source }
    }

    async fn is_ready(&self) -> bool {
        let ready = timeout(Duration::from_secs(5), self.handle.ready());
        ready.await.is_ok()
    }

    /// The code of the answer; none for 200.
    async fn call(&self, path: &str, by: u8) -> String {
        let mut client = Client::connect(self.handle.gateway).await;
        let field = format!("X-Api-Key: {}", key(by).as_str());
        let answer = client.get(path, &[&field]).await;
        match answer.status {
            200 => String::new(),
            _ => answer.code(),
        }
    }

    async fn has_metric(&self, line: &str) -> bool {
        let mut client = Client::connect(self.handle.admin.unwrap()).await;
        let page = client.get("/metrics", &[]).await;
        page.body.lines().any(|one| one == line)
    }

    async fn end(self) {
        self.handle.shutdown().await;
        self.source.await.unwrap();
    }
}

/// A revision as a newer release writes it.
fn altered(revision: &Revision, alter: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut written = serde_json::to_value(revision).unwrap();
    alter(&mut written);
    written.to_string()
}

async fn rewrite<C: ConnectionTrait>(db: &C, revision: &Revision, text: String) {
    let row = entity::revision::ActiveModel {
        id: Set(revision.id.uuid()),
        snapshot: Set(text),
        ..Default::default()
    };
    row.update(db).await.unwrap();
}

/// A kind of policy, a field, a word and a kind of change that this release does not know.
async fn write_as_newer(databases: &Databases, parts: &Parts) -> u64 {
    let now = Utc::now();
    let tx = begin_write(&databases.main).await.unwrap();
    let row = entity::change::ActiveModel {
        number: NotSet,
        kind: Set("hologram".into()),
        object_id: Set(Uuid::from_u128(7)),
        at: Set(now),
    };
    row.insert(&tx).await.unwrap();
    for version in &parts.versions {
        let revision = &version.revision;
        let text = match &*version.slug {
            "v2" => altered(revision, |written| {
                written["policies"] = serde_json::json!([{ "hologram": {} }]);
            }),
            "v3" => altered(revision, |written| {
                written["route"]["hologram"] = true.into();
            }),
            _ => continue,
        };
        rewrite(&tx, revision, text).await;
        entity::change::append(&tx, Kind::Version, version.id.uuid(), now)
            .await
            .unwrap();
    }
    let second = parts.credentials.iter();
    let mut second = second.filter(|one| one.digest == key(2).digest());
    let application = second.next().unwrap().application;
    let mut all = parts.subscriptions.iter();
    let its = all.find(|one| one.application == application).unwrap();
    let row = entity::subscription::ActiveModel {
        id: Set(its.id.uuid()),
        state: Set("dreaming".into()),
        ..Default::default()
    };
    row.update(&tx).await.unwrap();
    let number = entity::change::append(&tx, Kind::Subscription, its.id.uuid(), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    number
}

async fn revoke(databases: &Databases, parts: &Parts) {
    let id = parts.credentials[0].id.uuid();
    let tx = begin_write(&databases.main).await.unwrap();
    let row = entity::credential::ActiveModel {
        id: Set(id),
        revoked_at: Set(Some(Utc::now())),
        ..Default::default()
    };
    row.update(&tx).await.unwrap();
    entity::change::append(&tx, Kind::Credential, id, Utc::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn raise_schema(databases: &Databases) {
    let tx = begin_write(&databases.main).await.unwrap();
    let row = entity::setting::ActiveModel {
        name: Set(entity::setting::SCHEMA.into()),
        value: Set((SCHEMA + 1).to_string()),
        ..Default::default()
    };
    row.update(&tx).await.unwrap();
    entity::change::append(&tx, Kind::Plan, Uuid::from_u128(7), Utc::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

const TABLE: [(&str, u8, &str); 5] = [
    ("/acme/one", 1, ""),
    ("/acme/two", 1, "policy_invalid"),
    ("/acme/three", 1, "policy_invalid"),
    ("/acme/two", 9, "policy_invalid"),
    ("/acme/one", 2, "not_subscribed"),
];

const UNREAD: [&str; 3] = [
    "portunus_config_unreadable{kind=\"version\"} 2",
    "portunus_config_unreadable{kind=\"subscription\"} 1",
    "portunus_config_refused_total{why=\"newer_schema\"} 0",
];

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_run_on_one_database() {
    each_backend(async |database: TestDatabase| {
        let upstream = Upstream::start().await;
        let editor = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        let acme = snapshot(ACME, &upstream, 1).parts;
        let other = snapshot(OTHER, &upstream, 1).parts;
        let allow = acme.settings.as_ref().unwrap();
        let row = entity::setting::ActiveModel {
            name: Set(entity::setting::UPSTREAM_ALLOW.into()),
            value: Set(serde_json::to_string(&allow.upstream_allow).unwrap()),
            updated_at: Set(Utc::now()),
            updated_by: Set(None),
            etag: Set(1),
        };
        row.insert(&editor.main).await.unwrap();
        plant(&editor, &acme).await;
        plant(&editor, &other).await;
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[7; 32]]));

        let node = Node::start(&database.url, Some(disk.clone())).await;
        assert!(node.is_ready().await);
        for path in ["/acme/one", "/acme/two", "/acme/three"] {
            for by in [1, 2] {
                assert_eq!(node.call(path, by).await, "", "{path} {by}");
            }
        }
        assert_eq!(node.call("/other", 3).await, "");

        // Somebody else's key is revoked behind what cannot be read.
        let number = write_as_newer(&editor, &acme).await;
        revoke(&editor, &other).await;
        let revoked = Instant::now();
        until("the key is revoked", async || {
            node.call("/other", 3).await == "key_revoked"
        })
        .await;
        let elapsed = revoked.elapsed();
        println!("{:?}: revoked after {elapsed:?}", database.backend);
        assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
        for (path, by, code) in TABLE {
            assert_eq!(node.call(path, by).await, code, "{path} {by}");
        }
        for line in UNREAD {
            assert!(node.has_metric(line).await, "{line}");
        }

        // Without a state on disk.
        let bare = Node::start(&database.url, None).await;
        assert!(bare.is_ready().await);
        for (path, by, code) in TABLE {
            assert_eq!(bare.call(path, by).await, code, "{path} {by}");
        }
        for line in UNREAD {
            assert!(bare.has_metric(line).await, "{line}");
        }
        bare.end().await;

        // Whoever starts from the disk and can read more does, without another change. What cannot
        // is this release, so here it is the row that becomes readable.
        until(
            "the state on disk",
            async || matches!(disk.load(), Ok(Some(state)) if state.state > number),
        )
        .await;
        node.end().await;
        let second = acme.versions.iter().find(|one| one.slug == "v2").unwrap();
        let readable = serde_json::to_string(&second.revision).unwrap();
        rewrite(&editor.main, &second.revision, readable).await;
        let node = Node::start(&database.url, Some(disk.clone())).await;
        assert!(node.is_ready().await);
        until("everything is loaded", async || {
            node.call("/acme/two", 1).await.is_empty()
        })
        .await;
        assert_eq!(node.call("/acme/three", 1).await, "policy_invalid");

        // Rows that would be misread are not read at all.
        raise_schema(&editor).await;
        let refused = "portunus_config_refused_total{why=\"newer_schema\"} 1";
        until("the newer state is refused", async || {
            node.has_metric(refused).await
        })
        .await;
        assert_eq!(node.call("/acme/one", 1).await, "");
        node.end().await;
        let node = Node::start(&database.url, Some(disk)).await;
        assert!(node.is_ready().await, "it has its disk");
        assert_eq!(node.call("/acme/one", 1).await, "");
        until("the newer state is refused again", async || {
            node.has_metric(refused).await
        })
        .await;
        node.end().await;
        let bare = Node::start(&database.url, None).await;
        until("it is refused by a bare node, too", async || {
            bare.has_metric(refused).await
        })
        .await;
        let ready = timeout(Duration::from_millis(100), bare.handle.ready());
        assert!(ready.await.is_err(), "it has nothing to serve");
        bare.end().await;
    })
    .await;
}
