//! `threat_patterns`: what looks like an attack is noted, or refused with its place.

use domain::explain::Decision;
use domain::policy::Stage;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      strict: { match: { path: /strict }, upstream: echo, policies: [{ threat_patterns: { mode: enforce, exclude: [comment, /note], headers: [User-Agent, X-Name], patterns: ["(?i)forbidden"], max_bytes: 100000 } }, { rate_limit: { limit: 3, window: 60s, by: [address, application] } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ threat_patterns: { max_bytes: 100 } }] }
      some: { match: { path: /some }, upstream: echo, policies: [{ threat_patterns: { mode: enforce, groups: [xss], query: false, headers: [] } }] }
"#;

fn get(target: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|line| format!("{line}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn post(path: &str, fields: &[&str], body: &str) -> String {
    let fields: String = fields.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const JSON: &str = "Content-Type: application/json";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_an_attack_is_refused_with_its_place() {
    let rig = Rig::new(FILE).await;
    let long = format!(r#"{{"a":["{}","<script>"]}}"#, "x".repeat(80_000));
    for (request, place, pointer, message) in [
        (
            get("/strict/a?q=%27+or+1%3D1", &[]),
            "query",
            "/q",
            "This looks like SQL.",
        ),
        (
            get("/strict/a?%3Cscript%3E", &[]),
            "query",
            "/<script>",
            "This looks like a script.",
        ),
        (
            get("/strict/a?x=%252e%252e%252fetc", &[]),
            "query",
            "/x",
            "This looks like something hidden by its encoding.",
        ),
        (
            get("/strict/a?x=forbidden", &[]),
            "query",
            "/x",
            "This looks like what this API does not take.",
        ),
        (
            get("/strict/a", &["User-Agent: ${jndi:ldap://x/a}"]),
            "header",
            "/user-agent",
            "This looks like an expression of a template.",
        ),
        (
            get("/strict/a", &["X-Name: a", "x-name: ../../etc/passwd"]),
            "header",
            "/x-name",
            "This looks like a path that leads elsewhere.",
        ),
        (
            post(
                "/strict/a",
                &[JSON],
                r#"{"a":[{"b":"x; cat /etc/passwd"}]}"#,
            ),
            "body",
            "/a/0/b",
            "This looks like a path that leads elsewhere.",
        ),
        (
            post("/strict/a", &[], r#"{"a":"<svg/onload=x>"}"#),
            "body",
            "/a",
            "This looks like a script.",
        ),
        (
            post("/strict/a", &[FORM], "a=b&c=%3Cscript%3E"),
            "body",
            "/c",
            "This looks like a script.",
        ),
        (
            post("/strict/a", &[JSON], "{\"a\":<script>"),
            "body",
            "",
            "This looks like a script.",
        ),
        (
            post("/strict/a", &[JSON], &long),
            "body",
            "/a/1",
            "This looks like a script.",
        ),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "threat_detected"),
            "{request:.200}"
        );
        let errors = answer.json()["errors"].clone();
        let wanted = serde_json::json!([{"in": place, "pointer": pointer, "message": message}]);
        assert_eq!(errors, wanted, "{request:.200}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.decided_by, "threat_patterns/threat_patterns");
    }
    // A body that nobody can look into.
    let coded = post("/strict/a", &[JSON, "Content-Encoding: gzip"], "xx");
    let answer = rig.send(&coded).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (422, "validation_failed")
    );
    let huge = post("/strict/a", &[JSON], &" ".repeat(100_001));
    assert_eq!(rig.send(&huge).await.status, 413);
    assert_eq!(rig.upstream.requests(), 0);

    // It cost nothing, and the harmless goes on as it came.
    for (request, body) in [
        (
            get(
                "/strict/a?q=O%27Brien&comment=%27+or+1%3D1&plan=select+a+plan",
                &["Referer: <script>"],
            ),
            "",
        ),
        (
            post(
                "/strict/a",
                &[JSON],
                r#"{"note":"<script>","text":"a < b & c"}"#,
            ),
            r#"{"note":"<script>","text":"a < b & c"}"#,
        ),
        (
            post("/strict/a", &["Content-Type: text/plain"], "<script>"),
            "<script>",
        ),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(
            (answer.status, answer.json()["body"].as_str()),
            (200, Some(body)),
            "{request}"
        );
    }
    let page = rig.admin("/metrics").await.body;
    assert!(
        page.contains("portunus_policy_decided_total{kind=\"threat_patterns\"} 13"),
        "{page}"
    );
    assert!(page.contains("portunus_held_bytes 0\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_observes_unless_it_is_told_to_enforce() {
    let rig = Rig::new(FILE).await;
    let long = format!(r#"["<script>{}"]"#, "x".repeat(100));
    for (request, observed) in [
        (get("/seen/a?q=O%27Brien", &[]), 0),
        (get("/seen/a?q=%27+or+1%3D1", &[]), 1),
        (post("/seen/a", &[JSON], r#"["<script>"]"#), 1),
        (post("/seen/a", &[JSON], r#"["<b>"]"#), 0),
        // It is longer than is looked into.
        (post("/seen/a", &[JSON], &long), 1),
        (get("/some/a?q=%3Cscript%3E", &["User-Agent: <script>"]), 0),
        (post("/some/a", &[JSON], r#"["' or 1=1"]"#), 0),
    ] {
        let answer = rig.send(&request).await;
        assert_eq!(answer.status, 200, "{request}: {answer:?}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.observed.count_ones(), observed, "{request}");
    }
    assert_eq!(
        rig.send(&post("/some/a", &[JSON], r#"["<script>"]"#))
            .await
            .status,
        403
    );
    let explainer = explainer(&rig, FILE);
    for (target, decision, code) in [
        (
            "/strict/a?q=%3Cscript%3E",
            Decision::Refuses,
            Some("threat_detected"),
        ),
        (
            "/seen/a?q=%3Cscript%3E",
            Decision::WouldRefuse,
            Some("threat_detected"),
        ),
        ("/seen/a?q=1", Decision::Passes, None),
    ] {
        let told = explain(&explainer, &asked("GET", target, &[]));
        let step = told
            .steps
            .iter()
            .find(|step| step.stage == Stage::Contract)
            .unwrap();
        assert_eq!(
            (step.decision, step.code.as_deref()),
            (decision, code),
            "{target}"
        );
    }
}
