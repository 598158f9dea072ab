//! `mock`, `redirect` and `fault`: what answers in the upstream's place.

use domain::explain::Decision;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Rig, key};

const ANSWERING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      mock: { match: { path: /mock }, upstream: echo, policies: [{ rate_limit: { limit: 9, window: 1s } }, { mock: { status: 201, content_type: text/plain, headers: { X-A: one }, body: "fixed" } }] }
      bare: { match: { path: /bare }, upstream: echo, policies: [{ mock: { status: 204 } }] }
      keyed: { match: { path: /keyed }, upstream: echo, policies: [{ mock: { body: "{}" } }, { key_auth: {} }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ mock: { mode: observe } }] }
      moved: { match: { path: /moved }, upstream: echo, policies: [{ redirect: { status: 308, to: "https://new.example.com/v2{rest}?{query}" } }] }
      inside: { match: { path: /inside }, upstream: echo, policies: [{ redirect: { to: "{rest}" } }] }
      failing: { match: { path: /failing }, upstream: echo, policies: [{ fault: { abort: { percent: 100, status: 503 } } }] }
      slow: { match: { path: /slow }, upstream: echo, policies: [{ fault: { delay: { percent: 100, time: 300ms } } }] }
      spared: { match: { path: /spared }, upstream: echo, policies: [{ fault: { mode: observe, delay: { percent: 100, time: 30s }, abort: { percent: 100, status: 500 } } }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn policies_answer_in_the_upstreams_place() {
    let rig = Rig::new(ANSWERING).await;
    let explainer = explainer(&rig, ANSWERING);
    for (path, status, location, body, decided_by) in [
        ("/mock/x", 201, None, "fixed", "mock/mock"),
        ("/bare", 204, None, "", "mock/mock"),
        (
            "/moved/a%20b?c=d",
            308,
            Some("https://new.example.com/v2/a%20b?c=d"),
            "",
            "redirect/redirect",
        ),
        (
            "/moved",
            308,
            Some("https://new.example.com/v2"),
            "",
            "redirect/redirect",
        ),
        (
            "/inside//evil.test/x",
            307,
            Some("/evil.test/x"),
            "",
            "redirect/redirect",
        ),
        ("/inside", 307, Some("/"), "", "redirect/redirect"),
    ] {
        let answer = rig.get(path, &[]).await;
        let what = format!("{path}: {answer:?}");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, body),
            "{what}"
        );
        assert_eq!(answer.field("location"), location, "{what}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.decided_by.as_str(), record.code.as_str()),
            (decided_by, "")
        );
        assert_eq!(record.status, status);
        let told = explain(&explainer, &asked("GET", path, &[]));
        assert_eq!(told.verdict.status, Some(status), "{told:#?}");
        assert_eq!(told.verdict.decided_by.as_deref(), Some(decided_by));
        let last = told.steps.last().unwrap();
        assert_eq!(last.decision, Decision::Answers);
    }
    assert_eq!(rig.upstream.requests(), 0);
    let answer = rig.get("/mock", &[]).await;
    assert_eq!(answer.field("x-a"), Some("one"));
    assert_eq!(answer.field("content-type"), Some("text/plain"));
    assert!(
        answer.field("ratelimit").is_some(),
        "it counts like any other"
    );
    assert_eq!(
        rig.get("/keyed", &[]).await.status,
        401,
        "whoever calls is asked first"
    );
    let good = format!("X-Api-Key: {}", key(1).as_str());
    assert_eq!(rig.get("/keyed", &[&good]).await.code(), "key_invalid");
    let before = rig.upstream.requests();
    assert_eq!(rig.get("/seen", &[]).await.status, 200);
    assert_eq!(rig.upstream.requests(), before + 1);
    let told = explain(&explainer, &asked("GET", "/seen", &[]));
    assert!(told.verdict.forwarded, "{told:#?}");
    assert_eq!(told.steps[0].decision, Decision::WouldAnswer);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_come_on_purpose() {
    let rig = Rig::new(ANSWERING).await;
    let answer = rig.get("/failing", &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.json()["type"], "about:blank");
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!(record.decided_by, "fault/fault");
    assert_eq!(rig.upstream.requests(), 0);
    let began = std::time::Instant::now();
    assert_eq!(rig.get("/slow", &[]).await.status, 200);
    assert!(began.elapsed().as_millis() >= 300);
    rig.wait_records(1).await;
    assert_eq!(rig.get("/spared", &[]).await.status, 200);
    let record = rig.wait_records(1).await.remove(0);
    assert_ne!(record.observed, 0);
    assert!(began.elapsed().as_secs() < 20, "observing delays nothing");
}
