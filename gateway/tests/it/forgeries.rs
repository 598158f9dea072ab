//! `jwt`: what RFC 7515 and RFC 8725 warn of, each beside a token of the same form that is good: so
//! that what is refused is refused for what is wrong with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      one: { match: { path: /one }, upstream: echo, policies: [{ jwt: { issuers: [@A@], application: optional } }] }
      two: { match: { path: /two }, upstream: echo, policies: [{ jwt: { issuers: [@A@, @B@], application: optional, headers: { X-Issuer: iss } } }] }
      beside: { match: { path: /beside }, upstream: echo, policies: [{ jwt: { issuers: [@BESIDE@], application: optional } }] }
      rsa: { match: { path: /rsa }, upstream: echo, policies: [{ jwt: { issuers: [@RSA@], application: optional } }] }
"#;

/// Two keys, of 1024 and of 2048 bits, and a token of each for an hour from the rig's noon. Nothing
/// here would sign with the first one.
const RSA: &str = include_str!("forgeries/rsa.json");

const HEADER: &str = r#"{"alg":"ES256","kid":"one"}"#;

fn first() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("tls/a.key")).unwrap()
}

fn second() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("tls/b.key")).unwrap()
}

fn jwk(key: &EncodingKey, more: Value) -> Value {
    let jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn issuer(name: &str, algorithm: &str, jwks: &Value) -> String {
    let issuer = json!({
        "issuer": name, "audience": ["shop"], "algorithms": [algorithm], "jwks": jwks,
    });
    issuer.to_string()
}

fn part(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

/// Signs parts as they are, however they are written.
fn seal(header: &str, claims: &str, key: &EncodingKey) -> String {
    let message = format!("{header}.{claims}");
    let signature = crypto::sign(message.as_bytes(), key, Algorithm::ES256).unwrap();
    format!("{message}.{signature}")
}

fn token(header: &str, claims: &str, key: &EncodingKey) -> String {
    seal(&part(header), &part(claims), key)
}

/// The last digit of Base64 with bits set that stand for nothing (RFC 4648 §3.5).
fn blurred(part: &str) -> String {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = part.split_at(part.len() - 1);
    let at = DIGITS.find(last).unwrap();
    assert_eq!(at % 16, 0, "two digits for one byte at the end of {part}");
    format!("{rest}{}", &DIGITS[at + 1..at + 2])
}

/// The same JSON in so many bytes that its last digits have bits to spare.
fn loose(json: &str) -> String {
    let mut json = json.to_owned();
    while json.len() % 3 != 1 {
        json.push(' ');
    }
    json
}

/// X.690 §8.3, as signatures stand in certificates.
fn der(signature: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for half in signature.chunks(32) {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let digits = &half[zeros..];
        let sign = usize::from(digits.first().is_none_or(|byte| *byte > 0x7f));
        body.extend([2, (sign + digits.len()) as u8]);
        body.extend(vec![0; sign]);
        body.extend_from_slice(digits);
    }
    let mut whole = vec![0x30, body.len() as u8];
    whole.extend(body);
    whole
}

struct World {
    rig: Rig,
}

/// Of 2048 bits: a file with a weaker key is refused.
fn is_strong(key: &Value) -> bool {
    key["n"].as_str().is_some_and(|n| n.len() > 300)
}

impl World {
    async fn new() -> Self {
        let (one, two) = (first(), second());
        let set = |key: Value| json!({ "keys": [key] });
        let beside = json!({ "keys": [
            jwk(&two, json!({ "kid": "enc", "use": "enc" })),
            jwk(&one, json!({ "kid": "sig", "use": "sig" })),
        ] });
        let mut rsa: Value = serde_json::from_str(RSA).unwrap();
        if let Some(keys) = rsa["jwks"]["keys"].as_array_mut() {
            keys.retain(is_strong);
        }
        let a = set(jwk(&one, json!({ "kid": "one" })));
        let b = set(jwk(&two, json!({ "kid": "two" })));
        let text = FILE
            .replace("@A@", &issuer("https://a.test", "ES256", &a))
            .replace("@B@", &issuer("https://b.test", "ES256", &b))
            .replace("@BESIDE@", &issuer("https://a.test", "ES256", &beside))
            .replace("@RSA@", &issuer("https://rsa.test", "RS256", &rsa["jwks"]));
        let rig = Rig::new(&text).await;
        Self { rig }
    }

    fn claims(&self) -> String {
        self.claims_of(&json!("https://a.test"))
    }

    fn claims_of(&self, issuer: &Value) -> String {
        let now = self.rig.now().timestamp();
        let claims = json!({ "iss": issuer, "aud": "shop", "sub": "ada", "exp": now + 300 });
        claims.to_string()
    }

    /// Twice, as what was verified once is known.
    async fn believes(&self, path: &str, token: &str, what: &str) {
        let field = format!("Authorization: Bearer {token}");
        for _ in 0..2 {
            let answer = self.rig.get(path, &[&field]).await;
            assert_eq!(answer.status, 200, "{what}: {answer:?}");
        }
    }

    async fn refuses(&self, path: &str, token: &str, what: &str) {
        let field = format!("Authorization: Bearer {token}");
        for _ in 0..2 {
            let answer = self.rig.get(path, &[&field]).await;
            assert_eq!(answer.status, 401, "{what}: {answer:?}");
            assert_eq!(answer.code(), "token_invalid", "{what}");
        }
    }
}

/// RFC 8725 §3.10 and RFC 7515 §4.1.2 to §4.1.6.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_say_by_which_key_it_is_checked() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let evil = format!("http://{}/keys", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let own = jwk(&second(), json!({ "kid": "evil" }));
    for more in [
        json!({ "jwk": own }),
        json!({ "jwk": own, "kid": "evil" }),
        json!({ "jku": evil, "kid": "evil" }),
        json!({ "x5u": evil, "kid": "evil" }),
        json!({ "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA" }),
        json!({ "kid": evil }),
        json!({ "kid": "../../../dev/null" }),
        json!({ "kid": "one" }),
    ] {
        let mut header = json!({ "alg": "ES256" });
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        let forged = token(&header.to_string(), &world.claims(), &second());
        world.refuses("/one", &forged, &more.to_string()).await;
        // What it says of keys is nothing to us, so it spoils no good token either.
        header["kid"] = json!("one");
        let good = token(&header.to_string(), &world.claims(), &first());
        world.believes("/one", &good, &more.to_string()).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "the forger was asked");
}

/// RFC 8725 §3.8: a key is good for its own issuer alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_does_not_speak_for_another() {
    let world = World::new().await;
    let (one, two) = (first(), second());
    let (a, b) = (json!("https://a.test"), json!("https://b.test"));
    for (issuer, kid, key, is_good) in [
        (&a, Some("one"), &one, true),
        (&b, Some("two"), &two, true),
        (&a, None, &one, true),
        (&b, None, &two, true),
        (&a, Some("two"), &two, false),
        (&a, Some("one"), &two, false),
        (&a, None, &two, false),
        (&b, Some("one"), &one, false),
        (&b, Some("two"), &one, false),
        (&b, None, &one, false),
        (
            &json!(["https://a.test", "https://b.test"]),
            None,
            &two,
            false,
        ),
        (&json!("https://b.test/"), Some("two"), &two, false),
        (&json!("https://B.test"), Some("two"), &two, false),
        (&json!(null), Some("two"), &two, false),
    ] {
        let header = match kid {
            Some(kid) => json!({ "alg": "ES256", "kid": kid }),
            None => json!({ "alg": "ES256" }),
        };
        let token = token(&header.to_string(), &world.claims_of(issuer), key);
        let what = format!("{issuer} by {kid:?}");
        match is_good {
            true => world.believes("/two", &token, &what).await,
            false => world.refuses("/two", &token, &what).await,
        }
    }
}

