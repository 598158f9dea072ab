//! Credentials that end: who is told, when, and how often.

use std::collections::HashSet;

use api::service::{jobs, outbox};
use chrono::{DateTime, Duration, Utc};
use entity::{credential, event};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::peer::Peer;
use crate::support::shop::id;
use crate::support::{App, World, each};
use crate::webhooks::{deliver, hook_of, made, opened};

/// How many credentials two processes at once told of: ahead, and as their end had come.
async fn told(app: &App) -> (u64, u64) {
    let (one, two) = (app.job(), app.job());
    let (a, b) = tokio::join!(
        jobs::remind_of_credentials(&one),
        jobs::remind_of_credentials(&two)
    );
    let ahead = a.unwrap() + b.unwrap();
    let (a, b) = tokio::join!(jobs::end_credentials(&one), jobs::end_credentials(&two));
    app.dispatch().await;
    (ahead, a.unwrap() + b.unwrap())
}

/// A key of the owner's application, as it was made.
async fn key(world: &World, application: &str, expires_at: Option<DateTime<Utc>>) -> Value {
    let path = format!("/applications/{application}/credentials");
    let body = json!({ "name": "ci", "expires_at": expires_at });
    let mut client = world.owner.client.clone();
    client.post(&path, body).await.ok(201).json()["credential"].clone()
}

async fn change(world: &World, key: &Value, column: credential::Column, to: DateTime<Utc>) {
    let key: Uuid = id(key).parse().unwrap();
    credential::Entity::update_many()
        .col_expr(column, Expr::value(to))
        .filter(credential::Column::Id.eq(key))
        .exec(&world.app.plane.databases.main)
        .await
        .unwrap();
}

async fn audited(world: &World) -> Vec<Value> {
    let path = format!(
        "/organizations/{}/audit?action=credential.expire",
        world.here.id
    );
    let mut client = world.owner.client.clone();
    let page = client.get(&path).await.ok(200).json();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_told_of_a_week_ahead_and_at_its_end_once_each() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let receiver = Peer::plain().await;
        made(&world, &hook_of(&receiver)).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let end = world.app.plane.clock.now() + Duration::days(30);
        let key = key(&world, &application, Some(end)).await;
        let page = format!("http://localhost:3000/o/here/t/main/applications/{application}");
        for (later, wanted, kind, words) in [
            (Duration::days(23) - Duration::seconds(1), (0, 0), "", ""),
            (
                Duration::seconds(1),
                (1, 0),
                "credential.expiring",
                "It works until",
            ),
            (Duration::days(7) - Duration::seconds(1), (0, 0), "", ""),
            (
                Duration::seconds(1),
                (0, 1),
                "credential.expired",
                "It worked until",
            ),
            (Duration::days(1), (0, 0), "", ""),
        ] {
            world.app.advance(later);
            let before = world.app.mail_count().await;
            assert_eq!(told(&world.app).await, wanted, "{kind}");
            assert_eq!(told(&world.app).await, (0, 0), "{kind}");
            let mails = world.app.mail_count().await - before;
            while deliver(&world).await > 0 {}
            let messages = receiver.take();
            if kind.is_empty() {
                assert_eq!((mails, messages.len()), (0, 0));
                continue;
            }
            assert_eq!(mails, 1, "to the owner alone");
            let mail = world
                .app
                .mailed("credential.expiry", &world.owner.email)
                .await;
            let until = format!("{words} 2026-12-21 at 12:00 UTC.");
            assert!(mail.contains(&until) && mail.contains(&page), "{mail}");
            assert!(mail.contains("The key ci (ptn_live_"), "{mail}");
            let [message] = messages.try_into().unwrap();
            let message: Value = serde_json::from_str(&message.body).unwrap();
            let data = &message["data"];
            assert_eq!(message["type"], kind);
            assert_eq!(data["credential"], key["id"]);
            assert_eq!(data["display_id"], key["display_id"]);
            assert_eq!(data["ends_at"], "2026-12-21T12:00:00Z");
            assert_eq!(
                (&data["credential_name"], &data["application"]),
                (&json!("ci"), &json!("Kiosk"))
            );
        }
        let [row] = audited(&world).await.try_into().unwrap();
        assert_eq!(
            (&row["before"]["state"], &row["after"]["state"]),
            (&json!("active"), &json!("expired"))
        );
        assert_eq!(row["object"], key["id"]);
    })
    .await;
}

