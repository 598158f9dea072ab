//! `policies`: what each policy adds to a request, by the clock, on one core and without sockets. A
//! table as `bench/POLICIES.md` has it; with `--quick` each is gone through a few times only.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use domain::key::{ApiKey, Environment};
use domain::manifest;
use gateway::gauge::Gauge;

/// The executable's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests end where they would be sent, as the upstream is broken: what shapes a request comes
/// behind that, and is not measured.
const FILE: &str = "
portunus: 1
upstreams: { none: { targets: [{ url: 'http://127.0.0.1:1' }] } }
apis:
  x:
    versions:
      v1:
        match: { path: /v1 }
        openapi: notes.yaml
        upstream: none
        policies: [@POLICIES@]
products: { p: { versions: [x/v1], plans: { free: { policies: [] } } } }
applications: { a: { keys: [{ name: k, value: '@KEY@' }], subscriptions: [{ product: p, plan: free }] } }
";

/// What is measured, its policies, and whether the request has a body of 1 kB. Those with a caller
/// are compared with the first that has one.
const CASES: [(&str, &str, bool); 20] = [
    ("none", "", false),
    ("key_auth, with the subscription", "{ key_auth: {} }", false),
    (
        "rate_limit by address",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address] } }",
        false,
    ),
    (
        "ip_filter, 100 networks",
        "{ ip_filter: { deny: [@NETS@] } }",
        false,
    ),
    (
        "request_limits",
        "{ request_limits: { headers: 50, header_bytes: 8000, query: 20 } }",
        false,
    ),
    ("auth_guard", "{ auth_guard: {} }", false),
    (
        "concurrency by address",
        "{ concurrency: { limit: 1000, by: [address] } }",
        false,
    ),
    (
        "expression",
        "{ expression: { allow: 'request.method == \"GET\" && request.headers[\"accept\"].startsWith(\"*\")' } }",
        false,
    ),
    (
        "validate, parameters",
        "{ validate: { body: false } }",
        false,
    ),
    (
        "cors",
        "{ cors: { origins: ['https://app.example.com'] } }",
        false,
    ),
    ("security_headers", "{ security_headers: {} }", false),
    ("mock", "{ mock: { body: '{}' } }", false),
    (
        "redirect",
        "{ redirect: { to: 'https://new.example.com{rest}' } }",
        false,
    ),
    (
        "fault that strikes nobody",
        "{ fault: { mode: observe, abort: { percent: 1, status: 503 } } }",
        false,
    ),
    ("none, 1 kB body", "", true),
    ("json_threat, 1 kB body", "{ json_threat: {} }", true),
    ("validate, 1 kB body", "{ validate: {} }", true),
    (
        "threat_patterns",
        "{ threat_patterns: { mode: enforce } }",
        false,
    ),
    (
        "threat_patterns, 1 kB body",
        "{ threat_patterns: { mode: enforce } }",
        true,
    ),
    (
        "both, 1 kB body",
        "{ json_threat: {} }, { validate: {} }",
        true,
    ),
];

struct Case {
    gauge: Gauge,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Nanoseconds a request, of each round.
    rounds: Vec<f64>,
}

fn case(policies: &str, has_body: bool) -> Case {
    let key = ApiKey::from_random(Environment::Live, &[7; 64]).unwrap();
    let nets: Vec<String> = (0..100).map(|n| format!("'10.{n}.0.0/16'")).collect();
    let policies = policies.replace("@NETS@", &nets.join(", "));
    let text = FILE
        .replace("@KEY@", key.as_str())
        .replace("@POLICIES@", &policies);
    let manifest = manifest::read(&text, &|_| None).unwrap();
    let document = include_bytes!("../tests/documents/notes.yaml");
    let mut snapshot = manifest::resolve(&manifest, 1, &|_| Ok(document.to_vec())).unwrap();
    for target in &mut snapshot.parts.upstreams[0].settings.targets {
        target.weight = 0;
    }
    let body = if has_body { body() } else { Vec::new() };
    let method = if has_body { "POST" } else { "GET" };
    let head = format!(
        "{method} /v1/notes?limit=10 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.5.0\r\n\
         Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Origin: https://app.example.com\r\nX-Api-Key: {}\r\n\r\n",
        body.len(),
        key.as_str()
    );
    Case {
        gauge: Gauge::new(snapshot).unwrap(),
        head: head.into_bytes(),
        body,
        rounds: Vec::new(),
    }
}

/// 1 kB that fits the document: notes in notes.
fn body() -> Vec<u8> {
    let mut text = String::from(r#"{"title":"a note"}"#);
    let mut number = 0;
    while text.len() < 980 {
        number += 1;
        text = format!(
            r#"{{"title":"note {}","tags":["t{number}","a tag","and another"],"parent":{text}}}"#,
            number % 1000
        );
    }
    text.into_bytes()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn main() {
    let is_quick = !std::env::args().any(|argument| argument == "--measure");
    let (rounds, times) = if is_quick { (1, 3) } else { (15, 20_000) };
    let mut cases: Vec<Case> = CASES.iter().map(|one| case(one.1, one.2)).collect();
    for _ in 0..rounds {
        for case in &mut cases {
            let began = Instant::now();
            for _ in 0..times {
                let head = std::hint::black_box(&case.head);
                let status = case.gauge.answer_with(head, &case.body);
                // 500: the upstream, which is broken on purpose, is asked for.
                assert!(matches!(status, 200 | 307 | 500), "{status}");
            }
            case.rounds
                .push(began.elapsed().as_nanos() as f64 / f64::from(times));
        }
    }
    println!("| policy | µs a request | more than without it |\n| --- | --- | --- |");
    let medians: Vec<f64> = cases
        .iter()
        .map(|case| median(case.rounds.clone()))
        .collect();
    for (index, (name, policies, has_body)) in CASES.iter().enumerate() {
        let base = CASES
            .iter()
            .position(|one| one.1.is_empty() && one.2 == *has_body);
        let more = match (base, policies.is_empty()) {
            (Some(base), false) => format!("{:+.2}", (medians[index] - medians[base]) / 1000.0),
            _ => "–".to_owned(),
        };
        println!("| {name} | {:.2} | {more} |", medians[index] / 1000.0);
    }
}
