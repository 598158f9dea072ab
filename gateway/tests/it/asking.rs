//! Policies that ask other servers: `oauth2_introspection` and `ext_auth` in its three forms, with a
//! server that is really asked, and `basic_auth`, which asks nobody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Answer, Rig, key};

const FILE: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  login: { targets: [{ url: "http://@ORACLE@/base" }], credential: { basic: { user: gateway, password: hidden } } }
  authz: { targets: [{ url: "http://@ORACLE@" }] }
  nowhere: { targets: [{ url: "http://127.0.0.1:9" }] }
  narrow: { targets: [{ url: "http://@ORACLE@" }], breaker: { in_flight: 2 } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ oauth2_introspection: { upstream: login, issuer: "https://login", headers: { X-User: sub } } }] }
      brief: { match: { path: /brief }, upstream: echo, policies: [{ oauth2_introspection: { upstream: login, issuer: "https://login", audience: [shop], application: optional, cache: 1ms } }] }
      lost: { match: { path: /lost }, upstream: echo, policies: [{ oauth2_introspection: { upstream: nowhere, issuer: "https://login" } }] }
      slow: { match: { path: /slow }, upstream: echo, policies: [{ oauth2_introspection: { upstream: login, path: /slow, issuer: "https://login", timeout: 200ms } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ jwt: { issuers: [{ issuer: "https://o", audience: [a], jwks: { keys: [{ kty: EC, crv: P-256, alg: ES256, x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] } }] } }, { oauth2_introspection: { upstream: login, issuer: "https://login" } }, { basic_auth: {} }] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ oauth2_introspection: { mode: observe, upstream: login, issuer: "https://login", headers: { X-User: sub } } }] }
      basic: { match: { path: /basic }, upstream: echo, policies: [{ basic_auth: { header: X-User } }] }
      open: { match: { path: /open }, upstream: echo }
      forward: { match: { path: /forward }, upstream: echo, policies: [{ key_auth: { optional: true } }, { ext_auth: { upstream: authz, path: "/decide?who=us", pass: [X-Role] } }] }
      picked: { match: { path: /picked }, upstream: echo, policies: [{ ext_auth: { upstream: authz, path: /decide, headers: [x-ticket] } }] }
      zen: { match: { path: /zen }, upstream: echo, policies: [{ key_auth: { optional: true } }, { ext_auth: { form: authzen, upstream: authz, headers: [x-ticket], pass: [X-Role] } }] }
      opa: { match: { path: /opa }, upstream: echo, policies: [{ key_auth: { optional: true } }, { ext_auth: { form: opa, upstream: authz, headers: [x-ticket], pass: [X-Role] } }] }
      kept: { match: { path: /kept }, upstream: echo, policies: [{ ext_auth: { form: opa, upstream: authz, headers: [x-ticket], cache: { for: 60s, by: [path] } } }] }
      eager: { match: { path: /eager }, upstream: echo, policies: [{ ext_auth: { form: opa, upstream: nowhere, undecided: pass } }] }
      strict: { match: { path: /strict }, upstream: echo, policies: [{ ext_auth: { form: opa, upstream: nowhere } }] }
      wary: { match: { path: /wary }, upstream: echo, policies: [{ ext_auth: { upstream: authz, path: /decide, undecided: pass, headers: [x-ticket], cache: { for: 60s, by: [path] } } }] }
      platform: { match: { path: /platform }, upstream: echo, policies: [{ any_of: { of: [{ oauth2_introspection: { upstream: login, issuer: "https://login" } }, { jwt: { platform: true } }] } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ ext_auth: { mode: observe, form: opa, upstream: authz } }] }
      noted: { match: { path: /noted }, upstream: echo, policies: [{ ext_auth: { mode: observe, form: authzen, upstream: authz, headers: [x-ticket], pass: [X-Role] } }] }
      crowded: { match: { path: /crowded }, upstream: echo, policies: [{ oauth2_introspection: { upstream: login, path: /pause, issuer: "https://login", application: optional, timeout: 20s, most_at_once: 2 } }] }
      hasty: { match: { path: /hasty }, upstream: echo, policies: [{ ext_auth: { upstream: authz, path: /pause, undecided: pass, timeout: 20s, most_at_once: 2 } }] }
      filled: { match: { path: /filled }, upstream: echo, policies: [{ ext_auth: { upstream: narrow, path: /pause, undecided: pass, timeout: 20s } }] }
