//! `concurrency` and `auth_guard`: what is counted is given back, and forgotten.

use crate::rig::{Client, Rig, key};

const COUNTING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] }, dead: { targets: [{ url: "http://127.0.0.1:1" }] } }
apis:
  shop:
    versions:
      two: { match: { path: /two }, upstream: echo, policies: [{ concurrency: { name: pair, limit: 2, by: [address] } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ concurrency: { mode: observe, limit: 1, by: [route] } }] }
      dead: { match: { path: /dead }, upstream: dead, policies: [{ concurrency: { limit: 1, by: [route] } }] }
      plan: { match: { path: /plan }, upstream: echo, policies: [{ key_auth: {} }, { auth_guard: { limit: 3, allow: ["10.9.0.0/16"] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ key_auth: {} }, { auth_guard: { mode: observe, limit: 1 } }] }
products:
  shop: { versions: [shop/plan], plans: { one: { policies: [{ concurrency: { limit: 1 } }] } } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }, { name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: one }] }
  b: { keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: one }] }
"#;

async fn rig() -> Rig {
    Rig::with(COUNTING, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// A request that its upstream holds.
async fn hold(rig: &Rig, path: &str, fields: &str) -> Client {
    let before = rig.upstream.requests();
    let mut client = rig.client().await;
    let head = format!("GET {path}/hold HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    client.write(head.as_bytes()).await;
    while rig.upstream.requests() == before {
        tokio::task::yield_now().await;
    }
    client
}

/// The metrics, as soon as nothing is in flight: that a client went away is seen a little later.
async fn all_given_back(rig: &Rig) -> String {
    loop {
        let metrics = rig.admin("/metrics").await.body;
        if metrics.contains("portunus_concurrency_subjects 0") {
            return metrics;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_two_at_a_time_and_places_come_back() {
    let rig = rig().await;
    let from = "X-Forwarded-For: 1.1.1.1\r\n";
    for _ in 0..3 {
        let mut first = hold(&rig, "/two", from).await;
        let second = hold(&rig, "/two", from).await;
        let refused = rig.get("/two", &["X-Forwarded-For: 1.1.1.1"]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (429, "too_many_concurrent")
        );
        assert_eq!(refused.field("retry-after"), Some("1"));
        let other = rig.get("/two", &["X-Forwarded-For: 2.2.2.2"]).await;
        assert_eq!(other.status, 200, "another address");
        // One is answered, the other goes away.
        rig.upstream.release.notify_one();
        assert_eq!(first.read().await.status, 200);
        drop(second);
        let free = rig.get("/two", &["X-Forwarded-For: 1.1.1.1"]).await;
        assert_eq!(free.status, 200, "the place of the first");
        rig.upstream.release.notify_waiters();
        let metrics = all_given_back(&rig).await;
        assert!(metrics.contains("portunus_policy_decided_total{kind=\"concurrency\"}"));
        rig.records();
    }
    for _ in 0..3 {
        assert_eq!(
            rig.get("/dead", &[]).await.status,
            502,
            "an error gives back"
        );
    }
    let held = hold(&rig, "/seen", "").await;
    assert_eq!(rig.get("/seen", &[]).await.status, 200, "it only observes");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_its_subscriptions_each_for_itself() {
    let rig = rig().await;
    let field = |number| format!("X-Api-Key: {}", key(number).as_str());
    let _held = hold(&rig, "/plan", &format!("{}\r\n", field(1))).await;
    for (number, status) in [(1, 429), (2, 429), (3, 200)] {
        let answer = rig.get("/plan", &[&field(number)]).await;
        assert_eq!(answer.status, status, "key {number}");
    }
    rig.upstream.release.notify_one();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_too_often_is_not_heard_for_a_while() {
    let rig = rig().await;
    let good = format!("X-Api-Key: {}", key(1).as_str());
    let from = |address: &str| format!("X-Forwarded-For: {address}");
    for wait in [60, 120] {
        for _ in 0..3 {
            assert_eq!(rig.get("/plan", &[&from("1.1.1.1")]).await.status, 401);
        }
        let refused = rig.get("/plan", &[&from("1.1.1.1"), &good]).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "guarded"));
        assert_eq!(
            refused.field("retry-after"),
            Some(wait.to_string().as_str())
        );
        let other = rig.get("/plan", &[&from("1.1.1.2"), &good]).await;
        assert_eq!(other.status, 200, "another address");
        rig.advance(wait - 1);
        assert_eq!(
            rig.get("/plan", &[&from("1.1.1.1"), &good]).await.status,
            429
        );
        rig.advance(1);
        assert_eq!(
            rig.get("/plan", &[&from("1.1.1.1"), &good]).await.status,
            200
        );
    }
    for _ in 0..9 {
        assert_eq!(
            rig.get("/plan", &[&from("10.9.1.1")]).await.status,
            401,
            "allowed"
        );
        assert_eq!(rig.get("/watched", &[&from("3.3.3.3")]).await.status, 401);
    }
    // One subscriber has a whole /64.
    for last in 1..4 {
        let address = from(&format!("2001:db8::{last}"));
        assert_eq!(rig.get("/plan", &[&address]).await.status, 401);
    }
    assert_eq!(rig.get("/plan", &[&from("2001:db8::99")]).await.status, 429);
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_guard_addresses 3",
        "portunus_guard_overflowed_total 0",
        "portunus_policy_observed_total{kind=\"auth_guard\"} 8",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
