//! More requests than the gateway takes on: those above are refused at once, those within are
//! answered, and nothing of it lasts.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::rig::Rig;

const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo } } } }
"#;
const MOST: usize = 50;
const CLIENTS: usize = 500;

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
    for _ in 0..CLIENTS - MOST {
        others.push(rig.client().await);
    }
    for client in &mut others {
        let asked = Instant::now();
        let answer = client.get("/", &[]).await;
        assert!(asked.elapsed() < Duration::from_millis(100));
        assert_eq!((answer.status, answer.code()), (503, "overloaded".into()));
        assert_eq!(answer.field("retry-after"), Some("1"));
    }
    assert_eq!(rig.upstream.requests(), MOST, "nothing more went out");
    let refused = format!(
        "portunus_refused_total{{code=\"overloaded\"}} {}",
        CLIENTS - MOST
    );
    let in_flight = format!("portunus_requests_in_flight {MOST}");
    // An answer is counted just after it is written.
    let mut page = String::new();
    for _ in 0..100 {
        page = rig.admin("/metrics").await.body;
        if page.contains(&refused) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        page.contains(&refused) && page.contains(&in_flight),
        "{page}"
    );
    assert_eq!(rig.admin("/readyz").await.status, 200);

    rig.upstream.release.notify_waiters();
    let held = join_all(holding.iter_mut().map(|client| client.read())).await;
    assert!(held.iter().all(|answer| answer.status == 200));
    // The place is free a moment after the last byte; then everybody is served again, on the
    // connections that were refused.
    while !rig
        .admin("/metrics")
        .await
        .body
        .contains("portunus_requests_in_flight 0")
    {
        tokio::task::yield_now().await;
    }
    for client in &mut others {
        assert_eq!(client.get("/", &[]).await.status, 200);
    }
}