products:
  shop: { versions: [shop/v1, shop/slow, shop/either, shop/watched, shop/basic, shop/forward, shop/zen, shop/opa], plans: { free: {} } }
applications:
  mobile: { clients: [{ name: c, issuer: "https://login", client_id: mobile }], keys: [{ name: k, value: "@KEY1@" }], passwords: [{ name: p, user: "bö", value: "a password of many letters" }, { name: old, user: old, value: "a password of many letters", expires_at: "2026-01-01T00:00:00Z" }], subscriptions: [{ product: shop, plan: free }] }
"#;

/// What was asked, head and body.
#[derive(Debug, Clone)]
struct Asked {
    head: String,
    body: String,
}

impl Asked {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn field(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        let found = fields.find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    }
}

/// The server that is asked.
#[derive(Clone, Default)]
struct Oracle {
    asked: Arc<Mutex<Vec<Asked>>>,
    /// It says what it would say, but as a status of 500.
    broken: Arc<AtomicBool>,
}

impl Oracle {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let oracle = Self::default();
        let own = oracle.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        (oracle, address)
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut read = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                    break at + 4;
                }
                if stream.read_buf(&mut read).await.ok()? == 0 {
                    return None;
                }
            };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let mut asked = Asked {
                head,
                body: String::new(),
            };
            let length = asked.field("content-length");
            let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
            while read.len() < end + length {
                stream.read_buf(&mut read).await.ok()?;
            }
            asked.body = String::from_utf8(read[end..end + length].to_vec()).unwrap();
            read.drain(..end + length);
            self.asked.lock().unwrap().push(asked.clone());
            let (status, fields, body) = answer(&asked).await;
            let status = match self.broken.load(Ordering::Relaxed) {
                true => 500,
                false => status,
            };
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status} X\r\n{fields}content-length: {length}\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await.ok()?;
        }
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }
}

async fn answer(asked: &Asked) -> (u16, String, String) {
    let target = asked.head.split(' ').nth(1).unwrap();
    let none = String::new();
    match target {
        "/base/introspect" => {
            let token = asked.body.strip_prefix("token=").unwrap();
            let token = token.split('&').next().unwrap();
            let said = match token {
                "good" => {
                    json!({ "active": true, "client_id": "mobile", "sub": "u1", "iss": "https://login" })
                }
                "late" => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    json!({ "active": true, "client_id": "mobile" })
                }
                "stranger" => json!({ "active": true, "client_id": "other" }),
                "foreign" => json!({ "active": true, "client_id": "mobile", "iss": "https://x" }),
                "over" => json!({ "active": true, "client_id": "mobile", "exp": 1 }),
                "ours" => json!({ "active": true, "aud": ["a", "shop"] }),
                "theirs" => json!({ "active": true, "aud": "a" }),
                "bound" => json!({ "active": true, "client_id": "mobile", "cnf": { "jkt": "x" } }),
                "certified" => {
                    json!({ "active": true, "client_id": "mobile", "cnf": { "x5t#S256": "x" } })
                }
                "tied" => json!({ "active": true, "client_id": "mobile", "cnf": { "kid": "x" } }),
                "odd" => json!({ "active": 1 }),
                "huge" => json!({ "active": true, "more": "x".repeat(70_000) }),
                _ => json!({ "active": false }),
            };
            (200, none, said.to_string())
        }
        "/pause" | "/base/pause" => {
            tokio::time::sleep(Duration::from_secs(2)).await;
            (200, none, r#"{"active":true}"#.to_owned())
        }
        "/base/slow" => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            (200, none, r#"{"active":true}"#.to_owned())
        }
        "/decide?who=us" | "/decide" => match asked.field("x-ticket").as_deref() {
            Some("go") => (204, "X-Role: admin\r\nX-Other: no\r\n".to_owned(), none),
            Some("elsewhere") => (
                302,
                "Location: https://login/?a=b\r\nSet-Cookie: s=1\r\nSet-Cookie: portunus_session=evil\r\n\
                 X-Secret: 1\r\n"
                    .to_owned(),
                none,
            ),
            Some("nowhere") => (302, none.clone(), none),
            Some("odd") => (418, none.clone(), none),
            Some("no") => (403, none, "reasons of its own".to_owned()),
            Some("large") => (431, none.clone(), none),
            _ => (
                401,
                "WWW-Authenticate: Ticket realm=\"x\"\r\n".to_owned(),
                none,
            ),
        },
        "/access/v1/evaluation" => {
            let ticket = asked.json()["context"]["headers"]["x-ticket"].clone();
            let said = json!({ "decision": ticket == "go", "context": { "headers": { "x-role": "admin", "x-other": "no" } } });
            (200, none, said.to_string())
        }
        "/v1/data/portunus/allow" => {
            let ticket = asked.json()["input"]["request"]["headers"]["x-ticket"].clone();
            let said = match ticket.as_str() {
                Some("go") => {
                    json!({ "result": { "allow": true, "headers": { "X-Role": "admin\r\nX-Evil: 1" } } })
                }
                Some("plain") => json!({ "result": true }),
                Some("odd") => json!({ "result": "yes" }),
                _ => json!({}),
            };
            (200, none, said.to_string())
        }
        other => (404, none, other.to_owned()),
    }
}

