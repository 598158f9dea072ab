//! Limits as they are listed (docs/limits.md), and what counts those that others do not tell of.

use std::collections::BTreeSet;

use gateway::RedisUrl;

use crate::mirror::until;
use crate::rig::Rig;
use crate::upstreams::metric;

const LISTED: &str = include_str!("../../../docs/limits.md");

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      dear: { match: { path: /dear }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 24h, headers: [X-Tenant], cost_from: { header: X-Cost, max: 1000 } } }] }
"#;

/// The metrics of the tables that have a column for them. Each limit there has one, or it is said why
/// it has none.
fn listed() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut is_listed = false;
    for line in LISTED.lines() {
        is_listed = line.ends_with("| metric |") || is_listed && line.starts_with('|');
        if !is_listed || line.ends_with("| metric |") || line.starts_with("| ---") {
            continue;
        }
        let cells = line.strip_suffix(" |").unwrap();
        let (_, cell) = cells.rsplit_once("| ").unwrap();
        let named = cell.split('`').filter(|part| part.starts_with("portunus_"));
        let named = named.map(|name| name.split('{').next().unwrap());
        let is_told = cell.starts_with("none: ") || cell == "the same";
        assert!(
            is_told || named.clone().next().is_some(),
            "no metric, and no reason: {line}"
        );
        names.extend(named);
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metric_of_each_limit_is_on_the_page() {
    let names = listed();
    assert!(names.len() > 50, "{names:?}");
    let rig = Rig::with(FILE, |settings| {
        // Nobody is there, and its figures are.
        settings.redis_url = Some(RedisUrl::new("redis://127.0.0.1:9"));
    })
    .await;
    let mut page = rig.admin("/metrics").await.body;
    gateway::traffic::Figures::default().write(&mut page, 0);
    let is_told = |name: &&str| page.contains(&format!("# TYPE {name} "));
    let missing: Vec<&str> = names.into_iter().filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_are_met_are_counted() {
    let rig = Rig::new(FILE).await;
    for (request, metric) in [
        (
            "POST /nowhere HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n",
            "portunus_bodies_unread_total ",
        ),
        // A hundred days' worth, of which thirty are owed.
        (
            "GET /dear?cost=100 HTTP/1.1\r\nHost: t\r\nX-Tenant: 1\r\n\r\n",
            "portunus_costs_forgotten_total ",
        ),
    ] {
        until(&rig, metric, 0).await;
        rig.send(request).await;
        until(&rig, metric, 1).await;
    }
}

/// Of each of many limits a request needs a cell, and a worker has so many of them at hand.
#[tokio::test(flavor = "multi_thread")]
async fn cells_that_a_worker_lets_go_of_are_counted() {
    const LIMITS: usize = 48;
    const KEPT: usize = 65_536;
    const METRIC: &str = "portunus_limiter_let_go_total ";
    let limit = |index: usize| {
        format!(
            "{{ rate_limit: {{ name: l{index}, limit: 2, window: 24h, headers: [X-Tenant] }} }}"
        )
    };
    let limits: Vec<String> = (0..LIMITS).map(limit).collect();
    let text = format!(
        "portunus: 1\nupstreams: {{ echo: {{ targets: [{{ url: 'http://@UPSTREAM@' }}] }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: / }}, upstream: echo, policies: [{}] }} }} }} }}\n",
        limits.join(", ")
    );
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    for tenant in 0..KEPT / LIMITS {
        let answer = client.get("/", &[&format!("X-Tenant: {tenant}")]).await;
        assert_eq!(answer.status, 200, "{tenant}");
    }
    assert_eq!(metric(&rig, METRIC).await, 0);
    // What is let go is found again, with what it has counted.
    for status in [200, 429] {
        let answer = client.get("/", &["X-Tenant: more"]).await;
        assert_eq!(answer.status, 200);
        let answer = client.get("/", &["X-Tenant: 0"]).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(metric(&rig, METRIC).await, 1);
}
