//! What time and events bring: each once, whoever runs the jobs.

use api::service::{jobs, notifications};
use chrono::Duration;
use entity::store::quota::{self, Key, Used};
use entity::{api as apis, event, organization, revision, subscription};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::support::shop::id;
use crate::support::{App, World, each};

#[tokio::test]
async fn approval_asked_and_decided_are_mailed_once() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "manual" }))
            .await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let asked = world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await;
        let job = world.app.job();
        let (a, b) = tokio::join!(notifications::dispatch(&job), notifications::dispatch(&job));
        assert!(a.unwrap() + b.unwrap() >= 1);
        let before = world.app.mail_count().await;
        let mail = world
            .app
            .mailed("subscription.requested", &world.owner.email)
            .await;
        assert!(
            mail.contains("Kiosk") && mail.contains("http://localhost:3000/o/here/approvals"),
            "{mail}"
        );

        let mut provider = world.owner.client.clone();
        let note = json!({ "note": "welcome aboard" });
        provider
            .post(&format!("/subscriptions/{}/approve", id(&asked)), note)
            .await
            .ok(200);
        notifications::dispatch(&job).await.unwrap();
        assert_eq!(notifications::dispatch(&job).await.unwrap(), 0);
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(
            mail.contains("approved") && mail.contains("welcome aboard"),
            "{mail}"
        );
        assert_eq!(world.app.mail_count().await, before + 1);
    })
    .await;
}

