//! Webhooks: who may have which address, what it is told, and what becomes of messages that nobody
//! takes. The addresses are real ones, on this machine.

use std::sync::{Arc, Mutex};

use api::service::{jobs, notifications};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::problem::Code;
use entity::store::quota::{self, Key, Used};
use entity::webhook_delivery;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::support::shop::id;
use crate::support::{World, each};

/// A request as it came.
#[derive(Debug, Clone)]
struct Received {
    head: String,
    body: String,
}

impl Received {
    fn field(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let mut lines = self.head.lines();
        let found = lines.find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// Answers each request with the status that it is told to.
#[derive(Clone)]
struct Receiver {
    url: String,
    status: Arc<Mutex<u16>>,
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hook?a=b", listener.local_addr().unwrap()),
            status: Arc::new(Mutex::new(204)),
            seen: Arc::default(),
        };
        let serves = receiver.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut got = Vec::new();
                let received = loop {
                    if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                        break None;
                    }
                    let text = String::from_utf8_lossy(&got);
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let received = Received {
                        head: head.to_owned(),
                        body: body.to_owned(),
                    };
                    if received.body.len().to_string() == received.field("content-length") {
                        break Some(received);
                    }
                };
                let Some(received) = received else { continue };
                serves.seen.lock().unwrap().push(received);
                let status = *serves.status.lock().unwrap();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        receiver
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn opened(world: &World) {
    let value = json!({ "value": "127.0.0.0/8" });
    let mut operator = world.operator.client.clone();
    operator
        .put("/operator/settings/upstream_allow", value)
        .await
        .ok(200);
}

fn webhooks(world: &World) -> String {
    format!("/organizations/{}/webhooks", world.here.id)
}

async fn made(world: &World, url: &str) -> Value {
    let mut owner = world.owner.client.clone();
    let body = json!({ "url": url });
    owner.post(&webhooks(world), body).await.ok(201).json()
}

async fn deliver(world: &World) -> u64 {
    api::hook::deliver(&world.app.plane, || false)
        .await
        .unwrap()
}

async fn test(world: &World, hook: &Value) {
    let path = format!("{}/{}/test", webhooks(world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    owner.post(&path, Value::Null).await.ok(200);
}

async fn deliveries(world: &World, hook: &Value) -> Vec<Value> {
    let path = format!("{}/{}/deliveries", webhooks(world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    let page = owner.get(&path).await.ok(200).json();
    page["items"].as_array().unwrap().clone()
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
        let receiver = Receiver::start().await;
        let hook = made(&world, &receiver.url).await;
        let quota = json!([{ "quota": { "name": "month", "limit": 10, "period": "month" } }]);
        let plan = json!({ "approval": "auto", "policies": quota });
        let shop = world.shop(&world.stranger, world.there, plan).await;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let asked = world
            .subscribed(&world.owner, &application, &shop.plan)
            .await;
        let job = world.app.job();
        while notifications::dispatch(&job).await.unwrap() > 0 {}
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
        let (name, at) = (
            received.field("webhook-id"),
            received.field("webhook-timestamp"),
        );
        let secret = hook["secret"].as_str().unwrap();
        let secret = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(format!("{name}.{at}.{}", received.body).as_bytes());
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(received.field("webhook-signature"), wanted);
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
    let receiver = Receiver::start().await;
    let hook = made(&world, &receiver.url).await;
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
    let receiver = Receiver::start().await;
    let hook = made(&world, &receiver.url).await;
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
    let on = json!({ "url": receiver.url, "enabled": true });
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
    let receiver = Receiver::start().await;
    let hook = made(&world, &receiver.url).await;
    let mut operator = world.operator.client.clone();
    operator
        .put("/operator/settings/upstream_allow", json!({ "value": "" }))
        .await
        .ok(200);
    let one = format!("{}/{}", webhooks(&world), id(&hook["webhook"]));
    let mut owner = world.owner.client.clone();
    let url = &receiver.url;
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

#[tokio::test]
async fn who_has_many_messages_keeps_nobody_waiting() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let (busy, other) = (Receiver::start().await, Receiver::start().await);
        let now = world.app.plane.clock.now();
        let mut rows = Vec::new();
        for _ in 0..5 {
            let hook = made(&world, &busy.url).await;
            for _ in 0..60 {
                rows.push((id(&hook["webhook"]), now - Duration::hours(1)));
            }
        }
        let path = format!("/organizations/{}/webhooks", world.there.id);
        let mut stranger = world.stranger.client.clone();
        let hook = stranger.post(&path, json!({ "url": other.url })).await;
        rows.push((id(&hook.ok(201).json()["webhook"]), now));
        let rows = rows.into_iter().zip(1_u128..).map(|((hook, due), number)| {
            let row = webhook_delivery::Model {
                id: Uuid::from_u128(number),
                webhook_id: hook.parse().unwrap(),
                event_id: None,
                kind: "webhook.test".to_owned(),
                body: "{}".to_owned(),
                state: "waiting".to_owned(),
                tries: 0,
                next_try_at: due,
                last_error: String::new(),
                created_at: due,
            };
            webhook_delivery::ActiveModel::from(row)
        });
        webhook_delivery::Entity::insert_many(rows)
            .exec_without_returning(&world.app.plane.databases.main)
            .await
            .unwrap();
        let ended = api::hook::deliver(&world.app.plane, || true).await;
        assert_eq!(ended.unwrap(), 0, "nothing is begun at the end");
        assert_eq!(deliver(&world).await, 21);
        assert_eq!(other.take().len(), 1);
        assert_eq!(busy.take().len(), 20, "the share of an organization");
    })
    .await;
}
