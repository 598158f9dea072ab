//! Observe mode: the request goes on as if the policy were not there, and it is counted and recorded
//! what the policy would have done.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::rig::{Rig, key};

const WATCHED: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      key: { match: { path: /key }, upstream: echo, policies: [{ key_auth: { mode: observe } }] }
      password: { match: { path: /password }, upstream: echo, policies: [{ basic_auth: { mode: observe, header: X-User } }] }
      certificate: { match: { path: /certificate }, upstream: echo, policies: [{ mtls: { mode: observe } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { mode: observe, of: [{ key_auth: {} }, { basic_auth: {} }] } }] }
      scoped: { match: { path: /scoped }, upstream: echo, policies: [{ scopes: { mode: observe, all: [read] } }] }
      counted: { match: { path: /counted }, upstream: echo, policies: [{ key_auth: {} }, { quota: { mode: observe, limit: 1, period: day } }] }
      moved: { match: { path: /moved }, upstream: echo, policies: [{ redirect: { mode: observe, to: "https://new.example.com{path}" } }] }
      json: { match: { path: /json }, upstream: echo, policies: [{ json_threat: { mode: observe, depth: 1 } }] }
products:
  shop: { versions: [shop/key, shop/password, shop/either, shop/counted], plans: { free: {} } }
applications:
  mobile: { keys: [{ name: k, value: "@KEY1@" }], passwords: [{ name: p, user: mobile, value: "a password of many letters" }], subscriptions: [{ product: shop, plan: free }] }
  stranger: { keys: [{ name: k, value: "@KEY2@" }] }
"#;

fn get(path: &str, field: &str) -> String {
    let field = match field {
        "" => String::new(),
        field => format!("{field}\r\n"),
    };
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n")
}

