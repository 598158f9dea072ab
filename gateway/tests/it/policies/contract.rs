//! `validate` and `json_threat`: what is sent is looked into before anybody gets it.

use std::fmt::Write as _;

use domain::explain::Decision;
use domain::policy::Stage;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Rig, real};

const NOTES: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  notes:
    policies: [{ rate_limit: { name: few, limit: 6, window: 60s, by: [address, application] } }]
    versions:
      strict: { match: { path: /strict }, openapi: notes.yaml, upstream: echo, policies: [{ validate: { declared_query: true } }] }
      short: { match: { path: /short }, openapi: notes.yaml, upstream: echo, policies: [{ validate: { max_bytes: 40 } }, { rate_limit: { name: few, limit: 50, window: 60s } }] }
      seen: { match: { path: /seen }, openapi: notes.yaml, upstream: echo, policies: [{ validate: { mode: observe, max_bytes: 40 } }] }
      open: { match: { path: /open }, openapi: notes.yaml, operations_mode: open, upstream: echo, policies: [{ validate: {} }, { rewrite: { path: { from: /notes, to: /new/notes } } }] }
  json:
    versions:
      v1: { match: { path: /json }, upstream: echo, policies: [{ json_threat: { depth: 3, max_bytes: 100 } }] }
"#;

