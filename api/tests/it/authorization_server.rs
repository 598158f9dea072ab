//! The platform's token endpoint: who gets a token, for what, and what is told to who does not.

use api::service::authorization_server;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::shop::id;
use crate::support::{App, World, each};

/// An answer with its fields.
struct Told {
    status: StatusCode,
    headers: http::HeaderMap,
    json: Value,
}

async fn ask(app: &App, path: &str, basic: Option<(&str, &str)>, form: Option<&str>) -> Told {
    with(app, path, basic, form, &[]).await
}

async fn with(
    app: &App,
    path: &str,
    basic: Option<(&str, &str)>,
    form: Option<&str>,
    proofs: &[&str],
) -> Told {
    let mut request = Request::builder().uri(path);
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    if let Some((id, secret)) = basic {
        let pair = STANDARD.encode(format!("{id}:{secret}"));
        request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
    }
    let request = match form {
        None => request.body(Body::empty()),
        Some(form) => request
            .method("POST")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned())),
    };
    let answer = app.router.clone().oneshot(request.unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Told {
        status: parts.status,
        headers: parts.headers,
        json: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}

const TOKEN: &str = "/api/oauth/token";
const GRANT: &str = "grant_type=client_credentials";

/// The claims of a token, once its signature was checked with the published keys.
async fn believed(app: &App, told: &Told) -> (String, Value) {
    let token = told.json["access_token"].as_str().unwrap();
    let token = token.strip_prefix("ptn_at_").unwrap();
    let keys = ask(app, "/api/oauth/jwks", None, None).await;
    assert!(!keys.json.to_string().contains("\"d\""), "{}", keys.json);
    let keys: JwkSet = serde_json::from_value(keys.json).unwrap();
    let head = decode_header(token).unwrap();
    assert_eq!(head.typ.as_deref(), Some("at+jwt"));
    let name = head.kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&name).expect("its key is published")).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    // The test's clock is not the system's.
    rules.validate_exp = false;
    rules.validate_aud = false;
    (name, decode::<Value>(token, &key, &rules).unwrap().claims)
}

struct Scene {
    world: World,
    application: String,
    api: String,
    client: String,
    secret: String,
    credential: String,
}

async fn scene(app: App) -> Scene {
    let world = World::new(app).await;
    let shop = world
        .shop(&world.owner, world.here, json!({ "approval": "auto" }))
        .await;
    let application = world.application(&world.owner, world.here, "Mobile").await;
    world
        .subscribed(&world.owner, &application, &shop.plan)
        .await;
    let path = format!("/applications/{application}/oauth-clients");
    let mut owner = world.owner.client.clone();
    let made = owner
        .post(&path, json!({ "name": "ci" }))
        .await
        .ok(201)
        .json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert_eq!(
        text("token_endpoint"),
        "http://localhost:3000/api/oauth/token"
    );
    let list = owner
        .get(&format!("/applications/{application}/credentials"))
        .await
        .ok(200);
    assert!(!list.text.contains(&text("client_secret")));
    Scene {
        application,
        api: shop.api,
        client: text("client_id"),
        secret: text("client_secret"),
        credential: id(&made["credential"]),
        world,
    }
}

