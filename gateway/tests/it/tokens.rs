//! `jwt`: tokens of an issuer that is really asked for its keys, and what attackers make of them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::rig::{Answer, Rig, key};
use crate::switch::until;

const FILE: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  varied: { targets: [{ url: "http://@UPSTREAM@/a", variant: stable }, { url: "http://@UPSTREAM@/b", variant: canary }], split: { variants: { stable: { share: 1 }, canary: {} }, by: { claim: realm.ring } } }
apis:
  shop:
    versions:
      v1:
        match: { path: /shop }
        upstream: echo
        policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], headers: { X-User: sub, X-Roles: realm.roles } } }]
      open: { match: { path: /open }, upstream: echo, policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], optional: true, application: optional, forward: true } }] }
      scoped: { match: { path: /scoped }, upstream: echo, policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], application: optional } }, { scopes: { all: [read] } }], operations: [{ match: { method: GET, path: /admin }, policies: [{ scopes: { any: [admin], claim: realm.roles } }] }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ key_auth: {} }, { jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], headers: { X-User: sub } } }] } }] }
      limited: { match: { path: /limited }, upstream: echo, policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], optional: true, application: optional } }, { rate_limit: { limit: 1, window: 60s, claims: [sub, realm.roles] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ jwt: { mode: observe, issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], headers: { X-User: sub } } }] }
      lent: { match: { path: /lent }, upstream: echo, policies: [{ jwt: { mode: observe, issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }] } }, { scopes: { all: [read] } }] }
      beside: { match: { path: /beside }, upstream: echo, policies: [{ jwt: { mode: observe, issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], application: optional } }, { key_auth: {} }, { scopes: { all: [read] } }] }
      strange: { match: { path: /strange }, upstream: echo, policies: [{ key_auth: { mode: observe } }, { jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], application: optional } }] }
      varied: { match: { path: /varied }, upstream: varied, policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], application: optional } }] }
      chosen: { match: { path: /chosen }, upstream: echo, upstreams: [{ when: { claim: { name: realm.roles, value: dev } }, upstream: varied }, { when: { claim: { name: sub, value: bob } }, upstream: varied }], policies: [{ jwt: { issuers: [{ issuer: "@ISSUER@", audience: [shop], algorithms: [ES256] }], application: optional } }] }
products:
  shop: { versions: [shop/v1, shop/open, shop/either, shop/lent, shop/beside, shop/strange], plans: { free: { policies: [{ rate_limit: { limit: 1000, window: 60s } }] } } }
