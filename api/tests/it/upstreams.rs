//! Upstreams: which targets are allowed, and that credentials never come out.

use api::Settings;
use domain::problem::Code;
use migration::testing::each_backend;
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{App, Call, World, each};

const CA: &str = include_str!("tls/ca.pem");
const CA_KEY: &str = include_str!("tls/server.key");

fn body(world: &World, url: &str) -> Value {
    json!({
        "team": world.here.team,
        "name": "books",
        "settings": { "targets": [{ "url": url }] },
    })
}

#[tokio::test]
async fn only_public_targets_unless_the_operator_opened_more() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/upstreams", world.here.id);
        for refused in [
            "http://127.0.0.1:9000",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://[::1]:9000",
            "http://[::ffff:127.0.0.1]",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://metadata.google.internal/",
            "http://localhost:9000",
        ] {
            let answer = world
                .owner
                .client
                .post(&path, body(&world, refused))
                .await
                .refused(Code::UpstreamNotAllowed);
            assert_eq!(answer.pointers(), ["/settings/targets/0/url"], "{refused}");
        }
        for malformed in [
            "",
            "ftp://x.org",
            "http://u:p@93.184.216.34",
            "http://93.184.216.34/?q",
            "gopher",
        ] {
            let answer = world
                .owner
                .client
                .post(&path, body(&world, malformed))
                .await
                .refused(Code::ValidationFailed);
            assert_eq!(
                answer.pointers(),
                ["/settings/targets/0/url"],
                "{malformed}"
            );
        }
        world
            .owner
            .client
            .post(&path, body(&world, "https://93.184.216.34/base"))
            .await
            .ok(201);
        let again = world
            .owner
            .client
            .post(&path, body(&world, "https://93.184.216.34/base"))
            .await
            .refused(Code::AlreadyExists);
        assert_eq!(again.pointers(), ["/name"]);
        let mut unknown = body(&world, "https://93.184.216.34");
        unknown["organization_id"] = json!(world.there.id);
        let answer = world
            .owner
            .client
            .post(&path, unknown)
            .await
            .refused(Code::ValidationFailed);
        assert!(answer.text.contains("organization_id"));
    })
    .await;
}

/// A name of a special-use domain that never resolves (RFC 6761 §6.4).
#[tokio::test]
async fn a_name_that_does_not_resolve_is_refused_at_save() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/upstreams", world.here.id);
        let unknown = "https://books.invalid/base";
        let answer = world.owner.client.post(&path, body(&world, unknown)).await;
        let answer = answer.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/settings/targets/0/url"]);
        assert!(answer.text.contains("does not resolve"), "{}", answer.text);
        // The same when one that was saved is changed, and the others keep nobody from seeing it.
        let known = body(&world, "https://93.184.216.34");
        let made = world.owner.client.post(&path, known).await.ok(201).json();
        let one = format!("/upstreams/{}", id(&made));
        let settings = json!({
            "targets": [{ "url": "https://93.184.216.34" }, { "url": unknown }],
        });
        let edit = Call::new(http::Method::PATCH, &one).json(json!({ "settings": settings }));
        let answer = world.owner.client.send(edit).await;
        let answer = answer.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/settings/targets/1/url"]);
        let kept = world.owner.client.get(&one).await.ok(200).json();
        let targets = kept["settings"]["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 1, "nothing of it was written");
    })
    .await;
}

#[tokio::test]
async fn loopback_where_opened_but_never_ourselves() {
    each_backend(async |database| {
        let open = |settings: &mut Settings| {
            settings.upstream_allow = vec!["127.0.0.0/8".parse().unwrap()];
            settings.own_addresses = vec!["127.0.0.1:3000".parse().unwrap()];
        };
        let mut world = World::new(App::with(database, open).await).await;
        api::service::settings::prepare(&world.app.job())
            .await
            .unwrap();
        let path = format!("/organizations/{}/upstreams", world.here.id);
        world
            .owner
            .client
            .post(&path, body(&world, "http://127.0.0.1:9000"))
            .await
            .ok(201);
        world
            .owner
            .client
            .post(&path, body(&world, "http://127.0.0.1:3000"))
            .await
            .refused(Code::UpstreamNotAllowed);
    })
    .await;
}

