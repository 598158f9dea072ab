//! Who may have what explained: the sight that goes to the gateway's code, and whose keys and past
//! requests may be asked about.

use domain::explain::{KeyState, Sight};
use domain::id::{BatchId, TeamId};
use domain::traffic::Record;
use entity::store::traffic::write_batch;
use serde_json::json;

use crate::support::shop::{Shop, id};
use crate::support::{Caller, World, each};

fn sees(sight: &Sight, shop: &Shop) -> bool {
    sight.api(shop.api.parse().unwrap())
}

async fn ask(caller: &Caller, body: serde_json::Value) -> crate::support::Answer {
    caller.client.clone().post("/explain", body).await
}

#[tokio::test]
async fn each_sees_what_is_theirs_to_read() {
    each(async |app| {
        let world = World::new(app).await;
        let plan = json!({ "approval": "auto" });
        let shop = world.shop(&world.owner, world.here, plan).await;
        let question = json!({ "request": { "target": "/here/books/v1/books" } });
        for (who, caller, expected) in [
            ("owner", &world.owner, true),
            ("viewer in the team", &world.member, true),
            ("stranger", &world.stranger, false),
            ("operator", &world.operator, false),
        ] {
            ask(caller, question.clone()).await.ok(200);
            let heard = world.app.explaining.heard().unwrap();
            assert_eq!(sees(&heard.sight, &shop), expected, "{who}");
            assert_ne!(heard.sight, Sight::Everything, "{who}");
            assert_eq!(heard.key, KeyState::Judged);
            assert!(
                heard.asked.client.is_some(),
                "where the question comes from"
            );
        }
        // A member of another team reads nothing of this one's.
        let apart = world.app.person("apart", false).await;
        let role = domain::actor::OrganizationRole::Member;
        world.app.join(world.here, apart.id, role).await;
        ask(&apart, question.clone()).await.ok(200);
        let heard = world.app.explaining.heard().unwrap();
        assert!(!sees(&heard.sight, &shop));
        // A token that may not read APIs sees none.
        let small = world
            .app
            .token(world.owner.id, "small", &["traffic:read"])
            .await;
        let mut client = world.app.client().with_token(&small);
        client.post("/explain", question.clone()).await.ok(200);
        let heard = world.app.explaining.heard().unwrap();
        assert!(!sees(&heard.sight, &shop));
        assert_eq!(
            world.app.client().post("/explain", question).await.status,
            401
        );
        assert!(world.app.explaining.heard().is_none(), "not even asked");
    })
    .await;
}

#[tokio::test]
async fn a_question_is_checked_before_anything_is_loaded() {
    each(async |app| {
        let world = World::new(app).await;
        for (body, status) in [
            (json!({}), 422),
            (
                json!({ "request": { "target": "/x" }, "request_id": "r" }),
                422,
            ),
            (json!({ "request": { "target": "/x y" } }), 422),
            (json!({ "request": { "target": "/x", "more": 1 } }), 422),
            (json!({ "request_id": "never-was" }), 404),
        ] {
            let answer = ask(&world.owner, body.clone()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text);
            assert!(world.app.explaining.heard().is_none(), "{body}");
        }
    })
    .await;
}

/// A call of the stranger's application to the owner's API.
async fn called(world: &World) -> (Shop, String) {
    let plan = json!({ "approval": "auto" });
    let shop = world.shop(&world.owner, world.here, plan).await;
    let application = world
        .application(&world.stranger, world.there, "Kiosk")
        .await;
    world
        .subscribed(&world.stranger, &application, &shop.plan)
        .await;
    let mut client = world.stranger.client.clone();
    let made = client
        .post(
            &format!("/applications/{application}/credentials"),
            json!({ "name": "k" }),
        )
        .await
        .ok(201)
        .json();
    let key = id(&made["credential"]);
    let record = Record {
        at: world.app.plane.clock.now(),
        request_id: "req-1".into(),
        trace_id: String::new(),
        node: "gw-1".into(),
        state: 9,
        provider: world.here.id,
        consumer: world.there.id,
        api: shop.api.parse().unwrap(),
        version: shop.version.parse().unwrap(),
        revision: 1,
        operation: Default::default(),
        application: application.parse().unwrap(),
        credential: key.parse().unwrap(),
        environment: domain::key::Environment::Live,
        subscription: Default::default(),
        plan: shop.plan.parse().unwrap(),
        client: "203.0.113.7".into(),
        method: "GET".into(),
        path: "/here/books/v1/books".into(),
        path_cut: false,
        status: 429,
        code: "rate_limited".into(),
        decided_by: "rate_limit/minute".into(),
        observed: 0,
        observed_by: String::new(),
        target: String::new(),
        variant: String::new(),
        tries: 0,
        bytes_in: 10,
        bytes_out: 100,
        total_us: 2000,
        policies_us: 20,
        connect_us: 0,
        first_byte_us: 0,
        units: 1,
        cached: Default::default(),
    };
    let traffic = &world.app.plane.databases.traffic;
    let batch = BatchId::from_name("batch", "1");
    assert!(write_batch(traffic, batch, &[record]).await.unwrap());
    (shop, key)
}

#[tokio::test]
async fn a_key_is_its_owners() {
    each(async |app| {
        let world = World::new(app).await;
        let (_, key) = called(&world).await;
        let question = json!({ "request": { "target": "/x", "credential": key } });
        ask(&world.stranger, question.clone()).await.ok(200);
        let heard = world.app.explaining.heard().unwrap();
        assert_eq!(heard.asked.credential.unwrap().to_string(), key);
        let nothing =
            json!({ "request": { "target": "/x", "credential": TeamId::from_name("x", "y") } });
        let random = ask(&world.owner, nothing).await.ok(422);
        // The provider, too, learns nothing by the id of a consumer's key.
        for caller in [&world.owner, &world.operator] {
            let answer = ask(caller, question.clone()).await.ok(422);
            assert_eq!(answer.essence(), random.essence());
            assert!(world.app.explaining.heard().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_past_request_is_each_sides_own_part() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, key) = called(&world).await;
        let question = json!({ "request_id": "req-1" });

        let provider = ask(&world.owner, question.clone()).await.ok(200);
        let heard = world.app.explaining.heard().unwrap();
        assert!(sees(&heard.sight, &shop));
        assert_eq!(heard.key, KeyState::TakenAsGood);
        assert_eq!(heard.asked.target, "/here/books/v1/books");
        assert_eq!(heard.asked.client, Some("203.0.113.7".parse().unwrap()));
        let told = provider.json();
        assert_eq!(told["past"]["decided_by"], "rate_limit/minute");
        assert_eq!(told["past"]["inside"]["state"], 9);
        assert!(!provider.text.contains(&key), "the key is the consumer's");

        let consumer = ask(&world.stranger, question.clone()).await.ok(200);
        let told = consumer.json();
        assert_eq!(told["past"]["line"]["code"], "rate_limited");
        assert!(told["past"].get("inside").is_none() && told.get("now").is_none());
        assert!(
            world.app.explaining.heard().is_none(),
            "the API is not theirs"
        );

        for caller in [&world.operator] {
            ask(caller, question.clone()).await.ok(404);
        }
        let apart = world.app.person("apart", false).await;
        let role = domain::actor::OrganizationRole::Member;
        world.app.join(world.here, apart.id, role).await;
        ask(&apart, question).await.ok(404);
    })
    .await;
}
