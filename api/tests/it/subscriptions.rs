//! Subscriptions: two sides, their verbs, and limits under many at once.

use domain::problem::Code;
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{World, each};

#[tokio::test]
async fn asked_approved_suspended_resumed_revoked() {
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
        let path = format!("/subscriptions/{}", id(&asked));
        assert_eq!(
            (asked["state"].as_str(), asked["refused_with"].as_str()),
            (Some("pending"), Some("subscription_pending"))
        );
        assert_eq!(asked["may"], json!(["withdraw"]));
        assert_eq!(asked["sync"]["state"], "no_gateway");

        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        let inbox = provider
            .get(&format!("/organizations/{}/approvals", world.here.id))
            .await
            .ok(200)
            .json();
        assert_eq!(inbox["pending"], 1);
        let seen = &inbox["items"][0];
        assert_eq!(seen["requested_by"]["email"], world.stranger.email);
        assert_eq!(seen["application"]["organization"]["slug"], "there");
        assert_eq!(seen["may"], json!(["approve", "reject"]));
        consumer
            .post(&format!("{path}/approve"), json!({}))
            .await
            .refused(Code::Forbidden);
        world
            .member
            .client
            .clone()
            .post(&format!("{path}/approve"), json!({}))
            .await
            .refused(Code::Forbidden);
        world
            .operator
            .client
            .clone()
            .post(&format!("{path}/approve"), json!({}))
            .await
            .refused(Code::NotFound);
        provider
            .post(&format!("{path}/reject"), json!({}))
            .await
            .refused(Code::ValidationFailed);

        let approved = provider
            .post(&format!("{path}/approve"), json!({ "note": "Welcome." }))
            .await
            .ok(200)
            .json();
        assert_eq!(
            (approved["state"].as_str(), approved["effective"].as_bool()),
            (Some("approved"), Some(true))
        );
        let seen = consumer.get(&path).await.ok(200).json();
        assert_eq!(seen["note"], "Welcome.");
        assert!(seen["decided_by"].get("email").is_none(), "{seen}");
        assert_eq!(seen["may"], json!(["pause", "cancel"]));
        consumer
            .post(&format!("{path}/pause"), json!({}))
            .await
            .ok(200);
        assert_eq!(
            consumer.get(&path).await.ok(200).json()["refused_with"],
            "subscription_paused"
        );
        consumer
            .post(&format!("{path}/pause"), json!({}))
            .await
            .refused(Code::IllegalTransition);
        consumer
            .post(&format!("{path}/unpause"), json!({}))
            .await
            .ok(200);
        provider
            .post(&format!("{path}/suspend"), json!({ "note": "Unusual." }))
            .await
            .ok(200);
        provider
            .post(&format!("{path}/resume"), json!({}))
            .await
            .ok(200);
        provider
            .post(&format!("{path}/revoke"), json!({ "note": "Enough." }))
            .await
            .ok(200);
        for verb in ["approve", "resume", "cancel", "withdraw", "pause"] {
            let client = if verb == "approve" || verb == "resume" {
                &mut provider
            } else {
                &mut consumer
            };
            client
                .post(&format!("{path}/{verb}"), json!({}))
                .await
                .refused(Code::IllegalTransition);
        }
        consumer
            .post(&format!("{path}/explode"), json!({}))
            .await
            .refused(Code::NotFound);
        // Terminal is not open: the application may ask again.
        world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await;
    })
    .await;
}

