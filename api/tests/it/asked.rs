//! Upstreams that policies ask by name, and user names with passwords.

use domain::key::KeyDigest;
use domain::problem::Code;
use entity::snapshot::{Changes, changes_since};
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{World, each};

fn asks(name: &str) -> Value {
    json!([
        { "key_auth": {} },
        { "ext_auth": { "upstream": name, "form": "opa" } },
    ])
}

#[tokio::test]
async fn what_policies_ask_is_there_and_stays() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let shop = world.shop(&world.owner, world.here, json!({ "approval": "auto" })).await;
        let upstreams = format!("/organizations/{}/upstreams", world.here.id);
        let body = |name: &str| {
            json!({ "team": world.here.team, "name": name, "settings": { "targets": [{ "url": "https://93.184.216.34" }] } })
        };
        let name = r#"Say "yes" \ no_%"#;
        let made = client.post(&upstreams, body(name)).await.ok(201).json();
        let upstream = format!("/upstreams/{}", id(&made));
        // Somebody else's is none.
        let theirs = format!("/organizations/{}/upstreams", world.there.id);
        let mut other = body("theirs");
        other["team"] = json!(world.there.team);
        world.stranger.client.clone().post(&theirs, other).await.ok(201);

        let draft = format!("/versions/{}/draft", shop.version);
        let of_api = format!("/apis/{}", shop.api);
        for unknown in ["theirs", "nobody", &name.to_uppercase()] {
            let refused = client.patch(&draft, json!({ "policies": asks(unknown) })).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/policies/1/ext_auth/upstream"], "{unknown}");
            let refused = client.patch(&of_api, json!({ "policies": asks(unknown) })).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/policies/1/ext_auth/upstream"], "{unknown}");
        }

        // By a draft, by what is served, by an API: each holds it.
        let renamed = json!({ "name": "other" });
        let publish = format!("/versions/{}/publish", shop.version);
        client.patch(&upstream, renamed.clone()).await.ok(200);
        client.patch(&upstream, json!({ "name": name })).await.ok(200);
        client.patch(&draft, json!({ "policies": asks(name) })).await.ok(200);
        let refused = client.patch(&upstream, renamed.clone()).await.refused(Code::Conflict);
        assert!(refused.text.contains("Policies of"), "{}", refused.text);
        client.delete(&upstream).await.refused(Code::Conflict);
        // Everything else of it may change.
        client.patch(&upstream, json!({ "name": name, "settings": { "targets": [{ "url": "https://93.184.216.35" }] } })).await.ok(200);
        client.post(&publish, json!({})).await.ok(200);
        client.patch(&draft, json!({ "policies": [{ "key_auth": {} }] })).await.ok(200);
        client.patch(&upstream, renamed.clone()).await.refused(Code::Conflict);
        client.post(&publish, json!({})).await.ok(200);
        client.patch(&of_api, json!({ "policies": asks(name) })).await.ok(200);
        client.patch(&upstream, renamed.clone()).await.refused(Code::Conflict);
        // Also by what only sends copies to it.
        let copies = |name: &str| json!({ "policies": [{ "mirror": { "upstream": name } }] });
        let refused = client.patch(&of_api, copies("nobody")).await.refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/policies/0/mirror/upstream"]);
        client.patch(&of_api, copies(name)).await.ok(200);
        client.patch(&upstream, renamed.clone()).await.refused(Code::Conflict);
        client.delete(&upstream).await.refused(Code::Conflict);
        client.patch(&of_api, json!({ "policies": [] })).await.ok(200);
        client.patch(&upstream, renamed).await.ok(200);
        client.delete(&upstream).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn a_password_is_shown_once_and_found_by_its_digest() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Batch").await;
        let path = format!("/applications/{application}/passwords");
        let body = json!({ "name": "nightly", "user": " bätch ", "environment": "test" });
        let made = client.post(&path, body.clone()).await.ok(201).json();
        let password = made["password"].as_str().unwrap();
        assert!(
            password.starts_with("ptn_pw_") && password.len() > 40,
            "{password}"
        );
        assert_eq!(made["user"], "bätch");
        assert_eq!(made["credential"]["kind"], "password");
        assert_eq!(made["credential"]["display_id"], "bätch");
        let list = client
            .get(&format!("/applications/{application}/credentials"))
            .await
            .ok(200);
        assert!(!list.text.contains(password));

        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let pair = KeyDigest::of(format!("bätch:{password}").as_bytes());
        let wanted = KeyDigest::of_password(&pair.0);
        assert!(state.parts.credentials[0].digest.matches(&wanted));

        // The same name again is another password.
        let again = client.post(&path, body).await.ok(201).json();
        assert_ne!(again["password"], made["password"]);
        let one = format!("/credentials/{}", id(&made["credential"]));
        client
            .post(&format!("{one}/roll"), json!({ "overlap": "1h" }))
            .await
            .refused(Code::IllegalTransition);
        client
            .post(&format!("{one}/revoke"), json!({}))
            .await
            .ok(200);

        for (user, is_good) in [
            ("a:b", false),
            ("", false),
            ("x\u{7}", false),
            (&"x".repeat(101), false),
            ("ok", true),
        ] {
            let answer = client
                .post(&path, json!({ "name": "n", "user": user }))
                .await;
            match is_good {
                true => answer.ok(201),
                false => {
                    let refused = answer.refused(Code::ValidationFailed);
                    assert_eq!(refused.pointers(), ["/user"], "{user}");
                    refused
                }
            };
        }
        let stranger = world
            .stranger
            .client
            .clone()
            .post(&path, json!({ "name": "n", "user": "u" }))
            .await;
        stranger.refused(Code::NotFound);
        let member = world
            .member
            .client
            .clone()
            .post(&path, json!({ "name": "n", "user": "u" }))
            .await;
        member.refused(Code::Forbidden);
    })
    .await;
}

