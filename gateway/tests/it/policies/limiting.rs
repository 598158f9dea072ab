//! `rate_limit` by header fields, with a cost, by windows, and with requests that wait.

use std::time::{Duration, Instant};

use crate::rig::{Rig, key};

const LIMITING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      tenant: { match: { path: /tenant }, upstream: echo, policies: [{ rate_limit: { limit: 2, window: 60s, headers: [X-Tenant] } }] }
      both: { match: { path: /both }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 60s, by: [address], headers: [x-tenant, x-user] } }] }
      dear: { match: { path: /dear }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 60s, cost: 4, by: [route] } }] }
      fixed: { match: { path: /fixed }, upstream: echo, policies: [{ rate_limit: { limit: 2, window: 60s, algorithm: fixed_window, by: [route] } }] }
      sliding: { match: { path: /sliding }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 60s, algorithm: sliding_window, by: [route] } }] }
      waits: { match: { path: /waits }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 1s, burst: 1, delay: 300ms, by: [route] } }] }
      kept: { match: { path: /kept }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 1s, burst: 1, delay: 300ms, by: [route] } }, { cache: { ttl: 1s } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ rate_limit: { mode: observe, limit: 1, window: 60s, delay: 30s, by: [route] } }] }
      keyed: { match: { path: /keyed }, upstream: echo, policies: [{ key_auth: {} }, { rate_limit: { limit: 3, window: 60s, headers: [X-Tenant] } }] }
      planned: { match: { path: /planned }, upstream: echo, policies: [{ key_auth: {} }] }
products:
  shop:
    versions: [shop/keyed, shop/planned]
    plans: { free: { policies: [{ rate_limit: { limit: 2, window: 60s, headers: [X-Tenant] } }] }, bare: {} }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  b: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
  c: { keys: [{ name: c, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: bare }] }
  d: { keys: [{ name: d, value: "@KEY4@" }], subscriptions: [{ product: shop, plan: bare }] }
"#;

