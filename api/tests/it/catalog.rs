//! The catalog: who sees what, searching, documents.

use domain::problem::Code;
use serde_json::json;

use crate::support::{World, each};

#[tokio::test]
async fn visibility_decides_who_sees() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        world.imported(&world.owner, world.here).await;
        let mut clients = [
            world.app.client(),
            world.stranger.client.clone(),
            world.operator.client.clone(),
            world.member.client.clone(),
            world.owner.client.clone(),
        ];
        let outsider = world.app.person("outsider", false).await;
        world
            .app
            .join(
                world.here,
                outsider.id,
                domain::actor::OrganizationRole::Member,
            )
            .await;
        for (visibility, counts, outside) in [
            ("public", [1, 1, 1, 1, 1], 1),
            ("internal", [0, 0, 0, 1, 1], 1),
            ("private", [0, 0, 0, 1, 1], 0),
        ] {
            let edit = json!({ "visibility": visibility });
            world
                .owner
                .client
                .clone()
                .patch(&format!("/apis/{}", shop.api), edit)
                .await
                .ok(200);
            for (client, count) in clients.iter_mut().zip(counts) {
                let found = client.get("/catalog").await.ok(200).json();
                assert_eq!(found["total"], count, "{visibility}");
                let page = client.get("/catalog/here/books").await;
                assert_eq!(page.status.as_u16(), if count == 1 { 200 } else { 404 });
                let document = client
                    .get(&format!("/catalog/versions/{}/document", shop.version))
                    .await;
                assert_eq!(document.status.as_u16(), if count == 1 { 200 } else { 404 });
            }
            let found = outsider.client.clone().get("/catalog").await.ok(200).json();
            assert_eq!(
                found["total"], outside,
                "{visibility}: a member outside of the team"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn words_tags_and_owners_narrow() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world.shop(&world.owner, world.here, json!({})).await;
        world.shop(&world.stranger, world.there, json!({})).await;
        let edit = json!({ "name": "Bücher 100%", "tags": ["fiction"], "category": "Culture" });
        world
            .owner
            .client
            .clone()
            .patch(&format!("/apis/{}", shop.api), edit)
            .await
            .ok(200);
        let mut anyone = world.app.client();
        for (query, count) in [
            ("", 2),
            ("q=b%C3%9CCHER", 1),
            ("q=books", 2),
            ("q=books+more", 2),
            ("q=100%25", 1),
            ("q=1%25", 0),
            ("q=_", 0),
            ("tag=fiction", 1),
            ("tag=fict", 0),
            ("category=culture", 1),
            ("owner=there", 1),
            ("owner=nobody", 0),
            ("q=%27%3B--", 0),
        ] {
            let found = anyone
                .get(&format!("/catalog?{query}"))
                .await
                .ok(200)
                .json();
            assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
        }
        let page = anyone.get("/catalog?limit=1").await.ok(200).json();
        assert_eq!(
            (
                page["total"].as_u64(),
                page["owners"].as_array().unwrap().len()
            ),
            (Some(2), 2)
        );
        let next = page["next"].as_str().unwrap();
        let second = anyone
            .get(&format!("/catalog?limit=1&after={next}"))
            .await
            .ok(200)
            .json();
        assert_ne!(second["items"][0]["id"], page["items"][0]["id"]);
        assert!(second.get("next").is_none());
        assert_eq!(
            anyone
                .get("/catalog?limit=0")
                .await
                .refused(Code::ValidationFailed)
                .pointers(),
            ["/limit"]
        );
    })
    .await;
}

#[tokio::test]
async fn an_apis_page_has_its_plans_and_documents() {
    each(async |app| {
        let world = World::new(app).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        world
            .plan(
                &world.owner,
                &shop.product,
                json!({ "name": "Ours", "organizations": ["here"] }),
            )
            .await;
        let mut anyone = world.app.client();
        let page = anyone.get("/catalog/here/books").await.ok(200).json();
        assert_eq!(page["entry"]["summary"], "All the books.");
        assert_eq!(page["entry"]["approval"], "auto");
        assert_eq!(page["entry"]["needs_key"], true);
        assert_eq!(
            page["entry"]["versions"][0]["address"],
            "http://localhost:8080/here/books/v1"
        );
        assert_eq!(page["products"][0]["versions"], json!(["books/v1"]));
        assert_eq!(page["products"][0]["plans"].as_array().unwrap().len(), 1);
        let own = world
            .member
            .client
            .clone()
            .get("/catalog/here/books")
            .await
            .ok(200)
            .json();
        assert_eq!(own["products"][0]["plans"].as_array().unwrap().len(), 2);
        let document = format!("/catalog/versions/{}/document", shop.version);
        let yaml = anyone.get(&format!("{document}?format=yaml")).await.ok(200);
        assert_eq!(yaml.headers["content-type"], "application/yaml");
        assert_eq!(yaml.text, crate::support::shop::BOOKS);
        let turned = anyone.get(&document).await.ok(200);
        assert_eq!(turned.headers["x-content-type-options"], "nosniff");
        assert_eq!(turned.json()["paths"].as_object().unwrap().len(), 2);
        let log = anyone
            .get(&format!("/catalog/versions/{}/change-log", shop.version))
            .await
            .ok(200)
            .json();
        assert_eq!(log["items"][0]["revision"], 1);
    })
    .await;
}
