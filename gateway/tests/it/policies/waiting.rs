//! Requests that wait for a place of `concurrency`, or for a turn of `rate_limit`: in which order,
//! for how long, and what becomes of those who go away.

use std::time::{Duration, Instant};

use crate::rig::{Client, Rig, key};

const WAITING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      one: { match: { path: /one }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route], queue: { max: 2, timeout: 20s } } }] }
      short: { match: { path: /short }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route], queue: { max: 2, timeout: 50ms } } }] }
      behind: { match: { path: /behind }, upstream: echo, policies: [{ concurrency: { name: a, limit: 1, by: [route], queue: { max: 5, timeout: 20s } } }, { concurrency: { name: b, limit: 1, by: [route] } }] }
      plans: { match: { path: /plans }, upstream: echo, policies: [{ key_auth: {} }, { concurrency: { limit: 1, by: [route], queue: { max: 2, timeout: 20s } } }] }
      last: { match: { path: /last }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route] } }, { rate_limit: { limit: 1, window: 5s, delay: 25s } }] }
      counted: { match: { path: /counted }, upstream: echo, policies: [{ rate_limit: { limit: 9, window: 24h } }, { concurrency: { limit: 1, by: [route], queue: { max: 2, timeout: 20s } } }] }
      mock: { match: { path: /mock }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 1s, delay: 1500ms } }, { mock: { body: "fixed" } }] }
      moved: { match: { path: /moved }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 1s, delay: 1500ms } }, { redirect: { to: "https://b.test/" } }] }
      failing: { match: { path: /failing }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 1s, delay: 1500ms } }, { fault: { abort: { percent: 100, status: 503 } } }] }
      kept: { match: { path: /kept }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 1s, delay: 1500ms } }, { cache: {} }, { mock: { body: "fixed" } }] }
      turns: { match: { path: /turns }, upstream: echo, policies: [{ key_auth: {} }, { rate_limit: { limit: 1, window: 5s, by: [route], delay: 25s, waiting: 2 } }] }
products:
  shop: { versions: [shop/plans, shop/turns], plans: { low: { priority: -5 }, usual: {}, high: { priority: 100 } } }
applications:
  low: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: low }] }
  usual: { keys: [{ name: a, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: usual }] }
  high: { keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: high }] }
"#;