#[tokio::test]
async fn a_client_gets_a_token_for_what_it_may_call() {
    each(async |app| {
        let scene = scene(app).await;
        let app = &scene.world.app;
        let basic = Some((scene.client.as_str(), scene.secret.as_str()));
        let told = ask(app, TOKEN, basic, Some(GRANT)).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.json);
        assert_eq!(told.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(told.json["token_type"], "Bearer");
        assert_eq!(told.json["expires_in"], 3600);
        let (_, claims) = believed(app, &told).await;
        let now = app.plane.clock.now().timestamp();
        let audience = format!("urn:uuid:{}", scene.api);
        assert_eq!(claims["iss"], "http://localhost:3000");
        assert_eq!(claims["client_id"], scene.client.as_str());
        assert_eq!(claims["aud"], json!([audience]));
        assert_eq!(claims["exp"], now + 3600);

        // In the form, and for one API by name.
        let form = format!(
            "{GRANT}&client_id={}&client_secret={}&resource={audience}&resource={audience}",
            scene.client, scene.secret
        );
        let told = ask(app, TOKEN, None, Some(&form)).await;
        let (_, again) = believed(app, &told).await;
        assert_eq!(again["aud"], json!([audience]));
        assert_ne!(again["jti"], claims["jti"]);

        // Gateways get the same keys with their configuration.
        let state = entity::snapshot::load(&app.plane.databases.main)
            .await
            .unwrap();
        let tokens = state.parts.settings.unwrap().tokens.unwrap();
        let published = ask(app, "/api/oauth/jwks", None, None).await;
        assert_eq!(tokens.keys, published.json);
        assert_eq!(tokens.issuer, "http://localhost:3000");

        for path in [
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ] {
            let said = ask(app, path, None, None).await;
            assert_eq!(said.json["issuer"], "http://localhost:3000");
            assert_eq!(
                said.json["jwks_uri"],
                "http://localhost:3000/api/oauth/jwks"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn who_gets_none_is_told_in_the_words_of_the_standard() {
    each(async |app| {
        let scene = scene(app).await;
        let app = &scene.world.app;
        let right = Some((scene.client.as_str(), scene.secret.as_str()));
        let wrong = "ptn_cs_wrong";
        let twice = format!("{GRANT}&{GRANT}");
        let both = format!("{GRANT}&client_id={}&client_secret=x", scene.client);
        let huge = format!("{GRANT}&{}", "resource=urn:x&".repeat(60));
        let other = format!("{GRANT}&resource=urn:uuid:{}", scene.application);
        let table = [
            (None, GRANT, 401, "invalid_client"),
            (
                Some((scene.client.as_str(), wrong)),
                GRANT,
                401,
                "invalid_client",
            ),
            (
                Some((scene.client.as_str(), "")),
                GRANT,
                401,
                "invalid_client",
            ),
            (
                Some(("nobody", scene.secret.as_str())),
                GRANT,
                401,
                "invalid_client",
            ),
            (
                Some((scene.application.as_str(), scene.secret.as_str())),
                GRANT,
                401,
                "invalid_client",
            ),
            (right, "", 400, "invalid_request"),
            (right, "grant_type=password", 400, "unsupported_grant_type"),
            (
                right,
                "grant_type=client_credentials&scope=read",
                400,
                "invalid_scope",
            ),
            (right, &twice, 400, "invalid_request"),
            (right, &both, 400, "invalid_request"),
            (right, &huge, 400, "invalid_target"),
            (right, &other, 400, "invalid_target"),
            (right, "grant_type=%ff%", 400, "unsupported_grant_type"),
        ];
        for (basic, form, status, error) in table {
            let told = ask(app, TOKEN, basic, Some(form)).await;
            assert_eq!(
                (told.status.as_u16(), told.json["error"].as_str()),
                (status, Some(error)),
                "{basic:?} {form} {}",
                told.json
            );
            assert_eq!(told.headers[header::CACHE_CONTROL], "no-store");
            let challenged = told.headers.contains_key(header::WWW_AUTHENTICATE);
            assert_eq!(challenged, status == 401 && basic.is_some());
        }

        // A key of the application is no client of it.
        let path = format!("/applications/{}/credentials", scene.application);
        let mut owner = scene.world.owner.client.clone();
        let key = owner
            .post(&path, json!({ "name": "k" }))
            .await
            .ok(201)
            .json();
        let (key_id, value) = (id(&key["credential"]), key["key"].as_str().unwrap());
        let told = ask(app, TOKEN, Some((&key_id, value)), Some(GRANT)).await;
        assert_eq!(told.json["error"], "invalid_client");

        // Neither disabled, nor unsubscribed, nor revoked ones get any.
        let of = |verb: &str| format!("/applications/{}/{verb}", scene.application);
        owner.post(&of("disable"), json!({})).await.ok(200);
        let told = ask(app, TOKEN, right, Some(GRANT)).await;
        assert_eq!(told.json["error"], "unauthorized_client");
        owner.post(&of("enable"), json!({})).await.ok(200);
        let own = owner.get(&of("subscriptions")).await.ok(200).json();
        let subscription = id(&own["items"][0]);
        owner
            .post(&format!("/subscriptions/{subscription}/pause"), json!({}))
            .await
            .ok(200);
        let told = ask(app, TOKEN, right, Some(GRANT)).await;
        assert_eq!(told.json["error"], "invalid_target");
        let revoke = format!("/credentials/{}/revoke", scene.credential);
        owner.post(&revoke, json!({})).await.ok(200);
        let told = ask(app, TOKEN, right, Some(GRANT)).await;
        assert_eq!(told.json["error"], "invalid_client");
    })
    .await;
}

#[tokio::test]
async fn keys_change_while_tokens_stay_good() {
    each(async |app| {
        let scene = scene(app).await;
        let app = &scene.world.app;
        let basic = Some((scene.client.as_str(), scene.secret.as_str()));
        let count = async || {
            let keys = ask(app, "/api/oauth/jwks", None, None).await;
            keys.json["keys"].as_array().unwrap().len()
        };
        assert_eq!(count().await, 0, "none before it is needed");
        assert_eq!(authorization_server::rotate(&app.job()).await.unwrap(), 1);
        assert_eq!(authorization_server::rotate(&app.job()).await.unwrap(), 0);
        let told = ask(app, TOKEN, basic, Some(GRANT)).await;
        let (first, _) = believed(app, &told).await;

        // The next one is published an hour before it signs.
        app.advance(Duration::days(30) - Duration::hours(1));
        assert_eq!(authorization_server::rotate(&app.job()).await.unwrap(), 1);
        assert_eq!(count().await, 2);
        let told = ask(app, TOKEN, basic, Some(GRANT)).await;
        assert_eq!(believed(app, &told).await.0, first);
        app.advance(Duration::hours(1));
        let told = ask(app, TOKEN, basic, Some(GRANT)).await;
        let (second, _) = believed(app, &told).await;
        assert_ne!(second, first);

        // The old one stays until its last token is over.
        app.advance(Duration::minutes(119));
        authorization_server::rotate(&app.job()).await.unwrap();
        assert_eq!(count().await, 2);
        app.advance(Duration::minutes(1));
        authorization_server::rotate(&app.job()).await.unwrap();
        assert_eq!(count().await, 1);

        // Two processes at once make one.
        app.advance(Duration::days(31));
        let jobs = [app.job(), app.job(), app.job()];
        let made = futures::future::join_all(jobs.iter().map(authorization_server::rotate)).await;
        let made: u64 = made.into_iter().map(|one| one.unwrap()).sum();
        assert_eq!((made, count().await), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn a_token_has_the_scopes_that_plans_grant() {
    each(async |app| {
        let scene = scene(app).await;
        let world = &scene.world;
        let app = &world.app;
        let basic = Some((scene.client.as_str(), scene.secret.as_str()));
        // Somebody else's plan grants what this provider's policies may ask for.
        let body = json!({ "approval": "auto", "scopes": ["admin", "read"] });
        let other = world.shop(&world.stranger, world.there, body).await;
        world
            .subscribed(&world.owner, &scene.application, &other.plan)
            .await;
        let mut owner = world.owner.client.clone();
        let subscriptions = format!("/applications/{}/subscriptions", scene.application);
        let own = owner.get(&subscriptions).await.ok(200).json();
        let plans = own["items"].as_array().unwrap().iter();
        let plans = plans.map(|one| one["plan"]["id"].as_str().unwrap().to_owned());
        let plan = plans.into_iter().find(|id| *id != other.plan).unwrap();
        let path = format!("/plans/{plan}");
        let mut written = json!({ "name": "Standard", "approval": "auto" });
        for (scopes, wrong) in [
            (json!(["a b"]), "/scopes/0"),
            (json!(["a", "a"]), "/scopes/1"),
            (json!(vec!["x"; 51]), "/scopes"),
        ] {
            written["scopes"] = scopes;
            let told = owner.put(&path, written.clone()).await.ok(422).json();
            assert_eq!(told["errors"][0]["pointer"], wrong, "{told}");
        }
        written["scopes"] = json!(["read", "write"]);
        let kept = owner.put(&path, written.clone()).await.ok(200).json();
        assert_eq!(kept["scopes"], written["scopes"]);

        let [here, there] = [&scene.api, &other.api].map(|api| format!("urn:uuid:{api}"));
        let listed = format!("/applications/{}/scopes", scene.application);
        let listed = owner.get(&listed).await.ok(200).json();
        let of = |resource: &str| {
            let mut all = listed.as_array().unwrap().iter();
            all.find(|one| one["resource"] == resource).unwrap()["scopes"].clone()
        };
        assert_eq!(of(&here), json!(["read", "write"]));
        assert_eq!(of(&there), json!(["admin", "read"]));

        let both = json!([here, there]);
        for (more, audience, scope) in [
            // All that every API of the token grants.
            (String::new(), both.clone(), json!("read")),
            (
                format!("&resource={here}"),
                json!([here]),
                json!("read write"),
            ),
            ("&scope=read".to_owned(), both, json!("read")),
            ("&scope=write".to_owned(), json!([here]), json!("write")),
            (
                format!("&resource={there}&scope=admin"),
                json!([there]),
                json!("admin"),
            ),
        ] {
            let told = ask(app, TOKEN, basic, Some(&format!("{GRANT}{more}"))).await;
            assert_eq!(told.json["scope"], scope, "{more} {}", told.json);
            let (_, claims) = believed(app, &told).await;
            let sorted = |list: &Value| {
                let mut list: Vec<String> = serde_json::from_value(list.clone()).unwrap();
                list.sort();
                list
            };
            assert_eq!(sorted(&claims["aud"]), sorted(&audience), "{more}");
            assert_eq!(claims["scope"], scope, "{more}");
        }
        for more in [
            "&scope=other".to_owned(),
            "&scope=write+admin".to_owned(),
            format!("&resource={here}&scope=admin"),
            format!("&resource={here}&resource={there}&scope=write"),
        ] {
            let told = ask(app, TOKEN, basic, Some(&format!("{GRANT}{more}"))).await;
            assert_eq!(told.json["error"], "invalid_scope", "{more} {}", told.json);
        }
        // Whose scopes there are is nobody's business.
        let said = ask(app, "/.well-known/oauth-authorization-server", None, None).await;
        assert!(said.json.get("scopes_supported").is_none());
    })
    .await;
}

/// A proof by a key of P-256 (RFC 9449 §4.2).
fn prove(key: &EncodingKey, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(Jwk::from_encoding_key(key, Algorithm::ES256).unwrap());
    encode(&header, claims, key).unwrap()
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_of_a_proof() {
    each(async |app| {
        let scene = scene(app).await;
        let app = &scene.world.app;
        let basic = Some((scene.client.as_str(), scene.secret.as_str()));
        let private =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        let key = EncodingKey::from_ec_der(private.as_ref());
        let now = app.plane.clock.now().timestamp();
        let address = "http://localhost:3000/api/oauth/token";
        let good = json!({ "jti": "1", "htm": "POST", "htu": address, "iat": now });
        let proof = prove(&key, &good);
        let told = with(app, TOKEN, basic, Some(GRANT), &[&proof]).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.json);
        assert_eq!(told.json["token_type"], "DPoP");
        let (_, claims) = believed(app, &told).await;
        let read = domain::proof::Proof::read(proof.as_bytes()).unwrap();
        assert_eq!(claims["cnf"], json!({ "jkt": read.key.thumbprint() }));
        let plain = ask(app, TOKEN, basic, Some(GRANT)).await;
        assert!(believed(app, &plain).await.1.get("cnf").is_none());

        let changed = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            prove(&key, &claims)
        };
        let (message, _) = proof.rsplit_once('.').unwrap();
        for proofs in [
            vec![changed("htm", json!("GET"))],
            vec![changed(
                "htu",
                json!("http://localhost:3000/api/oauth/jwks"),
            )],
            vec![changed("htu", json!("http://evil.test/api/oauth/token"))],
            vec![changed("iat", json!(now - 121))],
            vec![changed("iat", json!(now + 61))],
            vec![format!("{message}.c2ln")],
            vec!["x".to_owned()],
            vec![proof.clone(), proof.clone()],
        ] {
            let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
            let told = with(app, TOKEN, basic, Some(GRANT), &proofs).await;
            assert_eq!(
                (told.status.as_u16(), told.json["error"].as_str()),
                (400, Some("invalid_dpop_proof")),
                "{proofs:?}"
            );
        }
        let said = ask(app, "/.well-known/oauth-authorization-server", None, None).await;
        let algorithms = &said.json["dpop_signing_alg_values_supported"];
        assert_eq!(algorithms[0], "ES256");
    })
    .await;
}
