//! Versions of one API at one host and path: told apart by a selector or by conditions, refused
//! where requests could not tell them apart.

use domain::problem::Code;
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{World, each};

fn route(rest: Value) -> Value {
    let mut route = json!({ "path": "/here/shared" });
    let fields = route.as_object_mut().unwrap();
    fields.extend(rest.as_object().unwrap().clone());
    json!({ "route": route })
}

#[tokio::test]
async fn versions_of_one_api_share_a_place() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (api, first) = world.imported(&world.owner, world.here).await;
        let made = client
            .post(
                &format!("/apis/{api}/versions"),
                json!({ "slug": "v2", "from": first }),
            )
            .await
            .ok(201)
            .json();
        let second = made["summary"]["id"].as_str().unwrap().to_owned();
        let (_, other) = world.imported(&world.owner, world.here).await;
        let draft = |version: &str| format!("/versions/{version}/draft");
        let publish = |version: &str| format!("/versions/{version}/publish");

        let by_header = |rest: Value| {
            let mut selector = json!({ "header": "X-Api-Version" });
            let fields = selector.as_object_mut().unwrap();
            fields.extend(rest.as_object().unwrap().clone());
            route(json!({ "selector": selector }))
        };
        let shown = client
            .patch(&draft(&first), by_header(json!({ "default": true })))
            .await
            .ok(200)
            .json();
        assert_eq!(
            shown["draft"]["route"],
            json!({
                "path": "/here/shared",
                "strip_path": true,
                "selector": { "header": "X-Api-Version", "default": true },
            })
        );
        client.post(&publish(&first), json!({})).await.ok(200);

        for (body, pointer) in [
            (route(json!({})), "/route/selector"),
            (
                route(json!({ "selector": { "query": "v" } })),
                "/route/selector",
            ),
            (by_header(json!({ "value": "V1" })), "/route/selector"),
            (
                by_header(json!({ "default": true })),
                "/route/selector/default",
            ),
        ] {
            let refused = client.patch(&draft(&second), body.clone()).await;
            let refused = refused.refused(Code::RouteTaken);
            assert_eq!(refused.pointers(), [pointer], "{body}");
        }
        for (body, pointer) in [
            (
                route(json!({ "selector": { "header": "Cookie" } })),
                "/route/selector/header",
            ),
            (
                route(json!({ "selector": { "header": "a", "query": "b" } })),
                "/route/selector",
            ),
            (
                route(json!({ "when": [{ "header": "a", "regex": "(" }] })),
                "/route/when/0/regex",
            ),
        ] {
            let refused = client.patch(&draft(&second), body.clone()).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), [pointer], "{body}");
        }
        client
            .patch(&draft(&second), by_header(json!({})))
            .await
            .ok(200);
        client.post(&publish(&second), json!({})).await.ok(200);
        // Another API's version does not come in between.
        let foreign = by_header(json!({ "value": "v3" }));
        let refused = client.patch(&draft(&other), foreign).await;
        assert_eq!(
            refused.refused(Code::RouteTaken).pointers(),
            ["/route/path"]
        );

        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let mut served: Vec<_> = state
            .parts
            .versions
            .iter()
            .map(|version| *version.revision.route.selector.clone().unwrap())
            .map(|selector| (selector.header.unwrap(), selector.default))
            .collect();
        served.sort();
        assert_eq!(
            served,
            [
                ("X-Api-Version".to_owned(), false),
                ("X-Api-Version".to_owned(), true)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn conditions_that_tie_are_refused() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (api, first) = world.imported(&world.owner, world.here).await;
        let new = json!({ "slug": "v2", "from": first });
        let made = client.post(&format!("/apis/{api}/versions"), new).await;
        let second = made.ok(201).json()["summary"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let when = |conditions: Value| route(json!({ "when": conditions }));
        let beta = json!({ "header": "X-Beta", "exact": "1" });
        client
            .patch(&format!("/versions/{first}/draft"), when(json!([beta])))
            .await
            .ok(200);
        client
            .post(&format!("/versions/{first}/publish"), json!({}))
            .await
            .ok(200);
        let draft = format!("/versions/{second}/draft");
        for tied in [
            json!([beta]),
            json!([{ "method": ["GET"] }]),
            json!([{ "header": "x-beta", "prefix": "1" }]),
        ] {
            let refused = client.patch(&draft, when(tied.clone())).await;
            let refused = refused.refused(Code::RouteTaken);
            assert_eq!(refused.pointers(), ["/route/when"], "{tied}");
        }
        for apart in [
            json!([]),
            json!([{ "header": "x-beta", "exact": "2" }]),
            json!([beta, { "method": ["GET"] }]),
        ] {
            client.patch(&draft, when(apart)).await.ok(200);
        }
        client
            .post(&format!("/versions/{second}/publish"), json!({}))
            .await
            .ok(200);
        let shown = client
            .get(&format!("/versions/{second}"))
            .await
            .ok(200)
            .json();
        assert_eq!(id(&shown["summary"]), second);
        assert_eq!(
            shown["draft"]["route"]["when"][1],
            json!({ "method": ["GET"] })
        );
    })
    .await;
}