struct World {
    rig: Rig,
    oracle: Oracle,
}

impl World {
    async fn new() -> Self {
        let (oracle, address) = Oracle::start().await;
        let rig = Rig::new(&FILE.replace("@ORACLE@", &address)).await;
        Self { rig, oracle }
    }

    async fn with(&self, path: &str, field: &str) -> Answer {
        self.rig.get(path, &[field]).await
    }

    async fn bearer(&self, path: &str, token: &str) -> Answer {
        let field = format!("Authorization: Bearer {token}");
        self.with(path, &field).await
    }
}

/// Of a refusal; empty for what the upstream answered.
fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn tokens_are_what_their_server_says() {
    let world = World::new().await;
    for (path, token, status, said) in [
        ("/shop", "good", 200, ""),
        ("/shop", "bad", 401, "token_invalid"),
        ("/shop", "stranger", 403, "not_subscribed"),
        ("/shop", "foreign", 401, "token_invalid"),
        ("/shop", "over", 401, "token_expired"),
        ("/shop", "bound", 401, "proof_invalid"),
        ("/shop", "certified", 401, "token_invalid"),
        ("/shop", "tied", 401, "token_invalid"),
        ("/shop", "odd", 503, "undecided"),
        ("/shop", "huge", 503, "undecided"),
        ("/brief", "ours", 200, ""),
        ("/brief", "theirs", 401, "token_invalid"),
        ("/brief", "stranger", 401, "token_invalid"),
        ("/lost", "good", 503, "undecided"),
        ("/slow", "good", 503, "undecided"),
    ] {
        let answer = world.bearer(path, token).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (status, said.to_owned()),
            "{path} {token}"
        );
    }
    let none = world.rig.get("/shop", &[]).await;
    assert_eq!(
        (none.status, code(&none)),
        (401, "token_missing".to_owned())
    );
}

#[tokio::test]
async fn an_active_token_calls_as_its_application() {
    let world = World::new().await;
    let fields = ["Authorization: Bearer good", "X-User: forged"];
    let answer = world.rig.get("/shop", &fields).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.seen("x-user").as_deref(), Some("u1"));
    assert_eq!(answer.seen("authorization"), None);
    assert!(answer.seen("x-portunus-application").is_some());
    assert_eq!(answer.seen("x-portunus-plan").as_deref(), Some("free"));
    let asked = world.oracle.last();
    assert!(asked.head.starts_with("POST /base/introspect HTTP/1.1\r\n"));
    assert_eq!(asked.body, "token=good&token_type_hint=access_token");
    let gateway = format!("Basic {}", STANDARD.encode("gateway:hidden"));
    assert_eq!(asked.field("authorization"), Some(gateway));
    assert!(asked.field("x-request-id").is_some());
}