/// Without `by`, header fields count alone; but in a plan beside the subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_plans_subscribers_do_not_share_what_their_fields_say() {
    let rig = Rig::new(LIMITING).await;
    for (path, number, statuses) in [
        ("/planned", 1, &[200, 200, 429][..]),
        ("/planned", 2, &[200, 200, 429]),
        ("/keyed", 3, &[200, 200]),
        ("/keyed", 4, &[200, 429]),
    ] {
        let key = format!("X-Api-Key: {}", key(number).as_str());
        for status in statuses {
            let answer = rig.get(path, &[&key, "X-Tenant: t"]).await;
            assert_eq!(answer.status, *status, "{path} {number}");
        }
        let other = rig.get(path, &[&key, &format!("X-Tenant: {number}")]).await;
        assert_eq!(other.status, 200, "{path} {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_what_their_fields_say() {
    let rig = Rig::new(LIMITING).await;
    for (field, statuses) in [
        ("X-Tenant: a", &[200, 200, 429][..]),
        ("x-tenant: b", &[200]),
        ("x-TENANT: b", &[200, 429]),
        ("X-Tenant: A", &[200, 200, 429]),
        // Missing, it is counted by address, and so is nobody else's.
        ("X-Other: a", &[200, 200, 429]),
        ("X-Tenant: ", &[200, 200, 429]),
    ] {
        for status in statuses {
            let answer = rig.get("/tenant", &[field]).await;
            assert_eq!(answer.status, *status, "{field}");
        }
    }
    for (fields, status) in [
        (&["X-Tenant: a", "X-User: b"][..], 200),
        (&["X-Tenant: b", "X-User: a"], 200),
        (&["X-Tenant: a", "X-User: b"], 429),
        (&["X-Tenant: ab", "X-User: "], 200),
        (&[], 200),
        (&["X-Else: a"], 429),
    ] {
        assert_eq!(rig.get("/both", fields).await.status, status, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_takes_what_it_costs() {
    let rig = Rig::new(LIMITING).await;
    let first = rig.get("/dear", &[]).await;
    assert_eq!(
        first.field("ratelimit-policy"),
        Some("\"rate_limit\";q=10;w=60")
    );
    assert_eq!(first.field("ratelimit"), Some("\"rate_limit\";r=4;t=24"));
    assert_eq!(rig.get("/dear", &[]).await.status, 200);
    let refused = rig.get("/dear", &[]).await;
    // Two of ten are there, four are wanted: twelve seconds.
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (429, Some("12"))
    );
    rig.advance(11);
    assert_eq!(rig.get("/dear", &[]).await.status, 429);
    rig.advance(1);
    assert_eq!(rig.get("/dear", &[]).await.status, 200);
}

/// The clock stands at a full minute.
#[tokio::test(flavor = "multi_thread")]
async fn fixed_windows_are_those_of_the_clock() {
    let rig = Rig::new(LIMITING).await;
    rig.advance(45);
    let first = rig.get("/fixed", &[]).await;
    assert_eq!(first.field("ratelimit"), Some("\"rate_limit\";r=1;t=15"));
    assert_eq!(rig.get("/fixed", &[]).await.status, 200);
    let refused = rig.get("/fixed", &[]).await;
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (429, Some("15"))
    );
    rig.advance(15);
    for status in [200, 200, 429] {
        assert_eq!(rig.get("/fixed", &[]).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sliding_windows_let_go_evenly() {
    let rig = Rig::new(LIMITING).await;
    rig.advance(50);
    for status in [200; 10].into_iter().chain([429]) {
        assert_eq!(rig.get("/sliding", &[]).await.status, status);
    }
    // Half of the next minute: five of the ten still count.
    rig.advance(40);
    for status in [200; 5].into_iter().chain([429]) {
        assert_eq!(rig.get("/sliding", &[]).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_their_turn() {
    let rig = Rig::new(LIMITING).await;
    for path in ["/waits", "/kept"] {
        let began = Instant::now();
        // The clock of the limit stands still: one at once, three in 100 ms each, no more.
        let all = (0..6).map(|index| {
            let path = format!("{path}/{index}");
            let rig = &rig;
            async move {
                let answer = rig.get(&path, &[]).await;
                (answer.status, began.elapsed())
            }
        });
        let mut all = futures::future::join_all(all).await;
        all.sort_by_key(|(_, took)| *took);
        let good: Vec<Duration> = all
            .iter()
            .filter(|(status, _)| *status == 200)
            .map(|(_, took)| *took)
            .collect();
        assert_eq!(good.len(), 4, "{path} {all:?}");
        for (turn, took) in good.iter().enumerate() {
            let least = Duration::from_millis(100 * turn as u64);
            assert!(*took >= least, "{path} {turn} {took:?}");
        }
        let refused = all.iter().filter(|(status, _)| *status == 429);
        assert_eq!(refused.count(), 2, "{path} {all:?}");
    }
    // What only watches lets nobody wait.
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(rig.get("/watched", &[]).await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let metrics = rig.admin("/metrics").await.body;
    assert!(metrics.contains("portunus_requests_waiting 0"), "{metrics}");
}

/// `@MORE@` are limits behind it, so that a request takes a while.
const REFUSED: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      all:
        match: { path: /all }
        upstream: echo
        policies:
          - key_auth: {}
          - rate_limit: { name: own, limit: 1, window: 24h, by: [application], headers: [X-Own] }
          - rate_limit: { name: shared, limit: 1, window: 24h, by: [application], headers: [X-Round] }
@MORE@
products:
  shop: { versions: [shop/all], plans: { free: {} } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

/// Whoever is refused takes nothing of the limits behind, not even for an instant: others find them
/// whole at any time.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_limit_refuses_is_in_nobodys_way_at_those_behind_it() {
    const AT_ONCE: usize = 8;
    let more = |index: usize| {
        format!(
            "          - rate_limit: {{ name: more{index}, limit: 1000000, window: 1s, by: [application], headers: [X-Round] }}\n"
        )
    };
    let more: String = (0..40).map(more).collect();
    let rig = Rig::new(&REFUSED.replace("@MORE@\n", &more)).await;
    let key = format!("X-Api-Key: {}", key(1).as_str());
    let first = rig.get("/all", &[&key, "X-Own: busy", "X-Round: 0"]).await;
    assert_eq!(first.status, 200);
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(rig.client().await);
    }
    for round in 1..80 {
        let field = format!("X-Round: {round}");
        let refused =
            format!("GET /all HTTP/1.1\r\nHost: a\r\n{key}\r\nX-Own: busy\r\n{field}\r\n\r\n");
        for client in &mut busy {
            client.write(refused.repeat(AT_ONCE).as_bytes()).await;
        }
        let own = format!("X-Own: {round}");
        let answer = rig.get("/all", &[&key, &own, &field]).await;
        assert_eq!(answer.status, 200, "{round}: {answer:?}");
        for client in &mut busy {
            for _ in 0..AT_ONCE {
                assert_eq!(client.read().await.status, 429, "{round}");
            }
        }
    }
}