/// Of a password that is in use elsewhere.
const HASH: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[tokio::test]
async fn a_password_that_was_chosen_is_kept_as_its_hash() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Batch").await;
        let other = world.application(&world.owner, world.here, "Other").await;
        let path = format!("/applications/{application}/passwords");
        let db = &world.app.plane.databases.main;
        for (user, field, text) in [
            ("bätch", "password", "violet anchor seldom"),
            ("im ported", "argon2id", HASH),
        ] {
            let before = entity::snapshot::load(db).await.unwrap().state;
            let body = json!({ "name": "n", "user": user, field: text });
            let made = client.post(&path, body).await.ok(201);
            assert!(!made.text.contains(text) && !made.text.contains("argon2id"));
            let made = made.json();
            assert!(made.get("password").is_none(), "it is not told again");
            assert_eq!(made["credential"]["kind"], "password");
            assert_eq!(made["credential"]["display_id"], user);

            // Whole states and changes say the same.
            let state = entity::snapshot::load(db).await.unwrap();
            let Changes::Delta(delta) = changes_since(db, before, None).await.unwrap() else {
                panic!("a change is one");
            };
            let [put] = delta.put.credentials.as_slice() else {
                panic!("{:?}", delta.put.credentials);
            };
            assert!(state.parts.credentials.contains(put));
            assert!(put.digest.matches(&KeyDigest::of_user(user.as_bytes())));
            let hash = put.argon2id.as_ref().unwrap().as_str();
            match field {
                "argon2id" => assert_eq!(hash, HASH),
                _ => {
                    let passwords = &world.app.plane.passwords;
                    let verdict = passwords.verify(text, Some(hash.to_owned()));
                    assert!(verdict.await.unwrap().right);
                }
            }

            // The organization has such a user name once, until it is revoked.
            for path in [&path, &format!("/applications/{other}/passwords")] {
                let body = json!({ "name": "n", "user": user, "argon2id": HASH });
                let refused = client.post(path, body).await;
                let refused = refused.refused(Code::ValidationFailed);
                assert_eq!(refused.pointers(), ["/user"], "{path}");
            }
            let one = format!("/credentials/{}/revoke", id(&made["credential"]));
            client.post(&one, json!({})).await.ok(200);
            let state = entity::snapshot::load(db).await.unwrap();
            assert!(state.parts.credentials.is_empty());
        }

        let long = "violet anchor ".repeat(10);
        for (given, pointers) in [
            (json!({ "password": "short" }), ["/password"]),
            (json!({ "password": "password" }), ["/password"]),
            (json!({ "password": "" }), ["/password"]),
            (json!({ "password": long }), ["/password"]),
            (
                json!({ "password": "violet\u{7}anchor seldom" }),
                ["/password"],
            ),
            (json!({ "password": "ptn_pw_violet anchor" }), ["/password"]),
            (json!({ "argon2id": "" }), ["/argon2id"]),
            (
                json!({ "argon2id": HASH.replace("65536", "65537") }),
                ["/argon2id"],
            ),
            (
                json!({ "argon2id": "$2b$10$abcdefghijklmnopqrstuv" }),
                ["/argon2id"],
            ),
            (
                json!({ "argon2id": HASH, "password": "violet anchor seldom" }),
                ["/argon2id"],
            ),
        ] {
            let mut body = json!({ "name": "n", "user": "u" });
            for (name, value) in given.as_object().unwrap() {
                body[name] = value.clone();
            }
            let refused = client.post(&path, body).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), pointers, "{given}");
        }
    })
    .await;
}
