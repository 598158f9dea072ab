//! The state as gateways see it: deltas add up to the whole, and nothing is skipped.

use std::collections::BTreeSet;

use domain::snapshot::{Kind, Parts, SCHEMA, Unreadable};
use entity::database::{Databases, begin_write};
use entity::snapshot::{Changes, changes_since, load};
use entity::{
    certificate, certificate_host, change, credential, host, ip_list, organization, plan, setting,
    subscription, upstream, version,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    Set,
};
use uuid::Uuid;

use crate::world::{
    at, certificate, certificate_host, credential, host, id, insert, ip_list, ip_list_content,
    plan, plant, revision, upstream, version,
};

#[tokio::test]
async fn a_state_holds_what_gateways_need() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let state = load(&db).await.unwrap();
        assert_eq!(state.state, 0);
        let parts = state.parts;
        assert_eq!(parts.organizations.len(), 2);
        assert_eq!(parts.versions[0].revision.route.path, "/provider/v1");
        assert_eq!(parts.products[0].versions, [id("v1").into()]);
        assert_eq!(parts.plans[0].policies.len(), 1);
        assert_eq!(parts.credentials[0].cidrs.len(), 1);
        assert_eq!(parts.credentials[0].lifetime.expires_at, Some(at(1000)));
        assert_eq!(parts.subscriptions[0].approved_at, Some(at(5)));
        assert_eq!(parts.apis[0].labels[0].value, "gold");
        let labels = &parts.applications[0].labels;
        assert_eq!((&*labels[0].value, &*labels[1].name), ("", "a/b"));
        assert_eq!(changes_since(&db, 0, None).await.unwrap(), Changes::None);
    })
    .await;
}

