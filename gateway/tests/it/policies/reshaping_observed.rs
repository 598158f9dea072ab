//! `transform` in observe mode: nothing is changed, and what could not have been is told.

use super::reshaping::{Mirror, post};
use crate::rig::Rig;

const FILE: &str = r##"
portunus: 1
upstreams: { mirror: { targets: [{ url: "http://@MIRROR@" }] } }
apis:
  shop:
    versions:
      in: { match: { path: /in }, upstream: mirror, policies: [{ transform: { mode: observe, request: { body: { remove: [/secret], becomes: "body.id", max_bytes: 100000 }, set: { X-Kind: order } } } }] }
      out: { match: { path: /out }, upstream: mirror, policies: [{ transform: { mode: observe, response: { body: { remove: [/cost], max_bytes: 1000 }, set: { X-Seen: "1" } } } }] }
      twice:
        match: { path: /twice }
        upstream: mirror
        policies:
          - transform: { name: one, mode: observe, response: { body: { becomes: "body.one" } } }
          - transform: { name: two, mode: observe, response: { body: { becomes: "body.two" } } }
          - transform: { name: three, response: { body: { remove: [/three] } } }
"##;

async fn start() -> (Rig, Mirror) {
    let mirror = Mirror::start().await;
    let file = FILE.replace("@MIRROR@", &mirror.address.to_string());
    (Rig::new(&file).await, mirror)
}

/// How many policies would have refused the newest request.
async fn observed(rig: &Rig) -> u32 {
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!(record.code.as_str(), "", "{record:?}");
    record.observed.count_ones()
}

const JSON: &str = "Content-Type: application/json";
const TO_JSON: &str = "X-Answer-Content-Type: application/json";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_as_it_came() {
    let (rig, mirror) = start().await;
    let fitting = r#"{"id":1,"secret":2}"#;
    let large = format!(r#"{{"id":1,"rest":"{}"}}"#, "x".repeat(80_000));
    for (fields, body, wanted) in [
        (&[JSON][..], fitting, 0),
        (&[JSON], &large, 0),
        (&[JSON], &large[1..], 1),
        (&[JSON], "{", 1),
        (&[JSON], r#"{"id":1,"id":2}"#, 1),
        (&[JSON], r#"{"secret":2}"#, 1),
        (&[JSON], &" ".repeat(100_001), 1),
        (&[JSON, "Content-Encoding: gzip"], fitting, 1),
        (&["Content-Type: text/plain"], "{", 0),
        (&[JSON], "", 0),
    ] {
        let answer = post(&rig, "/in/x", fields, body).await;
        let start = &body[..body.len().min(40)];
        assert_eq!(answer.status, 200, "{fields:?} {start}");
        assert_eq!(mirror.body(), body, "{fields:?}");
        assert_eq!(mirror.field("x-kind"), None);
        assert_eq!(observed(&rig).await, wanted, "{fields:?} {start}");
    }
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_policy_observed_total{kind=\"transform\"} 6",
        "portunus_requests_unchecked_total 0",
        "portunus_held_bytes 0\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_as_it_is() {
    let (rig, mirror) = start().await;
    for (fields, body, wanted) in [
        (&[TO_JSON][..], r#"{"cost":1}"#, 0),
        (&[TO_JSON], "{", 1),
        (&[TO_JSON], r#"{"cost":1,"cost":2}"#, 1),
        (&[TO_JSON], &" ".repeat(1001), 1),
        (&[TO_JSON, "X-Answer-Content-Encoding: gzip"], "{}", 1),
        (&[TO_JSON, "X-Answer-Status: 206"], "{", 0),
        (&["X-Answer-Content-Type: text/html"], "{", 0),
        (&[TO_JSON], "", 0),
    ] {
        let asked = [fields, &["Accept-Encoding: gzip", "Range: bytes=0-3"]].concat();
        let answer = post(&rig, "/out/x", &asked, body).await;
        assert_eq!(answer.body, body, "{fields:?}");
        assert!(matches!(answer.status, 200 | 206), "{fields:?}");
        assert_eq!(answer.field("x-seen"), None);
        assert_eq!(mirror.field("range").as_deref(), Some("bytes=0-3"));
        assert_eq!(mirror.field("accept-encoding"), None);
        assert_eq!(observed(&rig).await, wanted, "{fields:?} {body}");
    }
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_policy_observed_total{kind=\"transform\"} 4",
        "portunus_answers_unchecked_total 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_each_say_what_they_found() {
    let (rig, _mirror) = start().await;
    for (body, left, wanted) in [
        (r#"{"one":1,"two":2,"three":3}"#, r#"{"one":1,"two":2}"#, 0),
        (r#"{"one":1,"three":3}"#, r#"{"one":1}"#, 1),
        (r#"{"three":3}"#, "{}", 2),
    ] {
        let answer = post(&rig, "/twice/x", &[TO_JSON], body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, left));
        assert_eq!(observed(&rig).await, wanted, "{body}");
    }
}
