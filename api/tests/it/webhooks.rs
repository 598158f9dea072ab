//! Webhooks: who may have which address, what it is told, and what becomes of messages that nobody
//! takes. The addresses are real ones, on this machine.

use api::service::{jobs, notifications};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::problem::Code;
use entity::store::quota::{self, Key, Used};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::peer::{Peer, Received};
use crate::support::shop::id;
use crate::support::{World, each};

/// The address at a server that messages go to.
pub fn hook_of(peer: &Peer) -> String {
    format!("{}/hook?a=b", peer.origin)
}

/// Lets servers on this machine be asked.
pub async fn opened(world: &World) {
    let value = json!({ "value": "127.0.0.0/8" });
    let mut operator = world.operator.client.clone();
    operator
        .put("/operator/settings/upstream_allow", value)
        .await
        .ok(200);
}

pub fn webhooks(world: &World) -> String {
    format!("/organizations/{}/webhooks", world.here.id)
}

pub async fn made(world: &World, url: &str) -> Value {
    let mut owner = world.owner.client.clone();
    let body = json!({ "url": url });
    owner.post(&webhooks(world), body).await.ok(201).json()
}

pub async fn deliver(world: &World) -> u64 {
    api::hook::deliver(&world.app.plane, || false)
        .await
        .unwrap()
}

