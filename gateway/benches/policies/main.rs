//! `policies`: what each policy adds to a request, by the clock and on one thread. A table as
//! `bench/POLICIES.md` has it; without `--measure` each is gone through a few times only.

#![allow(clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

mod callers;
mod cases;
mod server;
mod table;
mod texts;

use std::hint::black_box;
use std::time::Instant;

use callers::{Callers, HOST, PATH, QUERY, Shows};
use cases::{CASES, Case, Sends};
use domain::manifest;
use gateway::gauge::Gauge;
use server::Thread;

/// The executable's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Most requests end where they would be sent, as their upstream is broken: what sockets cost would
/// hide what policies do. Those that need an answer go to one that answers.
const FILE: &str = "
portunus: 1
upstreams:
  none: { targets: [{ url: 'http://127.0.0.1:1' }] }
  server: { targets: [{ url: 'http://@SERVER@' }] }
ip_lists: { @LISTS@ }
apis:
  x:
    versions:
      v1:
        match: { path: /v1 }
        openapi: notes.yaml
        upstream: @UPSTREAM@
        policies: [@POLICIES@]
products: { p: { versions: [x/v1], plans: { free: { policies: [] } } } }
applications: { a: @APPLICATION@ }
";

const LISTS: &str = "scanners: { file: scanners.txt }";

/// Odd, and each quarter of them ends at one.
const ROUNDS: usize = 29;

struct Measured {
    case: &'static Case,
    name: String,
    /// Which of all it is compared with.
    base: Option<usize>,
    /// It is its own base once more, to see what differs where nothing does.
    is_control: bool,
    gauge: Gauge,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Nanoseconds a request, of each round.
    own: Vec<f64>,
    /// By how much that was more than of the base, right before or behind it.
    more: Vec<f64>,
}

impl Measured {
    /// Ready to go, with what is remembered of a first request.
    fn new(case: &'static Case, base: Option<usize>, thread: &Thread, callers: &Callers) -> Self {
        let body = match case.sends {
            Sends::Nothing => String::new(),
            Sends::Json => texts::note(),
            Sends::Xml => texts::note_in_xml(),
        };
        let mut measured = Self {
            case,
            name: case.name.to_owned(),
            base,
            is_control: false,
            gauge: gauge(case, thread, callers),
            head: head(case, callers, body.len()),
            body: body.into_bytes(),
            own: Vec::new(),
            more: Vec::new(),
        };
        let Self {
            gauge, head, body, ..
        } = &mut measured;
        let (status, length) = thread.wait(gauge.exchange(head, body));
        measured.check(status);
        let is_coded = case.fields.starts_with("Accept-Encoding");
        assert!(!is_coded || length < 5000, "{}: {length}", case.name);
        measured
    }

    /// The base `at` once more.
    fn control(case: &'static Case, at: usize, thread: &Thread, callers: &Callers) -> Self {
        Self {
            name: format!("{}, once more", case.name),
            is_control: true,
            ..Self::new(case, Some(at), thread, callers)
        }
    }

    /// 500: the upstream, which is broken on purpose, is asked for.
    fn check(&self, status: u16) {
        let is_good = match self.case.asks {
            None => matches!(status, 200 | 307 | 500),
            Some(_) => status == 200,
        };
        assert!(is_good, "{}: {status}", self.name);
    }

    /// How many requests a turn has.
    fn times(&self, is_quick: bool) -> u32 {
        match (is_quick, self.case.is_anew, self.case.asks) {
            (true, ..) => 3,
            (false, false, None) => 5000,
            (false, ..) => 1000,
        }
    }

    /// Goes through it so often: nanoseconds a request.
    fn turn(&mut self, times: u32, thread: &Thread, callers: &Callers) -> f64 {
        if self.case.shows == Shows::Proof {
            // The one before may be too old by now.
            self.head = head(self.case, callers, self.body.len());
        }
        let before = thread.answered();
        let began = Instant::now();
        match self.case.asks {
            None => {
                for _ in 0..times {
                    let head = black_box(&self.head);
                    let status = self.gauge.answer_with(head, &self.body);
                    self.passed(status);
                }
            }
            Some(_) => thread.wait(async {
                for _ in 0..times {
                    let head = black_box(&self.head);
                    let (status, _) = self.gauge.exchange(head, &self.body).await;
                    self.passed(status);
                }
            }),
        }
        let nanos = began.elapsed().as_nanos() as f64;
        let asked = self.case.asks.unwrap_or(0) * u64::from(times);
        assert_eq!(thread.answered() - before, asked, "{}", self.name);
        nanos / f64::from(times)
    }