#[tokio::test]
async fn a_token_is_asked_about_once() {
    let world = World::new().await;
    let all = (0..20).map(|_| world.bearer("/shop", "late"));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(|answer| answer.status == 200), "{all:?}");
    assert_eq!(world.oracle.count(), 1);
    // One that is not active is remembered as well.
    for _ in 0..3 {
        assert_eq!(world.bearer("/shop", "bad").await.status, 401);
    }
    assert_eq!(world.oracle.count(), 2);
    // A failure is not.
    world.oracle.broken.store(true, Ordering::Relaxed);
    assert_eq!(world.bearer("/shop", "good").await.status, 503);
    world.oracle.broken.store(false, Ordering::Relaxed);
    assert_eq!(world.bearer("/shop", "good").await.status, 200);
    let metrics = world.rig.admin("/metrics").await.body;
    assert!(metrics.contains("portunus_questions_total 4"), "{metrics}");
    assert!(
        metrics.contains("portunus_questions_failed_total 0"),
        "{metrics}"
    );
}

/// Who sends many tokens makes no more questions than the server bears, and passes nowhere by that.
#[tokio::test]
async fn no_more_is_asked_than_at_a_time() {
    let world = World::new().await;
    for path in ["/crowded", "/hasty", "/filled"] {
        let before = world.oracle.count();
        let both = futures::future::join(world.bearer(path, "a"), world.bearer(path, "b"));
        let third = async {
            while world.oracle.count() < before + 2 {
                tokio::task::yield_now().await;
            }
            world.bearer(path, "c").await
        };
        let ((first, second), third) = futures::future::join(both, third).await;
        assert_eq!((first.status, second.status), (200, 200), "{path}");
        assert_eq!((third.status, code(&third)), (503, "undecided".to_owned()));
        assert_eq!(third.field("retry-after"), Some("1"), "{path}");
        assert_eq!(world.oracle.count(), before + 2, "{path}");
    }
    // Their places are free again.
    assert_eq!(world.bearer("/crowded", "c").await.status, 200);
    let metrics = world.rig.admin("/metrics").await.body;
    for line in [
        "portunus_questions_crowded_total 3\n",
        "portunus_questions_failed_total 0\n",
        "portunus_undecided_passed_total 0\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn what_is_ours_is_shown_to_nobody() {
    let world = World::new().await;
    for token in [key(1).as_str(), "ptn_at_a.b.c"] {
        let answer = world.bearer("/shop", token).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (401, "token_invalid".to_owned())
        );
    }
    let long = "x".repeat(9000);
    assert_eq!(world.bearer("/shop", &long).await.status, 401);
    let two = ["Authorization: Bearer good", "Authorization: Bearer good"];
    assert_eq!(world.rig.get("/shop", &two).await.status, 401);
    assert_eq!(world.oracle.count(), 0);
}

#[tokio::test]
async fn of_several_ways_the_fitting_one_is_asked() {
    let world = World::new().await;
    assert_eq!(world.bearer("/either", "good").await.status, 200);
    assert_eq!(world.oracle.count(), 1);
    // It has the form of a signed one: nobody else is asked.
    let signed = world.bearer("/either", "e30.e30.e30").await;
    assert_eq!(
        (signed.status, code(&signed)),
        (401, "token_invalid".to_owned())
    );
    assert_eq!(world.oracle.count(), 1);
    let pair = STANDARD.encode("bö:a password of many letters");
    let basic = format!("Authorization: Basic {pair}");
    assert_eq!(world.with("/either", &basic).await.status, 200);
    assert_eq!(world.oracle.count(), 1);
    let none = world.rig.get("/either", &[]).await;
    assert_eq!(none.status, 401);
}

#[tokio::test]
async fn watching_asks_and_refuses_nothing() {
    let world = World::new().await;
    assert_eq!(world.bearer("/watched", "bad").await.status, 200);
    assert_eq!(world.bearer("/watched", "odd").await.status, 200);
    assert_eq!(world.rig.get("/watched", &[]).await.status, 200);
    assert_eq!(world.with("/seen", "X-Ticket: no").await.status, 200);
    let records = world.rig.wait_records(4).await;
    assert!(
        records.iter().all(|record| record.observed != 0),
        "{records:?}"
    );
}

