//! Tokens that are bound to a key of their client, shown with proofs of it (DPoP, RFC 9449) and
//! without; and tokens that are good once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Answer, Client, Rig};

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@] } }] }
      open: { match: { path: /open }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], application: optional, forward: true } }] }
      strict: { match: { path: /strict }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], bound: required } }] }
      loose: { match: { path: /loose }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], bound: none } }] }
      once: { match: { path: /once }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], application: optional, single_use: true } }] }
      thrice: { match: { path: /thrice }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], single_use: true } }, { rate_limit: { limit: 1, window: 60s } }] }
      fresh: { match: { path: /fresh }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], proof_nonce: true } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ basic_auth: {} }, { jwt: { issuers: [@ISSUER@] } }] } }] }
  bank: { versions: { v1: { match: { path: /bank }, upstream: echo, policies: [{ jwt: { issuers: [@ISSUER@], application: optional, single_use: true } }] } } }
products: { shop: { versions: [shop/v1, shop/strict, shop/loose, shop/once, shop/thrice, shop/fresh, shop/either], plans: { free: {} } } }
applications:
  mobile: { clients: [{ name: c, issuer: "https://idp.test", client_id: mobile }], passwords: [{ name: p, user: mobile, value: "a password of many letters" }], subscriptions: [{ product: shop, plan: free }] }
"#;

fn key(pem: &str) -> EncodingKey {
    EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()
}

fn issuers() -> EncodingKey {
    key(include_str!("tls/a.key"))
}

fn clients() -> EncodingKey {
    key(include_str!("tls/b.key"))
}

fn jwk(key: &EncodingKey) -> Value {
    let jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    serde_json::to_value(jwk).unwrap()
}

/// RFC 7638 §3.
fn thumbprint(key: &EncodingKey) -> String {
    let jwk = jwk(key);
    let text = |name: &str| jwk[name].as_str().unwrap();
    let text = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        text("x"),
        text("y")
    );
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

struct World {
    rig: Rig,
    text: String,
}

impl World {
    async fn new() -> Self {
        let issuer = json!({
            "issuer": "https://idp.test", "audience": ["shop"], "algorithms": ["ES256"],
            "jwks": { "keys": [jwk(&issuers())] },
        });
        let text = FILE.replace("@ISSUER@", &issuer.to_string());
        let rig = Rig::with(&text, |settings| {
            settings.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
        })
        .await;
        Self { rig, text }
    }

    fn now(&self) -> i64 {
        self.rig.now().timestamp()
    }

