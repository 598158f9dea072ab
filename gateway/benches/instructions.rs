//! `instructions CASE TIMES [ROUTES KEYS]`: goes so often through a part of a request's way, for
//! `bench/instructions` to count under callgrind. Without arguments, as `cargo bench` runs it, it
//! goes through each once and says what it was.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use domain::id::{CredentialId, VersionId};
use domain::key::{ApiKey, Environment};
use domain::manifest;
use domain::snapshot::Snapshot;
use gateway::gauge::Gauge;

/// One version, one application. The upstream has no target that takes requests: what comes behind
/// is not counted here.
const FILE: &str = "
portunus: 1
upstreams: { none: { targets: [{ url: 'http://127.0.0.1:1' }] } }
apis:
  x:
    versions:
      v1:
        match: { path: /v1 }
        upstream: none
        policies:
          - key_auth: {}
          - rate_limit: { limit: 1000000000, window: 1s }
products: { p: { versions: [x/v1], plans: { free: { policies: [] } } } }
applications: { a: { keys: [{ name: k, value: '@KEY@' }], subscriptions: [{ product: p, plan: free }] } }
";

const CASES: [(&str, u16); 4] = [
    ("head", 0),
    ("no_route", 404),
    ("refused", 401),
    ("admitted", 500),
];

fn key(number: usize) -> ApiKey {
    let mut random = [0; 64];
    for (index, byte) in random.iter_mut().enumerate() {
        *byte = (number.wrapping_mul(2_654_435_761) >> (index % 4 * 8)) as u8 ^ index as u8;
    }
    ApiKey::from_random(Environment::Live, &random).unwrap()
}

fn path(number: usize) -> String {
    format!("/team-{}/service-{number}/v1", number % 31)
}

fn snapshot(routes: usize, keys: usize) -> Snapshot {
    let text = FILE.replace("@KEY@", key(0).as_str());
    let read = manifest::read(&text, &|_| None).unwrap();
    let mut whole = manifest::resolve(&read, 1, &|_| Err(String::new())).unwrap();
    let parts = &mut whole.parts;
    for target in &mut parts.upstreams[0].settings.targets {
        target.weight = 0;
    }
    let (version, credential) = (parts.versions[0].clone(), parts.credentials[0].clone());
    for number in 0..routes {
        let mut one = version.clone();
        one.id = VersionId::from_name("version", &number.to_string());
        one.revision.route.path = path(number);
        parts.products[0].versions.push(one.id);
        parts.versions.push(one);
    }
    for number in 1..keys {
        let mut one = credential.clone();
        one.id = CredentialId::from_name("credential", &number.to_string());
        one.digest = key(number).digest();
        parts.credentials.push(one);
    }
    whole
}

/// The heads that are sent in turn.
fn heads(case: &str, routes: usize, keys: usize) -> Vec<Vec<u8>> {
    let head = |number: usize| {
        let (path, key) = match case {
            "no_route" => (format!("/nowhere/{number}"), key(number % keys)),
            "refused" => (path(number % routes), key(keys + number)),
            _ => (path(number % routes), key(number % keys)),
        };
        format!(
            "GET {path}/pets/{number}?limit=10 HTTP/1.1\r\nHost: api.example.com\r\n\
             User-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Api-Key: {}\r\n\r\n",
            key.as_str()
        )
        .into_bytes()
    };
    (0..512).map(|number| head(number * 7919)).collect()
}

fn go(case: &str, times: usize, routes: usize, keys: usize) -> u16 {
    let mut gauge = Gauge::new(snapshot(routes, keys)).unwrap();
    let heads = heads(case, routes, keys);
    let mut last = 0;
    for time in 0..times {
        let head = &heads[time % heads.len()];
        match case {
            "head" => assert!(gauge.read(std::hint::black_box(head))),
            _ => last = gauge.answer(std::hint::black_box(head)),
        }
    }
    last
}

fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let number = |index: usize, usual: usize| {
        let given = arguments.get(index).map(|text| text.parse().unwrap());
        given.unwrap_or(usual)
    };
    let Some(case) = arguments.first() else {
        for (case, status) in CASES {
            let got = go(case, 2, 100, 100);
            assert_eq!(got, status, "{case}");
            println!("{case}: {got}");
        }
        return;
    };
    let (_, status) = CASES.iter().find(|(name, _)| name == case).unwrap();
    let times = number(1, 1);
    let got = go(case, times, number(2, 1_000), number(3, 10_000));
    assert!(times == 0 || got == *status, "{case}: {got}");
}
