//! `transform` gives answers another status, framed as that status is.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::reshaping::Mirror;
use crate::explain::shop::{asked, explain, explainer};
use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { mirror: { targets: [{ url: "http://@MIRROR@" }] }, gone: { targets: [{ url: "http://127.0.0.1:9" }] } }
apis:
  shop:
    versions:
      none: { match: { path: /none }, upstream: mirror, policies: [{ transform: { response: { status: 204, set: { X-Seen: "1" } } } }] }
      reset: { match: { path: /reset }, upstream: mirror, policies: [{ transform: { response: { status: 205 } } }] }
      same: { match: { path: /same }, upstream: mirror, policies: [{ transform: { response: { status: 304 } } }] }
      made: { match: { path: /made }, upstream: mirror, policies: [{ transform: { response: { status: 201 } } }] }
      seen: { match: { path: /seen }, upstream: mirror, policies: [{ transform: { mode: observe, response: { status: 204 } } }] }
      mock: { match: { path: /mock }, upstream: mirror, policies: [{ transform: { response: { status: 204 } } }, { mock: { body: a } }] }
      gone: { match: { path: /gone }, upstream: gone, policies: [{ transform: { response: { status: 204 } } }] }
      hidden: { match: { path: /hidden }, upstream: mirror, policies: [{ auth_guard: { limit: 2 } }, { transform: { response: { status: 200 } } }] }
      told: { match: { path: /told }, upstream: mirror, policies: [{ auth_guard: { limit: 2 } }, { transform: { response: { status: 403 } } }] }
      kept: { match: { path: /kept }, upstream: mirror, policies: [{ cache: { ttl: 60s } }, { transform: { response: { status: 202 } } }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_framed_by_their_new_status() {
    let mirror = Mirror::start().await;
    let file = FILE.replace("@MIRROR@", &mirror.address.to_string());
    let rig = Rig::new(&file).await;
    // One connection: what is framed wrongly spoils the next.
    let mut client = rig.client().await;
    let text = "X-Answer-Content-Type: text/plain\r\nX-Answer-Content-Digest: sha-256=:x=:\r\n";
    for (method, path, had, body, status, got, length) in [
        ("POST", "/none/x", 200, "body", 204, "", None),
        ("POST", "/none/x", 500, "body", 204, "", None),
        ("POST", "/none/x", 204, "", 204, "", None),
        ("POST", "/reset/x", 200, "body", 205, "", Some("0")),
        ("POST", "/same/x", 200, "body", 304, "", None),
        ("POST", "/made/x", 200, "body", 201, "body", Some("4")),
        ("POST", "/made/x", 204, "", 201, "", Some("0")),
        ("POST", "/made/x", 206, "body", 206, "body", Some("4")),
        ("POST", "/made/x", 304, "", 304, "", None),
        ("POST", "/seen/x", 200, "body", 200, "body", Some("4")),
        ("GET", "/mock/x", 200, "", 200, "a", Some("1")),
        ("HEAD", "/none/x", 200, "", 204, "", None),
        ("HEAD", "/made/x", 204, "", 201, "", None),
        ("GET", "/kept/x", 200, "", 202, "", Some("0")),
        ("GET", "/kept/x", 200, "", 202, "", Some("0")),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nX-Answer-Status: {had}\r\n{text}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = client.send(&request).await;
        let what = format!("{method} {path} {had}");
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.body, got, "{what}");
        assert_eq!(answer.field("content-length"), length, "{what}");
        assert_eq!(answer.field("transfer-encoding"), None, "{what}");
        if status == 204 {
            assert_eq!(answer.field("content-type"), None, "{what}");
            assert_eq!(answer.field("content-digest"), None, "{what}");
            assert_eq!(answer.field("x-seen"), Some("1"), "{what}");
        }
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.status, status, "{what}");
    }
    let refused = rig.get("/gone/x", &[]).await;
    assert_eq!(
        refused.code(),
        "upstream_unreachable",
        "a refusal stays one"
    );
    let told = explain(&explainer(&rig, &file), &asked("GET", "/none/x", &[]));
    let says = |step: &domain::explain::Step| step.why.ends_with("the status 204.");
    assert!(told.steps.iter().any(says), "{:?}", told.steps);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_counts_what_the_upstream_said() {
    let mirror = Mirror::start().await;
    let rig = Rig::new(&FILE.replace("@MIRROR@", &mirror.address.to_string())).await;
    for (path, had, statuses) in [
        ("/hidden/x", 401, [200, 200, 429]),
        ("/told/x", 200, [403, 403, 403]),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nX-Answer-Status: {had}\r\nContent-Length: 0\r\n\r\n"
        );
        for status in statuses {
            assert_eq!(rig.send(&request).await.status, status, "{path}");
        }
    }
}

const CHUNKED: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      none: { match: { path: /none }, upstream: echo, policies: [{ transform: { response: { status: 204 } } }] }
      reset: { match: { path: /reset }, upstream: echo, policies: [{ transform: { response: { status: 205 } } }] }
      same: { match: { path: /same }, upstream: echo, policies: [{ transform: { response: { status: 304 } } }] }
"#;

/// Neither side's connection is lost to a body that nobody gets, however it is framed.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_that_nobody_gets_costs_no_connection() {
    let rig = Rig::new(CHUNKED).await;
    let mut client = rig.client().await;
    for (path, status, length) in [
        ("/none/chunks", 204, None),
        ("/reset/chunks", 205, Some("0")),
        ("/same/chunks", 304, None),
        ("/none/chunks", 204, None),
    ] {
        let answer = client.get(path, &[]).await;
        assert_eq!((answer.status, &*answer.body), (status, ""), "{path}");
        assert_eq!(answer.field("content-length"), length, "{path}");
        assert_eq!(answer.field("transfer-encoding"), None, "{path}");
        assert_eq!(answer.field("connection"), None, "{path}");
    }
    assert_eq!(rig.upstream.connections(), 1);
}

const BROKEN: &str = r#"
portunus: 1
upstreams: { broken: { targets: [{ url: "http://@BROKEN@" }] } }
apis:
  shop:
    versions:
      none: { match: { path: /none }, upstream: broken, policies: [{ transform: { response: { status: 204 } } }] }
"#;

/// Answers that tell their length end early, and those that do not have no end.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_gets_is_no_failure_and_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"\r\n\r\n") && stream.read_buf(&mut got).await.unwrap() > 0 {}
            let is_endless = got.starts_with(b"GET /none/endless");
            let framing = match is_endless {
                true => "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
                false => "Content-Length: 10\r\n\r\nbegun",
            };
            let answer = format!("HTTP/1.1 200 OK\r\n{framing}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            if is_endless {
                open.push(stream);
            }
        }
    });
    let rig = Rig::new(&BROKEN.replace("@BROKEN@", &address.to_string())).await;
    for path in ["/none/cut", "/none/endless"] {
        let answer = rig.get(path, &[]).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{path}");
    }
}
