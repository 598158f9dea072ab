//! `rate_limit` whose requests cost what their answers say.

use crate::rig::Rig;

const COSTING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      bucket: { match: { path: /bucket }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 10s, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }] }
      fixed: { match: { path: /fixed }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 60s, algorithm: fixed_window, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }] }
      sliding: { match: { path: /sliding }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 60s, algorithm: sliding_window, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }] }
      all: { match: { path: /all }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 10s, headers: [X-Tenant], scope: cluster, cost_from: { header: X-Cost, max: 20 } } }] }
      dear: { match: { path: /dear }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 10s, headers: [X-Tenant], cost: 5, cost_from: { header: X-Cost, max: 20, keep: true } } }] }
      two: { match: { path: /two }, upstream: echo, policies: [{ rate_limit: { name: one, limit: 10, window: 10s, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20, keep: true } } }, { rate_limit: { name: other, limit: 100, window: 10s, headers: [X-Tenant], cost_from: { header: X-Cost, max: 50 } } }] }
      stale: { match: { path: /stale }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 24h, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }, { cache: { ttl: 10s, stale_while_revalidate: 1h } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ rate_limit: { mode: observe, limit: 1, window: 24h, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ rate_limit: { mode: observe, algorithm: fixed_window, limit: 1, window: 24h, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }] }
      held: { match: { path: /held }, upstream: echo, policies: [{ rate_limit: { name: one, limit: 10, window: 10s, headers: [X-Tenant], cost_from: { header: X-Cost, max: 20 } } }, { rate_limit: { name: other, limit: 1, window: 24h, headers: [X-Tenant] } }] }
"#;

fn left(answer: &crate::rig::Answer) -> u64 {
    let shown = answer.field("ratelimit").unwrap();
    let left = shown.split(";r=").nth(1).unwrap();
    left.split(';').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_says_what_its_request_cost() {
    let rig = Rig::new(COSTING).await;
    for path in ["/bucket", "/fixed", "/sliding", "/all"] {
        for (index, (query, after)) in [
            ("", 9),
            ("?cost=1", 9),
            ("?cost=4", 6),
            ("?cost=0", 10),
            ("?cost=10", 0),
            // It costs more than there is: nothing is left, and the rest is owed.
            ("?cost=15", 0),
            ("?cost=99999999999999999999999999", 0),
            // These say nothing.
            ("?cost=-5", 9),
            ("?cost=many", 9),
            ("?cost=", 9),
            ("?cost=1.5", 9),
            ("?cost=3&cost=3", 9),
        ]
        .into_iter()
        .enumerate()
        {
            let tenant = format!("X-Tenant: {index}");
            let answer = rig.get(&format!("{path}/a{query}"), &[&tenant]).await;
            assert_eq!(answer.status, 200, "{path} {query}");
            assert_eq!(answer.field("x-cost"), None, "{path} {query}");
            assert_eq!(left(&answer), after, "{path} {query}");
            let next = rig.get(&format!("{path}/a"), &[&tenant]).await;
            let wanted = if after > 0 { 200 } else { 429 };
            assert_eq!(next.status, wanted, "{path} {query}");
        }
    }
    let metrics = rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_costs_unread_total 20"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_paid_first_and_is_bounded() {
    let rig = Rig::new(COSTING).await;
    let tenant = &["X-Tenant: a"];
    assert_eq!(rig.get("/bucket/a?cost=15", tenant).await.status, 200);
    // Five are owed, and one is wanted.
    let refused = rig.get("/bucket/a", tenant).await;
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (429, Some("6"))
    );
    rig.advance(5);
    assert_eq!(rig.get("/bucket/a", tenant).await.status, 429);
    rig.advance(1);
    assert_eq!(rig.get("/bucket/a?cost=9999", tenant).await.status, 200);
    // It cost twenty, and no more.
    rig.advance(19);
    assert_eq!(rig.get("/bucket/a", tenant).await.status, 429);
    rig.advance(1);
    assert_eq!(rig.get("/bucket/a", tenant).await.status, 200);
    // A window that starts anew owes nothing.
    assert_eq!(rig.get("/fixed/a?cost=20", tenant).await.status, 200);
    assert_eq!(rig.get("/fixed/a", tenant).await.status, 429);
    rig.advance(60);
    assert_eq!(rig.get("/fixed/a", tenant).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_beforehand_is_settled() {
    let rig = Rig::new(COSTING).await;
    let tenant = &["X-Tenant: a"];
    let cheap = rig.get("/dear/a?cost=2", tenant).await;
    assert_eq!((cheap.field("x-cost"), left(&cheap)), (Some("2"), 8));
    let usual = rig.get("/dear/a", tenant).await;
    assert_eq!(
        (usual.status, left(&usual)),
        (200, 0),
        "three are not enough"
    );
    assert_eq!(
        rig.get("/dear/a", tenant).await.status,
        429,
        "five are wanted"
    );
    // Each limit by its own rule; where one takes the field out, it is out.
    let both = rig.get("/two/a?cost=30", tenant).await;
    assert_eq!(both.field("x-cost"), None);
    let shown = both.field("ratelimit").unwrap();
    assert!(
        shown.contains("\"one\";r=0;") && shown.contains("\"other\";r=70;"),
        "{shown}"
    );
    // What is refused costs nothing, now and later.
    let first = rig.get("/held/a?cost=3", tenant).await;
    assert_eq!(first.status, 200);
    for _ in 0..5 {
        let refused = rig.get("/held/a?cost=3", tenant).await;
        assert_eq!(refused.status, 429);
        assert!(refused.field("ratelimit").unwrap().contains("\"one\";r=7;"));
    }
}

/// The client has the stale answer already, at what any kept answer costs.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_in_the_background_costs_nothing() {
    let rig = Rig::new(COSTING).await;
    let get = async || rig.get("/stale/a?cost=5", &["X-Tenant: a"]).await;
    assert_eq!(left(&get().await), 5);
    rig.advance(11);
    let stale = get().await;
    assert_eq!((stale.status, left(&stale)), (200, 4));
    while !rig
        .admin("/metrics")
        .await
        .body
        .contains("portunus_cache_refreshing 0")
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.upstream.requests(), 2, "it was asked for anew");
    let fresh = get().await;
    assert_eq!((fresh.status, left(&fresh)), (200, 3));
    assert_eq!(fresh.field("x-cost"), None);
    assert_eq!(rig.upstream.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_observes_keeps_the_field_to_itself() {
    let rig = Rig::new(COSTING).await;
    for path in ["/seen", "/watched"] {
        for turn in 0..3 {
            let answer = rig.get(&format!("{path}/a?cost=3"), &["X-Tenant: a"]).await;
            assert_eq!(answer.status, 200, "{path} {turn}");
            assert_eq!(answer.field("x-cost"), None, "{path} {turn}");
        }
    }
}