fn post(path: &str, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// By kind: requests, and whether the policy would have refused or answered them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_watched_passes_and_is_told() {
    let rig = Rig::new(WATCHED).await;
    let by_key = |number: u8| format!("X-Api-Key: {}", key(number).as_str());
    let basic = |pair: &str| format!("Authorization: Basic {}", STANDARD.encode(pair));
    let (known, unknown) = (by_key(1), by_key(9));
    let password = basic("mobile:a password of many letters");
    let wrong = basic("mobile:another");
    let json = "application/json";
    let mut sent = 0;
    for (kind, requests) in [
        (
            "key_auth",
            vec![
                (get("/key", &known), false),
                (get("/key", ""), true),
                (get("/key", &unknown), true),
                (get("/key", "X-Api-Key: nonsense"), true),
                // A good key, of somebody without a subscription.
                (get("/key", &by_key(2)), true),
            ],
        ),
        (
            "basic_auth",
            vec![
                (get("/password", &password), false),
                (get("/password", ""), true),
                (get("/password", &wrong), true),
                (get("/password", "Authorization: Basic !"), true),
            ],
        ),
        ("mtls", vec![(get("/certificate", ""), true)]),
        (
            "any_of",
            vec![
                (get("/either", &known), false),
                (get("/either", &password), false),
                (get("/either", ""), true),
                (get("/either", &unknown), true),
                (get("/either", &wrong), true),
                (get("/either", &by_key(2)), true),
            ],
        ),
        (
            "scopes",
            vec![(get("/scoped", ""), true), (get("/scoped/x", ""), true)],
        ),
        (
            "quota",
            vec![
                (get("/counted", &known), false),
                (get("/counted", &known), true),
                (get("/counted", &known), true),
            ],
        ),
        ("redirect", vec![(get("/moved/x?a=1", ""), true)]),
        (
            "json_threat",
            vec![
                (post("/json", json, r#"{"a":1}"#), false),
                (post("/json", "text/plain", "[[1]]"), false),
                (post("/json", json, "[[1]]"), true),
                (post("/json", json, r#"{"a":1,"a":2}"#), true),
                (post("/json", json, "{"), true),
            ],
        ),
    ] {
        let told = format!("version/{kind}/{kind}");
        for (request, is_watched) in &requests {
            let answer = rig.send(request).await;
            assert_eq!(answer.status, 200, "{request}: {answer:?}");
            sent += 1;
            assert_eq!(rig.upstream.requests(), sent, "{request}");
            let record = rig.wait_records(1).await.remove(0);
            let (bits, by) = match is_watched {
                true => (1, &*told),
                false => (0, ""),
            };
            assert_eq!(record.observed.count_ones(), bits, "{request}");
            assert_eq!(record.observed_by, by, "{request}");
            assert_eq!((&*record.decided_by, &*record.code), ("", ""), "{request}");
            // Whoever would have been refused is nobody to the upstream, unless only a count is over.
            let is_known = answer.seen("x-portunus-application").is_some();
            assert!(!is_known || !is_watched || kind == "quota", "{request}");
        }
        let count = requests.iter().filter(|(_, is_watched)| *is_watched);
        let line = format!(
            "portunus_policy_observed_total{{kind=\"{kind}\"}} {}\n",
            count.count()
        );
        let metrics = rig.admin("/metrics").await.body;
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let metrics = rig.admin("/metrics").await.body;
    let decided = "portunus_policy_decided_total{";
    assert!(!metrics.contains(decided), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_only_watched_goes_no_further_and_its_user_is_not_told() {
    let rig = Rig::new(WATCHED).await;
    let pair = STANDARD.encode("mobile:a password of many letters");
    let fields = format!("Authorization: Basic {pair}\r\nX-User: forged");
    let answer = rig.send(&get("/password", &fields)).await;
    assert_eq!(answer.status, 200);
    for (field, is_seen) in [
        ("x-portunus-application", true),
        // It is one of ours.
        ("authorization", false),
        ("x-user", false),
    ] {
        assert_eq!(answer.seen(field).is_some(), is_seen, "{field}");
    }
}

const BOTH: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      before: { match: { path: /before }, upstream: echo, policies: [{ key_auth: { mode: observe } }, { basic_auth: {} }] }
      behind: { match: { path: /behind }, upstream: echo, policies: [{ basic_auth: {} }, { key_auth: { mode: observe } }] }
products:
  shop: { versions: [shop/before, shop/behind], plans: { free: {} } }
applications:
  mobile: { keys: [{ name: k, value: "@KEY1@" }], passwords: [{ name: p, user: mobile, value: "a password of many letters" }], subscriptions: [{ product: shop, plan: free }] }
  stranger: { keys: [{ name: k, value: "@KEY2@" }], passwords: [{ name: p, user: stranger, value: "another one of many letters" }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_is_whom_the_policy_that_enforces_has_found() {
    let rig = Rig::new(BOTH).await;
    let mobile = STANDARD.encode("mobile:a password of many letters");
    let stranger = STANDARD.encode("stranger:another one of many letters");
    for (number, pair, status) in [
        // A key that is watched lends nobody its subscription, and takes nobody's away.
        (1, &stranger, 403),
        (2, &stranger, 403),
        (1, &mobile, 200),
        (2, &mobile, 200),
        (9, &mobile, 200),
    ] {
        for path in ["/before", "/behind"] {
            let key = key(number);
            let fields = format!("X-Api-Key: {}\r\nAuthorization: Basic {pair}", key.as_str());
            let answer = rig.send(&get(path, &fields)).await;
            let what = format!("{path} with key {number} and {pair}: {answer:?}");
            assert_eq!(answer.status, status, "{what}");
            if status == 200 {
                assert_eq!(
                    answer.seen("x-portunus-plan").as_deref(),
                    Some("free"),
                    "{what}"
                );
            } else {
                assert_eq!(answer.code(), "not_subscribed", "{what}");
            }
            let record = rig.wait_records(1).await.remove(0);
            let is_watched = record.observed_by.contains("key_auth");
            assert_eq!(is_watched, number == 9, "{what}");
        }
    }
}

const THEIRS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      key: { match: { path: /key }, upstream: echo, policies: [{ key_auth: { mode: observe, query: key } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { mode: observe, of: [{ key_auth: { query: key } }, { basic_auth: {} }] } }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_upstream_asks_its_own_callers_for_reaches_it() {
    let rig = Rig::new(THEIRS).await;
    let own = key(1);
    let theirs = "Basic dTpw";
    for path in ["/key", "/either"] {
        for (shown, is_theirs) in [("mine", true), (own.as_str(), false)] {
            let request = get(
                &format!("{path}/x?key={shown}&a=1"),
                &format!("X-Api-Key: {shown}\r\nAuthorization: {theirs}"),
            );
            let answer = rig.send(&request).await;
            assert_eq!(answer.status, 200, "{request}");
            let by_field = answer.seen("x-api-key");
            assert_eq!(by_field.as_deref(), is_theirs.then_some(shown), "{request}");
            assert_eq!(
                answer.seen("authorization").as_deref(),
                Some(theirs),
                "{request}"
            );
            let target = match is_theirs {
                true => "/x?key=mine&a=1",
                false => "/x?a=1",
            };
            assert_eq!(answer.seen_path(), target, "{request}");
        }
    }
}

const MOVING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      new: { match: { path: /new }, upstream: echo, policies: [{ key_auth: {} }, { any_of: { mode: observe, of: [{ key_auth: {} }, { mtls: {} }] } }] }
      old: { match: { path: /old }, upstream: echo, policies: [{ any_of: { of: [{ key_auth: { query: key } }, { mtls: {} }] } }, { key_auth: { mode: observe, query: key } }] }
products: { shop: { versions: [shop/new, shop/old], plans: { free: {} } } }
applications:
  mobile: { keys: [{ name: k, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_tried_out_sees_what_the_one_before_it_takes_out() {
    let rig = Rig::new(MOVING).await;
    let own = key(1);
    let by_field = format!("X-Api-Key: {}", own.as_str());
    let by_query = format!("/old/x?key={}&a=1", own.as_str());
    for (target, field, seen) in [
        ("/new/x", &*by_field, "/x"),
        ("/old/x", &*by_field, "/x"),
        (&*by_query, "", "/x?a=1"),
    ] {
        let answer = rig.send(&get(target, field)).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(answer.seen_path(), seen, "{target}");
        assert_eq!(answer.seen("x-api-key"), None, "{target}");
        let plan = answer.seen("x-portunus-plan");
        assert_eq!(plan.as_deref(), Some("free"), "{target}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.observed_by, "", "{target}");
    }
}