fn post(path: &str, media_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn chunked(path: &str, parts: &[&str]) -> String {
    let mut text = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for part in parts {
        write!(text, "{:x}\r\n{part}\r\n", part.len()).unwrap();
    }
    text + "0\r\n\r\n"
}

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_document_is_refused_with_all_that_is_wrong() {
    let rig = Rig::new(NOTES).await;
    for (request, errors) in [
        (
            "GET /strict/notes?limit=0&tag=a&tag=c&x=1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            r#"[{"in":"query","pointer":"/limit","message":"This is at least 1."},{"in":"query","pointer":"/tag/1","message":"This is one of \"a\", \"b\"."},{"in":"query","pointer":"/x","message":"The document knows no such parameter."}]"#,
        ),
        (
            "GET /strict/notes/7 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            r#"[{"in":"path","pointer":"/id","message":"This does not match its pattern."}]"#,
        ),
        (
            post(
                "/strict/notes",
                JSON,
                r#"{"tags":["a","a"],"parent":{"title":5,"x":1}}"#,
            ),
            r#"[{"in":"body","pointer":"","message":"The member \"title\" is required."},{"in":"body","pointer":"/tags","message":"No two items here are the same."},{"in":"body","pointer":"/parent/title","message":"This is a string."},{"in":"body","pointer":"/parent/x","message":"There is no such member."}]"#,
        ),
        (
            post("/strict/notes", "text/plain", "hello"),
            r#"[{"in":"header","pointer":"/content-type","message":"The body is one of: application/json."}]"#,
        ),
        (
            post("/strict/notes", JSON, ""),
            r#"[{"in":"body","pointer":"","message":"This request has a body."}]"#,
        ),
        (
            format!(
                "GET /strict/notes?{}limit=0 HTTP/1.1\r\nHost: a\r\n\r\n",
                "tag=a&".repeat(1000)
            ),
            r#"[{"in":"query","pointer":"","message":"There are more parameters than can be checked."}]"#,
        ),
        (
            post("/strict/notes", JSON, r#"{"title":1,"title":"a"}"#),
            r#"[{"in":"body","pointer":"","message":"The body has a member twice: line 1, column 23."}]"#,
        ),
        (
            chunked("/strict/notes", &["{\"titl", "e\":", "1}"]),
            r#"[{"in":"body","pointer":"/title","message":"This is a string."}]"#,
        ),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(answer.status, 422, "{request}: {answer:?}");
        assert_eq!(answer.code(), "validation_failed");
        assert_eq!(answer.json()["errors"].to_string(), errors, "{request}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.decided_by, "validate/validate");
        assert_eq!(record.code, "validation_failed");
    }
    assert_eq!(rig.upstream.requests(), 0);
}

/// What was refused cost nothing, and the connection goes on behind a body that was taken whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_fits_goes_on_as_it_came() {
    let rig = Rig::new(NOTES).await;
    let mut client = rig.client().await;
    for _ in 0..7 {
        let answer = client.send(&post("/strict/notes", JSON, "{}")).await;
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    for (request, body) in [
        (
            post("/strict/notes", JSON, r#"{"title":"a"}"#),
            r#"{"title":"a"}"#,
        ),
        (
            chunked("/strict/notes", &["{\"title\"", ":\"b\"}"]),
            r#"{"title":"b"}"#,
        ),
        (
            "GET /strict/notes?limit=5 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "",
        ),
        (post("/open/undocumented", "text/plain", "x"), "x"),
    ] {
        let answer = client.send(&request).await;
        assert_eq!(answer.status, 200, "{request}: {answer:?}");
        assert_eq!(answer.json()["body"], body);
    }
    // Of a body that came in parts the length is known once it is there.
    let answer = client
        .send(&chunked("/strict/notes", &["{\"title\":\"b\"}"]))
        .await;
    assert_eq!(answer.seen("content-length").as_deref(), Some("13"));
    assert_eq!(answer.seen("transfer-encoding"), None);
    // Shaped behind the check.
    let answer = client
        .send(&post("/open/notes", JSON, r#"{"title":"c"}"#))
        .await;
    assert_eq!(
        (answer.status, answer.seen_path().as_str()),
        (200, "/new/notes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_to_be_looked_into_is_refused() {
    let rig = Rig::new(NOTES).await;
    let long = format!(r#"{{"title":"a","tags":["{}"]}}"#, "x".repeat(40));
    for request in [
        post("/short/notes", JSON, &long),
        chunked("/short/notes", &[&long]),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "body_too_large")
        );
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.decided_by, "validate/validate");
    }
    for request in [
        post("/seen/notes", JSON, &long),
        chunked("/seen/notes", &[&long]),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(
            (answer.status, answer.json()["body"].as_str()),
            (200, Some(&*long))
        );
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.observed.count_ones(), 1, "{record:?}");
    }
    let answer = rig.send(&post("/seen/notes", JSON, "[]")).await;
    assert_eq!(answer.status, 200, "it only observes");
    assert_eq!(rig.wait_records(1).await.remove(0).observed.count_ones(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_hurts_is_refused() {
    let rig = Rig::new(NOTES).await;
    for (media_type, body, status) in [
        (JSON, r#"{"a":[[1]]}"#, 200),
        (JSON, r#"{"a":[[[1]]]}"#, 422),
        (JSON, r#"{"a":1,"a":2}"#, 422),
        (JSON, r#"{"a":"#, 422),
        (JSON, &"[".repeat(101), 413),
        ("application/merge-patch+json", "[[[[1]]]]", 422),
        ("text/plain", "[[[[1]]]]", 200),
        (JSON, "", 200),
    ] {
        let answer = rig.send(&post("/json", media_type, body)).await;
        assert_eq!(answer.status, status, "{media_type} {body}: {answer:?}");
    }
    // Nobody talks their way around it.
    for lines in [
        "Content-Type: text/plain\r\nContent-Type: application/json",
        "Content-Type: application/json; x=\u{e9}",
        "Content-Type: ,application/json",
        "Connection: content-type\r\nContent-Type: application/json",
        "Content-Type: application/json\r\nContent-Encoding: deflate",
    ] {
        let request = format!(
            "POST /json HTTP/1.1\r\nHost: a\r\n{lines}\r\nContent-Length: 9\r\n\r\n[[[[1]]]]"
        );
        let answer = rig.send(&request).await;
        assert_eq!(answer.status, 422, "{lines}: {answer:?}");
    }
    let answer = rig.send(&post("/json", JSON, "{\"a\":1,\"a\":2}")).await;
    let message = "An object has a member twice: line 1, column 10.";
    assert_eq!(answer.json()["errors"][0]["message"], message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_explained() {
    let rig = Rig::new(NOTES).await;
    let explainer = explainer(&rig, NOTES);
    for (method, target, decision, forwarded) in [
        ("GET", "/strict/notes?limit=0", Decision::Refuses, false),
        ("GET", "/strict/notes?limit=1", Decision::Passes, true),
        ("GET", "/seen/notes?limit=0", Decision::WouldRefuse, true),
    ] {
        let told = explain(&explainer, &asked(method, target, &[]));
        let step = told.steps.iter().find(|step| step.stage == Stage::Contract);
        assert_eq!(step.unwrap().decision, decision, "{target}: {told:#?}");
        assert_eq!(told.verdict.forwarded, forwarded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_is_let_go() {
    let rig = Rig::new(NOTES).await;
    let mut client = rig.client().await;
    for (body, status) in [(r#"{"title":"a","tags":["b"]}"#, 200), ("{", 422)] {
        let request = post("/open/notes", JSON, body);
        assert_eq!(client.send(&request).await.status, status);
    }
    let metrics = rig.admin("/metrics").await.body;
    assert!(metrics.contains("portunus_held_bytes 0"), "{metrics}");
    assert!(metrics.contains("portunus_not_held_total 0"));
}

const PETS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  pets:
    versions:
      v3: { match: { path: /api/v3 }, openapi: petstore-3.0.yaml, upstream: echo, policies: [{ validate: { declared_query: true, formats: true } }] }
      firm: { match: { path: /firm }, openapi: petstore-3.0.yaml, upstream: echo, policies: [{ validate: { responses: block } }] }
"#;

/// The document of swagger.io's pet store, which is not ours and lies beside the checkout.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_document_is_kept_to() {
    if !real("petstore-3.0.yaml").is_file() {
        eprintln!("real documents: ../shared/openapi is not there, so none was served");
        return;
    }
    let rig = Rig::new(PETS).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let pet = r#"{"name":"doggie","photoUrls":["a"],"status":"sold"}"#;
    let order = r#"{"quantity":2147483648,"status":"lost","shipDate":"now"}"#;
    let form = "application/x-www-form-urlencoded";
    for (request, wrong) in [
        (post("/api/v3/pet", JSON, pet), &[] as &[&str]),
        (post("/api/v3/pet", form, "name=a&photoUrls=b"), &[]),
        (get("/api/v3/pet/7"), &[]),
        (get("/api/v3/pet/findByStatus?status=sold"), &[]),
        (post("/api/v3/pet", JSON, "{}"), &["body ", "body "]),
        (
            post("/api/v3/pet", JSON, r#"{"name":"a","photoUrls":["b",2]}"#),
            &["body /photoUrls/1"],
        ),
        (
            post("/api/v3/pet", form, "name=a&photoUrls=b&id=x"),
            &["body /id"],
        ),
        (
            post("/api/v3/pet", "text/plain", pet),
            &["header /content-type"],
        ),
        (
            post("/api/v3/store/order", JSON, order),
            &["body /quantity", "body /status", "body /shipDate"],
        ),
        (get("/api/v3/pet/seven"), &["path /petId"]),
        (get("/api/v3/pet/findByStatus?status=x"), &["query /status"]),
        (get("/api/v3/pet/7?fields=all"), &["query /fields"]),
    ] {
        let answer = rig.send(&request).await;
        if wrong.is_empty() {
            assert_eq!(answer.status, 200, "{request}: {answer:?}");
            continue;
        }
        assert_eq!(answer.status, 422, "{request}: {answer:?}");
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
        let tell = |one| format!("{} {}", text(one, "in"), text(one, "pointer"));
        let told: Vec<String> = errors.iter().map(tell).collect();
        assert_eq!(told, wrong, "{request}");
    }
    // The upstream's answer is JSON, but no pet.
    let answer = rig.send(&get("/firm/pet/7")).await;
    assert_eq!((answer.status, &*answer.code()), (502, "response_invalid"));
    let answer = rig.send(&get("/firm/user/logout")).await;
    assert_eq!(answer.status, 200, "nothing is said of its answer");
}
