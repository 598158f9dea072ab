//! How versions end: announced, taken back, reached; and who hears of it.

use api::service::jobs;
use chrono::{Duration, SecondsFormat};
use domain::problem::Code;
use entity::row::to_micros;
use entity::version;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::shop::Shop;
use crate::support::{App, World, each};

/// A published version, to which anybody may subscribe at once.
async fn shop(app: App) -> (World, Shop) {
    let world = World::new(app).await;
    let plan = json!({ "approval": "auto" });
    let shop = world.shop(&world.owner, world.here, plan).await;
    (world, shop)
}

/// The stranger subscribes with an application of this name.
async fn subscriber(world: &World, shop: &Shop, name: &str) {
    let application = world.application(&world.stranger, world.there, name).await;
    world
        .subscribed(&world.stranger, &application, &shop.plan)
        .await;
}

#[tokio::test]
async fn announced_changed_and_taken_back() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        let path = format!("/versions/{}", shop.version);
        for step in ["undeprecate", "retire"] {
            client
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .refused(Code::IllegalTransition);
        }
        let now = world.app.plane.clock.now();
        let at = |hours: i64| {
            let at = now + Duration::hours(hours);
            json!(at.to_rfc3339_opts(SecondsFormat::Micros, true))
        };
        for wrong in [
            json!({ "sunset_at": at(-1) }),
            json!({ "sunset_at": at(24 * 4000) }),
            json!({ "retire_at_sunset": true }),
            json!({ "successor": shop.version }),
            json!({ "successor": uuid::Uuid::nil() }),
            json!({ "message": "x".repeat(2001) }),
        ] {
            client
                .post(&format!("{path}/deprecate"), wrong)
                .await
                .refused(Code::ValidationFailed);
        }
        let plain = client
            .post(&format!("{path}/deprecate"), json!({}))
            .await
            .ok(200)
            .json();
        assert_eq!(plain["summary"]["state"], "deprecated");
        assert_eq!(plain["deprecation"]["retire_at_sunset"], false);
        assert!(plain["deprecation"].get("sunset_at").is_none());
        let asked =
            json!({ "sunset_at": at(10), "retire_at_sunset": true, "message": "Gone soon." });
        let changed = client
            .post(&format!("{path}/deprecate"), asked.clone())
            .await
            .ok(200)
            .json();
        assert_eq!(changed["deprecation"]["message"], "Gone soon.");
        assert_eq!(
            changed["deprecation"]["since"],
            plain["deprecation"]["since"]
        );
        let same = client
            .post(&format!("{path}/deprecate"), asked)
            .await
            .ok(200)
            .json();
        assert_eq!(same["etag"], changed["etag"], "nothing new was said");
        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let told = state.parts.versions[0].deprecation.clone().unwrap();
        assert_eq!(told.end(), Some(to_micros(now) + Duration::hours(10)));

        let back = client
            .post(&format!("{path}/undeprecate"), json!({}))
            .await
            .ok(200)
            .json();
        assert_eq!(back["summary"]["state"], "published");
        assert!(back.get("deprecation").is_none());
        client
            .post(&format!("{path}/deprecate"), json!({ "sunset_at": at(10) }))
            .await
            .ok(200);
        world.app.advance(Duration::hours(10));
        for step in ["undeprecate", "publish"] {
            client
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .refused(Code::IllegalTransition);
        }
        let gone = client
            .post(&format!("{path}/retire"), json!({}))
            .await
            .ok(200)
            .json();
        assert_eq!(gone["summary"]["state"], "retired");
        assert!(gone["summary"].get("address").is_none());
        for step in ["publish", "unpublish", "deprecate", "undeprecate", "retire"] {
            client
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .refused(Code::IllegalTransition);
        }
        // Nothing is sent there any more.
        let upstream = gone["draft"]["upstream"]["id"].as_str().unwrap();
        client
            .delete(&format!("/upstreams/{upstream}"))
            .await
            .ok(204);
        client.get(&path).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_sunset_that_was_chosen_retires_once_and_frees_the_place() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        let path = format!("/versions/{}", shop.version);
        let sunset = world.app.plane.clock.now() + Duration::days(1);
        let asked = json!({ "sunset_at": sunset, "retire_at_sunset": true });
        client
            .post(&format!("{path}/deprecate"), asked)
            .await
            .ok(200);
        assert_eq!(jobs::retire_due(&world.app.job()).await.unwrap(), 0);
        world.app.advance(Duration::days(1));
        // Gateways refuse already: what they announced is not changed any more.
        client
            .post(&format!("{path}/deprecate"), json!({}))
            .await
            .refused(Code::IllegalTransition);
        let (one, two) = (world.app.job(), world.app.job());
        let (one, two) = tokio::join!(jobs::retire_due(&one), jobs::retire_due(&two));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        let seen: Value = client.get(&path).await.ok(200).json();
        assert_eq!(seen["summary"]["state"], "retired");
        let main = &world.app.plane.databases.main;
        let state = entity::snapshot::load(main).await.unwrap();
        assert!(state.parts.versions.is_empty());
        let retired = state.parts.apis.iter().flat_map(|api| &api.retired);
        let retired: Vec<_> = retired.map(|one| one.id.to_string()).collect();
        assert_eq!(retired, std::slice::from_ref(&shop.version));

        // Whoever comes next takes the place.
        let api = seen["api"]["id"].as_str().unwrap();
        let next = client
            .post(
                &format!("/apis/{api}/versions"),
                json!({ "slug": "v9", "from": shop.version }),
            )
            .await
            .ok(201)
            .json();
        let next = format!("/versions/{}", next["summary"]["id"].as_str().unwrap());
        let route = seen["draft"]["route"].clone();
        client
            .patch(&format!("{next}/draft"), json!({ "route": route }))
            .await
            .ok(200);
        client
            .post(&format!("{next}/publish"), json!({}))
            .await
            .ok(200);
        client.delete(&path).await.ok(204);
        let state = entity::snapshot::load(main).await.unwrap();
        assert!(state.parts.apis.iter().all(|api| api.retired.is_empty()));
    })
    .await;
}