#[tokio::test]
async fn who_may_ask_for_what() {
    each(async |app| {
        let world = World::new(app).await;
        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        let shop = world
            .shop(
                &world.owner,
                world.here,
                json!({ "approval": "auto", "terms": "Be kind." }),
            )
            .await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let ask = format!("/applications/{application}/subscriptions");
        let plan = |plan: &str, terms: Value| json!({ "plan": plan, "accept_terms": terms });
        assert_eq!(
            consumer
                .post(&ask, plan(&shop.plan, Value::Null))
                .await
                .refused(Code::ValidationFailed)
                .pointers(),
            ["/accept_terms"]
        );
        consumer
            .post(&ask, plan(&shop.plan, json!(7)))
            .await
            .refused(Code::ValidationFailed);
        let only = world
            .plan(
                &world.owner,
                &shop.product,
                json!({ "name": "Own", "organizations": ["here"] }),
            )
            .await;
        consumer
            .post(&ask, plan(&only, Value::Null))
            .await
            .refused(Code::ValidationFailed);
        let draft = id(&provider
            .post(
                &format!("/products/{}/plans", shop.product),
                json!({ "name": "Draft" }),
            )
            .await
            .ok(201)
            .json());
        consumer
            .post(&ask, plan(&draft, Value::Null))
            .await
            .refused(Code::Conflict);
        let made = consumer
            .post(&ask, plan(&shop.plan, json!(1)))
            .await
            .ok(201)
            .json();
        assert_eq!(
            (made["state"].as_str(), made["terms_accepted"].as_u64()),
            (Some("approved"), Some(1))
        );
        consumer
            .post(&ask, plan(&shop.plan, json!(1)))
            .await
            .refused(Code::AlreadyExists);
        // Narrowing the visibility ends nothing, and lets nobody else in.
        provider
            .patch(
                &format!("/apis/{}", shop.api),
                json!({ "visibility": "private" }),
            )
            .await
            .ok(200);
        assert_eq!(
            consumer
                .get(&format!("/subscriptions/{}", id(&made)))
                .await
                .ok(200)
                .json()["effective"],
            true
        );
        let second = world
            .application(&world.stranger, world.there, "Second")
            .await;
        consumer
            .post(
                &format!("/applications/{second}/subscriptions"),
                plan(&shop.plan, json!(1)),
            )
            .await
            .refused(Code::ValidationFailed);
        let granted = provider
            .post(
                &format!("/plans/{}/grants", shop.plan),
                json!({ "application": second, "note": "On us." }),
            )
            .await
            .ok(201)
            .json();
        assert_eq!(granted["state"], "approved");
        let closed = format!("/plans/{}", shop.plan);
        provider
            .post(&format!("{closed}/deprecate"), json!({}))
            .await
            .ok(200);
        assert_eq!(
            consumer
                .get(&format!("/subscriptions/{}", id(&made)))
                .await
                .ok(200)
                .json()["effective"],
            true
        );
        provider
            .post(&format!("{closed}/close"), json!({}))
            .await
            .ok(200);
        assert_eq!(
            consumer
                .get(&format!("/subscriptions/{}", id(&made)))
                .await
                .ok(200)
                .json()["refused_with"],
            "subscription_expired"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_at_once_ten_get_in() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(
                &world.owner,
                world.here,
                json!({ "approval": "auto", "max_subscriptions": 10 }),
            )
            .await;
        let mut applications = Vec::new();
        for number in 0..100 {
            applications.push(
                world
                    .application(&world.stranger, world.there, &format!("a{number}"))
                    .await,
            );
        }
        let all: Vec<_> = applications
            .into_iter()
            .map(|application| {
                let (mut client, plan) = (world.stranger.client.clone(), shop.plan.clone());
                let path = format!("/applications/{application}/subscriptions");
                tokio::spawn(async move {
                    client
                        .post(&path, json!({ "plan": plan }))
                        .await
                        .status
                        .as_u16()
                })
            })
            .collect();
        let mut made = 0;
        for one in all {
            match one.await.unwrap() {
                201 => made += 1,
                409 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(made, 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_decisions_at_once_one_counts() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world.shop(&world.owner, world.here, json!({})).await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let asked = id(&world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await);
        let decide = |verb: &str| {
            let (mut client, path) = (
                world.owner.client.clone(),
                format!("/subscriptions/{asked}/{verb}"),
            );
            tokio::spawn(async move {
                client
                    .post(&path, json!({ "note": "x" }))
                    .await
                    .status
                    .as_u16()
            })
        };
        let (a, b) = (decide("approve"), decide("reject"));
        let mut statuses = [a.await.unwrap(), b.await.unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    })
    .await;
}

#[tokio::test]
async fn mails_follow_the_events() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world.shop(&world.owner, world.here, json!({})).await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let asked = id(&world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await);
        api::service::notifications::dispatch(&world.app.job())
            .await
            .unwrap();
        let mail = world
            .app
            .mailed("subscription.requested", &world.owner.email)
            .await;
        assert!(
            mail.contains("Kiosk") && mail.contains("for the shop"),
            "{mail}"
        );
        world
            .owner
            .client
            .clone()
            .post(
                &format!("/subscriptions/{asked}/approve"),
                json!({ "note": "Hello." }),
            )
            .await
            .ok(200);
        api::service::notifications::dispatch(&world.app.job())
            .await
            .unwrap();
        let mail = world
            .app
            .mailed("subscription.decided", &world.stranger.email)
            .await;
        assert!(mail.contains("Hello."), "{mail}");
    })
    .await;
}

#[tokio::test]
async fn gateways_say_whether_they_have_it() {
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
        let path = format!("/subscriptions/{}", id(&made));
        let newest = entity::change::newest(&world.app.plane.databases.main)
            .await
            .unwrap();
        let mut client = world.stranger.client.clone();
        for (node, state, expected) in [
            (
                "a",
                newest - 1,
                json!({ "state": "waiting", "number": newest, "nodes": 1, "behind": 1 }),
            ),
            ("a", newest, json!({ "state": "synced", "number": newest })),
            (
                "b",
                0,
                json!({ "state": "waiting", "number": newest, "nodes": 2, "behind": 1 }),
            ),
            (
                "b",
                newest + 5,
                json!({ "state": "synced", "number": newest }),
            ),
        ] {
            world.app.reports(node, state).await;
            assert_eq!(client.get(&path).await.ok(200).json()["sync"], expected);
        }
        world.app.advance(chrono::Duration::minutes(1));
        let silent = client.get(&path).await.ok(200).json();
        assert_eq!(silent["sync"]["state"], "no_gateway");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_approved_under_a_closed_plan() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world.shop(&world.owner, world.here, json!({})).await;
        let application = world
            .application(&world.stranger, world.there, "Kiosk")
            .await;
        let asked = id(&world
            .subscribed(&world.stranger, &application, &shop.plan)
            .await);
        let mut provider = world.owner.client.clone();
        for step in ["deprecate", "close"] {
            let path = format!("/plans/{}/{step}", shop.plan);
            provider.post(&path, json!({})).await.ok(200);
        }
        let approve = format!("/subscriptions/{asked}/approve");
        provider
            .post(&approve, json!({}))
            .await
            .refused(Code::Conflict);
    })
    .await;
}