#[tokio::test]
async fn credentials_go_in_and_never_come_out() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/upstreams", world.here.id);
        let mut input = body(&world, "https://93.184.216.34");
        input["credential"] = json!({ "basic": { "user": "gateway", "password": "canary-7731" } });
        let made = world.owner.client.post(&path, input).await.ok(201);
        assert!(!made.text.contains("canary"));
        let made = made.json();
        assert_eq!(made["credential"]["basic"]["user"], "gateway");
        let one = format!("/upstreams/{}", id(&made));
        let set = json!({ "credential": { "bearer": { "token": "canary-8842" } } });
        world
            .owner
            .client
            .put(&format!("{one}/credential"), set)
            .await
            .ok(200);
        let shown = world.owner.client.get(&one).await.ok(200);
        assert_eq!(shown.json()["credential"], "bearer");
        let audit = world
            .owner
            .client
            .get(&format!("/organizations/{}/audit", world.here.id))
            .await
            .ok(200);
        assert!(!shown.text.contains("canary") && !audit.text.contains("canary"));
        let broken = json!({ "credential": { "header": { "name": "Host", "value": "x" } } });
        let answer = world
            .owner
            .client
            .put(&format!("{one}/credential"), broken)
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/credential/header/name"]);
        world
            .stranger
            .client
            .get(&one)
            .await
            .refused(Code::NotFound);
        world
            .owner
            .client
            .put(&format!("{one}/credential"), json!({ "credential": null }))
            .await
            .ok(200);
        assert!(
            world
                .owner
                .client
                .get(&one)
                .await
                .ok(200)
                .json()
                .get("credential")
                .is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen_and_used_ones_stay() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (_, version) = world.imported(&world.owner, world.here).await;
        let draft = client
            .get(&format!("/versions/{version}"))
            .await
            .ok(200)
            .json();
        let upstream = id(&draft["draft"]["upstream"]);
        let path = format!("/upstreams/{upstream}");
        let seen = client.get(&path).await.ok(200);
        assert_eq!(seen.json()["used_by"], 1);
        let edit = |name: &str| {
            Call::new(http::Method::PATCH, &path)
                .json(json!({ "name": name }))
                .field("if-match", &seen.etag())
        };
        client.send(edit("first")).await.ok(200);
        client
            .send(edit("second"))
            .await
            .refused(Code::PreconditionFailed);
        client.delete(&path).await.refused(Code::Conflict);
        // One for some callers is as much in use, and published with the rest.
        let named = |body: Value| format!("{}", body["draft"]["upstreams"][0]["upstream"]["id"]);
        let chosen = json!({ "upstreams": [{ "when": { "plan": "gold", "environment": "test" }, "upstream": upstream }] });
        let version = format!("/versions/{version}");
        let edited = client.patch(&format!("{version}/draft"), chosen).await.ok(200).json();
        assert_eq!(named(edited), format!("\"{upstream}\""));
        let made = client.post(&format!("{version}/publish"), json!({})).await.ok(200).json();
        assert_eq!(made["draft"]["upstreams"][0]["when"]["plan"], "gold");
        assert_eq!(made["summary"]["changed"], false);
        client.patch(&format!("{version}/draft"), json!({ "upstreams": [] })).await.ok(200);
        client.delete(&path).await.refused(Code::Conflict);
    })
    .await;
}