pub async fn test(world: &World, hook: &Value) {
    let path = format!("{}/{}/test", webhooks(world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    owner.post(&path, Value::Null).await.ok(200);
}

pub async fn deliveries(world: &World, hook: &Value) -> Vec<Value> {
    let path = format!("{}/{}/deliveries", webhooks(world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    let page = owner.get(&path).await.ok(200).json();
    page["items"].as_array().unwrap().clone()
}

/// What stands in `webhook-signature` if this secret has signed the message.
pub fn signed(secret: &str, received: &Received) -> String {
    let secret = secret.strip_prefix("whsec_").unwrap();
    let secret = STANDARD.decode(secret).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    let (name, at) = (
        received.field("webhook-id"),
        received.field("webhook-timestamp"),
    );
    mac.update(format!("{name}.{at}.{}", received.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn only_addresses_that_may_be_asked_are_taken() {
    each(async |app| {
        let world = World::new(app).await;
        let mut owner = world.owner.client.clone();
        let path = webhooks(&world);
        for (url, code) in [
            ("", Code::ValidationFailed),
            ("http://example.com/", Code::ValidationFailed),
            ("https://user:pass@93.184.216.34/", Code::ValidationFailed),
            ("https://10.0.0.1/hook", Code::UpstreamNotAllowed),
            ("https://127.0.0.1/hook", Code::UpstreamNotAllowed),
            ("http://127.0.0.1:9/hook", Code::UpstreamNotAllowed),
            ("https://169.254.169.254/", Code::UpstreamNotAllowed),
            ("https://[::ffff:10.0.0.1]/", Code::UpstreamNotAllowed),
            (
                "https://metadata.google.internal/",
                Code::UpstreamNotAllowed,
            ),
        ] {
            let answer = owner.post(&path, json!({ "url": url })).await;
            assert_eq!(answer.refused(code).pointers(), ["/url"], "{url}");
        }
        for _ in 0..10 {
            made(&world, "https://93.184.216.34/hook").await;
        }
        let more = json!({ "url": "https://93.184.216.34/hook" });
        owner.post(&path, more).await.refused(Code::LimitReached);
        let list = owner.get(&path).await.ok(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 10);
        assert!(!list.to_string().contains("whsec_"));
    })
    .await;
}

#[tokio::test]
async fn quotas_are_told_once_and_signed() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let receiver = Peer::plain().await;
        let hook = made(&world, &hook_of(&receiver)).await;
        let quota = json!([{ "quota": { "name": "month", "limit": 10, "period": "month" } }]);
        let plan = json!({ "approval": "auto", "policies": quota });
        let shop = world.shop(&world.stranger, world.there, plan).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let asked = world
            .subscribed(&world.owner, &application, &shop.plan)
            .await;
        world.app.dispatch().await;
        while deliver(&world).await > 0 {}
        receiver.take();

        let now = world.app.plane.clock.now().timestamp();
        let used = Used {
            key: Key {
                attach: shop.plan.parse().unwrap(),
                name: "month".to_owned(),
                subject: id(&asked).parse().unwrap(),
                period: now,
            },
            until: now + 40 * 86_400,
            by: 8,
        };
        let node = domain::id::NodeId::from_name("n", "n");
        let traffic = &world.app.plane.databases.traffic;
        quota::flush(traffic, node, 1, &[used]).await.unwrap();
        let job = world.app.job();
        jobs::warn_of_quotas(&job).await.unwrap();
        let (a, b) = tokio::join!(notifications::dispatch(&job), notifications::dispatch(&job));
        assert!(a.unwrap() + b.unwrap() >= 1);
        // Two processes send.
        let (a, b) = tokio::join!(deliver(&world), deliver(&world));
        assert_eq!(a + b, 1);
        let [received] = receiver.take().try_into().unwrap();
        assert!(received.head.starts_with("POST /hook?a=b HTTP/1.1\r\n"));
        assert_eq!(received.field("content-type"), "application/json");
        let told: Value = serde_json::from_str(&received.body).unwrap();
        assert_eq!(told["type"], "subscription.quota_80");
        let data = &told["data"];
        assert_eq!((&data["used"], &data["limit"]), (&json!(8), &json!(10)));
        assert_eq!(data["application"], "Kiosk");
        assert_eq!(data["subscription"], asked["id"]);
        assert!(data.get("requester").is_none(), "nobody's name is told");
        let secret = hook["secret"].as_str().unwrap();
        assert_eq!(
            received.field("webhook-signature"),
            signed(secret, &received)
        );
        let newest = &deliveries(&world, &hook).await[0];
        assert_eq!(
            (&newest["state"], &newest["tries"]),
            (&json!("delivered"), &json!(0))
        );
        assert_eq!(deliver(&world).await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_take_it_is_told_later_and_not_for_ever() {
    let world = World::new(
        crate::support::App::new(migration::testing::TestDatabase::sqlite().await).await,
    )
    .await;
    opened(&world).await;
    let receiver = Peer::plain().await;
    let hook = made(&world, &hook_of(&receiver)).await;
    test(&world, &hook).await;
    // A redirect is not followed.
    receiver.answers(302);
    let mut ids = Vec::new();
    for minutes in [0, 0, 1, 1, 1, 4] {
        world.app.advance(Duration::minutes(minutes));
        assert_eq!(deliver(&world).await, 0);
        let sent = receiver.take();
        ids.extend(sent.iter().map(|one| one.field("webhook-id").to_owned()));
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "one message has one id");
    let waits = &deliveries(&world, &hook).await[0];
    assert_eq!(waits["last_error"], "It answered 302.");
    for _ in 0..20 {
        world.app.advance(Duration::hours(5));
        deliver(&world).await;
    }
    let ended = &deliveries(&world, &hook).await[0];
    assert_eq!(
        (&ended["state"], &ended["tries"]),
        (&json!("given_up"), &json!(16))
    );
    world.app.advance(Duration::days(8));
    jobs::forget(&world.app.job()).await.unwrap();
    assert_eq!(deliveries(&world, &hook).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_address_that_is_gone_is_asked_no_more() {
    let world = World::new(
        crate::support::App::new(migration::testing::TestDatabase::sqlite().await).await,
    )
    .await;
    opened(&world).await;
    let receiver = Peer::plain().await;
    let hook = made(&world, &hook_of(&receiver)).await;
    test(&world, &hook).await;
    receiver.answers(410);
    deliver(&world).await;
    let mut owner = world.owner.client.clone();
    let list = owner.get(&webhooks(&world)).await.ok(200).json();
    assert_eq!(list["items"][0]["enabled"], false);
    let ended = &deliveries(&world, &hook).await[0];
    assert_eq!(
        (&ended["state"], &ended["last_error"]),
        (
            &json!("given_up"),
            &json!("It answered 410 and was switched off.")
        )
    );
    let path = format!(
        "/organizations/{}/audit?action=webhook.switch_off",
        world.here.id
    );
    let audit = owner.get(&path).await.ok(200).json();
    let [noted] = audit["items"].as_array().unwrap().as_slice() else {
        panic!("{audit}");
    };
    assert_eq!(noted["after"]["enabled"], false);
    let one = format!("{}/{}", webhooks(&world), id(&hook["webhook"]));
    owner
        .post(&format!("{one}/test"), Value::Null)
        .await
        .refused(Code::Conflict);
    // Switched on again, with another secret, and closed by the operator meanwhile.
    let on = json!({ "url": hook_of(&receiver), "enabled": true });
    owner.put(&one, on).await.ok(200);
    let renewed = owner.post(&format!("{one}/secret"), Value::Null).await;
    assert_ne!(renewed.ok(200).json()["secret"], hook["secret"]);
    test(&world, &hook).await;
    receiver.take();
    let none = json!({ "value": "" });
    let mut operator = world.operator.client.clone();
    operator
        .put("/operator/settings/upstream_allow", none)
        .await
        .ok(200);
    assert_eq!(deliver(&world).await, 0);
    assert!(receiver.take().is_empty(), "judged again when it is sent");
    owner.delete(&one).await.ok(204);
    assert_eq!(deliver(&world).await, 0);
}

#[tokio::test]
async fn what_is_off_may_keep_an_address_that_is_not_good_any_more() {
    let world = World::new(
        crate::support::App::new(migration::testing::TestDatabase::sqlite().await).await,
    )
    .await;
    opened(&world).await;
    let receiver = Peer::plain().await;
    let hook = made(&world, &hook_of(&receiver)).await;
    let mut operator = world.operator.client.clone();
    operator
        .put("/operator/settings/upstream_allow", json!({ "value": "" }))
        .await
        .ok(200);
    let one = format!("{}/{}", webhooks(&world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    let url = hook_of(&receiver);
    let off = json!({ "url": url, "enabled": false });
    owner.put(&one, off).await.ok(200);
    for (url, enabled) in [
        (url.clone(), true),
        ("http://127.0.0.1:9/".to_owned(), false),
    ] {
        let input = json!({ "url": url, "enabled": enabled });
        let answer = owner.put(&one, input).await;
        answer.refused(Code::UpstreamNotAllowed);
    }
    owner.delete(&one).await.ok(204);
}