#[tokio::test]
async fn watching_tells_the_upstream_nothing() {
    let world = World::new().await;
    for (path, shown, own, role) in [
        (
            "/watched",
            "Authorization: Bearer good",
            "authorization",
            "x-user",
        ),
        ("/noted", "X-Ticket: go", "x-ticket", "x-role"),
    ] {
        let forged = format!("{role}: forged");
        let answer = world.rig.get(path, &[shown, &forged]).await;
        assert_eq!(answer.status, 200, "{path}");
        // What is shown goes on, and nobody says what the policy would.
        let value = shown.split_once(": ").map(|(_, value)| value.to_owned());
        assert_eq!(answer.seen(own), value, "{path}");
        assert_eq!(answer.seen(role), None, "{path}");
    }
    let records = world.rig.wait_records(2).await;
    assert!(
        records.iter().all(|record| record.observed == 0),
        "{records:?}"
    );
}

#[tokio::test]
async fn passwords_are_found_with_their_user_names() {
    let world = World::new().await;
    for (pair, status, said) in [
        ("bö:a password of many letters", 200, ""),
        ("bo:a password of many letters", 401, "password_invalid"),
        ("bö:a password of many letter", 401, "password_invalid"),
        ("old:a password of many letters", 401, "password_invalid"),
        ("bö", 401, "password_invalid"),
        ("", 401, "password_invalid"),
    ] {
        let field = format!("Authorization: Basic {}", STANDARD.encode(pair));
        let answer = world.rig.get("/basic", &[&field, "X-User: forged"]).await;
        assert_eq!(
            (answer.status, code(&answer)),
            (status, said.to_owned()),
            "{pair}"
        );
        if status == 200 {
            assert_eq!(answer.seen("authorization"), None);
            // Not a letter that a field can have.
            assert_eq!(answer.seen("x-user"), None);
            assert!(answer.seen("x-portunus-application").is_some());
        } else {
            let challenge = answer.field("www-authenticate").unwrap();
            assert!(challenge.starts_with("Basic realm="), "{challenge}");
        }
    }
    let none = world.rig.get("/basic", &[]).await;
    assert_eq!(
        (none.status, code(&none)),
        (401, "password_missing".to_owned())
    );
    // A password of ours goes to nobody, also where no policy takes it; another's does.
    for (pair, goes) in [("x:ptn_pw_abc", false), ("x:y", true)] {
        let field = format!("Authorization: Basic {}", STANDARD.encode(pair));
        let answer = world.with("/open", &field).await;
        assert_eq!(answer.seen("authorization").is_some(), goes, "{pair}");
    }
}