#[tokio::test]
async fn a_subscription_expires_once() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let made = world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await;
        let end = world.app.plane.clock.now() + Duration::days(1);
        subscription::Entity::update_many()
            .col_expr(subscription::Column::EndsAt, Expr::value(end))
            .filter(subscription::Column::State.eq("approved"))
            .exec(&world.app.plane.databases.main)
            .await
            .unwrap();
        assert_eq!(jobs::expire(&world.app.job()).await.unwrap(), 0);
        world.app.advance(Duration::days(1));
        let (one, two) = (world.app.job(), world.app.job());
        let (one, two) = tokio::join!(jobs::expire(&one), jobs::expire(&two));
        assert_eq!(one.unwrap() + two.unwrap(), 1);
        let mut consumer = world.stranger.client.clone();
        let now = consumer
            .get(&format!("/subscriptions/{}", id(&made)))
            .await
            .ok(200)
            .json();
        assert_eq!(now["state"], "expired");
        notifications::dispatch(&world.app.job()).await.unwrap();
        world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runner_ends_when_told() {
    let app = App::new(migration::testing::TestDatabase::sqlite().await).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let runner = tokio::spawn(jobs::run(app.plane.clone(), None, stopped));
    app.plane.mail.notify_one();
    stop.send(true).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), runner)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_without_end_hold_up_no_other_job() {
    let app = App::new(migration::testing::TestDatabase::sqlite().await).await;
    let world = World::new(app).await;
    let shop = world
        .shop(&world.owner, world.here, json!({ "approval": "auto" }))
        .await;
    let application = world
        .application(&world.stranger, world.there, "Kiosk")
        .await;
    world
        .subscribed(&world.stranger, &application, &shop.plan)
        .await;
    let plane = world.app.plane.clone();
    let over = Expr::value(plane.clock.now());
    let due = subscription::Entity::update_many().col_expr(subscription::Column::EndsAt, over);
    due.exec(&plane.databases.main).await.unwrap();

    let asking = plane.clone();
    let always = tokio::spawn(async move {
        loop {
            asking.mail.notify_one();
            tokio::task::yield_now().await;
        }
    });
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let runner = tokio::spawn(jobs::run(plane.clone(), None, stopped));
    let expired = async {
        let query = subscription::Entity::find();
        let query = query.filter(subscription::Column::State.eq("expired"));
        while query
            .clone()
            .one(&plane.databases.main)
            .await
            .unwrap()
            .is_none()
        {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(10), expired).await;
    always.abort();
    stop.send(true).unwrap();
    runner.await.unwrap();
    assert!(in_time.is_ok(), "nothing expires while there are mails");
}

#[tokio::test]
async fn consumers_hear_of_their_quota_once_a_period() {
    each(async |app| {
        let world = World::new(app).await;
        let quota = json!([{ "quota": { "name": "month", "limit": 10, "period": "month" } }]);
        let shop = world
            .shop(
                &world.owner,
                world.here,
                json!({ "approval": "auto", "policies": quota }),
            )
            .await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let asked = world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await;
        let now = world.app.plane.clock.now().timestamp();
        let traffic = &world.app.plane.databases.traffic;
        let node = domain::id::NodeId::from_name("n", "n");
        let mut flushes = 0;
        let mut used = async |by: u64, period: i64| {
            flushes += 1;
            let used = Used {
                key: Key {
                    attach: shop.plan.parse().unwrap(),
                    name: "month".to_owned(),
                    subject: id(&asked).parse().unwrap(),
                    period,
                },
                until: period + 40 * 86_400,
                by,
            };
            quota::flush(traffic, node, flushes, &[used]).await.unwrap();
            let job = world.app.job();
            let (a, b) = tokio::join!(jobs::warn_of_quotas(&job), jobs::warn_of_quotas(&job));
            let told = a.unwrap() + b.unwrap();
            world.app.dispatch().await;
            told
        };
        assert_eq!(used(7, now).await, 0);
        let before = world.app.mail_count().await;
        assert_eq!(used(1, now).await, 1, "at 80 %");
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(
            mail.contains("80 %") && mail.contains("8 of 10 requests of the quota \"month\""),
            "{mail}"
        );
        assert_eq!(used(1, now).await, 0, "once");
        assert_eq!(used(1, now).await, 1, "at 100 %");
        assert_eq!(world.app.mail_count().await, before + 2);
        assert_eq!(used(3, now).await, 0);
        // The next period begins anew, and may be used up at once.
        world.app.advance(Duration::days(41));
        let now = world.app.plane.clock.now().timestamp();
        assert_eq!(used(10, now).await, 2);
    })
    .await;
}

#[tokio::test]
async fn applications_hear_of_quotas_outside_of_plans() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let db = &world.app.plane.databases.main;
        // One of two only observes.
        let policies = json!([
            { "quota": { "limit": 10, "period": "month" } },
            { "quota": { "name": "seen", "mode": "observe", "limit": 1, "period": "month" } },
        ]);
        let here = world.here.id.uuid();
        organization::Entity::update_many()
            .col_expr(
                organization::Column::Policies,
                Expr::value(policies.to_string()),
            )
            .filter(organization::Column::Id.eq(here))
            .exec(db)
            .await
            .unwrap();
        let api: uuid::Uuid = shop.api.parse().unwrap();
        apis::Entity::update_many()
            .col_expr(apis::Column::Policies, Expr::value(policies.to_string()))
            .filter(apis::Column::Id.eq(api))
            .exec(db)
            .await
            .unwrap();
        let version: uuid::Uuid = shop.version.parse().unwrap();
        let current = revision::Entity::find().filter(revision::Column::VersionId.eq(version));
        let current = current.one(db).await.unwrap().unwrap();
        let mut snapshot = current.snapshot().unwrap();
        snapshot.policies = serde_json::from_value(policies.clone()).unwrap();
        let operation = &mut snapshot.operations[0];
        operation.policies = serde_json::from_value(policies).unwrap();
        let called = format!("{} {} of Books", operation.method, operation.template);
        let operation = operation.id.uuid();
        let written = serde_json::to_string(&snapshot).unwrap();
        revision::Entity::update_many()
            .col_expr(revision::Column::Snapshot, Expr::value(written))
            .filter(revision::Column::Id.eq(current.id))
            .exec(db)
            .await
            .unwrap();

        let now = world.app.plane.clock.now().timestamp();
        let traffic = &world.app.plane.databases.traffic;
        let node = domain::id::NodeId::from_name("n", "n");
        let mut flushes = 0;
        let mut used = async |attach: uuid::Uuid, name: &str, subject: &str, by: u64| {
            flushes += 1;
            let used = Used {
                key: Key {
                    attach,
                    name: name.to_owned(),
                    subject: subject.parse().unwrap(),
                    period: now,
                },
                until: now + 40 * 86_400,
                by,
            };
            quota::flush(traffic, node, flushes, &[used]).await.unwrap();
            let job = world.app.job();
            let (a, b) = tokio::join!(jobs::warn_of_quotas(&job), jobs::warn_of_quotas(&job));
            a.unwrap() + b.unwrap()
        };
        let before = world.app.mail_count().await;
        for (attach, point, place) in [
            (here, "organization", "all APIs of "),
            (api, "api", "Books"),
            (version, "version", "Books "),
            (operation, "operation", called.as_str()),
        ] {
            assert_eq!(used(attach, "quota", &application, 7).await, 0, "{point}");
            assert_eq!(used(attach, "quota", &application, 1).await, 1, "{point}");
            assert_eq!(used(attach, "quota", &application, 1).await, 0, "once");
            assert_eq!(used(attach, "seen", &application, 9).await, 0, "observes");
            let newest = event::Entity::find()
                .filter(event::Column::Kind.eq("application.quota_80"))
                .filter(event::Column::MailedAt.is_null());
            let newest = newest.one(db).await.unwrap().unwrap();
            let told: serde_json::Value = serde_json::from_str(&newest.payload).unwrap();
            assert_eq!((&told["place"], &told["used"]), (&json!(point), &json!(8)));
            assert_eq!(told["place_id"], json!(attach));
            let name = told["place_name"].as_str().unwrap();
            assert!(name.starts_with(place), "{name}");
            world.app.dispatch().await;
        }
        assert_eq!(world.app.mail_count().await, before + 4);
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        let is_told = mail.contains("Kiosk") && mail.contains("8 of 10 requests");
        assert!(is_told && mail.contains("80 % of its quota for"), "{mail}");
        assert_eq!(used(api, "quota", &application, 1).await, 1, "at 100 %");
        // Nobody hears of an application that is gone, or of what was counted at something else.
        let gone = uuid::Uuid::from_u128(7);
        assert_eq!(used(api, "quota", &gone.to_string(), 20).await, 0);
        assert_eq!(used(gone, "quota", &application, 20).await, 0);
    })
    .await;
}