#[tokio::test]
async fn each_end_is_told_as_what_it_is() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let begin = world.app.plane.clock.now();
        let after = |days| begin + Duration::days(days);
        // Nobody is reminded of what lives for a few days, nor told of what was revoked.
        key(&world, &application, Some(after(3))).await;
        let revoked = key(&world, &application, Some(after(3))).await;
        let revoke = format!("/credentials/{}/revoke", id(&revoked));
        client.post(&revoke, json!({})).await.ok(200);
        key(&world, &application, None).await;
        assert_eq!(told(&world.app).await, (0, 0));
        world.app.advance(Duration::days(3));
        assert_eq!(told(&world.app).await, (0, 1));

        // Whoever rolled one knows when it ends; its successor lives as long as it was to.
        let rolled = key(&world, &application, Some(after(13))).await;
        let roll = format!("/credentials/{}/roll", id(&rolled));
        let until = json!({ "retires_at": after(9) });
        client.post(&roll, until).await.ok(201);
        assert_eq!(told(&world.app).await, (0, 0));
        world.app.advance(Duration::days(6));
        assert_eq!(told(&world.app).await, (1, 1), "the successor, and it");
        let rows = audited(&world).await;
        let states: Vec<&Value> = rows.iter().map(|row| &row["before"]["state"]).collect();
        assert_eq!(states, [&json!("retiring"), &json!("active")]);
        // Its own expiry comes and goes unnoticed.
        world.app.advance(Duration::days(4));
        assert_eq!(told(&world.app).await, (0, 1), "the successor alone");
    })
    .await;
}

#[tokio::test]
async fn another_end_is_told_of_anew() {
    each(async |app| {
        let world = World::new(app).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let begin = world.app.plane.clock.now();
        let after = |days| begin + Duration::days(days);
        let key = key(&world, &application, Some(after(10))).await;
        let column = credential::Column::ExpiresAt;
        world.app.advance(Duration::days(5));
        assert_eq!(told(&world.app).await, (1, 0));
        change(&world, &key, column, after(20)).await;
        assert_eq!(told(&world.app).await, (0, 0));
        world.app.advance(Duration::days(5));
        assert_eq!(told(&world.app).await, (0, 0), "not the end that it had");
        world.app.advance(Duration::days(5));
        assert_eq!(told(&world.app).await, (1, 0));
        change(&world, &key, column, after(14)).await;
        assert_eq!(told(&world.app).await, (0, 1), "it is over now");
        change(&world, &key, column, after(17)).await;
        assert_eq!(told(&world.app).await, (1, 0), "it works again");
        world.app.advance(Duration::days(2));
        assert_eq!(told(&world.app).await, (0, 1));
        assert_eq!(audited(&world).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn of_many_that_end_at_once_each_is_told_of_once() {
    const MANY: u128 = 120;
    each(async |app| {
        let world = World::new(app).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let end = world.app.plane.clock.now() + Duration::days(8);
        let first: Uuid = id(&key(&world, &application, Some(end)).await)
            .parse()
            .unwrap();
        let db = &world.app.plane.databases.main;
        let first = credential::Entity::find_by_id(first);
        let first = first.one(db).await.unwrap().unwrap();
        let more = (1..MANY).map(|number| {
            let row = credential::Model {
                id: Uuid::from_u128(number),
                digest: number.to_be_bytes().to_vec(),
                ..first.clone()
            };
            credential::ActiveModel::from(row)
        });
        credential::Entity::insert_many(more)
            .exec_without_returning(db)
            .await
            .unwrap();
        world.app.advance(Duration::days(8));
        let (one, two) = (world.app.job(), world.app.job());
        let (a, b) = tokio::join!(jobs::end_credentials(&one), jobs::end_credentials(&two));
        assert_eq!(u128::from(a.unwrap() + b.unwrap()), MANY);
        let events = event::Entity::find()
            .filter(event::Column::Kind.eq("credential.expired"))
            .all(db)
            .await
            .unwrap();
        let distinct: HashSet<_> = events.iter().map(|event| event.object_id).collect();
        assert_eq!((events.len(), distinct.len()), (120, 120));

        // Each batch is one mail.
        world.app.dispatch().await;
        let page = outbox::list(&one, &Default::default()).await.unwrap();
        let mut mails = Vec::new();
        for mail in page.items {
            if mail.kind == "credential.expiry" {
                mails.push(outbox::show(&one, mail.id).await.unwrap().text);
            }
        }
        let count = |words: &str| mails.iter().filter(|mail| mail.contains(words)).count();
        assert_eq!(mails.len(), 3, "{mails:?}");
        let have = "credentials of the application Kiosk have expired";
        assert_eq!(count(&format!("50 {have}")), 2, "{mails:?}");
        assert_eq!(count("\nand 30 more\n"), 2, "{mails:?}");
        assert_eq!(count(&format!("20 {have}")), 1, "{mails:?}");
        for mail in &mails {
            assert_eq!(mail.matches("key ci (ptn_live_").count(), 20, "{mail}");
        }
        assert_eq!(jobs::end_credentials(&one).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn of_an_application_that_is_gone_nobody_gets_a_mail() {
    each(async |app| {
        let world = World::new(app).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let end = world.app.plane.clock.now() + Duration::days(8);
        key(&world, &application, Some(end)).await;
        world.app.advance(Duration::days(8));
        let before = world.app.mail_count().await;
        let job = world.app.job();
        assert_eq!(jobs::end_credentials(&job).await.unwrap(), 1);
        let mut client = world.owner.client.clone();
        let path = format!("/applications/{application}");
        client.delete(&path).await.ok(204);
        world.app.dispatch().await;
        assert_eq!(world.app.mail_count().await, before);
    })
    .await;
}
