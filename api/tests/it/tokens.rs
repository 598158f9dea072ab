//! Personal tokens and `Idempotency-Key`.

use api::service::tokens::{TokenFor, create_for};
use chrono::Duration;
use domain::actor::{OrganizationRole, TeamRole};
use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::{App, Call, World, each};

async fn world(app: App) -> World {
    World::new(app).await
}

fn new(scopes: &[&str]) -> serde_json::Value {
    json!({ "name": "ci", "scopes": scopes, "expires_in_days": 30 })
}

#[tokio::test]
async fn a_token_may_what_its_scopes_say_until_it_ends() {
    each(async |app| {
        let mut world = world(app).await;
        let made = world
            .owner
            .client
            .post("/tokens", new(&["account:read", "organizations:read"]))
            .await
            .ok(201);
        assert!(
            made.headers["location"]
                .to_str()
                .unwrap()
                .starts_with("/api/v1/tokens/")
        );
        let made = made.json();
        let value = made["value"].as_str().unwrap();
        assert!(value.starts_with("ptn_pat_"));
        let listed = world.owner.client.get("/tokens").await.ok(200);
        assert!(!listed.text.contains(value), "the value is shown once");

        let mut token = world.app.client().with_token(value);
        token.get("/organizations").await.ok(200);
        token
            .get(&format!("/organizations/{}", world.here.id))
            .await
            .ok(200);
        token
            .patch(
                &format!("/organizations/{}", world.here.id),
                json!({ "name": "x" }),
            )
            .await
            .refused(Code::Forbidden);
        token
            .get(&format!("/organizations/{}/audit", world.here.id))
            .await
            .refused(Code::Forbidden);
        token
            .post("/tokens", new(&["account:read"]))
            .await
            .refused(Code::Forbidden);
        token
            .get(&format!("/organizations/{}", world.there.id))
            .await
            .refused(Code::NotFound);

        world.app.advance(Duration::days(30));
        token.get("/account").await.refused(Code::TokenExpired);
        world
            .app
            .client()
            .with_token("ptn_pat_nobody")
            .get("/account")
            .await
            .refused(Code::TokenInvalid);
        world
            .app
            .client()
            .with_token("something else")
            .get("/account")
            .await
            .refused(Code::TokenInvalid);
    })
    .await;
}

#[tokio::test]
async fn a_token_makes_no_greater_token_and_is_withdrawn_at_once() {
    each(async |app| {
        let mut world = world(app).await;
        let made = world
            .owner
            .client
            .post("/tokens", new(&["account:write"]))
            .await
            .ok(201)
            .json();
        let mut token = world
            .app
            .client()
            .with_token(made["value"].as_str().unwrap());
        let more = token
            .post("/tokens", new(&["account:read", "apis:write"]))
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(more.pointers(), ["/scopes/1"]);
        token.post("/tokens", new(&["account:read"])).await.ok(201);
        let id = made["token"]["id"].as_str().unwrap().to_owned();
        world
            .member
            .client
            .delete(&format!("/tokens/{id}"))
            .await
            .refused(Code::NotFound);
        world
            .owner
            .client
            .delete(&format!("/tokens/{id}"))
            .await
            .ok(204);
        token.get("/account").await.refused(Code::TokenInvalid);

        let bad = json!({ "name": "", "scopes": ["x:read"], "expires_in_days": 0 });
        let answer = world
            .owner
            .client
            .post("/tokens", bad)
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(
            answer.pointers(),
            ["/name", "/scopes/0", "/expires_in_days"]
        );
    })
    .await;
}