#[tokio::test]
async fn another_server_decides_by_status() {
    let world = World::new().await;
    for (ticket, status, said) in [
        ("go", 200, ""),
        ("no", 403, "access_denied"),
        ("", 401, "access_denied"),
        ("elsewhere", 302, "access_denied"),
        ("nowhere", 503, "undecided"),
        ("odd", 503, "undecided"),
    ] {
        let field = format!("X-Ticket: {ticket}");
        let answer = world
            .rig
            .get("/forward/a%20b?c=d", &[&field, "X-Role: forged"])
            .await;
        assert_eq!(
            (answer.status, code(&answer)),
            (status, said.to_owned()),
            "{ticket}"
        );
        assert_eq!(answer.field("x-secret"), None);
        match ticket {
            "go" => {
                assert_eq!(answer.seen("x-role").as_deref(), Some("admin"));
                assert_eq!(answer.seen("x-other"), None);
            }
            "" => assert_eq!(answer.field("www-authenticate"), Some("Ticket realm=\"x\"")),
            "elsewhere" => {
                assert_eq!(answer.field("location"), Some("https://login/?a=b"));
                assert_eq!(answer.field("set-cookie"), Some("s=1"));
                assert!(!String::from_utf8_lossy(&answer.raw).contains("portunus_session"));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn it_is_told_what_the_upstream_would_be() {
    let world = World::new().await;
    let mut client = world.rig.client().await;
    let text = format!(
        "POST /forward/a%20b?c=d HTTP/1.1\r\nHost: shop.test\r\nX-Api-Key: {}\r\nX-Ticket: go\r\n\
         Cookie: portunus_session=secret; a=b\r\nX-Forwarded-Uri: /evil\r\nX-Forwarded-For: 6.6.6.6\r\n\
         X-Portunus-Plan: gold\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
        key(1).as_str()
    );
    let answer = client.send(&text).await;
    assert_eq!(answer.status, 200);
    let asked = world.oracle.last();
    assert!(
        asked.head.starts_with("GET /decide?who=us HTTP/1.1\r\n"),
        "{}",
        asked.head
    );
    for (name, value) in [
        ("x-forwarded-method", Some("POST")),
        ("x-forwarded-uri", Some("/forward/a%20b?c=d")),
        ("x-forwarded-host", Some("shop.test")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-portunus-plan", Some("free")),
        ("cookie", Some("a=b")),
        ("x-api-key", None),
        ("content-length", None),
    ] {
        assert_eq!(asked.field(name).as_deref(), value, "{name}");
    }
    assert_eq!(asked.body, "");
    // The body went on as it was.
    assert_eq!(answer.json()["body"], "abc");
    let picked = world
        .rig
        .get("/picked", &["X-Ticket: go", "X-Else: 1"])
        .await;
    assert_eq!(picked.status, 200);
    let asked = world.oracle.last();
    assert_eq!(asked.field("x-else"), None);
    assert_eq!(asked.field("x-ticket").as_deref(), Some("go"));
}

#[tokio::test]
async fn authzen_and_opa_are_asked_in_their_forms() {
    let world = World::new().await;
    let own = format!("X-Api-Key: {}", key(1).as_str());
    let answer = world.rig.get("/zen/a?b=c", &["X-Ticket: go", &own]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.seen("x-role").as_deref(), Some("admin"));
    let asked = world.oracle.last();
    assert!(
        asked
            .head
            .starts_with("POST /access/v1/evaluation HTTP/1.1\r\n")
    );
    assert_eq!(
        asked.field("content-type").as_deref(),
        Some("application/json")
    );
    let told = asked.json();
    assert_eq!(told["subject"]["type"], "application");
    assert_eq!(told["subject"]["properties"]["plan"], "free");
    assert_eq!(told["action"], json!({ "name": "GET" }));
    assert_eq!(told["resource"]["id"], "/zen/a");
    assert_eq!(told["resource"]["properties"]["query"], "b=c");
    assert_eq!(told["context"]["headers"], json!({ "x-ticket": "go" }));
    let answer = world.with("/zen", "X-Ticket: no").await;
    assert_eq!(
        (answer.status, code(&answer)),
        (403, "access_denied".to_owned())
    );
    assert_eq!(world.oracle.last().json()["subject"]["type"], "anonymous");

    for (ticket, status) in [("go", 200), ("plain", 200), ("no", 403), ("odd", 503)] {
        let field = format!("X-Ticket: {ticket}");
        let answer = world.rig.get("/opa/a/b", &[&field, &own]).await;
        assert_eq!(answer.status, status, "{ticket}");
        if status == 200 {
            // What would end a line is no value.
            assert_eq!(answer.seen("x-role"), None);
            assert_eq!(answer.seen("x-evil"), None);
        }
    }
    let told = world.oracle.last().json();
    assert_eq!(
        told["input"]["request"]["segments"],
        json!(["opa", "a", "b"])
    );
    assert_eq!(told["input"]["caller"]["plan"], "free");
}

#[tokio::test]
async fn decisions_hold_for_calls_that_are_alike() {
    let world = World::new().await;
    for (path, ticket, count) in [
        ("/kept", "plain", 1),
        ("/kept?other=query", "plain", 1),
        ("/kept", "no", 2),
        ("/kept", "no", 2),
        ("/kept/b", "plain", 3),
        ("/kept", "plain", 3),
    ] {
        let field = format!("X-Ticket: {ticket}");
        let status = world.with(path, &field).await.status;
        assert_eq!(status, if ticket == "plain" { 200 } else { 403 });
        assert_eq!(world.oracle.count(), count, "{path} {ticket}");
    }
    // Two lines are not like one.
    let two = ["X-Ticket: plain", "X-Ticket: plain"];
    assert_eq!(world.rig.get("/kept", &two).await.status, 403);
    assert_eq!(world.oracle.count(), 4);
}

#[tokio::test]
async fn while_nobody_decides_the_policy_says_what_becomes() {
    let world = World::new().await;
    assert_eq!(world.rig.get("/eager", &[]).await.status, 200);
    let answer = world.rig.get("/strict", &[]).await;
    assert_eq!(
        (answer.status, code(&answer)),
        (503, "undecided".to_owned())
    );
    assert_eq!(answer.field("retry-after"), Some("1"));
    let metrics = world.rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_undecided_passed_total 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("portunus_questions_failed_total 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_a_caller_can_bring_about_is_no_silence() {
    let world = World::new().await;
    for (ticket, status) in [("large", 503), ("odd", 503), ("go", 200), ("no", 403)] {
        let field = format!("X-Ticket: {ticket}");
        assert_eq!(world.with("/wary", &field).await.status, status, "{ticket}");
    }
    world.oracle.broken.store(true, Ordering::Relaxed);
    // What is kept counts, also now; anything else is silence.
    assert_eq!(world.with("/wary", "X-Ticket: no").await.status, 403);
    assert_eq!(world.with("/wary", "X-Ticket: other").await.status, 200);
}

#[tokio::test]
async fn a_decision_is_kept_for_what_was_really_asked() {
    let world = World::new().await;
    // The field ends at this hop: the server is not told of it, and nobody else's call is like it.
    let hidden = ["X-Ticket: no", "Connection: X-Ticket"];
    assert_eq!(world.rig.get("/wary", &hidden).await.status, 401);
    assert_eq!(world.oracle.last().field("x-ticket"), None);
    assert_eq!(world.with("/wary", "X-Ticket: no").await.status, 403);
    assert_eq!(world.oracle.count(), 2);
    // What would be refused later is not asked about.
    let shadow = ["X-Ticket: no", "X_Forwarded_For: 1.1.1.1"];
    assert_eq!(world.rig.get("/wary", &shadow).await.status, 400);
    assert_eq!(world.oracle.count(), 2);
    // Answers that are one client's alone are nobody else's.
    for _ in 0..2 {
        let answer = world.with("/wary", "X-Ticket: elsewhere").await;
        assert_eq!(answer.status, 302);
    }
    assert_eq!(world.oracle.count(), 4);
    // What the policy sets is not told as the client has it.
    let forged = ["X-Ticket: go", "X-Role: root", "If-None-Match: *"];
    assert_eq!(world.rig.get("/forward", &forged).await.status, 200);
    let asked = world.oracle.last();
    assert_eq!(
        (asked.field("x-role"), asked.field("if-none-match")),
        (None, None)
    );
}

#[tokio::test]
async fn our_own_tokens_are_no_business_of_others() {
    let world = World::new().await;
    let answer = world.bearer("/platform", "ptn_at_e30.e30.e30").await;
    assert_eq!(answer.status, 401);
    assert_eq!(world.oracle.count(), 0);
    assert_eq!(world.bearer("/platform", "good").await.status, 403);
    assert_eq!(world.oracle.count(), 1);
}

#[tokio::test]
async fn a_changed_upstream_is_asked_where_it_is_now() {
    let world = World::new().await;
    assert_eq!(world.bearer("/lost", "good").await.status, 503);
    let (oracle, address) = Oracle::start().await;
    let moved = FILE
        .replace("http://127.0.0.1:9", &format!("http://{address}/base"))
        .replace("@ORACLE@", &address);
    world.rig.load(&moved, 2).await;
    assert_eq!(world.bearer("/lost", "good").await.status, 403);
    assert_eq!(oracle.count(), 1);
}
