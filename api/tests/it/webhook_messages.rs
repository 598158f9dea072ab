//! Messages to webhooks on their way: who waits for whom, by whom they are signed, over which TLS,
//! and once more.

use api::service::jobs;
use chrono::{DateTime, Duration, Utc};
use domain::problem::Code;
use entity::{webhook, webhook_delivery};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::peer::{OTHER, Peer, SERVER, STRANGER};
use crate::support::shop::id;
use crate::support::{World, each};
use crate::webhooks::{deliver, deliveries, hook_of, made, opened, signed, test, webhooks};

/// Puts `count` messages for each of these webhooks into the outbox.
async fn put(world: &World, hooks: &[String], count: u128, due: DateTime<Utc>) {
    let hooks = hooks.iter().zip(0_u128..);
    let rows = hooks.flat_map(|(hook, index)| {
        (0..count).map(move |number| {
            let row = webhook_delivery::Model {
                id: Uuid::from_u128(((index + 1) << 64) | number),
                webhook_id: hook.parse().unwrap(),
                event_id: None,
                kind: "webhook.test".to_owned(),
                body: "{}".to_owned(),
                state: "waiting".to_owned(),
                tries: 0,
                next_try_at: due,
                last_error: String::new(),
                last_status: None,
                created_at: due,
            };
            webhook_delivery::ActiveModel::from(row)
        })
    });
    webhook_delivery::Entity::insert_many(rows)
        .exec_without_returning(&world.app.plane.databases.main)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_has_many_messages_and_takes_long_keeps_nobody_waiting() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let (busy, other) = (Peer::plain().await, Peer::plain().await);
        busy.hold(true);
        let mut hooks = Vec::new();
        for _ in 0..10 {
            hooks.push(id(&made(&world, &hook_of(&busy)).await["webhook"]));
        }
        let now = world.app.plane.clock.now();
        put(&world, &hooks, 8, now - Duration::hours(1)).await;
        let path = format!("/organizations/{}/webhooks", world.there.id);
        let mut stranger = world.stranger.client.clone();
        let hook = stranger
            .post(&path, json!({ "url": hook_of(&other) }))
            .await;
        let hook = id(&hook.ok(201).json()["webhook"]);
        let test = format!("{path}/{hook}/test");
        stranger.post(&test, Value::Null).await.ok(200);
        let ended = api::hook::deliver(&world.app.plane, || true).await;
        assert_eq!(ended.unwrap(), 0, "nothing is begun at the end");
        let watched = async {
            busy.saw(4).await;
            other.saw(1).await;
            assert_eq!(busy.take().len(), 4, "at a time of one organization");
            busy.hold(false);
        };
        let (delivered, ()) = tokio::join!(deliver(&world), watched);
        assert_eq!(delivered, 81);
        assert_eq!(busy.take().len(), 76, "each came once");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_does_not_take_one_message_is_spared_the_others() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let receiver = Peer::plain().await;
        let hook = made(&world, &hook_of(&receiver)).await;
        for _ in 0..3 {
            test(&world, &hook).await;
        }
        receiver.answers(500);
        assert_eq!(deliver(&world).await, 0);
        assert_eq!(receiver.take().len(), 1);
        let rows = deliveries(&world, &hook).await;
        let tries: i64 = rows.iter().map(|row| row["tries"].as_i64().unwrap()).sum();
        assert_eq!(tries, 1, "the others lost none of theirs");
        let failed = rows.iter().find(|row| row["tries"] == 1).unwrap();
        assert_eq!(failed["last_status"], 500);
        receiver.answers(204);
        assert_eq!(deliver(&world).await, 0, "it has a minute");
        world.app.advance(Duration::minutes(1));
        assert_eq!(deliver(&world).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_message_is_sent_once_more_with_its_id() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let receiver = Peer::plain().await;
        let hook = made(&world, &hook_of(&receiver)).await;
        let another = made(&world, &hook_of(&receiver)).await;
        let secret = hook["secret"].as_str().unwrap();
        let mut owner = world.owner.client.clone();
        let all = webhooks(&world);
        let again = |hook: &Value, message: &str| {
            let hook = id(&hook["webhook"]);
            format!("{all}/{hook}/deliveries/{message}/redeliver")
        };
        test(&world, &hook).await;
        let message = id(&deliveries(&world, &hook).await[0]);
        let path = again(&hook, &message);
        let refused = owner.post(&path, Value::Null).await;
        refused.refused(Code::Conflict);
        assert_eq!(deliver(&world).await, 1);
        assert_eq!(deliveries(&world, &hook).await[0]["last_status"], 204);

        // Another webhook's message, and one that is nobody's.
        let foreign = again(&another, &message);
        owner
            .post(&foreign, Value::Null)
            .await
            .refused(Code::NotFound);
        let nobody = again(&hook, &Uuid::nil().to_string());
        owner
            .post(&nobody, Value::Null)
            .await
            .refused(Code::NotFound);
        let of_theirs = path.replace(&world.here.id.to_string(), &world.there.id.to_string());
        let mut stranger = world.stranger.client.clone();
        for path in [&path, &of_theirs] {
            stranger
                .post(path, Value::Null)
                .await
                .refused(Code::NotFound);
        }
        let mut member = world.member.client.clone();
        assert_eq!(member.post(&path, Value::Null).await.status, 403);

        // Twice at once.
        world.app.advance(Duration::seconds(10));
        let mut owner_too = owner.clone();
        let (a, b) = tokio::join!(
            owner.post(&path, Value::Null),
            owner_too.post(&path, Value::Null)
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        assert_eq!(deliver(&world).await, 1);
        let [first, second] = receiver.take().try_into().unwrap();
        assert_eq!(first.field("webhook-id"), second.field("webhook-id"));
        let at = |one: &str| one.parse::<i64>().unwrap();
        let times = [&first, &second].map(|one| at(one.field("webhook-timestamp")));
        assert_eq!(times[1] - times[0], 10);
        for one in [&first, &second] {
            assert_eq!(one.field("webhook-signature"), signed(secret, one));
        }
        let audit = format!(
            "/organizations/{}/audit?action=webhook.redeliver",
            world.here.id
        );
        let audit = owner.get(&audit).await.ok(200).json();
        let [noted] = audit["items"].as_array().unwrap().as_slice() else {
            panic!("{audit}");
        };
        assert_eq!(noted["after"]["delivery"], json!(message));

        // What was given up, once its webhook is on again.
        let one = format!("{all}/{}", id(&hook["webhook"]));
        owner.post(&path, Value::Null).await.ok(200);
        for (enabled, delivered) in [(false, 0), (true, 1)] {
            let input = json!({ "url": hook_of(&receiver), "enabled": enabled });
            owner.put(&one, input).await.ok(200);
            if enabled {
                owner.post(&path, Value::Null).await.ok(200);
            }
            assert_eq!(deliver(&world).await, delivered);
            if !enabled {
                assert_eq!(deliveries(&world, &hook).await[0]["state"], "given_up");
                let off = owner.post(&path, Value::Null).await;
                off.refused(Code::Conflict);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_former_secret_signs_for_a_day() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let receiver = Peer::plain().await;
        let hook = made(&world, &hook_of(&receiver)).await;
        let mut owner = world.owner.client.clone();
        let path = format!("{}/{}/secret", webhooks(&world), id(&hook["webhook"]));
        let renewed = owner.post(&path, Value::Null).await.ok(200).json();
        let until = &renewed["webhook"]["former_secret_until"];
        assert_eq!(until, "2026-11-22T12:00:00Z");
        let secret = |made: &Value| made["secret"].as_str().unwrap().to_owned();
        let (new, old) = (secret(&renewed), secret(&hook));
        let sent = async || {
            test(&world, &hook).await;
            assert_eq!(deliver(&world).await, 1);
            receiver.take().remove(0)
        };
        let one = sent().await;
        let both = format!("{} {}", signed(&new, &one), signed(&old, &one));
        assert_eq!(one.field("webhook-signature"), both);
        world.app.advance(Duration::days(1));
        let one = sent().await;
        assert_eq!(one.field("webhook-signature"), signed(&new, &one));
        let list = owner.get(&webhooks(&world)).await.ok(200).json();
        assert!(list["items"][0].get("former_secret_until").is_none());
        jobs::forget(&world.app.job()).await.unwrap();
        let rows = webhook::Entity::find().all(&world.app.plane.databases.main);
        let rows = rows.await.unwrap();
        assert_eq!(
            (&rows[0].former_secret, rows[0].former_until),
            (&None, None)
        );

        // Only the one before the present one, however often it is renewed.
        owner.post(&path, Value::Null).await.ok(200);
        let newest = secret(&owner.post(&path, Value::Null).await.ok(200).json());
        let one = sent().await;
        let signature = one.field("webhook-signature");
        assert!(signature.starts_with(&signed(&newest, &one)));
        assert!(!signature.contains(&signed(&new, &one)));
        assert_eq!(signature.split(' ').count(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_is_known_by_its_certificate() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        for (pair, delivered, why) in [
            (SERVER, 1, ""),
            (OTHER, 0, "Its certificate is for another name."),
            (
                STRANGER,
                0,
                "Its certificate is of an authority that is not trusted here.",
            ),
        ] {
            let receiver = Peer::secure(pair).await;
            let hook = made(&world, &hook_of(&receiver)).await;
            test(&world, &hook).await;
            assert_eq!(deliver(&world).await, delivered, "{why}");
            assert_eq!(receiver.take().len() as u64, delivered);
            let newest = &deliveries(&world, &hook).await[0];
            assert_eq!(newest["last_error"], why);
            assert_eq!(newest.get("last_status").is_some(), delivered == 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_outbox_is_counted() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let hook = made(&world, "https://93.184.216.34/hook").await;
        let told = |world: &World| {
            let mut text = String::new();
            world.app.plane.webhooks.write(&mut text);
            text
        };
        assert!(told(&world).contains("portunus_webhook_outbox_full_total 0\n"));
        let later = world.app.plane.clock.now() + Duration::hours(1);
        put(&world, &[id(&hook["webhook"])], 1000, later).await;
        let mut owner = world.owner.client.clone();
        let path = format!("{}/{}/test", webhooks(&world), id(&hook["webhook"]));
        let full = owner.post(&path, Value::Null).await;
        full.refused(Code::LimitReached);
        let plan = json!({ "approval": "auto", "policies": [] });
        let shop = world.shop(&world.stranger, world.there, plan).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let subscribed = world.subscribed(&world.owner, &application, &shop.plan);
        let subscription = id(&subscribed.await);
        let mut provider = world.stranger.client.clone();
        let path = format!("/subscriptions/{subscription}/suspend");
        let why = json!({ "note": "Unusual." });
        provider.post(&path, why).await.ok(200);
        world.app.dispatch().await;
        api::hook::count(&world.app.plane).await.unwrap();
        let text = told(&world);
        assert!(
            !text.contains("portunus_webhook_outbox_full_total 0\n"),
            "{text}"
        );
        assert!(
            text.contains("portunus_webhook_outbox_waiting 1000\n"),
            "{text}"
        );
    })
    .await;
}
