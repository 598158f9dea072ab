//! Versions: drafts, publishing, revisions, and who answers where.

use domain::problem::Code;
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{Call, World, each};

#[tokio::test]
async fn from_draft_to_published_and_back() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (api, version) = world.imported(&world.owner, world.here).await;
        let path = format!("/versions/{version}");
        client
            .post(&format!("{path}/unpublish"), json!({}))
            .await
            .refused(Code::IllegalTransition);
        let made = client
            .post(
                &format!("{path}/publish"),
                json!({ "note": "First.", "visibility": "public" }),
            )
            .await
            .ok(200)
            .json();
        assert_eq!(made["summary"]["state"], "published");
        assert_eq!(made["summary"]["current"], 1);
        assert_eq!(made["summary"]["changed"], false);
        assert_eq!(
            made["summary"]["address"],
            "http://localhost:8080/here/books/v1"
        );
        assert_eq!(made["visibility"], "public");
        assert_eq!(made["products"][0]["slug"], "books", "a product of its own");

        world.app.advance(chrono::Duration::minutes(1));
        let limit = json!([{ "key_auth": {} }, { "rate_limit": { "limit": 5, "window": "60s" } }]);
        let edited = client
            .patch(&format!("{path}/draft"), json!({ "policies": limit }))
            .await
            .ok(200)
            .json();
        assert_eq!(edited["summary"]["changed"], true);
        world.app.advance(chrono::Duration::minutes(1));
        let second = client
            .post(&format!("{path}/publish"), json!({}))
            .await
            .ok(200)
            .json();
        assert_eq!(second["summary"]["current"], 2);
        assert_eq!(
            second["products"].as_array().unwrap().len(),
            1,
            "offered already"
        );
        let back = client
            .post(
                &format!("{path}/revisions/1/promote"),
                json!({ "note": "Back." }),
            )
            .await
            .ok(200)
            .json();
        assert_eq!(
            (
                back["summary"]["current"].as_u64(),
                back["summary"]["changed"].as_bool()
            ),
            (Some(1), Some(true))
        );
        client
            .post(&format!("{path}/revisions/9/promote"), json!({}))
            .await
            .refused(Code::NotFound);
        let revisions = client
            .get(&format!("{path}/revisions"))
            .await
            .ok(200)
            .json();
        assert_eq!(revisions["items"][1]["current"], true);
        assert_eq!(revisions["items"][1]["note"], "First.");

        client
            .delete(&format!("/apis/{api}"))
            .await
            .refused(Code::Conflict);
        client
            .post(&format!("{path}/disable"), json!({}))
            .await
            .ok(200);
        let off = client
            .post(&format!("{path}/unpublish"), json!({}))
            .await
            .ok(200)
            .json();
        assert_eq!(
            (
                off["summary"]["state"].as_str(),
                off["summary"]["enabled"].as_bool()
            ),
            (Some("unpublished"), Some(false))
        );
        assert!(off["summary"].get("address").is_none());
        client.delete(&path).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn gateways_load_what_was_published() {
    each(async |app| {
        let world = World::new(app).await;
        let (_, draft) = world.imported(&world.owner, world.here).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let versions: Vec<String> = state
            .parts
            .versions
            .iter()
            .map(|version| version.id.to_string())
            .collect();
        assert_eq!(versions, [shop.version], "the draft {draft} is not served");
        assert_eq!(state.parts.versions[0].revision.operations.len(), 3);
        assert_eq!(state.parts.products[0].versions.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn places_in_the_address_space() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (_, first) = world.imported(&world.owner, world.here).await;
        let (_, second) = world.imported(&world.owner, world.here).await;
        client
            .post(&format!("/versions/{first}/publish"), json!({}))
            .await
            .ok(200);
        let route = |path: &str| json!({ "route": { "path": path } });
        let draft = format!("/versions/{second}/draft");
        for taken in [
            "/here/books/v1",
            "/there/books",
            "/elsewhere",
            "/",
            "/hereafter",
        ] {
            let answer = client
                .patch(&draft, route(taken))
                .await
                .refused(Code::RouteTaken);
            assert_eq!(answer.pointers(), ["/route/path"], "{taken}");
            assert!(!answer.text.contains("there\""), "nobody is named");
        }
        for malformed in ["here", "/here/", "/here//x", "/here/../x", "/here/%2e"] {
            client
                .patch(&draft, route(malformed))
                .await
                .refused(Code::ValidationFailed);
        }
        client.patch(&draft, route("/here")).await.ok(200);
        client
            .post(&format!("/versions/{second}/publish"), json!({}))
            .await
            .ok(200);
        // What was free at the edit may be taken at the publish.
        let (_, third) = world.imported(&world.owner, world.here).await;
        let (_, fourth) = world.imported(&world.owner, world.here).await;
        for version in [&third, &fourth] {
            client
                .patch(&format!("/versions/{version}/draft"), route("/here/same"))
                .await
                .ok(200);
        }
        client
            .post(&format!("/versions/{third}/publish"), json!({}))
            .await
            .ok(200);
        client
            .post(&format!("/versions/{fourth}/publish"), json!({}))
            .await
            .refused(Code::RouteTaken);
        client
            .post(&format!("/versions/{third}/unpublish"), json!({}))
            .await
            .ok(200);
        client
            .post(&format!("/versions/{fourth}/publish"), json!({}))
            .await
            .ok(200);
        client
            .post(&format!("/versions/{third}/publish"), json!({}))
            .await
            .refused(Code::RouteTaken);
    })
    .await;
}

#[tokio::test]
async fn drafts_say_what_is_wrong_with_them() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let body = json!({ "team": world.here.team, "name": "Bare" });
        let api = id(&client.post(&format!("/organizations/{}/apis", world.here.id), body).await.ok(201).json());
        let made = client.post(&format!("/apis/{api}/versions"), json!({ "slug": "v1" })).await.ok(201).json();
        let version = id(&made["summary"]);
        assert_eq!(made["draft"]["blockers"][0]["pointer"], "/upstream");
        let answer = client.post(&format!("/versions/{version}/publish"), json!({})).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/upstream"]);
        client.post(&format!("/apis/{api}/versions"), json!({ "slug": "v1" })).await.refused(Code::AlreadyExists);

        let (_, other) = world.imported(&world.stranger, world.there).await;
        let theirs = world.stranger.client.clone().get(&format!("/versions/{other}")).await.ok(200).json();
        let foreign = json!({ "upstream": theirs["draft"]["upstream"]["id"] });
        let draft = format!("/versions/{version}/draft");
        assert_eq!(client.patch(&draft, foreign).await.refused(Code::ValidationFailed).pointers(), ["/upstream"]);
        let theirs_for = json!({ "upstreams": [{ "when": { "plan": "gold" }, "upstream": theirs["draft"]["upstream"]["id"] }, { "when": {}, "upstream": theirs["draft"]["upstream"]["id"] }] });
        let pointers = client.patch(&draft, theirs_for).await.refused(Code::ValidationFailed).pointers();
        assert_eq!(pointers, ["/upstreams/1/when", "/upstreams/0/upstream", "/upstreams/1/upstream"]);
        let operation = json!({ "operations": [{ "id": theirs["draft"]["operations"][0]["id"], "policies": [] }] });
        client.patch(&draft, operation).await.refused(Code::ValidationFailed);
        let policies = json!({ "policies": [{ "key_auth": {} }, { "key_auth": {} }, { "quota": { "limit": 0, "period": "day" } }] });
        let answer = client.patch(&draft, policies).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/policies/1/key_auth/name", "/policies/2/quota/limit"]);
        let timed = |timeouts: serde_json::Value| json!({ "route": { "path": "/here/bare", "timeouts": timeouts } });
        let hurried = client.patch(&draft, timed(json!({ "total": "25h" }))).await;
        assert_eq!(hurried.refused(Code::ValidationFailed).pointers(), ["/route/timeouts/total"]);
        let timeouts = json!({ "first_byte": "2m", "idle": "12h" });
        let patient = client.patch(&draft, timed(timeouts.clone())).await.ok(200).json();
        assert_eq!(patient["draft"]["route"]["timeouts"], timeouts);
        let stale = Call::new(http::Method::PATCH, &draft).json(json!({})).field("if-match", "\"1\"");
        client.send(stale).await.refused(Code::PreconditionFailed);
    })
    .await;
}

