//! Whatever a policy refuses is counted as its kind's, and the record names it.

use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      odd: { match: { path: /odd }, upstream: echo, policies: [{ rewrite: { name: turn, path: { from: "/{a}/{b}", to: "/{b}{a}" } } }] }
      body: { match: { path: /body }, upstream: echo, policies: [{ transform: { name: in, request: { body: { remove: [/a], max_bytes: 10 } } } }] }
      fields: { match: { path: /fields }, upstream: echo, policies: [{ transform: { name: set, request: { set: { X-A: "@MUCH@" } } } }] }
      out: { match: { path: /out }, upstream: echo, policies: [{ transform: { name: out, response: { body: { remove: [/a], max_bytes: 10 } } } }] }
      small: { match: { path: /small }, upstream: echo, policies: [{ request_limits: { name: wide, body: 100 } }], operations: [{ match: { method: POST, path: /deep }, policies: [{ request_limits: { name: narrow, body: 10 } }] }] }
      away: { match: { path: /away }, upstream: echo, policies: [{ redirect: { name: off, to: "/x{rest}" } }] }
"#;

/// How often policies of a kind have decided, by the metrics.
async fn decided(rig: &Rig, kind: &str) -> u64 {
    let name = format!("portunus_policy_decided_total{{kind=\"{kind}\"}} ");
    let metrics = rig.admin("/metrics").await.body;
    let found = metrics.lines().find_map(|line| line.strip_prefix(&name));
    found.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_counted_and_named() {
    let rig = Rig::new(&FILE.replace("@MUCH@", &"{header.a}".repeat(100))).await;
    let json = "Content-Type: application/json\r\n";
    let long = format!("A: {}\r\n\r\n", "x".repeat(1000));
    let body = |body: &str| format!("{json}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = |bytes: usize| {
        let part = "x".repeat(bytes);
        format!("Transfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{part}\r\n0\r\n\r\n")
    };
    for (line, rest, status, kind, name) in [
        ("GET /odd/2F/%25", "\r\n".to_owned(), 400, "rewrite", "turn"),
        ("GET /fields/x", long, 431, "transform", "set"),
        ("POST /body/x", body(r#"{"a":1}"#), 200, "transform", ""),
        ("POST /body/x", body("{"), 422, "transform", "in"),
        (
            "POST /body/x",
            body(r#"{"a":12345}"#),
            413,
            "transform",
            "in",
        ),
        ("GET /out/x", "\r\n".to_owned(), 502, "transform", "out"),
        (
            "POST /small/x",
            body(&" ".repeat(101)),
            413,
            "request_limits",
            "wide",
        ),
        ("POST /small/x", chunked(101), 413, "request_limits", "wide"),
        (
            "POST /small/deep",
            chunked(11),
            413,
            "request_limits",
            "narrow",
        ),
        ("POST /small/deep", chunked(10), 200, "request_limits", ""),
        ("GET /away/x", "\r\n".to_owned(), 307, "redirect", "off"),
    ] {
        let before = decided(&rig, kind).await;
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{rest}");
        let answer = rig.send(&request).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        let record = rig.wait_records(1).await.remove(0);
        let label = match name {
            "" => String::new(),
            name => format!("{kind}/{name}"),
        };
        assert_eq!(record.decided_by, label, "{line}");
        let times = u64::from(!name.is_empty());
        assert_eq!(decided(&rig, kind).await, before + times, "{line} {status}");
    }
}
