//! Policies that this release cannot read, as a newer one wrote them: what can be read is shown, what
//! cannot is told, and nothing of it gets lost unnoticed.

use domain::problem::Code;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::shop::Shop;
use crate::support::{App, World, each};

const LIMIT: &str = r#"{"rate_limit":{"limit":9,"window":"1s"}}"#;

/// Writes a list of policies, as JSON, where every kind of place keeps them.
async fn write(app: &App, list: &str) {
    let db = &app.plane.databases.main;
    for table in ["organization", "api", "plan"] {
        let sql = format!("UPDATE {table} SET policies = '{list}'");
        db.execute_unprepared(&sql).await.unwrap();
    }
    for (table, column) in [("draft", "settings"), ("revision", "snapshot")] {
        let sql = format!(
            "UPDATE {table} SET {column} = REPLACE({column}, '\"policies\":[{{\"key_auth\":{{}}}}]', '\"policies\":{list}')"
        );
        db.execute_unprepared(&sql).await.unwrap();
    }
}

/// Everything that looks at policies; the first five have some of their own.
fn looks(world: &World, shop: &Shop, application: &str) -> Vec<String> {
    let (organization, version) = (world.here.id, &shop.version);
    let (product, plan) = (&shop.product, &shop.plan);
    vec![
        format!("/organizations/{organization}/policies"),
        format!("/apis/{}", shop.api),
        format!("/plans/{plan}"),
        format!("/versions/{version}"),
        format!("/versions/{version}/revisions"),
        format!("/organizations/{organization}/apis"),
        format!("/products/{product}/plans"),
        format!("/versions/{version}/effective-policies?plan={plan}"),
        format!("/versions/{version}/effective-policies?draft=true"),
        format!("/versions/{version}/observed"),
        format!("/applications/{application}/issuers"),
        format!("/applications/{application}/subscriptions"),
        "/catalog".to_owned(),
        "/catalog/here/books".to_owned(),
    ]
}

/// The part of an answer that has policies.
fn part(answer: &Value) -> &Value {
    match (answer.get("draft"), answer.get("items")) {
        (Some(draft), _) => draft,
        (None, Some(items)) => &items[0],
        (None, None) => answer,
    }
}

fn pointers(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| one["pointer"].as_str().unwrap()).collect()
}

async fn shop(world: &World) -> (Shop, String) {
    let plan = json!({ "approval": "auto" });
    let shop = world.shop(&world.owner, world.here, plan).await;
    let application = world.application(&world.owner, world.here, "reader").await;
    world
        .subscribed(&world.owner, &application, &shop.plan)
        .await;
    (shop, application)
}

