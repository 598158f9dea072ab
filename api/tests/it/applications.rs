//! Applications and their keys.

use chrono::{DateTime, Duration, Utc};
use domain::actor::{OrganizationRole, TeamRole};
use domain::key::{KeyDigest, parse};
use domain::problem::Code;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{World, each};

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_digest() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}/credentials");
        let body = json!({ "name": "ci", "environment": "test", "cidrs": ["203.0.113.9", "2001:db8::/32"] });
        let made = client.post(&path, body).await.ok(201).json();
        let key = made["key"].as_str().unwrap().to_owned();
        assert!(parse(key.as_bytes()).is_some() && key.starts_with("ptn_test_"));
        assert_eq!(made["credential"]["cidrs"], json!(["203.0.113.9/32", "2001:db8::/32"]));
        let list = client.get(&path).await.ok(200);
        let audit = client.get(&format!("/organizations/{}/audit", world.here.id)).await.ok(200);
        assert!(!list.text.contains(&key) && !audit.text.contains(&key));
        let digest = KeyDigest::of(key.as_bytes());
        assert!(!list.text.contains(&digest.to_hex()) && !list.text.contains("digest"));
        let state = entity::snapshot::load(&world.app.plane.databases.main).await.unwrap();
        assert!(state.parts.credentials[0].digest.matches(&digest));

        let wrong = json!({ "name": " ", "cidrs": ["x"], "expires_at": "2020-01-01T00:00:00Z" });
        let answer = client.post(&path, wrong).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/name", "/cidrs/0", "/expires_at"]);
        world.member.client.clone().post(&path, json!({ "name": "m" })).await.refused(Code::Forbidden);
        world.stranger.client.clone().get(&path).await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn rolling_leaves_the_old_key_as_long_as_asked() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let keys = format!("/applications/{application}/credentials");
        for (overlap, then, after) in [
            ("now", "expired", 0),
            ("1h", "retiring", 60),
            ("24h", "retiring", 24 * 60),
            ("7d", "retiring", 7 * 24 * 60),
        ] {
            let old = client
                .post(&keys, json!({ "name": "k" }))
                .await
                .ok(201)
                .json();
            let one = format!("/credentials/{}", id(&old["credential"]));
            let new = client
                .post(&format!("{one}/roll"), json!({ "overlap": overlap }))
                .await
                .ok(201)
                .json();
            assert_ne!(new["key"], old["key"]);
            assert_eq!(
                client.get(&one).await.ok(200).json()["state"],
                then,
                "{overlap}"
            );
            client
                .post(&format!("{one}/roll"), json!({ "overlap": "1h" }))
                .await
                .refused(Code::IllegalTransition);
            world.app.advance(Duration::minutes(after));
            assert_eq!(
                client.get(&one).await.ok(200).json()["state"],
                "expired",
                "{overlap}"
            );
            let successor = format!("/credentials/{}", id(&new["credential"]));
            assert_eq!(
                client.get(&successor).await.ok(200).json()["state"],
                "active"
            );
            let revoked = client
                .post(&format!("{successor}/revoke"), json!({}))
                .await
                .ok(200)
                .json();
            assert_eq!(revoked["state"], "revoked");
            client
                .post(&format!("{successor}/revoke"), json!({}))
                .await
                .refused(Code::IllegalTransition);
            client
                .patch(&successor, json!({ "name": "gone" }))
                .await
                .ok(200);
        }
        client
            .post(&format!("{keys}/x"), json!({}))
            .await
            .refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_rolled_key_works_until_a_chosen_time_within_bounds() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let keys = format!("/applications/{application}/credentials");
        let chosen = "2026-11-25T08:30:00Z";
        for (expires_at, roll, until) in [
            ("", json!({}), "2026-11-22T12:00:00Z"),
            ("", json!({ "overlap": "now" }), "2026-11-21T12:00:00Z"),
            ("", json!({ "retires_at": chosen }), chosen),
            (
                "",
                json!({ "retires_at": "2027-02-19T12:00:00Z" }),
                "2027-02-19T12:00:00Z",
            ),
            // Never beyond its own end.
            (
                "2026-11-22T00:00:00Z",
                json!({ "overlap": "7d" }),
                "2026-11-22T00:00:00Z",
            ),
        ] {
            let old = json!({ "name": "k", "expires_at": expires_at });
            let old = client.post(&keys, old).await.ok(201).json();
            assert!(old.get("rolled").is_none());
            let one = format!("/credentials/{}", id(&old["credential"]));
            let path = format!("{one}/roll");
            for wrong in [
                json!({ "retires_at": "2026-11-21T12:00:00Z" }),
                json!({ "retires_at": "2027-02-19T12:00:01Z" }),
                json!({ "retires_at": chosen, "overlap": "1h" }),
            ] {
                let wrong = client
                    .post(&path, wrong)
                    .await
                    .refused(Code::ValidationFailed);
                assert_eq!(wrong.pointers(), ["/retires_at"]);
            }
            let new = client.post(&path, roll).await.ok(201).json();
            assert_eq!(new["rolled"]["id"], old["credential"]["id"]);
            assert_eq!(new["rolled"]["retires_at"], until);
            assert_eq!(client.get(&one).await.ok(200).json()["retires_at"], until);
            // Gateways judge by it.
            let until: DateTime<Utc> = until.parse().unwrap();
            let state = entity::snapshot::load(&world.app.plane.databases.main);
            let mut known = state.await.unwrap().parts.credentials.into_iter();
            assert!(known.any(|key| key.lifetime.retires_at == Some(until)));
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_newer_release_made_is_listed_and_can_only_be_revoked() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}/credentials");
        const NEWER: [&str; 5] = ["kind", "form", "place", "network", "networks"];
        for name in NEWER.into_iter().chain(["usual"]) {
            let made = client.post(&path, json!({ "name": name })).await;
            made.ok(201);
        }
        // A kind that this release does not know, a form of one that it does, an environment, and
        // networks.
        for sql in [
            "UPDATE credential SET kind = 'hologram' WHERE name = 'kind'",
            "UPDATE credential SET kind = 'client', claimed = '{\"hologram\":{}}' WHERE name = 'form'",
            "UPDATE credential SET environment = 'hologram' WHERE name = 'place'",
            "UPDATE credential SET cidrs = '[\"10.0.0.0/8\",\"hologram\"]' WHERE name = 'network'",
            "UPDATE credential SET cidrs = '{\"hologram\":1}' WHERE name = 'networks'",
        ] {
            let db = &world.app.plane.databases.main;
            db.execute_unprepared(sql).await.unwrap();
        }
        let list = client.get(&path).await.ok(200).json();
        let items = list["items"].as_array().unwrap();
        let named = |name: &str| items.iter().find(|one| one["name"] == name).unwrap();
        assert_eq!((items.len(), &named("usual")["kind"]), (6, &json!("key")));
        assert_eq!(named("place")["environment"], Value::Null);
        assert_eq!(
            named("network")["cidrs"],
            json!(["10.0.0.0/8", "hologram"])
        );
        assert_eq!(named("networks")["cidrs"], json!(["{\"hologram\":1}"]));
        assert_eq!(named("usual")["environment"], "live");
        client
            .get(&format!("/applications/{application}"))
            .await
            .ok(200);
        for name in NEWER {
            let shown = named(name);
            assert_eq!(shown["kind"], Value::Null, "{name}");
            let one = format!("/credentials/{}", id(shown));
            assert_eq!(client.get(&one).await.ok(200).json()["name"], name);
            client
                .post(&format!("{one}/roll"), json!({ "overlap": "now" }))
                .await
                .refused(Code::IllegalTransition);
            let revoke = format!("{one}/revoke");
            let revoked = client.post(&revoke, json!({})).await.ok(200).json();
            assert_eq!(revoked["state"], "revoked");
            let again = client.post(&revoke, json!({})).await;
            again.refused(Code::IllegalTransition);
        }
    })
    .await;
}