/// RFC 7518 §3.4: two numbers of 32 bytes each, and nothing else; neither of them is zero.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_has_one_form() {
    let world = World::new().await;
    let good = token(HEADER, &world.claims(), &first());
    world.believes("/one", &good, "as it is").await;
    let (message, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with_zeros = |from: usize| {
        let mut bytes = bytes.clone();
        bytes[from..from + 32].fill(0);
        bytes
    };
    for (what, forged) in [
        ("all zero", URL_SAFE_NO_PAD.encode([0_u8; 64])),
        ("r is zero", URL_SAFE_NO_PAD.encode(with_zeros(0))),
        ("s is zero", URL_SAFE_NO_PAD.encode(with_zeros(32))),
        ("DER", URL_SAFE_NO_PAD.encode(der(&bytes))),
        ("DER of zeros", URL_SAFE_NO_PAD.encode(der(&[0; 64]))),
        ("a byte less", URL_SAFE_NO_PAD.encode(&bytes[..63])),
        (
            "a byte more",
            URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat()),
        ),
        (
            "twice",
            URL_SAFE_NO_PAD.encode([&bytes[..], &bytes[..]].concat()),
        ),
        ("padded", format!("{signature}==")),
        ("bits that stand for nothing", blurred(signature)),
    ] {
        let token = format!("{message}.{forged}");
        world.refuses("/one", &token, what).await;
    }
}

/// RFC 7515 §2: without padding. Of two ways to write a part, one would be unknown to whoever keeps
/// a list of tokens. Each is signed as it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_has_one_form() {
    let world = World::new().await;
    let (header, claims) = (loose(HEADER), loose(&world.claims()));
    let (header, claims) = (part(&header), part(&claims));
    let key = first();
    world
        .believes("/one", &seal(&header, &claims, &key), "as it is")
        .await;
    for (what, header, claims) in [
        ("header, padded", format!("{header}=="), claims.clone()),
        ("claims, padded", header.clone(), format!("{claims}==")),
        ("header, blurred", blurred(&header), claims.clone()),
        ("claims, blurred", header.clone(), blurred(&claims)),
    ] {
        world
            .refuses("/one", &seal(&header, &claims, &key), what)
            .await;
    }
}

