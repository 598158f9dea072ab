//! More requests, and more connections, than the gateway takes on: those above are refused at once,
//! those within are answered, and nothing of it lasts.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;

use crate::rig::{Client, Rig};
use crate::switch::until;
use crate::upstreams::metric;

const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo } } } }
"#;
const MOST: usize = 50;
const CLIENTS: usize = 450;
/// So many of them ask at the same time.
const AT_ONCE: usize = 32;
/// Of a rig. A request counts while it is being refused: one of each worker.
const WORKERS: usize = 2;

const IN_FLIGHT: &str = "portunus_requests_in_flight ";

#[tokio::test(flavor = "multi_thread")]
async fn past_its_capacity_the_gateway_says_so_at_once() {
    let rig = Rig::with(OPEN, |settings| {
        settings.limits.requests = MOST;
        settings.limits.connections_per_address = 10_000;
    })
    .await;
    let mut holding = Vec::new();
    for _ in 0..MOST {
        let mut client = rig.client().await;
        client.write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
        holding.push(client);
    }
    while rig.upstream.requests() < MOST {
        tokio::task::yield_now().await;
    }

    let mut others = Vec::new();
    for _ in 0..CLIENTS {
        others.push(rig.client().await);
    }
    let is_over = Cell::new(false);
    let asking = async {
        let asked = futures::stream::iter(others).map(|mut client| async move {
            let asked = Instant::now();
            let answer = client.get("/", &[]).await;
            (client, answer, asked.elapsed())
        });
        let answered: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        is_over.set(true);
        answered
    };
    // Who watches the node is answered all the while, and sees the bound hold.
    let watching = async {
        let mut slowest = Duration::ZERO;
        while !is_over.get() {
            let asked = Instant::now();
            let now = metric(&rig, IN_FLIGHT).await as usize;
            slowest = slowest.max(asked.elapsed());
            assert!((MOST..=MOST + WORKERS).contains(&now), "{now} in flight");
        }
        slowest
    };
    let (answered, slowest) = tokio::join!(asking, watching);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let (mut others, mut took) = (Vec::new(), Vec::new());
    for (client, answer, elapsed) in answered {
        assert_eq!((answer.status, answer.code()), (503, "overloaded".into()));
        assert_eq!(answer.field("retry-after"), Some("1"));
        others.push(client);
        took.push(elapsed);
    }
    took.sort();
    // The last of them may meet a machine that has something else to do.
    let most = took[CLIENTS * 9 / 10];
    assert!(most < Duration::from_millis(100), "{most:?}");
    let last = took[CLIENTS - 1];
    assert!(last < Duration::from_secs(2), "{last:?}");
    assert_eq!(rig.upstream.requests(), MOST, "nothing more went out");
    // An answer is counted just after it is written.
    until("all are counted", async || {
        let refused = "portunus_refused_total{code=\"overloaded\"} ";
        metric(&rig, refused).await == CLIENTS as u64
    })
    .await;
    assert_eq!(metric(&rig, IN_FLIGHT).await, MOST as u64);
    assert_eq!(rig.admin("/readyz").await.status, 200);

    rig.upstream.release.notify_waiters();
    let held = join_all(holding.iter_mut().map(|client| client.read())).await;
    assert!(held.iter().all(|answer| answer.status == 200));
    // The place is free a moment after the last byte; then everybody is served again, on the
    // connections that were refused.
    until("all places are free", async || {
        metric(&rig, IN_FLIGHT).await == 0
    })
    .await;
    for client in &mut others {
        assert_eq!(client.get("/", &[]).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_so_many_connections_and_tells_the_next() {
    const PLACES: usize = 20;
    let rig = Rig::with(OPEN, |settings| {
        settings.limits.connections = PLACES;
        settings.limits.connections_per_address = 10_000;
    })
    .await;
    let mut inside = Vec::new();
    for _ in 0..PLACES {
        let mut client = rig.client().await;
        assert_eq!(client.get("/", &[]).await.status, 200);
        inside.push(client);
    }
    let address = rig.handle.gateway;
    let outside = (0..PLACES).map(|_| async move {
        let mut client = Client::connect(address).await;
        (client.read().await, client.is_closed().await)
    });
    for (answer, is_closed) in join_all(outside).await {
        let said = (answer.field("retry-after"), answer.field("connection"));
        assert_eq!((answer.status, said), (503, (Some("1"), Some("close"))));
        assert!(is_closed);
    }
    // The admin address has places of its own.
    let refused = metric(&rig, "portunus_connections_refused_total ").await;
    assert_eq!(refused, PLACES as u64);
    assert_eq!(rig.handle.connections(), PLACES as u64);
    for client in &mut inside {
        assert_eq!(client.get("/", &[]).await.status, 200);
    }
    drop(inside.pop());
    until("a place is free", async || {
        rig.handle.connections() < PLACES as u64
    })
    .await;
    assert_eq!(rig.get("/", &[]).await.status, 200);
}
