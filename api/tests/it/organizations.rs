//! Organizations of the signed-in person.

use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::{Call, World, each};

#[tokio::test]
async fn founding_reading_editing() {
    each(async |app| {
        let mut world = World::new(app).await;
        let made = world.member.client.post("/organizations", json!({ "name": "Lantern Labs" })).await.ok(201);
        let made = made.json();
        assert_eq!((made["slug"].as_str(), made["role"].as_str()), (Some("lantern-labs"), Some("owner")));
        assert_eq!(made["grants"], json!([{ "path": "/lantern-labs", "hosts": [] }]));
        let second = world.stranger.client.post("/organizations", json!({ "name": "Lantern Labs" })).await.ok(201).json();
        assert_eq!(second["slug"], "lantern-labs-2");
        let taken = world.stranger.client.post("/organizations", json!({ "name": "x", "slug": "lantern-labs" })).await;
        assert_eq!(taken.refused(Code::AlreadyExists).pointers(), ["/slug"]);
        let kept = world.stranger.client.post("/organizations", json!({ "name": "x", "slug": "operator" })).await;
        assert_eq!(kept.refused(Code::ValidationFailed).pointers(), ["/slug"]);

        let path = format!("/organizations/{}", made["id"].as_str().unwrap());
        let read = world.member.client.get(&path).await.ok(200);
        let more = json!({ "name": "Lantern", "slug": "stolen", "state": "suspended", "grants": [], "id": world.here.id });
        let edit = Call::new(Method::PATCH, &path).json(more).field("if-match", &read.etag());
        let edited = world.member.client.send(edit.clone()).await.ok(200);
        assert_ne!(edited.etag(), read.etag());
        let json = edited.json();
        assert_eq!((json["name"].as_str(), json["slug"].as_str(), json["state"].as_str()), (Some("Lantern"), Some("lantern-labs"), Some("active")));
        world.member.client.send(edit).await.refused(Code::PreconditionFailed);
    })
    .await;
}

#[tokio::test]
async fn lists_are_pages() {
    each(async |app| {
        let mut world = World::new(app).await;
        for n in 0..4 {
            world
                .owner
                .client
                .post("/organizations", json!({ "name": format!("more {n}") }))
                .await
                .ok(201);
        }
        let mut seen = Vec::new();
        let mut path = "/organizations?limit=2".to_owned();
        loop {
            let page = world.owner.client.get(&path).await.ok(200).json();
            seen.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["slug"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/organizations?limit=2&after={next}");
        }
        seen.sort_unstable();
        assert_eq!(seen, ["here", "more-0", "more-1", "more-2", "more-3"]);
        for bad in ["limit=0", "limit=101", "limit=x", "after=x"] {
            world
                .owner
                .client
                .get(&format!("/organizations?{bad}"))
                .await
                .refused(Code::ValidationFailed);
        }
    })
    .await;
}

#[tokio::test]
async fn changes_reach_the_gateway_of_this_process() {
    each(async |app| {
        let mut world = World::new(app).await;
        let heard = world.app.plane.changes.subscribe();
        let before = *heard.borrow();
        world
            .owner
            .client
            .patch(
                &format!("/organizations/{}", world.here.id),
                json!({ "name": "New" }),
            )
            .await
            .ok(200);
        assert!(heard.has_changed().unwrap());
        let newest = entity::change::newest(&world.app.plane.databases.main)
            .await
            .unwrap();
        assert!(newest > before);
        assert_eq!(*heard.borrow(), newest);
    })
    .await;
}