#[tokio::test]
async fn the_chain_says_where_each_policy_comes_from() {
    each(async |app| {
        let world = World::new(app).await;
        let plan = json!({ "policies": [{ "quota": { "limit": 1000, "period": "month" } }] });
        let shop = world.shop(&world.owner, world.here, plan).await;
        let mut client = world.owner.client.clone();
        let policies = json!({ "policies": [{ "rate_limit": { "limit": 9, "window": "1s" } }, { "key_auth": { "optional": true } }] });
        client.patch(&format!("/apis/{}", shop.api), policies).await.ok(200);
        let path = format!("/versions/{}/effective-policies?plan={}", shop.version, shop.plan);
        let chain = client.get(&path).await.ok(200).json();
        let parts: Vec<(&str, String)> = chain["chain"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| (part["from"].as_str().unwrap(), part["policy"].as_object().unwrap().keys().next().unwrap().clone()))
            .collect();
        let expected = [("version", "key_auth"), ("api", "rate_limit"), ("plan", "quota")];
        assert_eq!(parts, expected.map(|(from, kind)| (from, kind.to_owned())));
        assert_eq!(chain["open"], false);
    })
    .await;
}

#[tokio::test]
async fn the_chain_says_how_far_several_gateways_may_exceed_it() {
    each(async |app| {
        let world = World::new(app).await;
        let limit = |rest: Value| {
            let mut limit = json!({ "limit": 100, "window": "60s" });
            limit
                .as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            json!({ "rate_limit": limit })
        };
        let shared = json!({ "name": "shared", "scope": "cluster" });
        let plan = json!({ "policies": [
            limit(json!({})),
            limit(shared.clone()),
            { "quota": { "limit": 1000, "period": "month" } },
        ] });
        let shop = world.shop(&world.owner, world.here, plan).await;
        let mut client = world.owner.client.clone();
        let policies = json!({ "policies": [
            limit(shared),
            limit(json!({ "name": "watched", "scope": "cluster", "mode": "observe" })),
            { "quota": { "limit": 1000, "period": "month" } },
        ] });
        client
            .patch(&format!("/apis/{}", shop.api), policies)
            .await
            .ok(200);
        let path = format!(
            "/versions/{}/effective-policies?plan={}",
            shop.version, shop.plan
        );
        let table: [(&[&str], [&str; 3]); 3] = [
            // Where none has reported.
            (
                &[],
                [
                    "2 nodes together admit at most 12 more; 62 more once Redis is lost.",
                    "With 2 gateway nodes the quota may be exceeded by at most 166 requests.",
                    "With 2 gateway nodes the quota may be exceeded by at most 104 requests.",
                ],
            ),
            (
                &["one"],
                [
                    "One node counts exactly.",
                    "With one gateway node the quota is counted exactly.",
                    "With one gateway node the quota is counted exactly.",
                ],
            ),
            (
                &["two", "three"],
                [
                    "3 nodes together admit at most 22 more; 90 more once Redis is lost.",
                    "With 3 gateway nodes the quota may be exceeded by at most 194 requests.",
                    "With 3 gateway nodes the quota may be exceeded by at most 194 requests.",
                ],
            ),
        ];
        for (new, [rate, of_api, of_plan]) in table {
            for node in new {
                world.app.reports(node, 1).await;
            }
            let chain = client.get(&path).await.ok(200).json();
            let told = chain["chain"].as_array().unwrap().iter();
            let told: Vec<Option<&str>> = told.map(|one| one["overshoot"].as_str()).collect();
            let expected = [
                None,
                Some(rate),
                None,
                Some(of_api),
                None,
                Some(rate),
                Some(of_plan),
            ];
            assert_eq!(told, expected, "{chain}");
            let plan = client
                .get(&format!("/plans/{}", shop.plan))
                .await
                .ok(200)
                .json();
            let bounds = json!([
                { "policy": "rate_limit/shared", "overshoot": rate },
                { "policy": "quota/quota", "overshoot": of_plan },
            ]);
            assert_eq!(
                (&plan["bounds"], &plan["overshoot"]),
                (&bounds, &json!(of_plan))
            );
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_publishes_inside_a_route_in_use() {
    each(async |app| {
        let world = World::new(app).await;
        let grant = async |tenant: crate::support::world::Tenant, path: &str| {
            let at = format!("/operator/organizations/{}/grants", tenant.id);
            let body = json!({ "grants": [{ "path": path, "hosts": [] }] });
            world.operator.client.clone().put(&at, body).await.ok(200);
        };
        let route =
            |path: &str| json!({ "route": { "path": path, "hosts": [], "strip_path": true } });
        grant(world.here, "/").await;
        let mut owner = world.owner.client.clone();
        let (_, held) = world.imported(&world.owner, world.here).await;
        let held = format!("/versions/{held}");
        owner
            .patch(&format!("{held}/draft"), route("/bookshop/v1"))
            .await
            .ok(200);
        owner
            .post(&format!("{held}/publish"), json!({}))
            .await
            .ok(200);

        grant(world.there, "/bookshop").await;
        let mut stranger = world.stranger.client.clone();
        let (_, version) = world.imported(&world.stranger, world.there).await;
        let version = format!("/versions/{version}");
        for path in ["/bookshop/v1", "/bookshop/v1/orders"] {
            stranger
                .patch(&format!("{version}/draft"), route(path))
                .await
                .refused(Code::RouteTaken);
        }
        // Written as a draft while nothing was in use there, and published too late.
        owner
            .post(&format!("{held}/unpublish"), json!({}))
            .await
            .ok(200);
        stranger
            .patch(&format!("{version}/draft"), route("/bookshop/v1/orders"))
            .await
            .ok(200);
        grant(world.there, "/there").await;
        owner
            .post(&format!("{held}/publish"), json!({}))
            .await
            .ok(200);
        grant(world.there, "/bookshop").await;
        stranger
            .post(&format!("{version}/publish"), json!({}))
            .await
            .refused(Code::RouteTaken);
        stranger
            .patch(&format!("{version}/draft"), route("/bookshop/v2"))
            .await
            .ok(200);
        stranger
            .post(&format!("{version}/publish"), json!({}))
            .await
            .ok(200);
    })
    .await;
}