async fn gauge(rig: &Rig, name: &str) -> u64 {
    let page = rig.admin("/metrics").await.body;
    let start = format!("portunus_{name} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

async fn until(rig: &Rig, name: &str, value: u64) {
    for _ in 0..2000 {
        if gauge(rig, name).await == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{name} is {} and not {value}", gauge(rig, name).await);
}

/// Sends a request and reads nothing yet.
async fn send(rig: &Rig, path: &str, fields: &str) -> Client {
    let mut client = rig.client().await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    client.write(head.as_bytes()).await;
    client
}

/// A request that its upstream holds.
async fn hold(rig: &Rig, path: &str, fields: &str) -> Client {
    let before = rig.upstream.requests();
    let client = send(rig, &format!("{path}/hold"), fields).await;
    while rig.upstream.requests() == before {
        tokio::task::yield_now().await;
    }
    client
}

fn shows(number: u8) -> String {
    format!("X-Api-Key: {}\r\n", key(number).as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_the_place_and_holds_no_upstream() {
    let rig = Rig::new(WAITING).await;
    let mut held = hold(&rig, "/one", "").await;
    let mut first = send(&rig, "/one/a", "").await;
    until(&rig, "requests_waiting", 1).await;
    let mut second = send(&rig, "/one/b", "").await;
    until(&rig, "requests_waiting", 2).await;
    let refused = rig.get("/one/c", &[]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "too_many_concurrent")
    );
    assert_eq!(rig.upstream.requests(), 1, "nothing is sent before");
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    for client in [&mut first, &mut second] {
        assert_eq!(client.read().await.status, 200);
    }
    until(&rig, "requests_waiting", 0).await;
    until(&rig, "concurrency_subjects", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_leaves_the_line_at_once() {
    let rig = Rig::new(WAITING).await;
    let mut held = hold(&rig, "/one", "").await;
    let gone = [
        send(&rig, "/one/a", "").await,
        send(&rig, "/one/b", "").await,
    ];
    until(&rig, "requests_waiting", 2).await;
    drop(gone);
    until(&rig, "requests_waiting", 0).await;
    // One whose body is not read yet, as well.
    let mut client = rig.client().await;
    let head = b"POST /one/c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab";
    client.write(head).await;
    until(&rig, "requests_waiting", 1).await;
    drop(client);
    until(&rig, "requests_waiting", 0).await;
    let mut next = send(&rig, "/one/d", "").await;
    until(&rig, "requests_waiting", 1).await;
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    assert_eq!(next.read().await.status, 200);
    assert_eq!(rig.upstream.requests(), 2);
    until(&rig, "concurrency_subjects", 0).await;
    let gone: Vec<_> = rig.wait_records(5).await;
    assert_eq!(gone.iter().filter(|one| one.status == 499).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_it_may() {
    let rig = Rig::new(WAITING).await;
    let held = hold(&rig, "/short", "").await;
    let began = Instant::now();
    let late = rig.get("/short/a", &[]).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (429, "too_many_concurrent")
    );
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(gauge(&rig, "waited_too_long_total").await, 1);
    drop(held);
    until(&rig, "concurrency_subjects", 0).await;
    assert_eq!(rig.get("/short/a", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_behind_one_that_waits_are_asked_afterwards() {
    let rig = Rig::new(WAITING).await;
    let mut held = hold(&rig, "/behind", "").await;
    // The second limit is full as well, and lets nobody wait.
    assert_eq!(rig.get("/behind/a", &[]).await.status, 429);
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    until(&rig, "concurrency_subjects", 0).await;
    assert_eq!(rig.get("/behind/a", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_with_the_highest_priority_goes_first() {
    let rig = Rig::new(WAITING).await;
    let mut held = hold(&rig, "/plans", &shows(2)).await;
    let mut low = send(&rig, "/plans/low", &shows(1)).await;
    until(&rig, "requests_waiting", 1).await;
    let mut usual = send(&rig, "/plans/hold", &shows(2)).await;
    until(&rig, "requests_waiting", 2).await;
    // The line is full: a low one is refused, and a high one takes the place of the lowest.
    let refused = rig.get("/plans/low", &[shows(1).trim()]).await;
    assert_eq!(refused.code(), "too_many_concurrent");
    let mut high = send(&rig, "/plans/hold", &shows(3)).await;
    let displaced = low.read().await;
    assert_eq!(
        (displaced.status, displaced.code().as_str()),
        (429, "too_many_concurrent")
    );
    assert_eq!(gauge(&rig, "displaced_total").await, 1);
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    until(&rig, "requests_waiting", 1).await;
    while rig.upstream.requests() < 2 {
        tokio::task::yield_now().await;
    }
    rig.upstream.release.notify_one();
    assert_eq!(high.read().await.status, 200, "it came last");
    until(&rig, "requests_waiting", 0).await;
    while rig.upstream.requests() < 3 {
        tokio::task::yield_now().await;
    }
    rig.upstream.release.notify_one();
    assert_eq!(usual.read().await.status, 200);
}

/// The clock of the limit stands still: a turn in each five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn turns_go_to_the_plan_with_the_highest_priority() {
    let rig = Rig::new(WAITING).await;
    assert_eq!(rig.get("/turns/a", &[shows(2).trim()]).await.status, 200);
    let mut low = send(&rig, "/turns/a", &shows(1)).await;
    until(&rig, "requests_waiting", 1).await;
    let mut usual = send(&rig, "/turns/b", &shows(2)).await;
    let mut high = send(&rig, "/turns/c", &shows(3)).await;
    let displaced = low.read().await;
    assert_eq!(
        (displaced.status, displaced.code().as_str()),
        (429, "rate_limited")
    );
    let (high, usual) = tokio::join!(
        async {
            let answer = high.read().await;
            (answer.status, Instant::now())
        },
        async {
            let answer = usual.read().await;
            (answer.status, Instant::now())
        }
    );
    assert_eq!((high.0, usual.0), (200, 200));
    assert!(high.1 < usual.1, "the high one came last");
    until(&rig, "requests_waiting", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_by_itself_waits_as_well() {
    let rig = Rig::new(WAITING).await;
    for (path, status) in [
        ("/mock", 200),
        ("/moved", 307),
        ("/failing", 503),
        ("/kept", 200),
    ] {
        let began = Instant::now();
        let (first, second, third) =
            tokio::join!(rig.get(path, &[]), rig.get(path, &[]), rig.get(path, &[]));
        assert!(began.elapsed() >= Duration::from_millis(900), "{path}");
        let mut all = [first, second, third];
        all.sort_by_key(|one| (one.status == 429, one.status));
        let seen = all.each_ref().map(|one| one.status);
        assert_eq!(seen, [status, status, 429], "{path}");
        assert!(all[2].field("ratelimit").is_some(), "{path}");
    }
    assert_eq!(rig.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_a_place_while_it_waits_for_a_turn() {
    let rig = Rig::new(WAITING).await;
    assert_eq!(rig.get("/last/a", &[]).await.status, 200);
    until(&rig, "concurrency_subjects", 0).await;
    let mut waits = send(&rig, "/last/b", "").await;
    until(&rig, "requests_waiting", 1).await;
    assert_eq!(gauge(&rig, "concurrency_subjects").await, 0);
    assert_eq!(waits.read().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_after_waiting_is_shown_the_limits() {
    let rig = Rig::new(WAITING).await;
    assert_eq!(rig.get("/turns/a", &[shows(2).trim()]).await.status, 200);
    let mut low = send(&rig, "/turns/a", &shows(1)).await;
    until(&rig, "requests_waiting", 1).await;
    let _usual = send(&rig, "/turns/b", &shows(2)).await;
    until(&rig, "requests_waiting", 2).await;
    let _high = send(&rig, "/turns/c", &shows(3)).await;
    let displaced = low.read().await;
    assert_eq!(displaced.status, 429);
    assert!(displaced.field("ratelimit").is_some(), "{displaced:?}");
    assert!(displaced.field("ratelimit-policy").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_over_http2_pays_nothing() {
    let rig = Rig::new(WAITING).await;
    let mut held = hold(&rig, "/counted", "").await;
    let stream = tokio::net::TcpStream::connect(rig.handle.gateway)
        .await
        .unwrap();
    let (mut sender, connection): (h2::client::SendRequest<bytes::Bytes>, _) =
        h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        sender = sender.ready().await.unwrap();
        let request = http::Request::get("http://a/counted/a").body(()).unwrap();
        let (answer, mut stream) = sender.send_request(request, true).unwrap();
        until(&rig, "requests_waiting", 1).await;
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
        until(&rig, "requests_waiting", 0).await;
    }
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    until(&rig, "concurrency_subjects", 0).await;
    let next = rig.get("/counted/a", &[]).await;
    let shown = next.field("ratelimit").unwrap();
    assert!(shown.contains(";r=7;"), "two were counted: {shown}");
}
