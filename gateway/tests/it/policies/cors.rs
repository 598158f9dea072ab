//! `cors`: preflights are answered here, and every answer says who may read it.

use domain::explain::Decision;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Answer, Rig};

const CORS: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  dead: { targets: [{ url: "http://127.0.0.1:1" }] }
apis:
  shop:
    versions:
      v1:
        match: { path: /shop }
        upstream: echo
        operations_mode: listed
        policies: [{ key_auth: {} }, { cors: { origins: ["https://app.test", "https://*.b.test"], expose: [X-Id], credentials: true } }]
        operations:
          - match: { method: GET, path: "/a" }
          - match: { method: PUT, path: "/a" }
            policies: [{ cors: { origins: ["https://put.test"] } }]
      any: { match: { path: /any }, upstream: echo, policies: [{ cors: { origins: ["*"] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ cors: { mode: observe, origins: ["https://app.test"] } }] }
      dead: { match: { path: /dead }, upstream: dead, policies: [{ cors: { origins: ["https://app.test"] } }] }
      locked: { match: { path: /locked }, upstream: echo, policies: [{ ip_filter: { allow: ["10.0.0.0/8"] } }, { cors: { origins: ["https://app.test"] } }] }
"#;

async fn preflight(rig: &Rig, path: &str, origin: &str, method: &str) -> Answer {
    let request = format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: x-api-key\r\n\r\n"
    );
    rig.send(&request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn preflights_end_here() {
    let rig = Rig::new(CORS).await;
    for (path, origin, method, status, allowed) in [
        (
            "/shop/a",
            "https://app.test",
            "GET",
            204,
            Some("https://app.test"),
        ),
        (
            "/shop/a",
            "https://x.b.test",
            "GET",
            204,
            Some("https://x.b.test"),
        ),
        ("/shop/a", "https://evil.test", "GET", 204, None),
        ("/shop/a", "null", "GET", 204, None),
        (
            "/shop/a",
            "https://put.test",
            "PUT",
            204,
            Some("https://put.test"),
        ),
        ("/shop/a", "https://app.test", "PUT", 204, None),
        (
            "/shop/a",
            "https://app.test",
            "DELETE",
            204,
            Some("https://app.test"),
        ),
        (
            "/shop/nothing",
            "https://app.test",
            "GET",
            404,
            Some("https://app.test"),
        ),
        ("/any/x", "null", "GET", 204, Some("*")),
        ("/watched", "https://app.test", "GET", 200, None),
        (
            "/locked",
            "https://app.test",
            "GET",
            403,
            Some("https://app.test"),
        ),
    ] {
        let before = rig.upstream.requests();
        let answer = preflight(&rig, path, origin, method).await;
        let what = format!("{path} {origin} {method}: {answer:?}");
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(
            answer.field("access-control-allow-origin"),
            allowed,
            "{what}"
        );
        if status == 204 {
            let methods = answer.field("access-control-allow-methods");
            assert_eq!(methods.is_some(), allowed.is_some(), "{what}");
            assert_eq!(answer.body, "");
        }
        let reached = rig.upstream.requests() - before;
        assert_eq!(reached, usize::from(path == "/watched"), "{what}");
        let record = rig.wait_records(1).await.remove(0);
        if status == 204 {
            assert_eq!(record.decided_by, "cors/cors", "{what}");
            assert_eq!(record.code, "");
        }
        let told = explain(
            &explainer(&rig, CORS),
            &asked(
                "OPTIONS",
                path,
                &[
                    ("Origin", origin),
                    ("Access-Control-Request-Method", method),
                ],
            ),
        );
        let expected = (status != 200).then_some(status);
        assert_eq!(told.verdict.status, expected, "{what} {told:#?}");
        let answers = told
            .steps
            .iter()
            .any(|step| step.decision == Decision::Answers);
        assert_eq!(answers, status == 204, "{told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_who_may_read_it() {
    let rig = Rig::new(CORS).await;
    for (request, origin, status, allowed) in [
        (
            "GET /shop/a",
            "https://app.test",
            401,
            Some("https://app.test"),
        ),
        ("GET /shop/a", "https://evil.test", 401, None),
        (
            "DELETE /shop/a",
            "https://app.test",
            405,
            Some("https://app.test"),
        ),
        (
            "GET /shop/nothing",
            "https://app.test",
            404,
            Some("https://app.test"),
        ),
        (
            "GET /dead",
            "https://app.test",
            502,
            Some("https://app.test"),
        ),
        ("GET /any", "https://app.test", 200, Some("*")),
        ("GET /watched", "https://evil.test", 200, None),
        // No preflight: the listed operations answer.
        (
            "OPTIONS /shop/a",
            "https://app.test",
            405,
            Some("https://app.test"),
        ),
    ] {
        let lines = format!("{request} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n");
        let answer = rig.send(&lines).await;
        let what = format!("{request} {origin}: {answer:?}");
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(
            answer.field("access-control-allow-origin"),
            allowed,
            "{what}"
        );
        let varies = answer.field("vary") == Some("Origin");
        assert_eq!(
            varies,
            !request.contains("/any") && !request.contains("/watched"),
            "{what}"
        );
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.observed != 0, request.contains("/watched"), "{what}");
    }
    let two = "GET /any HTTP/1.1\r\nHost: a\r\nOrigin: https://a\r\nOrigin: https://b\r\n\r\n";
    let answer = rig.send(two).await;
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
}
