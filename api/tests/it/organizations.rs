//! Organizations of the signed-in person.

use domain::name::RESERVED_SLUGS;
use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::shop::BOOKS;
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
async fn clients_addresses_are_kept_as_its_admins_say() {
    each(async |app| {
        let mut world = World::new(app).await;
        let mut owner = world.owner.client.clone();
        let path = format!("/organizations/{}", world.here.id);
        let read = owner.get(&path).await.ok(200).json();
        assert_eq!(read["client_addresses"], "whole");
        for (body, form) in [
            (
                json!({ "name": "Here", "client_addresses": "truncated" }),
                "truncated",
            ),
            // What is left out stays.
            (json!({ "name": "Still here" }), "truncated"),
            (
                json!({ "name": "Here", "client_addresses": "dropped" }),
                "dropped",
            ),
            (
                json!({ "name": "Here", "client_addresses": "whole" }),
                "whole",
            ),
        ] {
            let edited = owner.patch(&path, body).await.ok(200).json();
            assert_eq!(edited["client_addresses"], form);
            let read = owner.get(&path).await.ok(200).json();
            assert_eq!(read["client_addresses"], form);
        }
        let audit = owner
            .get(&format!("{path}/audit?action=organization"))
            .await
            .ok(200)
            .json();
        let (before, after) = (&audit["items"][0]["before"], &audit["items"][0]["after"]);
        assert_eq!(
            (&before["client_addresses"], &after["client_addresses"]),
            (&json!("dropped"), &json!("whole"))
        );
        let wrong = json!({ "name": "Here", "client_addresses": "hashed" });
        let refused = owner
            .patch(&path, wrong)
            .await
            .refused(Code::ValidationFailed);
        assert!(refused.pointers()[0].starts_with("/client_addresses"));
        let right = json!({ "name": "Here", "client_addresses": "dropped" });
        world
            .member
            .client
            .patch(&path, right)
            .await
            .refused(Code::Forbidden);
    })
    .await;
}

