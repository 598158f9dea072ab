//! `mock` with the examples of a document.

use domain::explain::Decision;
use domain::manifest;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  pets:
    versions:
      fixed: { match: { path: /fixed }, openapi: pets.yaml, upstream: echo, policies: [{ mock: { examples: true, headers: { X-Mock: "1" } } }] }
      chosen: { match: { path: /chosen }, openapi: pets.yaml, upstream: echo, policies: [{ mock: { examples: true, prefer: true, status: 404 } }, { validate: { responses: block } }] }
      open: { match: { path: /open }, openapi: pets.yaml, operations_mode: open, upstream: echo, policies: [{ mock: { examples: true } }] }
      seen: { match: { path: /seen }, openapi: pets.yaml, upstream: echo, policies: [{ mock: { mode: observe, examples: true } }] }
      one:
        match: { path: /one }
        openapi: pets.yaml
        upstream: echo
        operations: [{ match: { method: POST, path: /pets }, policies: [{ mock: { examples: true } }] }]
  wide:
    policies: [{ mock: { examples: true } }]
    versions:
      with: { match: { path: /with }, openapi: pets.yaml, upstream: echo }
      without: { match: { path: /without }, upstream: echo }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_the_document_are_answered() {
    let rig = Rig::new(FILE).await;
    let tom = r#"{"id":1,"name":"Tom"}"#;
    let made = r#"{"id":1,"name":"Bello"}"#;
    for (target, fields, status, media_type, body) in [
        ("/fixed/pets/7", &[][..], 200, Some("application/json"), tom),
        (
            "/fixed/pets/7",
            &["Accept: text/plain"],
            200,
            Some("text/plain"),
            "Tom",
        ),
        (
            "/fixed/pets/7",
            &["Accept: text/*;q=0.2", "Accept: application/json;q=0.1"],
            200,
            Some("text/plain"),
            "Tom",
        ),
        (
            "/fixed/pets",
            &[],
            200,
            Some("application/json"),
            &format!("[{made}]"),
        ),
        // Nobody chooses unless the policy says so.
        (
            "/fixed/pets/7",
            &["Prefer: code=404, example=ann"],
            200,
            Some("application/json"),
            tom,
        ),
        (
            "/chosen/pets/7",
            &[],
            404,
            Some("application/problem+json"),
            r#"{"status":404}"#,
        ),
        (
            "/chosen/pets/7",
            &["Prefer: code=200; x=y, example=ann"],
            200,
            Some("application/json"),
            r#"{"id":2,"name":"Ann"}"#,
        ),
        (
            "/chosen/pets/7",
            &["Prefer: code=200", "Prefer: example=none"],
            200,
            Some("application/json"),
            tom,
        ),
        (
            "/chosen/pets/7",
            &["Prefer: code=599"],
            404,
            Some("application/problem+json"),
            r#"{"status":404}"#,
        ),
        (
            "/chosen/pets",
            &["Prefer: code=503"],
            503,
            Some("application/json"),
            &format!("[{made}]"),
        ),
        ("/with/pets/7", &[], 200, Some("application/json"), tom),
    ] {
        let answer = rig.get(target, fields).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, body),
            "{target} {fields:?}"
        );
        assert_eq!(answer.field("content-type"), media_type);
        assert_eq!(
            answer.field("content-length"),
            Some(&*body.len().to_string())
        );
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.decided_by.as_str(), record.status),
            ("mock/mock", status)
        );
    }
    let answer = rig.get("/fixed/pets/7", &[]).await;
    assert_eq!(
        (answer.field("x-mock"), answer.field("vary")),
        (Some("1"), Some("Accept"))
    );
    assert_eq!(answer.field("preference-applied"), None);
    let answer = rig.get("/chosen/pets/7", &["Prefer: code=200"]).await;
    assert_eq!(answer.field("preference-applied"), Some("code=200"));
    let gone = rig
        .send("DELETE /fixed/pets/7 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(
        (
            gone.status,
            gone.field("content-type"),
            gone.field("content-length")
        ),
        (204, None, None)
    );
    let post =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}");
    let made_one = rig.send(&post("/one/pets")).await;
    assert_eq!((made_one.status, made_one.body.as_str()), (201, made));
    assert_eq!(rig.upstream.requests(), 0);
    // What the document does not have, or has not, goes on.
    for target in [
        "/open/others",
        "/seen/pets/7",
        "/without/pets/7",
        "/one/pets/7",
    ] {
        assert_eq!(
            rig.get(target, &[]).await.seen_path(),
            target[target[1..].find('/').unwrap() + 1..],
            "{target}"
        );
    }
    let explainer = explainer(&rig, FILE);
    for (target, decision) in [
        ("/fixed/pets/7", Decision::Answers),
        ("/open/others", Decision::Passes),
    ] {
        let told = explain(&explainer, &asked("GET", target, &[]));
        let step = told
            .steps
            .iter()
            .find(|step| step.policy == "mock/mock")
            .unwrap();
        assert_eq!(step.decision, decision, "{target}");
    }
}

#[test]
fn a_version_without_a_document_is_refused_where_it_is_saved() {
    let file = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://127.0.0.1:1" }] } }
apis: { pets: { versions: { v1: { match: { path: /a }, upstream: echo, policies: [{ mock: { examples: true } }] } } } }
"#;
    let read = manifest::read(file, &|_| None).unwrap();
    let found = manifest::resolve(&read, 1, &|_| Err(String::new())).unwrap_err();
    let told: Vec<(&str, &str)> = found
        .iter()
        .map(|one| (&*one.pointer, &*one.message))
        .collect();
    let message = "A policy looks into the version's document, and it has none.";
    assert_eq!(told, [("/apis/pets/versions/v1/policies", message)]);
}