applications:
  mobile: { clients: [{ name: c, issuer: "@ISSUER@", client_id: mobile }, { name: old, issuer: "@ISSUER@", client_id: old, expires_at: "2026-01-01T00:00:00Z" }], keys: [{ name: k, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  paused: { clients: [{ name: c, issuer: "@ISSUER@", client_id: paused }], subscriptions: [{ product: shop, plan: free, paused: true }] }
"#;

/// An identity provider with a document and keys.
pub(crate) struct Issuer {
    pub(crate) address: String,
    pub(crate) keys: Arc<Mutex<Option<Value>>>,
    pub(crate) instead: Arc<Mutex<Instead>>,
    asked: Arc<AtomicUsize>,
}

/// A path, and all that is written where it is asked for.
pub(crate) type Instead = Option<(&'static str, Vec<u8>)>;

/// Where its document is.
pub(crate) const WELL_KNOWN: &str = "/.well-known/openid-configuration";

fn signer(pem: &str) -> EncodingKey {
    EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()
}

pub(crate) fn first() -> EncodingKey {
    signer(include_str!("tls/a.key"))
}

pub(crate) fn second() -> EncodingKey {
    signer(include_str!("tls/b.key"))
}

pub(crate) fn keys(all: &[(&str, &EncodingKey)]) -> Value {
    let keys = all.iter().map(|(id, key)| {
        let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some((*id).to_owned());
        serde_json::to_value(jwk).unwrap()
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Some(keys(&[("one", &first())]))));
        let asked = Arc::new(AtomicUsize::new(0));
        let instead: Arc<Mutex<Instead>> = Arc::default();
        let (known, own, count) = (keys.clone(), address.clone(), asked.clone());
        let other = instead.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let body = if path == WELL_KNOWN {
                    Some(json!({ "issuer": own, "jwks_uri": format!("{own}/keys") }))
                } else {
                    count.fetch_add(1, Ordering::Relaxed);
                    known.lock().unwrap().clone()
                };
                let mut answer = match body {
                    Some(body) => ok(&body.to_string()),
                    None => b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec(),
                };
                if let Some((at, other)) = &*other.lock().unwrap()
                    && *at == path
                {
                    answer.clone_from(other);
                }
                let _ = stream.write_all(&answer).await;
            }
        });
        Self {
            address,
            keys,
            instead,
            asked,
        }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// An answer with a body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

pub(crate) struct World {
    pub(crate) rig: Rig,
    pub(crate) issuer: Issuer,
}

impl World {
    async fn new(apart: Duration) -> Self {
        Self::with(|settings| {
            settings.issuer_keys.apart = apart;
            settings.issuer_keys.fresh = Duration::from_secs(60);
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut gateway::Settings)) -> Self {
        let issuer = Issuer::start().await;
        let text = FILE.replace("@ISSUER@", &issuer.address);
        let rig = Rig::with(&text, change).await;
        let world = Self { rig, issuer };
        let (good, mut asked) = (world.good(), 0);
        until("the issuer's keys", async || {
            asked += 1;
            world.call("/shop", &good).await.status == 200
        })
        .await;
        // The last one's record comes behind its answer.
        world.rig.wait_records(asked).await;
        world
    }

    pub(crate) fn claims(&self) -> Value {
        let now = self.rig.now().timestamp();
        json!({
            "iss": self.issuer.address, "aud": "shop", "sub": "ada", "client_id": "mobile",
            "iat": now, "exp": now + 300, "realm": { "roles": ["admin", "dev"] },
        })
    }

    fn claiming(&self, change: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    pub(crate) fn good(&self) -> String {
        sign(&self.claims(), "one", &first())
    }

    pub(crate) async fn call(&self, path: &str, token: &str) -> Answer {
        let field = format!("Authorization: Bearer {token}");
        self.rig
            .get(path, &[&field, "X-User: root", "x-roles: god"])
            .await
    }

    /// Questions for keys that brought none, once it is settled what comes of them.
    pub(crate) async fn failed(&self) -> u64 {
        let page = self.rig.admin("/metrics").await.body;
        let name = "portunus_issuer_keys_failed_total ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }
}

pub(crate) fn sign(claims: &Value, kid: &str, key: &EncodingKey) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    encode(&header, claims, key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_watches_leaves_the_token_to_the_upstream_and_tells_it_nothing() {
    let world = World::new(Duration::from_secs(30)).await;
    let good = world.good();
    let answer = world.call("/watched", &good).await;
    assert_eq!(answer.status, 200);
    for (field, value) in [
        ("authorization", Some(format!("Bearer {good}"))),
        // Nobody but the policy says who it is, in either mode.
        ("x-user", None),
        ("x-roles", Some("god".to_owned())),
    ] {
        assert_eq!(answer.seen(field), value, "{field}");
    }
    // Nobody is allowed anything by a token that would be refused.
    for (client, status) in [("mobile", 200), ("unknown", 403), ("paused", 403)] {
        let claims = world.claiming(json!({ "client_id": client, "scope": "read" }));
        let token = sign(&claims, "one", &first());
        let answer = world.call("/lent", &token).await;
        assert_eq!(answer.status, status, "{client}");
        // Nor by one that is only watched, where a key says who calls.
        let fields = [
            format!("Authorization: Bearer {token}"),
            format!("X-Api-Key: {}", key(1).as_str()),
        ];
        let answer = world.rig.get("/beside", &[&fields[0], &fields[1]]).await;
        assert_eq!(answer.code(), "scope_missing", "{client}");
        // And who shows a stranger's token does not call as the application of a watched key.
        let answer = world.rig.get("/strange", &[&fields[0], &fields[1]]).await;
        assert_eq!(answer.status, 200, "{client}");
        let application = answer.seen("x-portunus-application");
        assert_eq!(application.is_some(), client == "mobile", "{client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_as_good_as_a_key() {
    let world = World::new(Duration::from_secs(30)).await;
    let good = world.good();
    // Twice: the second time it is known.
    for _ in 0..2 {
        let answer = world.call("/shop/x", &good).await;
        assert_eq!(answer.status, 200);
        assert!(answer.field("ratelimit").is_some(), "the plan's limit");
        for (field, value) in [
            ("authorization", None),
            ("x-user", Some("ada")),
            ("x-roles", Some("admin,dev")),
            ("x-portunus-plan", Some("free")),
        ] {
            assert_eq!(answer.seen(field).as_deref(), value, "{field}");
        }
        assert!(!answer.body.contains("root") && !answer.body.contains("god"));
        let record = world.rig.wait_records(1).await.remove(0);
        assert!(!record.application.is_nil() && !record.credential.is_nil());
    }
    let answer = world.call("/open", &good).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.seen("authorization"), Some(format!("Bearer {good}")));
    // What the client nominates cannot take our word out.
    let field = format!("Authorization: Bearer {good}");
    let answer = world
        .rig
        .get("/shop/x", &[&field, "Connection: x-user"])
        .await;
    assert_eq!(answer.seen("x-user").as_deref(), Some("ada"));
    // Known or not, its time ends.
    world.rig.advance(361);
    assert_eq!(world.call("/shop", &good).await.code(), "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_believed() {
    let world = World::new(Duration::from_secs(30)).await;
    let good = world.good();
    let now = world.rig.now().timestamp();
    let signed = sign;
    let sign = |change: Value| signed(&world.claiming(change), "one", &first());
    let parts: Vec<&str> = good.split('.').collect();
    let base64 = |json: Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string())
    };
    let unsigned = base64(json!({ "alg": "none", "kid": "one" }));
    // RFC 8725 §2.1: what the public key says, taken as a secret.
    let secret = world
        .issuer
        .keys
        .lock()
        .unwrap()
        .clone()
        .unwrap()
        .to_string();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("one".to_owned());
    let confused = encode(
        &header,
        &world.claims(),
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap();
    let other_payload = base64(world.claiming(json!({ "sub": "root" })));
    let invalid = [
        (
            "of another's key",
            signed(&world.claims(), "one", &second()),
        ),
        (
            "changed",
            format!("{}.{other_payload}.{}", parts[0], parts[2]),
        ),
        ("without signature", format!("{unsigned}.{}.", parts[1])),
        (
            "none with signature",
            format!("{unsigned}.{}.{}", parts[1], parts[2]),
        ),
        ("by a secret", confused),
        ("another audience", sign(json!({ "aud": "bank" }))),
        (
            "another issuer",
            sign(json!({ "iss": "https://evil.test" })),
        ),
        ("not yet", sign(json!({ "nbf": now + 100 }))),
        ("from the future", sign(json!({ "iat": now + 100 }))),
        ("for ever", sign(json!({ "exp": null }))),
        ("a text as time", sign(json!({ "exp": "9999999999" }))),
        ("a withdrawn client", sign(json!({ "client_id": "old" }))),
        ("a key of ours", key(1).as_str().to_owned()),
        ("nothing like it", "a.b.c".to_owned()),
        ("huge", "a".repeat(9000)),
    ];
    for (what, token) in &invalid {
        let answer = world.call("/shop", token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "token_invalid".into()),
            "{what}"
        );
        let challenge = answer.field("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
        // Where none is asked for, a wrong one is refused all the same.
        assert_eq!(world.call("/open", token).await.status, 401, "{what}");
        assert_eq!(world.call("/watched", token).await.status, 200, "{what}");
    }
    for (change, code) in [
        (json!({ "exp": now - 61 }), "token_expired"),
        (json!({ "client_id": "unknown" }), "not_subscribed"),
        (json!({ "client_id": null }), "not_subscribed"),
        (json!({ "client_id": null, "azp": "mobile" }), ""),
    ] {
        let answer = world.call("/shop", &sign(change.clone())).await;
        match code {
            "" => assert_eq!(answer.status, 200, "{change}"),
            code => assert_eq!(answer.code(), code, "{change}"),
        }
    }
    let answer = world.rig.get("/shop", &[]).await;
    assert_eq!(answer.code(), "token_missing");
    let field = format!("Authorization: Bearer {good}");
    let answer = world.rig.get("/shop", &[&field, &field]).await;
    assert_eq!(answer.status, 401, "two fields");
    assert_eq!(world.rig.get("/open", &[]).await.status, 200);
    assert_eq!(
        world
            .rig
            .get("/open", &["Authorization: Basic eDp5"])
            .await
            .status,
        200
    );
    // Spellings that an upstream might read.
    let tabbed = format!("Authorization: Bearer\t{good}");
    for fields in [
        &[&*tabbed][..],
        &["Authorization: Bearer"],
        &["authorization: bEARER  "],
        &["Authorization: Basic eDp5", &field],
    ] {
        let answer = world.rig.get("/open", fields).await;
        assert_eq!(answer.status, 401, "{fields:?}");
    }
    let stranger = sign(json!({ "client_id": "unknown" }));
    assert_eq!(world.call("/open", &stranger).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn either_a_key_or_a_token() {
    let world = World::new(Duration::from_secs(30)).await;
    let token = format!("Authorization: Bearer {}", world.good());
    let forged = sign(&world.claims(), "one", &second());
    let forged = format!("Authorization: Bearer {forged}");
    let own = key(1);
    let by_field = format!("X-Api-Key: {}", own.as_str());
    let by_bearer = format!("Authorization: Bearer {}", own.as_str());
    let table: [(&[&str], u16, &str); 7] = [
        (&[&by_field], 200, ""),
        (&[&by_bearer], 200, ""),
        (&[&token], 200, "ada"),
        (&[&forged], 401, "token_invalid"),
        (&["X-Api-Key: wrong"], 401, "key_invalid"),
        // The first way that is taken decides.
        (&["X-Api-Key: wrong", &token], 401, "key_invalid"),
        (&[], 401, "key_missing"),
    ];
    let answer = world.rig.get("/either", &[&by_field, &forged]).await;
    assert_eq!((answer.status, answer.seen("authorization")), (200, None));
    for (fields, status, told) in table {
        let spoofed = [fields, &["X-User: root"]].concat();
        let answer = world.rig.get("/either", &spoofed).await;
        assert_eq!(answer.status, status, "{fields:?}");
        if status == 200 {
            assert_eq!(answer.seen("x-user").unwrap_or_default(), told);
            assert_eq!(answer.seen("x-portunus-plan").as_deref(), Some("free"));
        } else {
            assert_eq!(answer.code(), told);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_decide_behind_the_token() {
    let world = World::new(Duration::from_secs(30)).await;
    for (scope, path, status) in [
        (json!("read write"), "/scoped/x", 200),
        (json!("readwrite"), "/scoped/x", 403),
        (json!(null), "/scoped/x", 403),
        (json!(["read"]), "/scoped/x", 200),
        // Those of version and operation add up.
        (json!("read"), "/scoped/admin", 200),
        (json!("write"), "/scoped/admin", 403),
    ] {
        let token = sign(
            &world.claiming(json!({ "scope": scope, "client_id": null })),
            "one",
            &first(),
        );
        let answer = world.call(path, &token).await;
        assert_eq!(answer.status, status, "{scope} {path}");
        if status == 403 {
            assert_eq!(answer.code(), "scope_missing");
            let challenge = answer.field("www-authenticate").unwrap();
            assert!(challenge.contains("insufficient_scope"), "{challenge}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_names_the_variant() {
    let world = World::new(Duration::from_secs(30)).await;
    for (realm, variant) in [
        (json!({ "ring": "canary" }), "canary"),
        (json!({ "ring": "stable" }), "stable"),
        (json!({ "ring": "other" }), "stable"),
        (json!({ "ring": ["canary"] }), "stable"),
        (json!({ "ring": "" }), "stable"),
        (json!({}), "stable"),
        (json!("canary"), "stable"),
    ] {
        let claims = world.claiming(json!({ "realm": realm, "client_id": null }));
        let answer = world.call("/varied", &sign(&claims, "one", &first())).await;
        assert_eq!(answer.status, 200, "{claims}");
        let records = world.rig.wait_records(1).await;
        assert_eq!(records[0].variant, variant, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_chooses_the_upstream() {
    let world = World::new(Duration::from_secs(30)).await;
    for (change, is_other) in [
        (json!({}), true),
        (json!({ "realm": { "roles": "dev" } }), true),
        (
            json!({ "realm": { "roles": ["admin"] }, "sub": "bob" }),
            true,
        ),
        (
            json!({ "realm": { "roles": ["developer", 7, null] } }),
            false,
        ),
        (json!({ "realm": null }), false),
    ] {
        let mut claims = world.claiming(change);
        claims["client_id"] = Value::Null;
        let answer = world.call("/chosen", &sign(&claims, "one", &first())).await;
        assert_eq!(answer.status, 200, "{claims}");
        let records = world.rig.wait_records(1).await;
        assert_eq!(!records[0].variant.is_empty(), is_other, "{claims}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_renewed_and_survive_an_outage() {
    let world = World::new(Duration::from_millis(500)).await;
    // A flood of names of keys that are not there: few questions come of it.
    let before = world.issuer.asked();
    let began = tokio::time::Instant::now();
    for round in 0..100 {
        let token = sign(&world.claims(), &format!("unknown-{round}"), &second());
        assert_eq!(world.call("/shop", &token).await.status, 401);
    }
    let most = 1 + (began.elapsed().as_millis() / 500) as usize;
    let asked = world.issuer.asked() - before;
    assert!(asked <= most, "{asked} questions, at most {most}");

    // The issuer has a new key beside the old one.
    let both = keys(&[("one", &first()), ("two", &second())]);
    *world.issuer.keys.lock().unwrap() = Some(both);
    let new = sign(&world.claims(), "two", &second());
    until("the new key", async || {
        world.call("/shop", &new).await.status == 200
    })
    .await;
    assert_eq!(world.call("/shop", &world.good()).await.status, 200);

    // The old one is withdrawn: what it signed is good no longer, seen before or not.
    *world.issuer.keys.lock().unwrap() = Some(keys(&[("two", &second())]));
    let probe = sign(&world.claims(), "three", &second());
    until("the withdrawal", async || {
        world.call("/shop", &probe).await;
        world.call("/shop", &world.good()).await.status == 401
    })
    .await;

    // All are withdrawn.
    *world.issuer.keys.lock().unwrap() = Some(json!({ "keys": [] }));
    until("the end of all keys", async || {
        world.call("/shop", &probe).await;
        world.call("/shop", &new).await.status == 401
    })
    .await;
    *world.issuer.keys.lock().unwrap() = Some(keys(&[("two", &second())]));
    until("their return", async || {
        world.call("/shop", &new).await.status == 200
    })
    .await;

    // The issuer is away: what is known stays.
    *world.issuer.keys.lock().unwrap() = None;
    let before = world.failed().await;
    until("two questions in vain", async || {
        world.call("/shop", &probe).await;
        world.failed().await >= before + 2
    })
    .await;
    assert_eq!(world.call("/shop", &new).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_may_count_by_what_a_token_says() {
    let world = World::new(Duration::from_secs(30)).await;
    let of = |change: Value| sign(&world.claiming(change), "one", &first());
    for (change, statuses) in [
        (json!({}), [200, 429]),
        (json!({ "client_id": "other", "iat": 1 }), [429, 429]),
        (json!({ "sub": "bob" }), [200, 429]),
        (json!({ "realm": { "roles": ["dev"] } }), [200, 429]),
        (json!({ "realm": {} }), [200, 429]),
    ] {
        for status in statuses {
            let answer = world.call("/limited", &of(change.clone())).await;
            assert_eq!(answer.status, status, "{change}");
        }
    }
    // Who shows none is counted by address.
    for status in [200, 429] {
        assert_eq!(world.rig.get("/limited", &[]).await.status, status);
    }
}