#[tokio::test]
async fn reserved_words_name_nothing() {
    each(async |app| {
        let world = World::new(app).await;
        let mut owner = world.owner.client.clone();
        let (id, team) = (world.here.id, world.here.team);
        let of = |kind: &str| format!("/organizations/{id}/{kind}");
        for word in RESERVED_SLUGS {
            let named = json!({ "name": "x", "slug": word });
            let of_team = json!({ "name": "x", "slug": word, "team": team });
            let bundle = json!({ "name": "x", "slug": word, "team": team, "versions": [] });
            for (path, body) in [
                ("/organizations".to_owned(), named.clone()),
                (of("teams"), named),
                (of("apis"), of_team),
                (of("products"), bundle),
            ] {
                let answer = owner
                    .post(&path, body)
                    .await
                    .refused(Code::ValidationFailed);
                let pointers = answer.pointers();
                assert!(
                    pointers.contains(&"/slug".to_owned()),
                    "{word} at {path}: {pointers:?}"
                );
            }
        }
        // A name that sounds like one gets another word.
        for (path, body, slug) in [
            (
                "/organizations".to_owned(),
                json!({ "name": "Sign in" }),
                "sign-in-2",
            ),
            (of("teams"), json!({ "name": "Well known" }), "well-known-2"),
            (
                of("apis"),
                json!({ "name": "Metrics", "team": team }),
                "metrics-api",
            ),
        ] {
            let made = owner.post(&path, body).await.ok(201).json();
            let slug_of = if path == of("apis") {
                let api = made["id"].as_str().unwrap().to_owned();
                owner.get(&format!("/apis/{api}")).await.ok(200).json()["slug"].clone()
            } else {
                made["slug"].clone()
            };
            assert_eq!(slug_of, slug, "{path}");
        }
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

#[tokio::test]
async fn policies_stand_on_the_way_to_all_its_apis() {
    each(async |app| {
        let mut world = World::new(app).await;
        let shop = world.shop(&world.owner, world.here, json!({})).await;
        let path = format!("/organizations/{}/policies", world.here.id);
        let read = world.member.client.get(&path).await.ok(200);
        assert_eq!(read.json()["policies"], json!([]));
        assert_eq!(read.json()["organization"], json!(world.here.id));
        let before = entity::change::newest(&world.app.plane.databases.main).await.unwrap();

        let policies = json!([{ "rate_limit": { "name": "all", "limit": 9, "window": "1s" } }, { "validate": {} }]);
        let put = Call::new(Method::PUT, &path).json(json!({ "policies": policies })).field("if-match", &read.etag());
        world.member.client.send(put.clone()).await.refused(Code::Forbidden);
        let set = world.owner.client.send(put.clone()).await.ok(200);
        assert_eq!(set.json()["policies"], policies);
        assert_ne!(set.etag(), read.etag());
        world.owner.client.send(put).await.refused(Code::PreconditionFailed);
        // The organization's other settings are of the same state.
        let one = world.owner.client.get(&format!("/organizations/{}", world.here.id)).await.ok(200);
        assert_eq!(one.etag(), set.etag());

        let state = entity::snapshot::load(&world.app.plane.databases.main).await.unwrap();
        assert!(state.state > before);
        let here = state.parts.organizations.iter().find(|one| one.id == world.here.id).unwrap();
        assert_eq!(serde_json::to_value(&here.policies).unwrap(), policies);
        let chain = world.owner.client.get(&format!("/versions/{}/effective-policies", shop.version)).await.ok(200).json();
        let from: Vec<_> = chain["chain"].as_array().unwrap().iter().map(|one| one["from"].as_str().unwrap()).collect();
        assert_eq!(from, ["version", "organization", "organization"]);

        let audit = world.owner.client.get(&format!("/organizations/{}/audit?action=organization", world.here.id)).await.ok(200).json();
        let row = &audit["items"][0];
        assert_eq!(row["action"], "organization.edit_policies");
        assert_eq!((&row["before"]["policies"], &row["after"]["policies"]), (&json!([]), &policies));
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_policies_is_told_by_its_place() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/policies", world.here.id);
        let limit = json!({ "rate_limit": { "limit": 1, "window": "1s" } });
        let many: Vec<_> = (0..51).map(|n| json!({ "quota": { "name": format!("q{n}"), "limit": 1, "period": "day" } })).collect();
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for (policies, pointers) in [
            (json!([{ "rate_limit": { "limit": 0, "window": "60s" } }]), vec!["/policies/0/rate_limit/limit"]),
            (json!([limit, limit]), vec!["/policies/1/rate_limit/name"]),
            (json!([{ "cors": { "origins": ["*"] } }, { "cors": { "name": "b", "origins": ["*"] } }]), vec!["/policies/1/cors"]),
            (json!(many), vec!["/policies"]),
            (
                json!([{ "mirror": { "percent": 300, "x": 1 } }, limit, { "moon": {} }, 7, { "rate_limit": { "limit": 0, "window": "60s" } }]),
                vec![
                    "/policies/0/mirror/x",
                    "/policies/0/mirror/upstream",
                    "/policies/0/mirror/percent",
                    "/policies/2/moon",
                    "/policies/3",
                    "/policies/4/rate_limit/limit",
                ],
            ),
        ] {
            let refused = world.owner.client.put(&path, json!({ "policies": policies })).await.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), pointers, "{}", refused.text);
        }
        for body in [
            json!({}),
            json!({ "policies": null }),
            json!({ "policies": [{ "moon": {} }] }),
            json!({ "policies": [], "state": "suspended" }),
        ] {
            world.owner.client.put(&path, body).await.refused(Code::ValidationFailed);
        }
        let two = json!({ "policies": [{ "key_auth": {}, "mtls": {} }] });
        assert!(world.owner.client.put(&path, two).await.status.is_client_error());
        let deep = Call::new(Method::PUT, &path).text("application/json", &format!("{{\"policies\": {deep}}}"));
        assert!(world.owner.client.send(deep).await.status.is_client_error());
        let left = world.owner.client.get(&path).await.ok(200).json();
        assert_eq!(left["policies"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_set_policies_at_once_one_is_told() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/policies", world.here.id);
        let etag = world.owner.client.get(&path).await.ok(200).etag();
        let all: Vec<_> = (1..=8)
            .map(|limit| {
                let policies =
                    json!({ "policies": [{ "rate_limit": { "limit": limit, "window": "1s" } }] });
                let call = Call::new(Method::PUT, &path)
                    .json(policies)
                    .field("if-match", &etag);
                let mut client = world.owner.client.clone();
                tokio::spawn(async move { client.send(call).await.status.as_u16() })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in all {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [[200].as_slice(), &[412; 7]].concat());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_checked_is_told_before_it_would_not_be_served() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let document = BOOKS.replace("parameters: [{ name: id,", "parameters: [{ name: q, in: query, schema: { type: string, pattern: '(?=a)b' } }, { name: id,");
        assert_ne!(document, BOOKS);
        let import = format!("/organizations/{}/apis/import", world.here.id);
        let made = client.post(&import, json!({ "team": world.here.team, "document": document })).await.ok(201).json();
        let (api, version) = (made["api"].as_str().unwrap(), made["version"]["summary"]["id"].as_str().unwrap());
        let organization = format!("/organizations/{}/policies", world.here.id);
        let api = format!("/apis/{api}");
        let policies = json!({ "policies": [{ "key_auth": {} }, { "validate": {} }] });
        // A draft is told when it is published.
        client.put(&organization, policies.clone()).await.ok(200);
        client.put(&organization, json!({ "policies": [] })).await.ok(200);
        client.post(&format!("/versions/{version}/publish"), json!({})).await.ok(200);
        for answer in [client.put(&organization, policies.clone()).await, client.patch(&api, policies.clone()).await] {
            let refused = answer.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/policies/1/validate"]);
            assert!(refused.text.contains("The document of Books v1 cannot be checked. At /"), "{}", refused.text);
        }
        // In observe mode it is passed over.
        let watching = json!({ "policies": [{ "validate": { "mode": "observe" } }] });
        client.put(&organization, watching.clone()).await.ok(200);
        client.patch(&api, watching).await.ok(200);
        client.patch(&api, policies.clone()).await.refused(Code::ValidationFailed);
        // Nobody else's documents stand in the way.
        let theirs = format!("/organizations/{}/policies", world.there.id);
        world.stranger.client.clone().put(&theirs, policies).await.ok(200);
    })
    .await;
}
