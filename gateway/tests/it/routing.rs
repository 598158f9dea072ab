//! Which version and which operation answers.

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