/// A small generator, so that a failure names the seed that repeats it.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// One edit as a service makes it: rows and their change rows, in one transaction.
async fn edit(tx: &DatabaseTransaction, dice: &mut Dice) {
    let name = format!("{}", dice.roll(4));
    let (kind, object) = match dice.roll(12) {
        0 => {
            let state = ["active", "suspended"][dice.roll(2) as usize];
            let query = organization::Entity::update_many()
                .col_expr(organization::Column::State, Expr::value(state));
            query
                .filter(organization::Column::Id.eq(id("provider")))
                .exec(tx)
                .await
                .unwrap();
            (Kind::Organization, id("provider"))
        }
        1 => {
            let object = id(&format!("upstream {name}"));
            let gone = upstream::Entity::delete_by_id(object)
                .exec(tx)
                .await
                .unwrap()
                .rows_affected;
            if gone == 0 {
                insert(tx, upstream(&format!("upstream {name}"))).await;
            }
            (Kind::Upstream, object)
        }
        2 => {
            let version_name = format!("v{name}x");
            let known = version::Entity::find_by_id(id(&version_name))
                .one(tx)
                .await
                .unwrap();
            if known.is_none() {
                insert(tx, version(&version_name)).await;
                insert(tx, revision(&version_name, 1)).await;
            }
            (Kind::Version, id(&version_name))
        }
        3 | 4 => {
            let state =
                ["published", "unpublished", "deprecated", "retired"][dice.roll(4) as usize];
            let query =
                version::Entity::update_many().col_expr(version::Column::State, Expr::value(state));
            query
                .filter(version::Column::Id.eq(id("v1")))
                .exec(tx)
                .await
                .unwrap();
            // What is retired stands with its API.
            change::append(tx, Kind::Api, id("api"), at(0))
                .await
                .unwrap();
            (Kind::Version, id("v1"))
        }
        5 => {
            let state = ["approved", "cancelled", "suspended", "rejected"][dice.roll(4) as usize];
            let query = subscription::Entity::update_many()
                .col_expr(subscription::Column::State, Expr::value(state));
            query
                .filter(subscription::Column::Id.eq(id("subscription")))
                .exec(tx)
                .await
                .unwrap();
            (Kind::Subscription, id("subscription"))
        }
        6 => {
            let object = id(&format!("key {name}"));
            let gone = credential::Entity::delete_by_id(object)
                .exec(tx)
                .await
                .unwrap()
                .rows_affected;
            if gone == 0 {
                insert(tx, credential(&format!("key {name}"))).await;
            }
            (Kind::Credential, object)
        }
        7 => {
            let object = id(&format!("plan {name}"));
            let gone = plan::Entity::delete_by_id(object)
                .exec(tx)
                .await
                .unwrap()
                .rows_affected;
            if gone == 0 {
                insert(tx, plan(&format!("plan {name}"))).await;
            }
            (Kind::Plan, object)
        }
        8 => edit_certificate(tx, &name).await,
        9 => {
            let object = id(&format!("host {name}"));
            let gone = host::Entity::delete_by_id(object).exec(tx).await.unwrap();
            if gone.rows_affected == 0 {
                insert(tx, host(&format!("host {name}"))).await;
            }
            (Kind::Host, object)
        }
        10 => edit_list(tx, dice, &name).await,
        _ => {
            setting::Entity::delete_by_id(setting::UPSTREAM_ALLOW)
                .exec(tx)
                .await
                .unwrap();
            let row = setting::Model {
                name: setting::UPSTREAM_ALLOW.into(),
                value: format!(r#"["10.{name}.0.0/16"]"#),
                updated_at: at(0),
                updated_by: None,
                etag: 1,
            };
            insert(tx, row).await;
            (Kind::Settings, id("settings"))
        }
    };
    change::append(tx, kind, object, at(0)).await.unwrap();
}

/// Makes a list, or another content its own, or deletes it with its content.
async fn edit_list(tx: &DatabaseTransaction, dice: &mut Dice, name: &str) -> (Kind, uuid::Uuid) {
    let object = id(&format!("list {name}"));
    let gone = ip_list::Entity::delete_by_id(object)
        .exec(tx)
        .await
        .unwrap();
    if gone.rows_affected == 0 || dice.roll(2) == 0 {
        insert(tx, ip_list(&format!("list {name}"))).await;
        // One without content is empty.
        if dice.roll(4) > 0 {
            let until = 30 + dice.roll(9) as u32;
            insert(tx, ip_list_content(object, until)).await;
        }
    }
    (Kind::IpList, object)
}

/// Makes a certificate, or another host its own, or deletes it with its hosts.
async fn edit_certificate(tx: &DatabaseTransaction, name: &str) -> (Kind, uuid::Uuid) {
    let object = id(&format!("certificate {name}"));
    let row = certificate::Entity::find_by_id(object);
    if row.one(tx).await.unwrap().is_none() {
        insert(tx, certificate(&format!("certificate {name}"))).await;
        insert(tx, certificate_host(object, &format!("b{name}.test"))).await;
        return (Kind::Certificate, object);
    }
    let shown = certificate_host::Entity::of(object.into());
    if shown.all(tx).await.unwrap().len() == 1 {
        insert(tx, certificate_host(object, &format!("a{name}.test"))).await;
    } else {
        let gone = certificate::Entity::delete_by_id(object);
        assert_eq!(gone.exec(tx).await.unwrap().rows_affected, 1);
    }
    (Kind::Certificate, object)
}

fn sorted(mut parts: Parts) -> Parts {
    parts.organizations.sort_by_key(|item| item.id);
    parts.versions.sort_by_key(|item| item.id);
    parts.upstreams.sort_by_key(|item| item.id);
    parts.plans.sort_by_key(|item| item.id);
    parts.credentials.sort_by_key(|item| item.id);
    parts.certificates.sort_by_key(|item| item.id);
    parts.hosts.sort_by_key(|item| item.id);
    parts.ip_lists.sort_by_key(|item| item.id);
    parts
}

#[tokio::test]
async fn deltas_add_up_to_the_whole() {
    for seed in 1..=4 {
        crate::each(async |Databases { main: db, .. }| {
            plant(&db).await;
            let mut dice = Dice(seed);
            let mut held = load(&db).await.unwrap();
            for step in 0..60 {
                let tx = begin_write(&db).await.unwrap();
                for _ in 0..=dice.roll(3) {
                    edit(&tx, &mut dice).await;
                }
                if dice.roll(5) == 0 {
                    tx.rollback().await.unwrap();
                } else {
                    tx.commit().await.unwrap();
                }
                if dice.roll(3) > 0 {
                    continue;
                }
                match changes_since(&db, held.state, None).await.unwrap() {
                    Changes::None => {}
                    Changes::Reload => held = load(&db).await.unwrap(),
                    Changes::Newer(newer) => panic!("newer: {newer:?}"),
                    Changes::Delta(delta) => {
                        held.state = delta.state;
                        held.parts.apply(*delta);
                    }
                }
                let whole = load(&db).await.unwrap();
                assert_eq!(held.state, whole.state, "seed {seed} step {step}");
                assert_eq!(
                    sorted(held.parts.clone()),
                    sorted(whole.parts),
                    "seed {seed} step {step}"
                );
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_that_commits_late_is_not_skipped() {
    crate::each(async |Databases { main: db, .. }| {
        let before = begin_write(&db).await.unwrap();
        change::append(&before, Kind::Settings, id("start"), at(0))
            .await
            .unwrap();
        before.commit().await.unwrap();
        let writers = (0..6).map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    let tx = begin_write(&db).await.unwrap();
                    let object = id(&format!("{writer} {number}"));
                    change::append(&tx, Kind::Plan, object, at(0))
                        .await
                        .unwrap();
                    tokio::task::yield_now().await;
                    tx.commit().await.unwrap();
                }
            })
        });
        let writers = tokio::spawn(futures::future::join_all(writers.collect::<Vec<_>>()));
        let mut state = load(&db).await.unwrap().state;
        let mut seen = BTreeSet::new();
        let first = state;
        loop {
            let over = writers.is_finished();
            if let Changes::Delta(delta) = changes_since(&db, state, None).await.unwrap() {
                assert!(delta.state > state);
                state = delta.state;
                seen.extend(delta.gone.into_iter().map(|(_, id)| id));
            }
            if over {
                break;
            }
        }
        for writer in writers.await.unwrap() {
            writer.unwrap();
        }
        let later: BTreeSet<_> = change::Entity::after(first)
            .all(&db)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.object_id)
            .collect();
        assert_eq!(seen, later);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_too_far_behind_loads_everything() {
    crate::each(async |Databases { main: db, .. }| {
        for number in 0..5 {
            let tx = begin_write(&db).await.unwrap();
            change::append(&tx, Kind::Plan, id("x"), at(number * 100))
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        assert!(matches!(
            changes_since(&db, 1, None).await.unwrap(),
            Changes::Delta(_)
        ));
        assert_eq!(change::prune(&db, at(250)).await.unwrap(), 3);
        assert_eq!(changes_since(&db, 1, None).await.unwrap(), Changes::Reload);
        assert!(matches!(
            changes_since(&db, 3, None).await.unwrap(),
            Changes::Delta(_)
        ));
        assert_eq!(
            change::prune(&db, at(9999)).await.unwrap(),
            1,
            "the newest stays"
        );
        assert_eq!(load(&db).await.unwrap().state, 5);
        assert_eq!(
            changes_since(&db, 77, None).await.unwrap(),
            Changes::Reload,
            "another database"
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_later_release_tells_of_is_passed_over() {
    crate::each(async |Databases { main: db, .. }| {
        let tx = begin_write(&db).await.unwrap();
        let row = change::ActiveModel {
            kind: Set("hologram".into()),
            object_id: Set(id("x")),
            at: Set(at(0)),
            ..Default::default()
        };
        row.insert(&tx).await.unwrap();
        change::append(&tx, Kind::Plan, id("gone"), at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let Changes::Delta(delta) = changes_since(&db, 0, None).await.unwrap() else {
            panic!("no delta");
        };
        assert_eq!(
            (delta.state, delta.gone),
            (2, vec![(Kind::Plan, id("gone"))])
        );
    })
    .await;
}

/// What a newer release might write: statements, each with the object that it is of and how the state
/// tells of it.
fn newer() -> Vec<(String, Kind, Uuid)> {
    let set =
        |table: &str, column: &str, value: &str| format!("UPDATE {table} SET {column} = '{value}'");
    let policies = r#"[{"hologram":{}}]"#;
    vec![
        (
            format!(
                "{} WHERE slug = 'provider'",
                set("organization", "policies", policies)
            ),
            Kind::Organization,
            id("provider"),
        ),
        (
            format!(
                "{} WHERE slug = 'consumer'",
                set("organization", "state", "dreaming")
            ),
            Kind::Organization,
            id("consumer"),
        ),
        (set("api", "policies", policies), Kind::Api, id("api")),
        (
            set("upstream", "settings", r#"{"targets":[],"hologram":1}"#),
            Kind::Upstream,
            id("upstream"),
        ),
        (set("plan", "policies", policies), Kind::Plan, id("plan")),
        (
            set("application", "state", "dreaming"),
            Kind::Application,
            id("application"),
        ),
        (
            set("credential", "environment", "dreamt"),
            Kind::Credential,
            id("key"),
        ),
        (
            set("subscription", "state", "dreaming"),
            Kind::Subscription,
            id("subscription"),
        ),
        (set("host", "tls", "dreamt"), Kind::Host, id("host")),
        (
            set("ip_list_content", "entries", r#"[{"hologram":1}]"#),
            Kind::IpList,
            id("list"),
        ),
        (
            set("setting", "value", r#"{"hologram":1}"#) + " WHERE name = 'upstream_allow'",
            Kind::Settings,
            Uuid::nil(),
        ),
        (
            set(
                "revision",
                "snapshot",
                r#"{"route":{"path":"/provider/v1","hologram":1}}"#,
            ),
            Kind::Version,
            id("v1"),
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_read_costs_its_own_object_only() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        insert(&db, host("host")).await;
        insert(&db, ip_list("list")).await;
        insert(&db, ip_list_content(id("list"), 30)).await;
        let allow = setting::Model {
            name: setting::UPSTREAM_ALLOW.into(),
            value: r#"["10.0.0.0/16"]"#.into(),
            updated_at: at(0),
            updated_by: None,
            etag: 1,
        };
        insert(&db, allow).await;
        let mut held = load(&db).await.unwrap();
        let begun = held.parts.clone();
        assert_eq!(begun.unreadable().count(), 0);
        let mut expected = Vec::new();
        for (statement, kind, object) in newer() {
            let tx = begin_write(&db).await.unwrap();
            tx.execute_unprepared(&statement).await.unwrap();
            change::append(&tx, kind, object, at(0)).await.unwrap();
            tx.commit().await.unwrap();
            let since = changes_since(&db, held.state, None).await.unwrap();
            let Changes::Delta(delta) = since else {
                panic!("no delta: {since:?}");
            };
            held.state = delta.state;
            held.parts.apply(*delta);
            expected.push((kind, object));
            let told = |parts: &Parts| {
                let mut told: Vec<(Kind, Uuid)> = parts
                    .unreadable()
                    .map(|Unreadable { kind, id, .. }| (kind, id))
                    .collect();
                told.sort();
                told
            };
            expected.sort();
            assert_eq!(told(&held.parts), expected, "{statement}");
            let whole = load(&db).await.unwrap();
            assert_eq!(
                (told(&whole.parts), whole.schema),
                (expected.clone(), SCHEMA)
            );
        }
        // On the closed side, and the same in both ways.
        let whole = load(&db).await.unwrap().parts;
        let parts = Parts {
            unread: whole.unread.clone(),
            ..held.parts
        };
        assert_eq!(sorted(parts), sorted(whole.clone()));
        assert_eq!(whole.organizations.len(), 2);
        assert!(
            whole
                .organizations
                .iter()
                .all(|one| one.unreadable.is_some())
        );
        let suspended = whole.organizations.iter().filter(|one| one.suspended);
        assert_eq!(suspended.count(), 1);
        assert!(whole.apis[0].unreadable.is_some());
        assert_eq!(whole.versions[0].revision.route.path, "/provider/v1");
        assert_eq!(
            whole.hosts[0].tls,
            Some(domain::certificate::TlsMode::Required)
        );
        assert!(whole.settings.unwrap().upstream_allow.is_empty());
        assert_eq!(whole.products, begun.products);
        assert!(whole.upstreams[0].unreadable.is_some());
        assert!(whole.plans.is_empty() && whole.ip_lists.is_empty());
        assert!(whole.applications.is_empty() && whole.credentials.is_empty());
        assert!(whole.subscriptions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_version_whose_place_cannot_be_read_is_not_there() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let nowhere = "UPDATE revision SET snapshot = '{\"hologram\":1}'";
        db.execute_unprepared(nowhere).await.unwrap();
        let parts = load(&db).await.unwrap().parts;
        assert!(parts.versions.is_empty());
        assert_eq!(parts.unread.len(), 1);
        assert_eq!(parts.unread[0].kind, Kind::Version);
    })
    .await;
}

#[tokio::test]
async fn a_state_of_a_newer_schema_is_not_read() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let written: Option<u32> = setting::value(&db, setting::SCHEMA).await.unwrap();
        assert_eq!(written, Some(SCHEMA), "a migration writes the schema");
        let tx = begin_write(&db).await.unwrap();
        let raised = format!(
            "UPDATE setting SET value = '{}' WHERE name = 'schema'",
            SCHEMA + 1
        );
        tx.execute_unprepared(&raised).await.unwrap();
        change::append(&tx, Kind::Plan, id("plan"), at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let whole = load(&db).await.unwrap();
        assert_eq!((whole.schema, whole.state), (SCHEMA + 1, 1));
        let nothing = Parts {
            mark: whole.parts.mark.clone(),
            ..Parts::default()
        };
        assert_eq!(whole.parts, nothing);
        let since = changes_since(&db, 0, None).await.unwrap();
        assert_eq!(since, Changes::Newer(Box::new(whole)));
    })
    .await;
}
