//! `policies`: what each policy adds to a request, by the clock, on one core and without sockets. A
//! table as `bench/POLICIES.md` has it; without `--measure` each is gone through a few times only.

#![allow(clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

mod callers;
mod cases;

use std::time::Instant;

use callers::{Callers, HOST, PATH, QUERY, Shows};
use cases::{CASES, Case};
use domain::manifest;
use gateway::gauge::Gauge;

/// The executable's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests end where they would be sent, as the upstream is broken: what shapes a request comes
/// behind that, and is not measured. Nor is a hit of `cache`, for which an upstream has to answer
/// first: `bench/hits` has that.
const FILE: &str = "
portunus: 1
upstreams: { none: { targets: [{ url: 'http://127.0.0.1:1' }] } }
ip_lists: { scanners: { file: scanners.txt } }
apis:
  x:
    versions:
      v1:
        match: { path: /v1 }
        openapi: notes.yaml
        upstream: none
        policies: [@POLICIES@]
products: { p: { versions: [x/v1], plans: { free: { policies: [] } } } }
applications: { a: @APPLICATION@ }
";

struct Measured {
    case: &'static Case,
    gauge: Gauge,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Nanoseconds a request, of each round.
    rounds: Vec<f64>,
}

impl Measured {
    fn new(case: &'static Case, callers: &Callers) -> Self {
        let nets: Vec<String> = (0..100).map(|n| format!("'10.{n}.0.0/16'")).collect();
        let policies = case.policies.replace("@NETS@", &nets.join(", "));
        let policies = policies.replace("@ISSUER@", &callers.issuer());
        let text = FILE
            .replace("@APPLICATION@", &callers.application())
            .replace("@POLICIES@", &policies);
        let manifest = manifest::read(&text, &|_| None).unwrap();
        let mut snapshot = manifest::resolve(&manifest, 1, &file).unwrap();
        for target in &mut snapshot.parts.upstreams[0].settings.targets {
            target.weight = 0;
        }
        let mut gauge = Gauge::new(snapshot).unwrap();
        if case.shows == Shows::Certificate {
            gauge = gauge.with_certificate(callers.certificate()).unwrap();
        }
        let body = if case.has_body { body() } else { Vec::new() };
        Self {
            head: head(case, callers, body.len()),
            body,
            case,
            gauge,
            rounds: Vec::new(),
        }
    }

    fn go(&mut self, times: u32) {
        let began = Instant::now();
        for _ in 0..times {
            let head = std::hint::black_box(&self.head);
            let status = self.gauge.answer_with(head, &self.body);
            // 500: the upstream, which is broken on purpose, is asked for.
            assert!(
                matches!(status, 200 | 307 | 500),
                "{}: {status}",
                self.case.name
            );
            if self.case.is_anew {
                self.gauge.forget();
            }
        }
        let nanos = began.elapsed().as_nanos() as f64;
        self.rounds.push(nanos / f64::from(times));
    }

    /// Nanoseconds a request.
    fn median(&self) -> f64 {
        let mut all = self.rounds.clone();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }
}

/// What the file names beside it.
fn file(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "scanners.txt" => {
            let nets = (0..10_000).map(|n| format!("10.{}.{}.0/24\n", n / 250, n % 250));
            Ok(nets.collect::<String>().into_bytes())
        }
        _ => Ok(include_bytes!("../../tests/documents/notes.yaml").to_vec()),
    }
}

fn head(case: &Case, callers: &Callers, length: usize) -> Vec<u8> {
    let method = if case.has_body { "POST" } else { "GET" };
    let fields = callers.fields(case.shows);
    format!(
        "{method} {PATH}{QUERY} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: curl/8.5.0\r\n\
         Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Origin: https://app.example.com\r\nX-Tenant: acme\r\n{fields}\r\n"
    )
    .into_bytes()
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

fn main() {
    let is_quick = !std::env::args().any(|argument| argument == "--measure");
    let (rounds, times) = if is_quick { (1, 3) } else { (15, 20_000) };
    // Bodies have a time to come in, which is measured by a runtime's clock.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _runtime = runtime.enter();
    let callers = Callers::new();
    let all = CASES.iter().map(|case| Measured::new(case, &callers));
    let mut all: Vec<Measured> = all.collect();
    for _ in 0..rounds {
        for one in &mut all {
            one.go(times);
        }
    }
    println!("| policy | µs a request | more than without it |\n| --- | --- | --- |");
    for one in &all {
        let median = one.median();
        let base = one.case.base.map(|name| {
            let base = all.iter().find(|other| other.case.name == name);
            base.unwrap().median()
        });
        let more = base.map_or("–".to_owned(), |base| {
            format!("{:+.2}", (median - base) / 1000.0)
        });
        println!("| {} | {:.2} | {more} |", one.case.name, median / 1000.0);
    }
}
