//! `http_signature`: requests that are signed with real keys, and what attackers make of them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use sha2::{Digest, Sha256};

use crate::rig::{Answer, Rig, key};

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ http_signature: {} }] }
      once: { match: { path: /once }, upstream: echo, policies: [{ http_signature: { nonce: true, tag: shop } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ key_auth: {} }, { http_signature: {} }] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ http_signature: { mode: observe } }] }
products: { shop: { versions: [shop/v1, shop/once, shop/either, shop/watched], plans: { free: {} } } }
applications:
  mobile: { keys: [{ name: k, value: "@KEY1@" }], signing_keys: [{ name: s, keyid: mine, key: '@PUBLIC@' }, { name: old, keyid: old, key: '@PUBLIC@', expires_at: "2026-01-01T00:00:00Z" }], subscriptions: [{ product: shop, plan: free }] }
"#;

fn signer() -> EncodingKey {
    EncodingKey::from_ec_pem(include_bytes!("tls/a.key")).unwrap()
}

fn file() -> String {
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&signer(), Algorithm::ES256).unwrap();
    FILE.replace("@PUBLIC@", &serde_json::to_string(&jwk).unwrap())
}

/// What is signed, and how.
struct Request<'r> {
    method: &'r str,
    target: &'r str,
    body: &'r str,
    /// As they are covered and sent: name and value.
    covered: Vec<(&'r str, String)>,
    params: String,
    /// What is sent in the place of what was signed.
    sent: Option<&'r str>,
}

const HOST: &str = "shop.test";

impl<'r> Request<'r> {
    /// A good one.
    fn new(method: &'r str, target: &'r str, body: &'r str, now: i64) -> Self {
        let (path, query) = target
            .split_once('?')
            .map_or((target, "?".to_owned()), |(path, query)| {
                (path, format!("?{query}"))
            });
        let mut covered = vec![
            ("@method", method.to_owned()),
            ("@authority", HOST.to_owned()),
            ("@path", path.to_owned()),
            ("@query", query),
        ];
        if !body.is_empty() {
            let digest = STANDARD.encode(Sha256::digest(body));
            covered.push(("content-digest", format!("sha-256=:{digest}:")));
        }
        Self {
            method,
            target,
            body,
            covered,
            params: format!(";created={now};keyid=\"mine\""),
            sent: None,
        }
    }

    fn text(&self) -> String {
        let names: Vec<String> = self
            .covered
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let input = format!("({}){}", names.join(" "), self.params);
        let mut base = String::new();
        for (name, value) in &self.covered {
            base.push_str(&format!("\"{name}\": {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {input}"));
        let signed = jsonwebtoken::crypto::sign(base.as_bytes(), &signer(), Algorithm::ES256);
        let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signed.unwrap()).unwrap());
        let mut fields = String::new();
        for (name, value) in self
            .covered
            .iter()
            .filter(|(name, _)| !name.starts_with('@'))
        {
            fields.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = self.sent.unwrap_or(self.body);
        format!(
            "{} {} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Signature-Input: sig={input}\r\n\
             Signature: sig=:{signature}:\r\nContent-Length: {}\r\n\r\n{body}",
            self.method,
            self.target,
            body.len()
        )
    }