#[tokio::test]
async fn the_command_line_makes_tokens_for_people() {
    each(async |app| {
        let world = world(app).await;
        let ctx = world.app.job();
        let input = TokenFor {
            email: "Owner@owner.example".into(),
            name: "cli".into(),
            scopes: vec!["apis:read".into()],
            expires_at: ctx.now + Duration::hours(1),
        };
        let made = create_for(&ctx, input.clone()).await.unwrap();
        let mut token = world.app.client().with_token(&made.value);
        token.get("/organizations").await.refused(Code::Forbidden);
        // An hour is an hour.
        world.app.advance(Duration::minutes(59));
        token.get("/organizations").await.refused(Code::Forbidden);
        world.app.advance(Duration::minutes(1));
        token
            .get("/organizations")
            .await
            .refused(Code::TokenExpired);

        let wrong = TokenFor {
            email: "nobody@x.example".into(),
            scopes: vec!["apis:read".into(), "apis:red".into()],
            expires_at: ctx.now + Duration::days(367),
            ..input
        };
        let error = create_for(&ctx, wrong).await.unwrap_err();
        let pointers: Vec<&str> = error.invalid.iter().map(|at| at.pointer.as_str()).collect();
        assert_eq!(pointers, ["/email", "/scopes/1", "/expires_at"]);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_create_happens_once() {
    each(async |app| {
        let mut world = world(app).await;
        let call = || {
            Call::new(Method::POST, "/tokens")
                .json(new(&["apis:read"]))
                .field("idempotency-key", "k1")
        };
        let first = world.owner.client.send(call()).await.ok(201);
        let again = world.owner.client.send(call()).await.ok(201);
        assert_eq!(first.text, again.text);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.headers["location"], first.headers["location"]);
        let other = Call::new(Method::POST, "/tokens")
            .json(new(&["apis:write"]))
            .field("idempotency-key", "k1");
        world
            .owner
            .client
            .send(other)
            .await
            .refused(Code::IdempotencyConflict);
        // Somebody else's key is somebody else's.
        let theirs = world.member.client.send(call()).await.ok(201);
        assert_ne!(theirs.text, first.text);
        // A refused request gives its key back.
        let bad = Call::new(Method::POST, "/tokens")
            .json(new(&["nonsense"]))
            .field("idempotency-key", "k2");
        world
            .owner
            .client
            .send(bad)
            .await
            .refused(Code::ValidationFailed);
        world
            .owner
            .client
            .send(call().field("x", "y"))
            .await
            .ok(201);
        let fixed = Call::new(Method::POST, "/tokens")
            .json(new(&["apis:read"]))
            .field("idempotency-key", "k2");
        world.owner.client.send(fixed).await.ok(201);
        // The kept answer holds the value; at rest it is sealed.
        use sea_orm::EntityTrait;
        let rows = entity::idempotency::Entity::find()
            .all(&world.app.plane.databases.main)
            .await
            .unwrap();
        let value = first.json()["value"].as_str().unwrap().to_owned();
        assert!(rows.iter().all(|row| !row.response.contains(&value)));
        world.app.advance(Duration::hours(25));
        let later = world.owner.client.send(call()).await.ok(201);
        assert_ne!(later.text, first.text);
    })
    .await;
}

#[tokio::test]
async fn a_kept_answer_is_for_who_may_still_what_the_first_caller_might() {
    each(async |app| {
        let world = world(app).await;
        let app = &world.app;
        let application = world.application(&world.owner, world.here, "Kiosk").await;
        let keys = format!("/applications/{application}/credentials");
        let lead = app.person("lead", false).await;
        app.join(world.here, lead.id, OrganizationRole::Member)
            .await;
        app.join_team(world.here, lead.id, TeamRole::Developer)
            .await;
        let call = |key: &str| {
            Call::new(Method::POST, &keys)
                .json(json!({ "name": "ci", "environment": "test" }))
                .field("idempotency-key", key)
        };
        let first = lead.client.clone().send(call("k")).await.ok(201);
        // A token of other scopes gets nothing, one of enough gets the answer.
        for (scopes, right) in [
            (&["applications:read", "account:write"][..], false),
            (&["applications:write"], false),
        ] {
            let token = app.token(lead.id, "narrow", scopes).await;
            let answer = app.client().with_token(&token).send(call("k")).await;
            assert_eq!(answer.status == 201, right, "{scopes:?} {}", answer.text);
            answer.refused(Code::IdempotencyConflict);
        }
        let again = lead.client.clone().send(call("k")).await.ok(201);
        assert_eq!(again.text, first.text);
        // Founding an organization adds a membership, which takes nothing back.
        let found = Call::new(Method::POST, "/organizations")
            .json(json!({ "name": "Another" }))
            .field("idempotency-key", "found");
        let made = lead.client.clone().send(found.clone()).await.ok(201);
        let repeated = lead.client.clone().send(found).await.ok(201);
        assert_eq!(made.text, repeated.text);
        // Put out of the organization: the key is not shown again.
        let member = format!("/organizations/{}/members/{}", world.here.id, lead.id);
        world.owner.client.clone().delete(&member).await.ok(204);
        lead.client
            .clone()
            .send(call("k"))
            .await
            .refused(Code::IdempotencyConflict);
    })
    .await;
}