#[tokio::test]
async fn every_active_subscriber_gets_a_mail() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        for name in ["Kiosk", "Tablet"] {
            subscriber(&world, &shop, name).await;
        }
        world.app.dispatch().await;
        let before = world.app.mail_count().await;
        let path = format!("/versions/{}/deprecate", shop.version);
        let asked = json!({ "message": "Move to v2." });
        client.post(&path, asked.clone()).await.ok(200);
        world.app.dispatch().await;
        assert_eq!(world.app.mail_count().await, before + 2);
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(
            mail.contains("is deprecated") && mail.contains("Move to v2."),
            "{mail}"
        );
        client.post(&path, asked).await.ok(200);
        world.app.dispatch().await;
        assert_eq!(world.app.mail_count().await, before + 2, "nothing new");
    })
    .await;
}

#[tokio::test]
async fn who_heard_of_an_end_hears_that_it_is_taken_back() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        subscriber(&world, &shop, "Kiosk").await;
        world.app.dispatch().await;
        let mut count = world.app.mail_count().await;
        let path = format!("/versions/{}", shop.version);
        // Whether mails are made between the two steps, what takes it back, and mails in all.
        for (is_told, step, mails) in [
            (true, "undeprecate", 2),
            (true, "publish", 2),
            (false, "undeprecate", 0),
            (false, "publish", 0),
        ] {
            client
                .post(&format!("{path}/deprecate"), json!({}))
                .await
                .ok(200);
            if is_told {
                world.app.dispatch().await;
            }
            world.app.advance(Duration::seconds(1));
            client
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .ok(200);
            world.app.dispatch().await;
            count += mails;
            assert_eq!(world.app.mail_count().await, count, "{is_told} {step}");
            let mail = world
                .app
                .mailed("subscription.decided", &world.stranger.email)
                .await;
            assert!(mail.contains("is not deprecated any more"), "{mail}");
            world.app.advance(Duration::seconds(1));
        }
        // What is announced anew meanwhile is all that is told.
        world.app.advance(Duration::days(1));
        for (steps, mails) in [(&["deprecate"][..], 1), (&["undeprecate", "deprecate"], 1)] {
            for step in steps {
                client
                    .post(&format!("{path}/{step}"), json!({}))
                    .await
                    .ok(200);
                world.app.advance(Duration::seconds(1));
            }
            world.app.dispatch().await;
            count += mails;
            assert_eq!(world.app.mail_count().await, count, "{steps:?}");
        }
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(mail.contains("is deprecated"), "{mail}");
    })
    .await;
}

#[tokio::test]
async fn announcements_in_a_row_are_one_mail_and_few_a_day() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        subscriber(&world, &shop, "Kiosk").await;
        let put = async |state: &str| {
            version::Entity::update_many()
                .col_expr(version::Column::State, Expr::value(state))
                .filter(version::Column::Id.eq(shop.version.parse::<uuid::Uuid>().unwrap()))
                .exec(&world.app.plane.databases.main)
                .await
                .unwrap();
        };
        world.app.dispatch().await;
        let before = world.app.mail_count().await;
        let path = format!("/versions/{}/deprecate", shop.version);
        for number in 1..=4 {
            let asked = json!({ "message": format!("Number {number}.") });
            client.post(&path, asked).await.ok(200);
            world.app.advance(Duration::seconds(1));
        }
        world.app.dispatch().await;
        assert_eq!(world.app.mail_count().await, before + 1);
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(mail.contains("Number 4."), "{mail}");
        let asked = json!({ "message": "Number 5." });
        client.post(&path, asked.clone()).await.ok(200);
        // As a newer release may have written it.
        put("dreaming").await;
        world.app.dispatch().await;
        assert_eq!(world.app.mail_count().await, before + 1);
        put("deprecated").await;
        client.post(&path, asked).await.ok(200);
        client
            .post(&path, json!({ "message": "Number 6." }))
            .await
            .refused(Code::LimitReached);
    })
    .await;
}

#[tokio::test]
async fn a_sunset_that_has_come_is_not_put_off() {
    each(async |app| {
        let (world, shop) = shop(app).await;
        let mut client = world.owner.client.clone();
        let path = format!("/versions/{}", shop.version);
        let sunset = world.app.plane.clock.now() + Duration::hours(1);
        let asked = json!({ "sunset_at": sunset.to_rfc3339_opts(SecondsFormat::Micros, true) });
        client
            .post(&format!("{path}/deprecate"), asked)
            .await
            .ok(200);
        world.app.advance(Duration::hours(1));
        for step in ["deprecate", "undeprecate", "publish"] {
            client
                .post(&format!("{path}/{step}"), json!({}))
                .await
                .refused(Code::IllegalTransition);
        }
        client
            .post(&format!("{path}/unpublish"), json!({}))
            .await
            .ok(200);
        let trail = client
            .get(&format!("/organizations/{}/audit", world.here.id))
            .await
            .ok(200)
            .json();
        let items = trail["items"].as_array().unwrap();
        let step = |action: &str| items.iter().find(|one| one["action"] == action).unwrap();
        let said = &step("version.deprecate")["after"]["sunset_at"];
        assert!(said.is_string(), "{trail}");
        assert_eq!(step("version.unpublish")["before"]["sunset_at"], *said);
    })
    .await;
}