    /// A token with these claims beside the usual.
    fn token(&self, more: Value) -> String {
        let now = self.now();
        let mut claims = json!({
            "iss": "https://idp.test", "aud": "shop", "client_id": "mobile",
            "iat": now, "exp": now + 3600,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        encode(&Header::new(Algorithm::ES256), &claims, &issuers()).unwrap()
    }

    fn bound(&self) -> String {
        self.token(json!({ "cnf": { "jkt": thumbprint(&clients()) } }))
    }

    /// A good proof for `GET path` with `token`, but for what is changed.
    fn proof(&self, path: &str, token: &str, change: Value) -> String {
        let mut claims = json!({
            "jti": format!("{path} {change} {}", self.now()), "htm": "GET",
            "htu": format!("http://test{path}"), "iat": self.now(),
            "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token)),
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        prove(&claims, &clients())
    }

    async fn call(&self, path: &str, token: &str, proof: &str) -> Answer {
        let token = format!("Authorization: DPoP {token}");
        self.rig
            .get(path, &[&token, &format!("DPoP: {proof}")])
            .await
    }

    async fn bearer(&self, path: &str, token: &str) -> Answer {
        let token = format!("Authorization: Bearer {token}");
        self.rig.get(path, &[&token]).await
    }
}

fn prove(claims: &Value, key: &EncodingKey) -> String {
    let header = Header {
        typ: Some("dpop+jwt".to_owned()),
        jwk: Some(serde_json::from_value(jwk(key)).unwrap()),
        ..Header::new(Algorithm::ES256)
    };
    encode(&header, claims, key).unwrap()
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

fn is(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_shown_with_its_proof() {
    let world = World::new().await;
    let token = world.bound();
    // The token is known by the second time; its proof never is.
    for path in ["/shop", "/shop/x", "/strict", "/either"] {
        let proof = world.proof(path, &token, json!({}));
        let answer = world.call(path, &token, &proof).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert_eq!(answer.seen("authorization"), None);
        assert_eq!(answer.seen("dpop"), None);
        let again = world.call(path, &token, &proof).await;
        assert_eq!(refused(&again), is("proof_invalid"), "{path}");
        let challenge = again.field("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(challenge.contains("error=\"invalid_dpop_proof\""));
        assert!(challenge.contains("algs=\"ES256 "));
        let naked = world.bearer(path, &token).await;
        assert_eq!(refused(&naked), is("proof_invalid"), "{path}");
    }
    // Where the token goes on, its proof does.
    let proof = world.proof("/open", &token, json!({}));
    let answer = world.call("/open", &token, &proof).await;
    assert_eq!(answer.seen("authorization"), Some(format!("DPoP {token}")));
    assert_eq!(answer.seen("dpop"), Some(proof));
    // Nobody looks.
    assert_eq!(world.bearer("/loose", &token).await.status, 200);
    let answer = world.call("/loose", &token, "x").await;
    assert_eq!((answer.status, answer.seen("dpop")), (200, None));
    // The query is no part of what is proven, and another spelling is the same address.
    for (path, htu) in [
        ("/shop/a?b=c", "http://test/shop/a"),
        ("/shop/%61b", "HTTP://TEST:80/shop/ab?x#y"),
        ("/shop/{a}|b^c", "http://test/shop/{a}|b^c"),
        ("/shop/{d}|b^c", "http://test/shop/%7Bd%7D|b^c"),
        ("/shop/%7Be%7D", "http://test/shop/{e}"),
    ] {
        let proof = world.proof(path, &token, json!({ "htu": htu }));
        assert_eq!(world.call(path, &token, &proof).await.status, 200, "{path}");
    }
    let free = world.token(json!({}));
    assert_eq!(world.bearer("/shop", &free).await.status, 200);
    let strict = world.bearer("/strict", &free).await;
    assert_eq!(refused(&strict), is("token_invalid"));
    let proof = world.proof("/shop", &free, json!({}));
    let needless = world.call("/shop", &free, &proof).await;
    assert_eq!(refused(&needless), is("proof_invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_has_a_nonce_where_that_is_asked_for() {
    let world = World::new().await;
    let token = world.bound();
    let call = async |nonce: Value, id: &str| {
        let proof = world.proof("/fresh", &token, json!({ "nonce": nonce, "jti": id }));
        world.call("/fresh", &token, &proof).await
    };
    let wanted = |answer: &Answer| {
        assert_eq!(refused(answer), is("proof_nonce"));
        let challenge = answer.field("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(challenge.contains("error=\"use_dpop_nonce\""));
        answer.field("dpop-nonce").unwrap().to_owned()
    };
    let nonce = wanted(&call(json!(null), "1").await);
    for none in ["", "x", &nonce[1..]] {
        assert_eq!(wanted(&call(json!(none), "1").await), nonce, "{none}");
    }
    // It is the proof's own name that is good once, and no refusal has used that up.
    assert_eq!(call(json!(nonce), "1").await.status, 200);
    assert_eq!(refused(&call(json!(nonce), "1").await), is("proof_invalid"));
    assert_eq!(call(json!(nonce), "2").await.status, 200);
    // Nor does a nonce make a proof good that is none.
    let old = json!({ "nonce": nonce, "iat": world.now() - 121 });
    let old = world.proof("/fresh", &token, old);
    let old = world.call("/fresh", &token, &old).await;
    assert_eq!(refused(&old), is("proof_invalid"));
    world.rig.advance(599);
    assert_eq!(call(json!(nonce), "3").await.status, 200);
    world.rig.advance(1);
    let next = wanted(&call(json!(nonce), "4").await);
    assert_ne!(next, nonce);
    assert_eq!(call(json!(next), "4").await.status, 200);
    // Where nobody asks for one, it does no harm.
    let proof = world.proof("/shop", &token, json!({ "nonce": "x" }));
    assert_eq!(world.call("/shop", &token, &proof).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_nothing() {
    let world = World::new().await;
    let token = world.bound();
    let other = world.token(json!({ "cnf": { "jkt": thumbprint(&clients()) }, "n": 1 }));
    let now = world.now();
    let claims = |id: &str| {
        json!({
            "jti": id, "htm": "GET", "htu": "http://test/shop", "iat": now,
            "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(&token)),
        })
    };
    let proof = |change: Value| world.proof("/shop", &token, change);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = |change: Value| {
        let mut header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&clients()) });
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let unsigned = |change: Value| format!("{}.{}.c2ln", part(&header(change)), part(&claims("u")));
    let good = proof(json!({ "jti": "cut" }));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut private = jwk(&clients());
    private["d"] = json!("AAAA");
    // What the public key says, taken as a secret.
    let confused = encode(
        &Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(serde_json::from_value(jwk(&clients())).unwrap()),
            ..Header::new(Algorithm::HS256)
        },
        &claims("h"),
        &EncodingKey::from_secret(jwk(&clients()).to_string().as_bytes()),
    )
    .unwrap();
    let table = [
        ("nothing", String::new()),
        ("no proof", "x".to_owned()),
        ("another key", prove(&claims("k"), &issuers())),
        ("another method", proof(json!({ "htm": "POST" }))),
        (
            "another path",
            proof(json!({ "htu": "http://test/shop/x" })),
        ),
        ("another host", proof(json!({ "htu": "http://evil/shop" }))),
        (
            "another scheme",
            proof(json!({ "htu": "https://test/shop" })),
        ),
        (
            "another port",
            proof(json!({ "htu": "http://test:8080/shop" })),
        ),
        ("no address", proof(json!({ "htu": "/shop" }))),
        ("old", proof(json!({ "iat": now - 121 }))),
        ("from the future", proof(json!({ "iat": now + 61 }))),
        ("a text as time", proof(json!({ "iat": now.to_string() }))),
        ("without a name", proof(json!({ "jti": "" }))),
        ("without the token", proof(json!({ "ath": null }))),
        ("another token", world.proof("/shop", &other, json!({}))),
        ("unsigned", unsigned(json!({ "alg": "none" }))),
        ("signed by a text", unsigned(json!({}))),
        ("by a secret", confused),
        ("with the private key", unsigned(json!({ "jwk": private }))),
        ("another type", unsigned(json!({ "typ": "at+jwt" }))),
        ("an extension", unsigned(json!({ "crit": ["x"] }))),
        ("cut", format!("{message}.{}", &signature[..40])),
        ("two in one", format!("{good}, {good}")),
        ("huge", format!("{message}.{}", "A".repeat(5000))),
        ("the token itself", token.clone()),
    ];
    for (what, proof) in &table {
        let answer = world.call("/shop", &token, proof).await;
        assert_eq!(refused(&answer), is("proof_invalid"), "{what}");
    }
    let field = format!("Authorization: DPoP {token}");
    let alone = world.rig.get("/shop", &[&field]).await;
    assert_eq!(refused(&alone), is("proof_invalid"));
    let twice = format!("DPoP: {good}");
    let twice = world.rig.get("/shop", &[&field, &twice, &twice]).await;
    assert_eq!(refused(&twice), is("proof_invalid"));
    let both = format!("Authorization: Bearer {token}");
    let both = world.rig.get("/shop", &[&field, &both]).await;
    assert_eq!(refused(&both), is("token_invalid"));
    // It was never used up by any of that.
    assert_eq!(world.call("/shop", &token, &good).await.status, 200);

    // What a token may be bound to.
    for cnf in [
        json!({}),
        json!(null),
        json!("x"),
        json!({ "kid": "x" }),
        json!({ "jwk": jwk(&clients()) }),
        json!({ "jkt": 1 }),
        json!({ "x5t#S256": ["x"] }),
        json!({ "x5t#S256": thumbprint(&clients()) }),
        json!({ "x5t#S256": thumbprint(&clients()), "jkt": thumbprint(&clients()) }),
    ] {
        let token = world.token(json!({ "cnf": cnf }));
        let proof = world.proof("/shop", &token, json!({}));
        let answer = world.call("/shop", &token, &proof).await;
        assert_eq!(refused(&answer), is("token_invalid"), "{cnf}");
        let answer = world.bearer("/shop", &token).await;
        assert_eq!(refused(&answer), is("token_invalid"), "{cnf}");
    }
    // What is not known beside what is does no harm (RFC 7800 §3.1).
    let cnf = json!({ "kid": "x", "jkt": thumbprint(&clients()) });
    let token = world.token(json!({ "cnf": cnf }));
    let proof = world.proof("/shop", &token, json!({}));
    assert_eq!(world.call("/shop", &token, &proof).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_how_the_client_came() {
    let world = World::new().await;
    let token = world.bound();
    let https = world.proof("/shop", &token, json!({ "htu": "https://test/shop" }));
    let request = format!(
        "GET /shop HTTP/1.1\r\nHost: test\r\nX-Forwarded-Proto: https\r\nAuthorization: DPoP {token}\r\nDPoP: {https}\r\n\r\n"
    );
    let lie = world.rig.send(&request).await;
    assert_eq!(refused(&lie), is("proof_invalid"));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let gateway = world.rig.handle.gateway;
    let mut proxy = Client::over(socket.connect(gateway).await.unwrap());
    assert_eq!(proxy.send(&request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_remembered_for_as_long_as_it_is_good() {
    let world = World::new().await;
    let token = world.bound();
    let proof = world.proof("/shop", &token, json!({}));
    assert_eq!(world.call("/shop", &token, &proof).await.status, 200);
    world.rig.advance(120);
    let again = world.call("/shop", &token, &proof).await;
    assert!(again.body.contains("used already"), "{}", again.body);
    world.rig.advance(1);
    let over = world.call("/shop", &token, &proof).await;
    assert!(over.body.contains("time is over"), "{}", over.body);
    // Of many at once, one is the first.
    let proof = world.proof("/shop", &token, json!({}));
    let all = (0..20).map(|_| world.call("/shop", &token, &proof));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|answer| answer.status == 200);
    assert_eq!(good.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_tokens_are_good_once() {
    let world = World::new().await;
    let with = |more: Value| world.token(more);
    let token = with(json!({ "jti": "1" }));
    assert_eq!(world.bearer("/shop", &token).await.status, 200);
    assert_eq!(world.bearer("/once", &token).await.status, 200);
    let again = world.bearer("/once", &token).await;
    assert_eq!(refused(&again), is("token_invalid"));
    // All APIs of one owner remember it together, and another text with the same name is the same.
    assert_eq!(world.bearer("/bank", &token).await.status, 401);
    let same = with(json!({ "jti": "1", "more": true }));
    assert_eq!(world.bearer("/once", &same).await.status, 401);
    for (more, status) in [
        (json!({ "jti": "2" }), 200),
        (json!({ "jti": "3", "client_id": "stranger" }), 200),
        (json!({ "jti": "3", "client_id": "stranger" }), 401),
        (json!({}), 401),
        (json!({ "jti": "" }), 401),
        (json!({ "jti": 4 }), 401),
        (json!({ "jti": "5", "exp": world.now() + 3_601 }), 401),
        (json!({ "jti": "5", "exp": world.now() + 3_600 }), 200),
        (json!({ "jti": "6", "exp": 1e300 }), 401),
    ] {
        let answer = world.bearer("/once", &with(more.clone())).await;
        assert_eq!(answer.status, status, "{more}");
    }
    // A token that is refused for want of a proof is not used up.
    let bound = json!({ "jti": "7", "cnf": { "jkt": thumbprint(&clients()) } });
    let bound = with(bound);
    assert_eq!(world.bearer("/once", &bound).await.status, 401);
    let proof = world.proof("/once", &bound, json!({}));
    assert_eq!(world.call("/once", &bound, &proof).await.status, 200);
    let proof = world.proof("/once", &bound, json!({ "jti": "new" }));
    let again = world.call("/once", &bound, &proof).await;
    assert_eq!(refused(&again), is("token_invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_uses_up_nothing() {
    let world = World::new().await;
    let bound = json!({ "jti": "1", "cnf": { "jkt": thumbprint(&clients()) } });
    let token = world.token(bound);
    let proof = world.proof("/once", &token, json!({}));
    let explainer = explainer(&world.rig, &world.text);
    let fields = [
        ("Host", "test".to_owned()),
        ("Authorization", format!("DPoP {token}")),
        ("DPoP", proof.clone()),
    ];
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let asked = asked("GET", "/once", &fields);
    for _ in 0..2 {
        let told = explain(&explainer, &asked);
        assert!(told.verdict.forwarded, "{told:?}");
    }
    assert_eq!(world.call("/once", &token, &proof).await.status, 200);
    assert_eq!(world.call("/once", &token, &proof).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_later_uses_up_nothing() {
    let world = World::new().await;
    let token = |id: &str| world.token(json!({ "jti": id }));
    assert_eq!(world.bearer("/thrice", &token("1")).await.status, 200);
    for _ in 0..2 {
        assert_eq!(world.bearer("/thrice", &token("2")).await.status, 429);
    }
    // What was used stays used: nobody learns of a limit with it.
    assert_eq!(world.bearer("/thrice", &token("1")).await.status, 401);
    world.rig.advance(60);
    let token = world.token(json!({ "jti": "2" }));
    let all = (0..10).map(|_| world.bearer("/thrice", &token));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|answer| answer.status == 200);
    assert_eq!(good.count(), 1);
}
