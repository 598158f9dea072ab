//! Organizations of the signed-in person.

use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::world::Tenant;
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
async fn a_new_slug_takes_nothing_of_anybodys_address_space() {
    each(async |app| {
        let world = World::new(app).await;
        let grant = async |tenant: Tenant, path: &str| {
            let at = format!("/operator/organizations/{}/grants", tenant.id);
            let body = json!({ "grants": [{ "path": path, "hosts": [] }] });
            world.operator.client.clone().put(&at, body).await.ok(200);
        };
        // `here` holds the rest, with a route in use and a draft; `there` was granted a place.
        grant(world.here, "/").await;
        world.imported(&world.owner, world.here).await;
        let mut owner = world.owner.client.clone();
        let (_, version) = world.imported(&world.owner, world.here).await;
        let draft = format!("/versions/{version}");
        let route = json!({ "route": { "path": "/bookshop/v1", "hosts": [], "strip_path": true } });
        owner.patch(&format!("{draft}/draft"), route).await.ok(200);
        owner
            .post(&format!("{draft}/publish"), json!({}))
            .await
            .ok(200);
        let moved =
            json!({ "route": { "path": "/elsewhere/v1", "hosts": [], "strip_path": true } });
        owner.patch(&format!("{draft}/draft"), moved).await.ok(200);
        grant(world.there, "/shop/eu").await;

        let mut stranger = world.stranger.client.clone();
        for (slug, why) in [
            ("bookshop", "a route in use"),
            ("elsewhere", "a draft"),
            ("books", "a draft that was never published"),
            ("shop", "a grant"),
        ] {
            let wanted = json!({ "name": "x", "slug": slug });
            let refused = stranger.post("/organizations", wanted).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/slug"], "{why}");
            let made = stranger
                .post("/organizations", json!({ "name": slug }))
                .await
                .ok(201)
                .json();
            assert_eq!(made["slug"], format!("{slug}-2"), "{why}");
        }
        // On the border of a segment only.
        let made = stranger
            .post("/organizations", json!({ "name": "x", "slug": "book" }))
            .await
            .ok(201)
            .json();
        assert_eq!(made["grants"][0]["path"], "/book");
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
