//! Rate limits and quotas, on a clock that a test moves.

use crate::rig::{Rig, key};
use crate::upstreams::metric;

const LIMITED: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ key_auth: {} }] }
      v2: { match: { path: /address }, upstream: echo, policies: [{ rate_limit: { name: ip, limit: 2, window: 10s, by: [address] } }] }
      v3: { match: { path: /watched }, upstream: echo, policies: [{ rate_limit: { mode: observe, limit: 1, window: 10s } }] }
products:
  shop:
    versions: [shop/v1]
    plans:
      five: { policies: [{ rate_limit: { name: minute, limit: 5, window: 60s } }, { quota: { limit: 8, period: day } }] }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }, { name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: five }] }
  b: { keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: five }] }
"#;

fn field(number: u8) -> String {
    format!("X-Api-Key: {}", key(number).as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_behind_the_limits_costs_nothing() {
    let rig = Rig::new(LIMITED).await;
    for _ in 0..20 {
        let answer = rig.get("/shop", &[&field(1), "x_forwarded_for: 1"]).await;
        assert_eq!(answer.status, 400, "it would pass for one of ours");
    }
    let answer = rig.get("/shop", &[&field(1)]).await;
    let left = answer.field("ratelimit").unwrap_or_default().to_owned();
    assert!(left.starts_with("\"minute\";r=4;"), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_a_minute_and_eight_a_day() {
    let rig = Rig::new(LIMITED).await;
    for left in [4, 3, 2, 1, 0] {
        // Both keys of the application share its subscription.
        let answer = rig.get("/shop", &[&field(1 + left % 2)]).await;
        assert_eq!(answer.status, 200);
        let quota = 3 + left;
        assert_eq!(
            answer.field("ratelimit-policy"),
            Some("\"minute\";q=5;w=60, \"quota\";q=8;w=86400")
        );
        let expected = format!(
            "\"minute\";r={left};t={}, \"quota\";r={quota};t=43200",
            (5 - left) as u32 * 12
        );
        assert_eq!(answer.field("ratelimit"), Some(expected.as_str()));
    }
    let refused = rig.get("/shop", &[&field(1)]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limited")
    );
    assert_eq!(refused.field("retry-after"), Some("12"));
    // Where all limits stand, also those that would have let it through.
    assert_eq!(
        refused.field("ratelimit"),
        Some("\"minute\";r=0;t=60, \"quota\";r=3;t=43200")
    );
    assert!(refused.field("ratelimit-policy").is_some());
    assert_eq!(
        rig.get("/shop", &[&field(3)]).await.status,
        200,
        "another subscriber"
    );
    rig.advance(12);
    assert_eq!(rig.get("/shop", &[&field(1)]).await.status, 200);
    assert_eq!(rig.get("/shop", &[&field(1)]).await.status, 429);
    rig.advance(60);
    for status in [200, 200, 429] {
        assert_eq!(
            rig.get("/shop", &[&field(1)]).await.status,
            status,
            "refused requests cost nothing"
        );
    }
    rig.get("/shop", &[&field(1)]).await;
    let exhausted = rig.get("/shop", &[&field(1)]).await;
    assert_eq!(exhausted.code(), "quota_exhausted");
    let rest_of_day: u64 = 43_200 - 72;
    assert_eq!(
        exhausted.field("retry-after"),
        Some(rest_of_day.to_string().as_str())
    );
    assert!(
        exhausted
            .field("ratelimit")
            .unwrap()
            .contains("\"minute\";r=3"),
        "what the rate took was put back: {exhausted:?}"
    );
    rig.advance(rest_of_day);
    assert_eq!(
        rig.get("/shop", &[&field(1)]).await.status,
        200,
        "a new day"
    );
    let records = rig.records();
    let decided: Vec<&str> = records
        .iter()
        .map(|record| record.decided_by.as_str())
        .filter(|by| !by.is_empty())
        .collect();
    assert!(
        decided.contains(&"rate_limit/minute") && decided.contains(&"quota/quota"),
        "{decided:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_watching() {
    let rig = Rig::with(LIMITED, |settings| settings.workers = Some(1)).await;
    let statuses = [
        rig.get("/address", &[]).await,
        rig.get("/address", &[]).await,
        rig.get("/address", &[]).await,
    ]
    .map(|answer| answer.status);
    assert_eq!(statuses, [200, 200, 429]);
    for _ in 0..3 {
        let answer = rig.get("/watched", &[]).await;
        assert_eq!(answer.status, 200);
        // Nobody is held to it, so nobody is told of it.
        assert_eq!(answer.field("ratelimit"), None, "{answer:?}");
    }
    let records = rig.wait_records(6).await;
    let observed: Vec<(u32, &str)> = records
        .iter()
        .filter(|record| record.path == "/watched")
        .map(|record| (record.observed, record.observed_by.as_str()))
        .collect();
    let limit = "version/rate_limit/rate_limit";
    assert_eq!(observed, [(0, ""), (1, limit), (1, limit)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_observe_are_named() {
    const ONE: &str = "{ rate_limit: { mode: observe, limit: 1, window: 10s } }";
    let of = |number: i32| {
        format!("{{ rate_limit: {{ name: n{number}, mode: observe, limit: 1, window: 10s }} }}")
    };
    for (count, named) in [(5, 5), (20, 20), (40, 32)] {
        let policies: Vec<String> = (0..count).map(of).collect();
        let text = LIMITED.replace(ONE, &policies.join(", "));
        let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
        for path in ["/watched", "/watched", "/address", "/watched"] {
            assert_eq!(rig.get(path, &[]).await.status, 200);
        }
        let records = rig.wait_records(4).await;
        let found: Vec<usize> = records
            .iter()
            .map(|record| record.observed_by.split_whitespace().count())
            .collect();
        assert_eq!(found, [0, named, 0, named], "{count}");
        let first = &records[1].observed_by;
        assert!(first.contains("version/rate_limit/n4"), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_survive_a_change_of_state_and_quotas_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let rig = Rig::new(LIMITED).await;
    for _ in 0..5 {
        rig.get("/shop", &[&field(1)]).await;
    }
    assert_eq!(metric(&rig, "portunus_quota_counters ").await, 1);
    rig.load(&LIMITED.replace("limit: 8", "limit: 7"), 2).await;
    assert_eq!(rig.get("/shop", &[&field(1)]).await.code(), "rate_limited");
    let quotas = rig.handle.quotas.clone();
    rig.handle.shutdown().await;
    gateway::quota::file::save(&quotas, data.path()).unwrap();

    let rig = Rig::new(LIMITED).await;
    gateway::quota::file::load(&rig.handle.quotas, data.path(), rig.now()).unwrap();
    let answer = rig.get("/shop", &[&field(1)]).await;
    assert!(
        answer.field("ratelimit").unwrap().contains("\"quota\";r=2"),
        "{answer:?}"
    );
}

const PLACES: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
policies: [{ key_auth: {} }, { @ORGANIZATION@ }]
apis:
  shop:
    policies: [{ @API@ }]
    versions:
      v1:
        match: { path: /shop/v1 }
        upstream: echo
        policies: [{ @VERSION@ }]
        operations:
          - { match: { method: GET, path: /a }, policies: [{ @OPERATION@ }] }
          - { match: { method: GET, path: /b }, policies: [{ @OPERATION@ }] }
      v2:
        match: { path: /shop/v2 }
        upstream: echo
        policies: [{ @VERSION@ }]
        operations: [{ match: { method: GET, path: /a }, policies: [{ @OPERATION@ }] }]
  other:
    policies: [{ @API@ }]
    versions:
      v1:
        match: { path: /other }
        upstream: echo
        policies: [{ @VERSION@ }]
        operations: [{ match: { method: GET, path: /a }, policies: [{ @OPERATION@ }] }]
products:
  all:
    versions: [shop/v1, shop/v2, other/v1]
    plans: { free: { policies: [{ @PLAN@ }] } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }, { name: b, value: "@KEY2@" }], subscriptions: [{ product: all, plan: free }] }
  b: { keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: all, plan: free }] }
"#;

/// A limit, and what another application gets where one has used it up.
const LIMITS: [(&str, &str, u16); 6] = [
    ("rate_limit", "limit: 4, window: 24h", 200),
    (
        "rate_limit",
        "limit: 4, window: 24h, algorithm: fixed_window",
        200,
    ),
    (
        "rate_limit",
        "limit: 4, window: 24h, algorithm: sliding_window",
        200,
    ),
    ("rate_limit", "limit: 4, window: 24h, scope: cluster", 200),
    ("rate_limit", "limit: 4, window: 24h, by: [address]", 429),
    ("quota", "limit: 4, period: day", 200),
];

/// A place, and the paths that have one count by what stands there.
type Counts = (&'static str, &'static [&'static [&'static str]]);

const COUNTS: [Counts; 5] = [
    (
        "ORGANIZATION",
        &[&["/shop/v1/a", "/shop/v1/b", "/shop/v2/a", "/other/a"]],
    ),
    (
        "PLAN",
        &[&["/shop/v1/a", "/shop/v1/b", "/shop/v2/a", "/other/a"]],
    ),
    (
        "API",
        &[&["/shop/v1/a", "/shop/v1/b", "/shop/v2/a"], &["/other/a"]],
    ),
    (
        "VERSION",
        &[
            &["/shop/v1/a", "/shop/v1/b"],
            &["/shop/v2/a"],
            &["/other/a"],
        ],
    ),
    (
        "OPERATION",
        &[
            &["/shop/v1/a"],
            &["/shop/v1/b"],
            &["/shop/v2/a"],
            &["/other/a"],
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_has_one_count_where_a_policy_stands() {
    /// Stands at the other places.
    const WIDE: &str = "rate_limit: { name: wide, limit: 1000000, window: 1s }";
    let rig = Rig::new(LIMITED).await;
    let mut number = 1;
    for (kind, fields, others) in LIMITS {
        for (place, counts) in COUNTS {
            number += 1;
            let name = format!("n{number}");
            let policy = format!("{kind}: {{ name: {name}, {fields} }}");
            let mut text = PLACES.replace(&format!("@{place}@"), &policy);
            for (other, _) in COUNTS {
                text = text.replace(&format!("@{other}@"), WIDE);
            }
            rig.load(&text, number).await;
            for paths in counts {
                for (turn, path) in paths.iter().cycle().take(4).enumerate() {
                    // Both keys are of one application.
                    let answer = rig.get(path, &[&field(1 + turn as u8 % 2)]).await;
                    assert_eq!(answer.status, 200, "{place} {policy} {path}");
                    let shown = answer.field("ratelimit").unwrap_or_default();
                    let left = format!("\"{name}\";r={};", 3 - turn);
                    assert!(shown.contains(&left), "{place} {left} {path}: {shown}");
                }
                for path in *paths {
                    let refused = rig.get(path, &[&field(1)]).await;
                    assert_eq!(refused.status, 429, "{place} {policy} {path}");
                }
            }
            for path in counts.iter().copied().flatten() {
                let answer = rig.get(path, &[&field(3)]).await;
                assert_eq!(answer.status, others, "{place} {policy} {path}");
            }
        }
    }
}