#[tokio::test]
async fn an_application_is_switched_and_deleted_with_care() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}");
        assert_eq!(
            client.get(&format!("{path}/first-call")).await.ok(200).text,
            "null"
        );
        let subscription = world
            .subscribed(&world.owner, &application, &shop.plan)
            .await;
        let made = client
            .post(&format!("{path}/credentials"), json!({ "name": "k" }))
            .await
            .ok(201)
            .json();
        let curl = made["first_call"]["curl"].as_str().unwrap();
        assert!(
            curl.contains(made["key"].as_str().unwrap())
                && curl.contains("http://localhost:8080/here/books/v1/books"),
            "{curl}"
        );
        let hint = client
            .get(&format!("{path}/first-call"))
            .await
            .ok(200)
            .json();
        assert_eq!(hint["title"], "GET /books");
        assert!(!hint["curl"].as_str().unwrap().contains("ptn_"));

        client.delete(&path).await.refused(Code::Conflict);
        client
            .post(&format!("{path}/enable"), json!({}))
            .await
            .refused(Code::IllegalTransition);
        assert_eq!(
            client
                .post(&format!("{path}/disable"), json!({}))
                .await
                .ok(200)
                .json()["state"],
            "disabled"
        );
        client
            .post(
                &format!("/subscriptions/{}/cancel", id(&subscription)),
                json!({}),
            )
            .await
            .ok(200);
        client.delete(&path).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn labels_are_the_admins_to_set() {
    each(async |app| {
        let world = World::new(app).await;
        let maintainer = world.app.person("maintainer", false).await;
        let (here, member) = (world.here, OrganizationRole::Member);
        world.app.join(here, maintainer.id, member).await;
        let role = TeamRole::Maintainer;
        world.app.join_team(here, maintainer.id, role).await;
        let application = world.application(&world.owner, world.here, "App").await;
        let path = format!("/applications/{application}");
        let labels = json!([{ "name": "tier", "value": "gold" }]);
        let mut admin = world.owner.client.clone();
        let mut maintainer = maintainer.client.clone();
        let edit = json!({ "labels": labels });
        maintainer
            .patch(&path, edit.clone())
            .await
            .refused(Code::Forbidden);
        assert_eq!(
            admin.patch(&path, edit.clone()).await.ok(200).json()["labels"],
            labels
        );
        // What is there already may be sent along.
        let named = json!({ "name": "Other", "labels": labels });
        maintainer.patch(&path, named).await.ok(200);
        let organization = format!("/organizations/{}/applications", world.here.id);
        let new = json!({ "team": world.here.team, "name": "New", "labels": labels });
        maintainer
            .post(&organization, new.clone())
            .await
            .refused(Code::Forbidden);
        assert_eq!(
            admin.post(&organization, new).await.ok(201).json()["labels"],
            labels
        );
        let wrong =
            json!({ "labels": [{ "name": "a b", "value": "" }, { "name": "", "value": "é" }] });
        let wrong = admin
            .patch(&path, wrong)
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(
            wrong.pointers(),
            ["/labels/0/name", "/labels/1/name", "/labels/1/value"]
        );
        let state = entity::snapshot::load(&world.app.plane.databases.main);
        let applications = state.await.unwrap().parts.applications;
        assert!(applications.iter().all(|one| one.labels[0].value == "gold"));
        admin.patch(&path, json!({ "labels": [] })).await.ok(200);
        let state = entity::snapshot::load(&world.app.plane.databases.main);
        let applications = state.await.unwrap().parts.applications;
        assert!(applications.iter().any(|one| one.labels.is_empty()));
    })
    .await;
}
