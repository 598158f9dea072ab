//! Dashboards and the request log: each side of a call sees its own part.

use api::service::jobs;
use chrono::Duration;
use domain::id::{ApplicationId, BatchId, CredentialId, OperationId, VersionId};
use domain::problem::Code;
use domain::traffic::detail::{Body, Field, LeftOut, Message, Seen};
use domain::traffic::{Cached, Detail, Record};
use entity::store::traffic::{
    RequestFilter, Scope, requests, write_batch, write_batch_with_details,
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::support::shop::{Shop, id};
use crate::support::{World, each};

/// Calls of an application of `there` to an API of `here`: three answered, one limited, one by an
/// application that never subscribed.
async fn called(world: &World) -> (Shop, String, String) {
    let shop = world
        .shop(&world.owner, world.here, json!({ "approval": "auto" }))
        .await;
    let application = world
        .application(&world.stranger, world.there, "Kiosk")
        .await;
    let other = world
        .application(&world.stranger, world.there, "Secret")
        .await;
    let mut client = world.stranger.client.clone();
    world
        .subscribed(&world.stranger, &application, &shop.plan)
        .await;
    let key = client
        .post(
            &format!("/applications/{application}/credentials"),
            json!({ "name": "k" }),
        )
        .await
        .ok(201)
        .json();
    let version = world
        .owner
        .client
        .clone()
        .get(&format!("/versions/{}", shop.version))
        .await
        .ok(200)
        .json();
    let operation: OperationId = id(&version["draft"]["operations"][0]).parse().unwrap();
    let record = |number: i64, application: &str, status: u16, code: &str| Record {
        at: world.app.plane.clock.now() - chrono::Duration::seconds(number),
        request_id: format!("req-{number}"),
        trace_id: String::new(),
        node: "gw-1".into(),
        state: 9,
        provider: world.here.id,
        consumer: world.there.id,
        api: shop.api.parse().unwrap(),
        version: shop.version.parse::<VersionId>().unwrap(),
        revision: 1,
        operation,
        application: application.parse::<ApplicationId>().unwrap(),
        credential: id(&key["credential"]).parse::<CredentialId>().unwrap(),
        environment: domain::key::Environment::Live,
        subscription: Default::default(),
        plan: shop.plan.parse().unwrap(),
        client: "203.0.113.7".into(),
        method: "GET".into(),
        path: "/here/books/v1/books".into(),
        path_cut: false,
        status,
        code: code.into(),
        decided_by: String::new(),
        observed: 0,
        observed_by: match number {
            1 | 5 => "version/rate_limit/burst".into(),
            2 => "version/rate_limit/burst plan/quota/month".into(),
            _ => String::new(),
        },
        target: "93.184.216.34:443".into(),
        variant: match number {
            1 | 2 => "stable".into(),
            3 => "canary".into(),
            _ => String::new(),
        },
        tries: 1,
        bytes_in: 10,
        bytes_out: 100,
        total_us: 2000,
        policies_us: 20,
        connect_us: 300,
        first_byte_us: 1500,
        units: 1,
        cached: match number {
            1 => Cached::Hit,
            2 => Cached::Stored,
            3 => Cached::Pass,
            _ => Cached::None,
        },
    };
    let records = [
        record(1, &application, 200, ""),
        record(2, &application, 200, ""),
        record(3, &application, 500, ""),
        record(4, &application, 429, "rate_limited"),
        record(5, &other, 403, "not_subscribed"),
    ];
    let traffic = &world.app.plane.databases.traffic;
    assert!(
        write_batch(traffic, BatchId::from_name("batch", "1"), &records)
            .await
            .unwrap()
    );
    (shop, application, other)
}

#[tokio::test]
async fn dashboards_of_both_sides() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, application, _) = called(&world).await;
        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        for range in ["1h", "24h", "7d", "30d"] {
            let usage = provider
                .get(&format!("/apis/{}/usage?range={range}", shop.api))
                .await
                .ok(200)
                .json();
            assert_eq!(usage["totals"]["requests"], 5, "{range}");
            assert_eq!(
                (
                    usage["totals"]["client_errors"].as_u64(),
                    usage["totals"]["server_errors"].as_u64()
                ),
                (Some(2), Some(1))
            );
            let p95 = usage["totals"]["p95_ms"].as_f64().unwrap();
            assert!((p95 - 2.0).abs() < 0.05, "{p95}");
            assert_eq!(
                usage["totals"]["cache"],
                serde_json::json!({
                    "hits": 1, "stale": 0, "misses": 1, "passes": 1, "hit_ratio": 0.5,
                })
            );
            let without = usage["applications"][1]["totals"].get("cache");
            assert_eq!(without, None, "its calls met no cache");
            let sum: u64 = usage["series"]
                .as_array()
                .unwrap()
                .iter()
                .map(|point| point["totals"]["requests"].as_u64().unwrap())
                .sum();
            assert_eq!(sum, 5);
            assert_eq!(usage["operations"][0]["template"], "/books");
            assert_eq!(
                (
                    usage["applications"][0]["name"].as_str(),
                    usage["applications"][0]["organization"].as_str()
                ),
                (Some("Kiosk"), Some("there"))
            );
            assert_eq!(
                (
                    usage["applications"][1]["name"].as_str(),
                    usage["applications"][1]["organization"].as_str()
                ),
                (Some(""), Some("")),
                "no contract, no name"
            );
        }
        let usage = consumer
            .get(&format!("/applications/{application}/usage?range=1h"))
            .await
            .ok(200)
            .json();
        assert_eq!(usage["totals"]["requests"], 4);
        let all = consumer
            .get(&format!(
                "/organizations/{}/usage?side=consumer",
                world.there.id
            ))
            .await
            .ok(200)
            .json();
        assert_eq!(all["totals"]["requests"], 5);
        let none = consumer
            .get(&format!(
                "/organizations/{}/usage?side=provider",
                world.there.id
            ))
            .await
            .ok(200)
            .json();
        assert_eq!(none["totals"]["requests"], 0);
        consumer
            .get(&format!("/apis/{}/usage", shop.api))
            .await
            .refused(Code::NotFound);
        provider
            .get(&format!("/applications/{application}/usage"))
            .await
            .refused(Code::NotFound);
        provider
            .get(&format!("/apis/{}/usage?range=9y", shop.api))
            .await
            .refused(Code::ValidationFailed);
        let keys = consumer
            .get(&format!("/applications/{application}/credentials"))
            .await
            .ok(200)
            .json();
        assert!(
            keys["items"][0]["last_used_at"].is_string()
                && keys["items"][0]["first_success_at"].is_string()
        );
        // The same once their minute is over and the job has summed them up.
        world.app.advance(Duration::minutes(2));
        let path = format!("/apis/{}/usage?range=1h", shop.api);
        let waiting = provider.get(&path).await.ok(200).json();
        assert_eq!(waiting["totals"]["requests"], 5);
        assert!(jobs::sum_up(&world.app.plane, || false).await.unwrap() > 0);
        assert_eq!(provider.get(&path).await.ok(200).json(), waiting);
        assert_eq!(jobs::sum_up(&world.app.plane, || false).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_log_filters_and_shows_each_side_its_own() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, application, other) = called(&world).await;
        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        let log = format!("/organizations/{}/requests", world.here.id);
        for (query, count) in [
            ("", 5),
            ("status=4xx", 2),
            ("status=500", 1),
            ("code=rate_limited", 1),
            ("method=get", 5),
            ("method=POST", 0),
            ("path=books", 5),
            ("path=%25", 0),
            ("request_id=req-3", 1),
            ("min_ms=3", 0),
            ("environment=test", 0),
            ("cached=hit", 1),
            ("cached=none", 2),
            ("cached=", 5),
            (&format!("application={application}"), 4),
            (&format!("api={}&version={}", shop.api, shop.version), 5),
            (&format!("version={other}"), 0),
        ] {
            let found = provider.get(&format!("{log}?{query}")).await.ok(200).json();
            assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
        }
        for wrong in [
            "status=9xx",
            "status=abc",
            "code=nonsense",
            "limit=1000",
            "after=zz",
            "cached=perhaps",
        ] {
            provider
                .get(&format!("{log}?{wrong}"))
                .await
                .refused(Code::ValidationFailed);
        }
        let page = provider.get(&format!("{log}?limit=2")).await.ok(200).json();
        assert_eq!(page["items"][0]["request_id"], "req-1");
        let next = provider
            .get(&format!(
                "{log}?limit=2&after={}",
                page["next"].as_str().unwrap()
            ))
            .await
            .ok(200)
            .json();
        assert_eq!(next["items"][0]["request_id"], "req-3");

        let entry = format!("{log}/{}", id(&page["items"][0]));
        let theirs = provider.get(&entry).await.ok(200).json();
        assert_eq!(theirs["operation"], "GET /books");
        assert_eq!(theirs["inside"]["target"], "93.184.216.34:443");
        assert!(theirs.get("credential").is_none());
        let mine = entry.replace(&world.here.id.to_string(), &world.there.id.to_string());
        let mine = consumer.get(&mine).await.ok(200).json();
        assert!(mine.get("inside").is_none());
        assert_eq!(mine["credential"]["name"], "k");
        consumer.get(&entry).await.refused(Code::NotFound);
        let unknown = provider
            .get(&format!("{log}?request_id=req-5"))
            .await
            .ok(200)
            .json();
        assert_eq!(unknown["items"][0]["application"]["name"], "");
        let unknown = provider
            .get(&format!("{log}/{}", id(&unknown["items"][0])))
            .await
            .ok(200);
        assert!(
            !unknown.text.contains("Secret") && !unknown.text.contains("\"there\""),
            "{}",
            unknown.text
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_and_answered_is_the_providers_alone() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, application, _) = called(&world).await;
        let traffic = &world.app.plane.databases.traffic;
        let scope = Scope::provider(world.here.id);
        let filter = RequestFilter {
            request_id: Some("req-1".into()),
            ..RequestFilter::default()
        };
        let found = requests(traffic, &scope, &filter, None, 1).await.unwrap();
        let seen = Seen {
            request: Message {
                fields: Some(vec![Field {
                    name: "authorization".into(),
                    value: "***".into(),
                    masked: true,
                }]),
                fields_cut: true,
                body: Some(Body {
                    bytes: 9,
                    left_out: Some(LeftOut::Encoded),
                    ..Body::default()
                }),
            },
            answer: Message {
                body: Some(Body {
                    media_type: "application/json".into(),
                    bytes: 99,
                    text: Some("{\"private\":".into()),
                    masked: 2,
                    cut: true,
                    ..Body::default()
                }),
                ..Message::default()
            },
        };
        let details = [Detail::of(&found[0].record, seen)];
        let batch = BatchId::from_name("batch", "details");
        let written = write_batch_with_details(traffic, batch, &[], &details).await;
        assert!(written.unwrap().is_some());

        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        let at = |organization| format!("/organizations/{organization}/requests/{}", found[0].id);
        let theirs = provider.get(&at(world.here.id)).await.ok(200).json();
        assert_eq!(
            theirs["inside"]["detail"],
            json!({
                "request": {
                    "headers": [{ "name": "authorization", "value": "***", "masked": true }],
                    "headers_cut": true,
                    "body": { "media_type": "", "bytes": 9, "left_out": "encoded", "masked": 0, "cut": false },
                },
                "answer": {
                    "headers_cut": false,
                    "body": { "media_type": "application/json", "bytes": 99, "text": "{\"private\":", "masked": 2, "cut": true },
                },
            })
        );
        // The consumer's own request, and still not its to read.
        let mine = consumer.get(&at(world.there.id)).await.ok(200);
        assert!(!mine.text.contains("private") && !mine.text.contains("detail"));
        consumer.get(&at(world.here.id)).await.refused(Code::NotFound);
        let log = format!("/organizations/{}/requests", world.there.id);
        for text in [
            consumer.get(&format!("{log}?side=consumer")).await.ok(200).text,
            consumer.get(&format!("/applications/{application}/usage")).await.ok(200).text,
        ] {
            assert!(!text.contains("private"), "{text}");
        }
        // Of the other requests nothing was kept.
        let other = RequestFilter {
            request_id: Some("req-2".into()),
            ..RequestFilter::default()
        };
        let other = requests(traffic, &scope, &other, None, 1).await.unwrap();
        let path = format!("/organizations/{}/requests/{}", world.here.id, other[0].id);
        let other = provider.get(&path).await.ok(200).json();
        assert!(other["inside"].get("detail").is_none());
        assert_eq!(other["version_id"], shop.version);
    })
    .await;
}