#[tokio::test]
async fn a_fallback_is_an_upstream_of_the_same_organization() {
    each(async |app| {
        let mut world = World::new(app).await;
        let here = format!("/organizations/{}/upstreams", world.here.id);
        let there = format!("/organizations/{}/upstreams", world.there.id);
        let named = |team: &str, name: &str, fallback: Value| {
            json!({
                "team": team,
                "name": name,
                "settings": {
                    "targets": [{ "url": "https://93.184.216.34" }],
                    "fallback": fallback,
                },
            })
        };
        let (own_team, other_team) = (world.here.team.to_string(), world.there.team.to_string());
        let answer = json!({ "answer": { "status": 200, "body": "{}" } });
        let spare = named(&own_team, "spare", answer.clone());
        let spare = world.owner.client.post(&here, spare).await.ok(201).json();
        let foreign = named(&other_team, "spare", answer);
        let foreign = world.stranger.client.post(&there, foreign).await;
        let foreign = foreign.ok(201).json();
        for refused in [foreign["id"].clone(), json!(uuid::Uuid::nil())] {
            let body = named(&own_team, "main", json!({ "upstream": refused }));
            let answer = world.owner.client.post(&here, body).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), ["/settings/fallback/upstream"]);
        }
        let body = named(&own_team, "main", json!({ "upstream": spare["id"] }));
        let main = world.owner.client.post(&here, body.clone()).await;
        let main = main.ok(201).json();
        assert_eq!(main["settings"]["fallback"]["upstream"], spare["id"]);
        let path = |one: &Value| format!("/upstreams/{}", id(one));
        let mut itself = body["settings"].clone();
        itself["fallback"] = json!({ "upstream": main["id"] });
        itself["mirror"] = json!({ "upstream": main["id"] });
        let edit = Call::new(http::Method::PATCH, &path(&main));
        let edit = edit.json(json!({ "settings": itself }));
        let answer = world.owner.client.send(edit).await;
        let answer = answer.refused(Code::ValidationFailed);
        let places = ["/settings/fallback/upstream", "/settings/mirror/upstream"];
        assert_eq!(answer.pointers(), places);
        // A mirror is kept as long as it is named, as a fallback is.
        let mut other = body["settings"].clone();
        other["fallback"] = Value::Null;
        other["mirror"] = json!({ "upstream": spare["id"], "sample": 10 });
        let edit = Call::new(http::Method::PATCH, &path(&main));
        let edit = edit.json(json!({ "settings": other }));
        world.owner.client.send(edit).await.ok(200);
        let kept = world.owner.client.delete(&path(&spare)).await;
        kept.refused(Code::Conflict);
        world.owner.client.delete(&path(&main)).await.ok(204);
        world.owner.client.delete(&path(&spare)).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn what_no_target_could_be_verified_by_is_refused() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/upstreams", world.here.id);
        let good = json!({ "ca": CA, "server_name": "upstream.test" });
        let with =
            |tls: &Value| json!({ "targets": [{ "url": "https://93.184.216.34" }], "tls": tls });
        let mut new = body(&world, "https://93.184.216.34");
        new["settings"] = with(&good);
        let kept = world.owner.client.post(&path, new.clone()).await.ok(201);
        let own = format!("/upstreams/{}", id(&kept.json()));
        new["name"] = json!("others");
        let (ca, name) = ("/settings/tls/ca", "/settings/tls/server_name");
        let forged = CA.replacen("MII", "MIJ", 1);
        let both = format!("{CA}{CA_KEY}");
        for (tls, pointers) in [
            (json!({ "ca": "" }), &[ca][..]),
            (json!({ "ca": "ca.pem" }), &[ca]),
            (json!({ "ca": forged }), &[ca]),
            // It would be shown to whoever may read the upstream.
            (json!({ "ca": both }), &[ca]),
            (json!({ "server_name": "" }), &[name]),
            (json!({ "server_name": "a b" }), &[name]),
            (json!({ "server_name": "upstream.test:443" }), &[name]),
            (json!({ "ca": forged, "server_name": "-" }), &[ca, name]),
        ] {
            new["settings"] = with(&tls);
            let client = &mut world.owner.client;
            let answer = client.post(&path, new.clone()).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), pointers, "{tls}");
            assert!(!answer.text.contains("PRIVATE"));
            let edit = json!({ "settings": with(&tls) });
            let answer = client.patch(&own, edit).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), pointers, "{tls}");
        }
        let there = world.owner.client.get(&own).await.ok(200);
        assert_eq!(there.json()["settings"]["tls"], good);
    })
    .await;
}