#[tokio::test]
async fn what_can_be_read_is_shown_and_what_cannot_is_told() {
    each(async |app| {
        let mut world = World::new(app).await;
        let (shop, application) = shop(&world).await;
        let list = format!("[{{\"hologram\":{{}}}},{LIMIT}]");
        write(&world.app, &list).await;
        let limit: Value = serde_json::from_str(LIMIT).unwrap();
        let paths = looks(&world, &shop, &application);
        for (index, path) in paths.iter().enumerate() {
            let shown = world.owner.client.get(path).await.ok(200).json();
            if index >= 5 {
                continue;
            }
            let part = part(&shown);
            assert_eq!(part["policies"], json!([limit]), "{path}");
            let at = if index < 3 { "/0" } else { "/policies/0" };
            assert_eq!(pointers(&part["unreadable"]), [at], "{path}");
            let told = part["unreadable"][0]["message"].as_str().unwrap();
            assert_eq!(told, "This release knows no policy `hologram`.", "{path}");
        }
        for (query, from) in [
            (
                format!("plan={}", shop.plan),
                vec!["organization", "api", "version", "plan"],
            ),
            (
                "draft=true".to_owned(),
                vec!["organization", "api", "version"],
            ),
        ] {
            let path = format!("/versions/{}/effective-policies?{query}", shop.version);
            let chain = world.owner.client.get(&path).await.ok(200).json();
            let told = chain["unreadable"].as_array().unwrap().iter();
            let told: Vec<&str> = told.map(|one| one["from"].as_str().unwrap()).collect();
            assert_eq!(told, from);
            assert_eq!(chain["chain"].as_array().unwrap().len(), from.len());
            assert_eq!(chain["open"], false, "nobody knows");
        }
        // Nor does it break anything where nothing at all can be read.
        let db = &world.app.plane.databases.main;
        for (table, column) in [
            ("organization", "policies"),
            ("api", "policies"),
            ("plan", "policies"),
            ("draft", "settings"),
            ("revision", "snapshot"),
        ] {
            let sql = format!("UPDATE {table} SET {column} = '[{{'");
            db.execute_unprepared(&sql).await.unwrap();
        }
        for (index, path) in paths.iter().enumerate() {
            let shown = world.owner.client.get(path).await.ok(200).json();
            if index < 5 {
                let part = part(&shown);
                assert_eq!(part["policies"], json!([]), "{path}");
                assert_eq!(pointers(&part["unreadable"]), [""], "{path}");
            }
        }
        let version = format!("/versions/{}", shop.version);
        let shown = world.owner.client.get(&version).await.ok(200).json();
        let blockers = &shown["draft"]["blockers"];
        assert_eq!(pointers(blockers), [""], "all of it, and nothing made up");
    })
    .await;
}

#[tokio::test]
async fn nothing_that_cannot_be_read_is_lost_unnoticed() {
    each(async |app| {
        let mut world = World::new(app).await;
        let (shop, _) = shop(&world).await;
        write(&world.app, "[{\"hologram\":{}}]").await;
        let version = format!("/versions/{}", shop.version);
        let draft = format!("{version}/draft");
        let client = &mut world.owner.client;

        // A draft is written as a whole: what would lose a part of it says so.
        let other = json!({ "operations_mode": "open" });
        let refused = client.patch(&draft, other.clone()).await;
        assert_eq!(refused.refused(Code::Conflict).pointers(), ["/policies/0"]);
        let publish = format!("{version}/publish");
        let refused = client.post(&publish, json!({})).await;
        let refused = refused.refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/policies/0"]);
        let promote = format!("{version}/revisions/1/promote");
        client
            .post(&promote, json!({}))
            .await
            .refused(Code::Conflict);
        let anew = json!({ "policies": [{ "key_auth": {} }] });
        let written = client.patch(&draft, anew).await.ok(200).json();
        assert_eq!(
            pointers(&written["draft"]["unreadable"]),
            Vec::<&str>::new()
        );
        client.patch(&draft, other).await.ok(200);
        client.post(&publish, json!({})).await.ok(200);

        // The others keep theirs until somebody puts a list in their place.
        let api = format!("/apis/{}", shop.api);
        let renamed = client.patch(&api, json!({ "name": "Library" })).await;
        assert_eq!(pointers(&renamed.ok(200).json()["unreadable"]), ["/0"]);
        let organization = format!("/organizations/{}", world.here.id);
        let policies = format!("{organization}/policies");
        let plan = format!("/plans/{}", shop.plan);
        let none = json!({ "policies": [] });
        let set = client.put(&policies, none.clone()).await.ok(200).json();
        assert!(set.get("unreadable").is_none());
        client.patch(&api, none).await.ok(200);
        client
            .put(&plan, json!({ "name": "Standard" }))
            .await
            .ok(200);
        let audit = client.get(&format!("{organization}/audit")).await;
        let audit = audit.ok(200).json();
        let rows = audit["items"].as_array().unwrap();
        for action in ["organization.edit_policies", "api.edit", "plan.edit"] {
            let row = rows.iter().find(|row| row["action"] == action).unwrap();
            assert_eq!(
                row["before"]["policies"],
                json!([{ "hologram": {} }]),
                "{action}"
            );
        }
    })
    .await;
}