/// RFC 7515 §4 and RFC 7519 §4: of a name that is there twice, another reader may take the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_there_once() {
    let world = World::new().await;
    let claims = world.claims();
    let twice = |more: &str| format!("{},{more}}}", claims.trim_end_matches('}'));
    let key = first();
    world
        .believes("/one", &token(HEADER, &twice(r#""x":{"y":1}"#), &key), "x")
        .await;
    for more in [
        r#""sub":"root""#,
        r#""sub":"ada""#,
        r#""iss":"https://a.test""#,
        r#""aud":"shop""#,
        r#""exp":9999999999"#,
        r#""x":{"roles":["a"],"roles":["b"]}"#,
        r#""\u0073ub":"root""#,
    ] {
        world
            .refuses("/one", &token(HEADER, &twice(more), &key), more)
            .await;
    }
    for header in [
        r#"{"alg":"none","alg":"ES256","kid":"one"}"#,
        r#"{"alg":"ES256","alg":"ES256","kid":"one"}"#,
        r#"{"alg":"ES256","kid":"two","kid":"one"}"#,
        r#"{"alg":"ES256","kid":"one","typ":"dpop+jwt","typ":"JWT"}"#,
    ] {
        world
            .refuses("/one", &token(header, &claims, &key), header)
            .await;
    }
}

/// RFC 8725 §3.11: what the same issuer signed for another end, such as a logout, is no access token.
#[tokio::test(flavor = "multi_thread")]
async fn another_kind_of_token_is_none() {
    let world = World::new().await;
    let key = first();
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"] {
        let header = json!({ "alg": "ES256", "kid": "one", "typ": kind });
        let good = token(&header.to_string(), &world.claims(), &key);
        world.believes("/one", &good, kind).await;
    }
    for more in [
        json!({ "typ": "dpop+jwt" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "application/logout+jwt" }),
        json!({ "typ": "secevent+jwt" }),
        json!({ "typ": "token-introspection+jwt" }),
        json!({ "typ": "JOSE" }),
        json!({ "typ": "text/jwt" }),
        json!({ "typ": "" }),
        json!({ "typ": 1 }),
        // RFC 7515 §4.1.11: what has to be understood, and is not.
        json!({ "crit": ["exp"], "exp": 1 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        let other = token(&header.to_string(), &world.claims(), &key);
        world.refuses("/one", &other, &more.to_string()).await;
    }
}

/// RFC 7517 §4.2: a key for encryption signs nothing, though it could.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_another_end_signs_nothing() {
    let world = World::new().await;
    for (header, key, is_good) in [
        (r#"{"alg":"ES256","kid":"sig"}"#, first(), true),
        (r#"{"alg":"ES256"}"#, first(), true),
        (r#"{"alg":"ES256","kid":"enc"}"#, second(), false),
        (r#"{"alg":"ES256","kid":"sig"}"#, second(), false),
        (r#"{"alg":"ES256"}"#, second(), false),
        (r#"{"alg":"ES256","kid":"enc"}"#, first(), false),
    ] {
        let token = token(header, &world.claims(), &key);
        match is_good {
            true => world.believes("/beside", &token, header).await,
            false => world.refuses("/beside", &token, header).await,
        }
    }
}

/// RFC 7518 §3.3: of 2048 bits at least, whatever an issuer publishes.
#[tokio::test(flavor = "multi_thread")]
async fn a_weak_key_counts_for_nothing() {
    let world = World::new().await;
    let rsa: Value = serde_json::from_str(RSA).unwrap();
    let token = |name: &str| rsa["tokens"][name].as_str().unwrap();
    world.believes("/rsa", token("strong"), "2048 bits").await;
    world.refuses("/rsa", token("weak"), "1024 bits").await;
    let own = FILE.replace("@RSA@", &issuer("https://rsa.test", "RS256", &rsa["jwks"]));
    let own = own.replace("@A@, @B@", "@A@").replace("@BESIDE@", "@A@");
    let own = own.replace("@UPSTREAM@", "127.0.0.1:1");
    let set = json!({ "keys": [jwk(&first(), json!({ "kid": "one" }))] });
    let own = own.replace("@A@", &issuer("https://a.test", "ES256", &set));
    let own = domain::manifest::read(&own, &|_| None).unwrap();
    let none = |_: &str| Err("there are none".to_owned());
    let refused = domain::manifest::resolve(&own, 1, &none).unwrap_err();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].pointer.ends_with("/jwks/keys/0"), "{refused:?}");
}
