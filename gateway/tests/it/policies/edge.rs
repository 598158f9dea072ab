//! `ip_filter`, `request_limits` and `security_headers`.

use crate::rig::{Rig, key};

const EDGE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    policies: [{ security_headers: { hsts: { max_age: 365d } } }]
    versions:
      closed: { match: { path: /closed }, upstream: echo, policies: [{ ip_filter: { allow: ["10.0.0.0/8", { net: "192.0.2.0/24", until: "2026-11-20T12:01:00Z" }], deny: ["10.1.0.0/16"] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ ip_filter: { mode: observe, deny: ["0.0.0.0/0"] } }] }
      small: { match: { path: /small }, upstream: echo, policies: [{ request_limits: { body: 10, headers: 5, query: 2 } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ request_limits: { mode: observe, body: 10, query: 0 } }] }
      plan: { match: { path: /plan }, upstream: echo, policies: [{ key_auth: {} }] }
products:
  shop:
    versions: [shop/plan]
    plans: { inner: { policies: [{ ip_filter: { allow: ["10.0.0.0/8"] } }, { request_limits: { body: 4 } }] } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: inner }] }
"#;

async fn rig() -> Rig {
    Rig::with(EDGE, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_behind_proxies_are_filtered() {
    let rig = rig().await;
    let table = [
        ("/closed", "10.2.3.4", 200),
        ("/closed", "10.1.3.4", 403),
        ("/closed", "192.0.2.1", 200),
        ("/closed", "::ffff:10.2.3.4", 200),
        ("/closed", "2001:db8::1", 403),
        ("/closed", "8.8.8.8, 10.2.3.4", 200),
        ("/closed", "10.2.3.4, 8.8.8.8", 403),
        ("/watched", "8.8.8.8", 200),
    ];
    for (path, client, status) in table {
        let answer = rig
            .get(path, &[&format!("X-Forwarded-For: {client}")])
            .await;
        assert_eq!(answer.status, status, "{path} {client}");
        let record = rig.wait_records(1).await.remove(0);
        if status == 403 {
            assert_eq!(answer.code(), "ip_denied");
            assert_eq!(record.decided_by, "ip_filter/ip_filter");
        }
        assert_eq!(record.observed != 0, path == "/watched", "{client}");
    }
    rig.advance(60);
    let answer = rig.get("/closed", &["X-Forwarded-For: 192.0.2.1"]).await;
    assert_eq!(answer.status, 403, "its time is over");
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_policy_decided_total{kind=\"ip_filter\"} 4",
        "portunus_policy_observed_total{kind=\"ip_filter\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_stay_within_their_bounds() {
    let rig = rig().await;
    let chunked = "Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n";
    let many: String = (0..4).map(|n| format!("x-{n}: 1\r\n")).collect();
    let table = [
        (
            "POST /small",
            "Content-Length: 10\r\n\r\n0123456789".to_owned(),
            200,
            "",
        ),
        (
            "POST /small",
            "Content-Length: 11\r\n\r\n0123456789a".to_owned(),
            413,
            "body_too_large",
        ),
        ("POST /small", chunked.to_owned(), 413, "body_too_large"),
        ("GET /small", format!("{many}\r\n"), 200, ""),
        (
            "GET /small",
            format!("{many}y: 1\r\n\r\n"),
            431,
            "headers_too_large",
        ),
        ("GET /small?a=1&b=2", "\r\n".to_owned(), 200, ""),
        (
            "GET /small?a=1&b=2&c=3",
            "\r\n".to_owned(),
            414,
            "uri_too_long",
        ),
        ("POST /seen", chunked.to_owned(), 200, ""),
        (
            "POST /seen?a",
            "Content-Length: 11\r\n\r\n0123456789a".to_owned(),
            200,
            "",
        ),
    ];
    for (line, rest, status, code) in table {
        let answer = rig
            .send(&format!("{line} HTTP/1.1\r\nHost: a\r\n{rest}"))
            .await;
        assert_eq!(answer.status, status, "{line} {rest}");
        if !code.is_empty() {
            assert_eq!(answer.code(), code, "{line}");
        }
    }
    // The bound is of one request, not of the connection.
    let mut client = rig.client().await;
    for path in ["/small", "/seen", "/small", "/seen"] {
        let rest = "Content-Length: 10\r\n\r\n0123456789";
        let answer = client
            .send(&format!("POST {path} HTTP/1.1\r\nHost: a\r\n{rest}"))
            .await;
        assert_eq!(answer.status, 200);
        let rest = "Content-Length: 11\r\n\r\n0123456789a";
        let answer = client
            .send(&format!("POST /seen HTTP/1.1\r\nHost: a\r\n{rest}"))
            .await;
        assert_eq!(answer.status, 200, "after {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_narrows_its_subscribers() {
    let rig = rig().await;
    let key = format!("X-Api-Key: {}", key(1).as_str());
    for (client, body, status) in [
        ("10.0.0.1", "abcd", 200),
        ("8.8.8.8", "abcd", 403),
        ("10.0.0.1", "abcde", 413),
    ] {
        let length = body.len();
        let request = format!(
            "POST /plan HTTP/1.1\r\nHost: a\r\n{key}\r\nX-Forwarded-For: {client}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        assert_eq!(rig.send(&request).await.status, status, "{client} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_be_careful_on_refusals_too() {
    let rig = rig().await;
    for (path, fields, status, hsts) in [
        ("/small", &[][..], 200, None),
        (
            "/small",
            &["X-Forwarded-Proto: https"],
            200,
            Some("max-age=31536000"),
        ),
        (
            "/small?a&b&c",
            &["X-Forwarded-Proto: https"],
            414,
            Some("max-age=31536000"),
        ),
        ("/closed", &["Accept: text/html"], 403, None),
        ("/plan", &[], 401, None),
    ] {
        let answer = rig.get(path, fields).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.field("strict-transport-security"), hsts, "{path}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("x-frame-options"), Some("DENY"));
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.field("server"), None);
    }
    let nowhere = rig.get("/nowhere", &[]).await;
    assert_eq!(nowhere.field("x-frame-options"), None, "no policy is known");
}