    fn passed(&self, status: u16) {
        self.check(status);
        if self.case.is_anew {
            self.gauge.forget();
        }
    }
}

fn gauge(case: &Case, thread: &Thread, callers: &Callers) -> Gauge {
    let nets: Vec<String> = (0..100).map(|n| format!("'10.{n}.0.0/16'")).collect();
    let policies = case.policies.replace("@NETS@", &nets.join(", "));
    let policies = policies.replace("@ISSUER@", &callers.issuer());
    let policies = policies.replace("@NOTES@", &texts::notes());
    let upstream = case.asks.map_or("none", |_| "server");
    let lists = if policies.contains("scanners") {
        LISTS
    } else {
        ""
    };
    let text = FILE
        .replace("@SERVER@", &thread.address().to_string())
        .replace("@UPSTREAM@", upstream)
        .replace("@LISTS@", lists)
        .replace("@APPLICATION@", &callers.application())
        .replace("@POLICIES@", &policies);
    let manifest = manifest::read(&text, &|_| None).unwrap();
    let mut snapshot = manifest::resolve(&manifest, 1, &file).unwrap();
    let upstreams = snapshot.parts.upstreams.iter_mut();
    for broken in upstreams.filter(|upstream| upstream.name == "none") {
        for target in &mut broken.settings.targets {
            target.weight = 0;
        }
    }
    let gauge = Gauge::new(snapshot).unwrap();
    if case.shows == Shows::Certificate {
        return gauge.with_certificate(callers.certificate()).unwrap();
    }
    gauge
}

/// What the file names beside it.
fn file(path: &str) -> Result<Vec<u8>, String> {
    match path {
        "scanners.txt" => {
            let nets = (0..10_000).map(|n| format!("10.{}.{}.0/24\n", n / 250, n % 250));
            Ok(nets.collect::<String>().into_bytes())
        }
        _ => Ok(include_bytes!("notes.yaml").to_vec()),
    }
}

fn head(case: &Case, callers: &Callers, length: usize) -> Vec<u8> {
    let (method, media_type) = match case.sends {
        Sends::Nothing => ("GET", "application/json"),
        Sends::Json => ("POST", "application/json"),
        Sends::Xml => ("POST", "application/xml"),
    };
    let shown = callers.fields(case.shows);
    format!(
        "{method} {PATH}{QUERY} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: curl/8.5.0\r\n\
         Accept: */*\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Origin: https://app.example.com\r\nX-Tenant: acme\r\n{}{shown}\r\n",
        case.fields
    )
    .into_bytes()
}

/// All cases, and each that others are compared with once more.
fn all(thread: &Thread, callers: &Callers) -> Vec<Measured> {
    let mut all: Vec<Measured> = Vec::new();
    for case in CASES {
        let place = |name: &str| all.iter().position(|one| one.name == name).unwrap();
        let base = case.base.map(place);
        let at = all.len();
        all.push(Measured::new(case, base, thread, callers));
        if CASES.iter().any(|other| other.base == Some(case.name)) {
            all.push(Measured::control(case, at, thread, callers));
        }
    }
    all
}

fn main() {
    let is_quick = !std::env::args().any(|argument| argument == "--measure");
    let rounds = if is_quick { 1 } else { ROUNDS };
    let thread = Thread::new();
    // Bodies have a time to come in, which is measured by a runtime's clock.
    let _entered = thread.enter();
    let callers = Callers::new();
    let mut all = all(&thread, &callers);
    let turn = |one: &mut Measured| {
        let times = one.times(is_quick);
        one.turn(times, &thread, &callers)
    };
    for round in 0..rounds {
        for index in 0..all.len() {
            go(&mut all, index, round % 2 == 0, &turn);
        }
    }
    table::print(&all);
}

/// One round of the one at `index`. What the machine does meanwhile is to hit its base as well, so
/// that goes right before it or right behind.
fn go(all: &mut [Measured], index: usize, is_before: bool, turn: &dyn Fn(&mut Measured) -> f64) {
    let Some(base) = all[index].base else {
        let own = turn(&mut all[index]);
        all[index].own.push(own);
        return;
    };
    let before = is_before.then(|| turn(&mut all[base]));
    let own = turn(&mut all[index]);
    let beside = before.unwrap_or_else(|| turn(&mut all[base]));
    all[index].own.push(own);
    all[index].more.push(own - beside);
}
