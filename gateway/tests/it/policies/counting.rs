//! `concurrency` and `auth_guard`: what is counted is given back, and forgotten.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

const TUNNEL: &str = r#"
portunus: 1
upstreams: { u: { targets: [{ url: "http://@TARGET@" }], timeouts: { idle: 1h } } }
apis:
  shop:
    versions:
      v1: { match: { path: /x }, upstream: u, policies: [{ concurrency: { limit: 1, by: [route] } }] }
"#;
const HANDSHAKE: &[u8] = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Switches to a WebSocket, and then ends its own side or does not, whatever the other one does.
async fn switching(ends: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"\r\n\r\n") && stream.read_buf(&mut got).await.unwrap() > 0 {}
            stream.write_all(SWITCHED).await.unwrap();
            if ends {
                stream.shutdown().await.unwrap();
            }
            open.push(stream);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_gives_its_place_back_however_long_the_other_side_stays() {
    for upstream_ends in [true, false] {
        let target = switching(upstream_ends).await;
        let rig = Rig::new(&TUNNEL.replace("@TARGET@", &target.to_string())).await;
        let is_free = async || {
            let metrics = rig.admin("/metrics").await.body;
            metrics.contains("portunus_concurrency_subjects 0")
        };
        let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        stream.write_all(HANDSHAKE).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut got).await.unwrap() > 0);
        }
        assert!(got.starts_with(b"HTTP/1.1 101 "));
        if upstream_ends {
            assert_eq!(stream.read_buf(&mut got).await.unwrap(), 0);
            assert!(is_free().await, "before the client can know");
            continue;
        }
        assert!(!is_free().await);
        stream.shutdown().await.unwrap();
        // Far from an hour together.
        let mut left = 100;
        while !is_free().await {
            assert!(left > 0, "its place did not come back");
            left -= 1;
            rig.advance(6);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
