//! The operator's routes.

use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::{App, Call, World, each};

#[tokio::test]
async fn settings_are_rows_over_defaults() {
    each(async |app| {
        let mut world = World::new(app).await;
        let list = world.operator.client.get("/operator/settings").await.ok(200).json();
        assert_eq!(list[0], json!({ "name": "sign_up", "value": "open", "is_default": true, "help": list[0]["help"], "etag": 0 }));
        let put = |value: &str| json!({ "value": value });
        world.operator.client.put("/operator/settings/sign_up", put("sometimes")).await.refused(Code::ValidationFailed);
        world.operator.client.put("/operator/settings/nonsense", put("1")).await.refused(Code::NotFound);
        let set = world.operator.client.put("/operator/settings/upstream_allow", put("10.0.0.0/8, 127.0.0.1")).await.ok(200);
        assert_eq!(set.json()["value"], "10.0.0.0/8, 127.0.0.1/32");
        let stale = Call::new(Method::PUT, "/operator/settings/upstream_allow").json(put("")).field("if-match", "\"0\"");
        world.operator.client.send(stale).await.refused(Code::PreconditionFailed);
        // What gateways load.
        let seen = entity::setting::for_gateways(&world.app.plane.databases.main).await.unwrap();
        assert_eq!(seen.upstream_allow.len(), 2);
        world.owner.client.get("/operator/settings").await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn what_a_process_was_told_becomes_a_row_once() {
    let check = async |database| {
        let app = App::with(database, |settings| {
            settings.upstream_allow = vec!["127.0.0.0/8".parse().unwrap()]
        })
        .await;
        for _ in 0..2 {
            api::service::settings::prepare(&app.job()).await.unwrap();
        }
        let seen = entity::setting::for_gateways(&app.plane.databases.main)
            .await
            .unwrap();
        assert_eq!(seen.upstream_allow, ["127.0.0.0/8".parse().unwrap()]);
    };
    migration::testing::each_backend(check).await;
}

#[tokio::test]
async fn grants_are_the_operators_and_nobody_has_them_twice() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/operator/organizations/{}/grants", world.here.id);
        let grant = |path: &str| json!({ "grants": [{ "path": path, "hosts": [] }] });
        world
            .operator
            .client
            .put(&path, grant("/books"))
            .await
            .ok(200);
        world
            .operator
            .client
            .put(&path, grant("/there"))
            .await
            .refused(Code::RouteTaken);
        let bad = world
            .operator
            .client
            .put(&path, grant("books/"))
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(bad.pointers(), ["/grants/0/path"]);
        world
            .owner
            .client
            .put(&path, grant("/"))
            .await
            .refused(Code::NotFound);
        let list = world
            .operator
            .client
            .get("/operator/organizations")
            .await
            .ok(200)
            .json();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        assert!(
            world
                .operator
                .client
                .get("/operator/nodes")
                .await
                .ok(200)
                .json()
                .as_array()
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn the_outbox_is_read_only_without_smtp_and_each_reading_is_noted() {
    let check = async |database| {
        let app = App::new(database).await;
        let mut world = World::new(app).await;
        let ask = json!({ "email": world.owner.email });
        world
            .app
            .client()
            .post("/password-resets", ask)
            .await
            .ok(202);
        let list = world.operator.client.get("/operator/mails").await.ok(200);
        assert!(!list.text.contains("/reset/"), "bodies are sealed");
        let mail = list.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let shown = world
            .operator
            .client
            .post(&format!("/operator/mails/{mail}/show"), json!({}))
            .await
            .ok(200)
            .json();
        assert!(
            shown["text"]
                .as_str()
                .unwrap()
                .contains("http://localhost:3000/reset/")
        );
        assert!(shown["warning"].as_str().unwrap().contains("act as"));
        let audit = world
            .operator
            .client
            .get("/operator/audit?action=mail.show")
            .await
            .ok(200)
            .json();
        assert_eq!(audit["items"][0]["object"], json!(mail));
        assert!(!audit.to_string().contains(&world.owner.email));
    };
    migration::testing::each_backend(check).await;
    let app = App::with(
        migration::testing::TestDatabase::sqlite().await,
        |settings| {
            settings.smtp_url = Some("smtp://127.0.0.1:1".into());
        },
    )
    .await;
    let mut world = World::new(app).await;
    world
        .app
        .client()
        .post("/password-resets", json!({ "email": world.owner.email }))
        .await
        .ok(202);
    let list = world
        .operator
        .client
        .get("/operator/mails")
        .await
        .ok(200)
        .json();
    let mail = list["items"][0]["id"].as_str().unwrap();
    world
        .operator
        .client
        .post(&format!("/operator/mails/{mail}/show"), json!({}))
        .await
        .refused(Code::Forbidden);
}
