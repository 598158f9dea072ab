//! Which version and which operation answers.

use http::Request;

use crate::http2::connect;
use crate::rig::Rig;

const ROUTES: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@/base/" }] } }
apis:
  x:
    versions:
      v1: { match: { path: /pet }, upstream: echo }
      v2: { match: { path: /pet/toys }, strip_path: false, upstream: echo }
      v3: { match: { path: /, hosts: [api.test, "*.wild.test"] }, upstream: echo }
      v4: { match: { path: /off }, upstream: echo, enabled: false }
      v5:
        match: { path: /listed }
        upstream: echo
        operations_mode: listed
        operations:
          - match: { method: GET, path: "/a/{id}" }
          - match: { method: POST, path: "/a/new" }
      v6: { match: { path: /open }, openapi: notes.yaml, operations_mode: open, upstream: echo }
      v7: { match: { path: /closed }, openapi: notes.yaml, upstream: echo }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn host_prefix_and_operation() {
    let rig = Rig::new(ROUTES).await;
    for (host, path, seen) in [
        ("test", "/pet", "/base/"),
        ("test", "/pet/", "/base/"),
        ("test", "/pet/1", "/base/1"),
        ("test", "/pet/toys/1", "/base/pet/toys/1"),
        ("API.test:80", "/pet/1", "/base/pet/1"),
        ("a.b.wild.test", "/x", "/base/x"),
        ("test", "//pet//./1/../2", "/base/2"),
        ("test", "/listed/a/7", "/base/a/7"),
    ] {
        let answer = rig
            .send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        assert_eq!(answer.status, 200, "{host} {path} {answer:?}");
        assert_eq!(answer.seen_path(), seen, "{host} {path}");
    }
    for (method, path, status, code) in [
        ("GET", "/pets", 404, "no_route"),
        ("GET", "/off", 503, "version_disabled"),
        ("GET", "/listed/b", 404, "no_operation"),
        ("DELETE", "/listed/a/7", 405, "method_not_allowed"),
    ] {
        let answer = rig
            .send(&format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{method} {path}"
        );
    }
    let answer = rig
        .send("DELETE /listed/a/new HTTP/1.1\r\nHost: test\r\n\r\n")
        .await;
    assert_eq!(answer.field("allow"), Some("GET, HEAD, POST"));
}

/// The zero id is "other" in the record.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_document_is_other_or_refused() {
    let rig = Rig::new(ROUTES).await;
    for (method, path, status, is_other) in [
        ("GET", "/open/notes", 200, false),
        ("GET", "/open/notes/n1", 200, false),
        ("GET", "/open", 200, true),
        ("GET", "/open/notes/n1/more", 200, true),
        ("DELETE", "/open/notes", 200, true),
        ("GET", "/closed/notes/n1", 200, false),
        ("GET", "/closed/notes/n1/more", 404, true),
        ("DELETE", "/closed/notes", 405, true),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(rig.send(&request).await.status, status, "{method} {path}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.path, path);
        assert_eq!(record.operation.is_nil(), is_other, "{method} {path}");
        assert!(!record.version.is_nil(), "{method} {path}");
    }
}

/// RFC 9110 §15.5.6.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_tunnel_or_an_echo_is_told_what_there_is() {
    const ALL: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
    let rig = Rig::new(ROUTES).await;
    for target in [
        "CONNECT api.test:80",
        "CONNECT test:443",
        "TRACE /pet",
        "TRACE /nowhere",
    ] {
        let request = format!("{target} HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n");
        let request = match target.strip_prefix("CONNECT ") {
            Some(authority) => request.replace("Host: test", &format!("Host: {authority}")),
            None => request,
        };
        let mut client = rig.client().await;
        let answer = client.send(&request).await;
        assert_eq!(answer.status, 405, "{target}: {answer:?}");
        assert_eq!(answer.code(), "method_not_allowed", "{target}");
        assert_eq!(answer.field("allow"), Some(ALL), "{target}");
        assert!(client.is_closed().await, "{target}");
    }
    for (method, target) in [
        ("CONNECT", "api.test:80"),
        ("TRACE", "http://test/pet"),
        ("TRACE", "http://test/nowhere"),
    ] {
        let mut sender = connect(&rig).await.ready().await.unwrap();
        let request = Request::builder().method(method).uri(target).body(());
        let (answer, _) = sender.send_request(request.unwrap(), true).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {target}");
        assert_eq!(answer.headers()["allow"], ALL, "{method} {target}");
    }
    assert_eq!(rig.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_state_nothing_is_served() {
    let (_changes, receiver) = gateway::source::channel();
    let settings = gateway::Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin: None,
        workers: Some(1),
        ..gateway::Settings::default()
    };
    let handle = gateway::start(settings, receiver).unwrap();
    assert!(!handle.is_ready());
    let mut client = crate::rig::Client::connect(handle.gateway).await;
    let answer = client.get("/", &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "not_ready"));
    handle.shutdown().await;
}