    async fn send(&self, rig: &Rig) -> Answer {
        rig.send(&self.text()).await
    }
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_calls_as_its_application() {
    let rig = Rig::new(&file()).await;
    let now = rig.now().timestamp();
    for (method, target, body) in [
        ("GET", "/shop/a%20b", ""),
        ("GET", "/shop?x=y", ""),
        ("POST", "/shop", "{}"),
        ("PUT", "/either", &"x".repeat(100_000)),
    ] {
        let answer = Request::new(method, target, body, now).send(&rig).await;
        assert_eq!(answer.status, 200, "{method} {target} {answer:?}");
        assert!(answer.seen("x-portunus-application").is_some());
        assert_eq!(answer.seen("signature"), None);
        assert_eq!(answer.seen("signature-input"), None);
        assert_eq!(answer.json()["body"], body);
    }
    let none = rig.get("/shop", &[]).await;
    assert_eq!(refused(&none), (401, "signature_missing".to_owned()));
    assert!(none.field("www-authenticate").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_or_is_over_counts_not() {
    let rig = Rig::new(&file()).await;
    let now = rig.now().timestamp();
    let good = || Request::new("POST", "/shop?a=b", "{}", now);
    let with = |change: fn(&mut Request<'_>)| {
        let mut request = good();
        change(&mut request);
        request.text()
    };
    let named = |params: String| {
        let mut request = good();
        request.params = params;
        request.text()
    };
    let params = |created: i64, more: &str| format!(";created={created};keyid=\"mine\"{more}");
    for (what, text) in [
        ("another body", with(|one| one.sent = Some("[]"))),
        ("no body", with(|one| one.sent = Some(""))),
        ("no digest", with(|one| one.covered.truncate(4))),
        (
            "no query",
            with(|one| {
                one.covered.remove(3);
            }),
        ),
        (
            "a field that ends here",
            good()
                .text()
                .replacen("Host:", "Connection: Content-Digest\r\nHost:", 1),
        ),
        ("another method", good().text().replacen("POST", "PUT", 1)),
        (
            "another path",
            good().text().replacen("/shop?", "/shop/b?", 1),
        ),
        ("another query", good().text().replacen("a=b", "a=c", 1)),
        (
            "another digest",
            with(|one| one.covered[4].1 = "sha-256=:AAAA:".to_owned()),
        ),
        (
            "another key",
            named(params(now, "").replace("mine", "nobody")),
        ),
        ("an old key", named(params(now, "").replace("mine", "old"))),
        ("another algorithm", named(params(now, ";alg=\"ed25519\""))),
        ("too old", named(params(now - 361, ""))),
        ("not yet", named(params(now + 61, ""))),
        (
            "over",
            named(params(now, &format!(";expires={}", now - 61))),
        ),
        ("no time", named(";keyid=\"mine\"".to_owned())),
        ("no form", good().text().replacen("sig=(", "sig=", 1)),
        (
            "no signature",
            good().text().replacen("Signature: ", "X-Signature: ", 1),
        ),
        (
            "two",
            good()
                .text()
                .replacen("\"@path\"", "\"@path\" \"@path\"", 1),
        ),
    ] {
        let answer = rig.send(&text).await;
        assert_eq!(
            refused(&answer),
            (401, "signature_invalid".to_owned()),
            "{what}"
        );
    }
    for text in [
        named(params(now - 359, "")),
        named(params(now + 59, ";alg=\"ecdsa-p256-sha256\"")),
        named(params(now, &format!(";expires={now}"))),
        good().text(),
    ] {
        assert_eq!(rig.send(&text).await.status, 200, "{text}");
    }
    // Watched, each goes on.
    let mut watched = Request::new("POST", "/watched", "{}", now);
    watched.sent = Some("[]");
    assert_eq!(watched.send(&rig).await.status, 200);
    // And with its signature, which the upstream may ask for itself.
    watched.sent = None;
    let answer = watched.send(&rig).await;
    assert!(answer.seen("x-portunus-application").is_some());
    assert!(answer.seen("signature").is_some());
    assert!(answer.seen("signature-input").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_good_once() {
    let rig = Rig::new(&file()).await;
    let now = rig.now().timestamp();
    let with = |nonce: &str, tag: &str| {
        let mut request = Request::new("GET", "/once", "", now);
        request.params = format!(";created={now};keyid=\"mine\"{nonce}{tag}");
        request.text()
    };
    let (one, shop) = (";nonce=\"1\"", ";tag=\"shop\"");
    let text = with(one, shop);
    let all = (0..8).map(|_| rig.send(&text));
    let all = futures::future::join_all(all).await;
    let good = all.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{all:?}");
    for (text, status) in [
        (with(";nonce=\"2\"", shop), 200),
        (with("", shop), 401),
        (with(";nonce=\"3\"", ""), 401),
        (with(";nonce=\"3\"", ";tag=\"bank\""), 401),
    ] {
        assert_eq!(rig.send(&text).await.status, status, "{text}");
    }
    let metrics = rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_nonces_full_total 0"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_count_as_well_no_signature_is_needed() {
    let rig = Rig::new(&file()).await;
    let field = format!("X-Api-Key: {}", key(1).as_str());
    assert_eq!(rig.get("/either", &[&field]).await.status, 200);
    let text =
        format!("POST /either HTTP/1.1\r\nHost: {HOST}\r\n{field}\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(
        rig.send(&text).await.status,
        200,
        "a body that nobody signed"
    );
    assert_eq!(
        refused(&rig.get("/either", &[]).await),
        (401, "key_missing".to_owned())
    );
}