#[tokio::test]
async fn who_would_have_been_refused_is_told_to_the_provider() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, application, other) = called(&world).await;
        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        let path = format!("/versions/{}/observed", shop.version);
        for range in ["1h", "24h", "7d", "30d"] {
            let path = format!("{path}?range={range}");
            let found = provider.get(&path).await.ok(200).json();
            assert_eq!(found["requests"], 5, "{range}");
            let told: Vec<_> = found["policies"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| {
                    let text = |name: &str| one[name].as_str().unwrap().to_owned();
                    let counts = (one["would_refuse"].as_u64(), one["applications"].as_u64());
                    (text("from"), text("kind"), text("name"), counts)
                })
                .collect();
            let line = |from: &str, kind: &str, name: &str, refused, applications| {
                let counts = (Some(refused), Some(applications));
                (from.to_owned(), kind.to_owned(), name.to_owned(), counts)
            };
            assert_eq!(
                told,
                [
                    line("version", "rate_limit", "burst", 3, 2),
                    line("plan", "quota", "month", 1, 1)
                ]
            );
            assert_eq!(found["policies"][0]["observes"], false);
            assert!(found["policies"][1].get("observes").is_none());
            let rows = &found["policies"][0]["by_application"];
            assert_eq!(rows[0]["id"], application.as_str());
            assert_eq!(rows[0]["requests"], 4);
            assert_eq!(rows[0]["would_refuse"], 2);
            assert_ne!(rows[0]["name"], "");
            // Without a subscription its name is not the provider's to know.
            assert_eq!(rows[1]["id"], other.as_str());
            assert_eq!(
                (&rows[1]["name"], &rows[1]["organization"]),
                (&json!(""), &json!(""))
            );
            consumer.get(&path).await.refused(Code::NotFound);
        }
        // What observes and would have refused nothing is told as well.
        let policies =
            json!([{ "key_auth": {} }, { "cors": { "mode": "observe", "origins": ["*"] } }]);
        let version = format!("/versions/{}", shop.version);
        let draft = json!({ "policies": policies });
        provider
            .patch(&format!("{version}/draft"), draft)
            .await
            .ok(200);
        provider
            .post(&format!("{version}/publish"), json!({}))
            .await
            .ok(200);
        let found = provider.get(&path).await.ok(200).json();
        let last = &found["policies"][2];
        assert_eq!(
            (&last["kind"], &last["observes"], &last["would_refuse"]),
            (&json!("cors"), &json!(true), &json!(0))
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_asked_before_it_was_counted_is_left_out() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, ..) = called(&world).await;
        let mut provider = world.owner.client.clone();
        let path = format!("/versions/{}/observed", shop.version);
        let called = world.app.plane.clock.now();
        world.app.plane.clock.advance(chrono::Duration::hours(2));
        let upgraded = called + chrono::Duration::hours(1);
        for (applied, since, requests) in [
            (upgraded, json!(upgraded), 0),
            (called - chrono::Duration::days(2), json!(null), 5),
            // A clock that was ahead.
            (called + chrono::Duration::days(2), json!(null), 5),
        ] {
            let sql = format!(
                "UPDATE migration_traffic SET applied_at = {} WHERE version = 'm0004_observed'",
                applied.timestamp()
            );
            let traffic = &world.app.plane.databases.traffic;
            traffic.execute_unprepared(&sql).await.unwrap();
            let found = provider.get(&path).await.ok(200).json();
            assert_eq!(
                (&found["since"], &found["requests"]),
                (&since, &json!(requests))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn variants_are_the_providers_to_compare() {
    each(async |app| {
        let world = World::new(app).await;
        let (shop, ..) = called(&world).await;
        let mut provider = world.owner.client.clone();
        let mut consumer = world.stranger.client.clone();
        for path in [
            format!("/versions/{}/variants", shop.version),
            format!("/apis/{}/variants?range=7d", shop.api),
        ] {
            let found = provider.get(&path).await.ok(200).json();
            let rows = found["variants"].as_array().unwrap();
            let told: Vec<_> = rows
                .iter()
                .map(|row| {
                    (
                        row["variant"].as_str().unwrap(),
                        row["totals"]["requests"].as_u64().unwrap(),
                        row["totals"]["server_errors"].as_u64().unwrap(),
                    )
                })
                .collect();
            assert_eq!(told, [("canary", 1, 1), ("stable", 2, 0)], "{path}");
            assert_eq!(rows[0]["version"], "v1");
            assert_eq!(rows[0]["api"]["id"], shop.api.as_str());
            assert!((rows[0]["totals"]["p95_ms"].as_f64().unwrap() - 2.0).abs() < 0.05);
            consumer.get(&path).await.refused(Code::NotFound);
        }
        let log = format!("/organizations/{}/requests?variant=canary", world.here.id);
        let found = provider.get(&log).await.ok(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        let entry = format!(
            "/organizations/{}/requests/{}",
            world.here.id,
            id(&found["items"][0])
        );
        let entry = provider.get(&entry).await.ok(200).json();
        assert_eq!(entry["inside"]["variant"], "canary");
        // A consumer learns nothing of them, not even by asking which of its calls match.
        let log = format!(
            "/organizations/{}/requests?side=consumer&variant=canary",
            world.there.id
        );
        let refused = consumer.get(&log).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], "/variant");
        refused.refused(Code::ValidationFailed);
    })
    .await;
}
