//! A second try beside one that takes long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::rig::{Recorder, Rig, Upstream};
use crate::upstreams::{DOWN, metric, over};

/// Its time goes by itself, so that what takes too long ends.
async fn rig(text: &str) -> Rig {
    Rig::with(text, |settings| {
        settings.workers = Some(1);
        settings.clock = gateway::clock::Clock::default();
    })
    .await
}

/// Takes requests and says nothing; how many there were, and how many were given up.
async fn silent() -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, left) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (asked.clone(), left.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (asked, left) = counts.clone();
            tokio::spawn(async move {
                let mut got = [0; 1000];
                asked.fetch_add(1, Ordering::Relaxed);
                while matches!(stream.read(&mut got).await, Ok(1..)) {}
                left.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    (address, asked, left)
}

async fn until(count: &AtomicUsize, value: usize) {
    while count.load(Ordering::Relaxed) < value {
        tokio::task::yield_now().await;
    }
}

const HEDGED: &str = "portunus_upstream_hedged_total ";
const WON: &str = "portunus_upstream_hedges_won_total ";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_wins_and_the_other_is_cancelled() {
    for algorithm in ["round_robin", "ewma"] {
        let (slow, asked, left) = silent().await;
        let fast = Upstream::start().await;
        // One hedge lets go of the slow target before the next request meets it.
        let more = format!(", hedge: {{ after: 50ms }}, balance: {{ algorithm: {algorithm} }}");
        let rig = rig(&over(&[slow, fast.address], &more)).await;
        let mut client = rig.client().await;
        let began = Instant::now();
        let mut count = 0;
        while asked.load(Ordering::Relaxed) < 2 && count < 50 {
            let answer = client.get("/x/a", &[]).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.seen("host"), Some(fast.address.to_string()));
            count += 1;
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked >= 1 && began.elapsed() < Duration::from_secs(15));
        // Their connections are closed, not kept.
        until(&left, asked).await;
        assert_eq!(metric(&rig, HEDGED).await, asked as u64);
        assert_eq!(metric(&rig, WON).await, asked as u64);
        let records = rig.wait_records(count).await;
        let twice: Vec<_> = records.iter().filter(|record| record.tries == 2).collect();
        assert_eq!(twice.len(), asked);
        assert!(
            twice
                .iter()
                .all(|record| record.target == fast.address.to_string())
        );
        assert_eq!(metric(&rig, "portunus_upstream_ejected_total ").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_does_no_harm_twice_is_hedged() {
    let after = ", timeouts: { first_byte: 400ms }, hedge: { after: 50ms }";
    let get = "GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
    let put = "PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    let post = "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    let bare = "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n";
    let chunked =
        "PUT /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let long = format!(
        "PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n\r\n{}",
        "x".repeat(65_537)
    );
    for (more, request, hedged) in [
        (after.to_owned(), get, true),
        (after.to_owned(), put, true),
        (after.to_owned(), post, false),
        (after.to_owned(), bare, false),
        (after.to_owned(), chunked, false),
        (after.to_owned(), &*long, false),
        (
            format!("{after}, retries: {{ budget: 0, least: 0 }}"),
            get,
            false,
        ),
        (", timeouts: { first_byte: 400ms }".to_owned(), get, false),
    ] {
        let (slow, asked, _) = silent().await;
        let fast = Recorder::start().await;
        let rig = rig(&over(&[slow, fast.address], &more)).await;
        // The first turn is the slow one's.
        let answer = rig.send(request).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(
            answer.status,
            if hedged { 200 } else { 504 },
            "{more} {request:.60}"
        );
        assert_eq!(metric(&rig, HEDGED).await, u64::from(hedged));
        let received = fast.take();
        assert_eq!(received.len(), usize::from(hedged));
        if hedged && request == put {
            assert_eq!(received[0].body, b"hello");
        }
        let spent = metric(&rig, "portunus_upstream_retry_budget_spent_total ").await;
        assert_eq!(spent, u64::from(more.contains("budget")));
        assert_eq!(metric(&rig, "portunus_upstream_kept_bytes ").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_as_many_as_may_be() {
    for (max, tries) in [(1, 2), (2, 3), (3, 3)] {
        let (one, two, three) = (silent().await, silent().await, silent().await);
        let more = format!(
            ", timeouts: {{ first_byte: 600ms }}, hedge: {{ after: 50ms, max: {max} }}, retries: {{ tries: 1 }}"
        );
        let rig = rig(&over(&[one.0, two.0, three.0], &more)).await;
        let answer = rig.get("/x", &[]).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (504, "upstream_timeout")
        );
        let asked = [&one.1, &two.1, &three.1].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(asked.iter().sum::<usize>(), tries, "{max}");
        assert!(
            asked.iter().all(|count| *count <= 1),
            "never the same twice"
        );
        let records = rig.wait_records(1).await;
        assert_eq!(usize::from(records[0].tries), tries);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_before_the_time_is_tried_again_as_ever() {
    let (bad, good) = (Recorder::start().await, Recorder::start().await);
    let more = ", hedge: { after: 10s }";
    let rig = rig(&over(&[bad.address, good.address], more)).await;
    bad.answer_next(DOWN);
    let put = "PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(rig.send(put).await.status, 200);
    assert_eq!(metric(&rig, HEDGED).await, 0);
    for target in [bad, good] {
        assert_eq!(target.take()[0].body, b"hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_takes_both_tries_along() {
    let (one, asked_one, left_one) = silent().await;
    let (two, asked_two, left_two) = silent().await;
    let rig = rig(&over(&[one, two], ", hedge: { after: 20ms }")).await;
    let mut client = rig.client().await;
    client.write(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n").await;
    until(&asked_one, 1).await;
    until(&asked_two, 1).await;
    drop(client);
    until(&left_one, 1).await;
    until(&left_two, 1).await;
    let records = rig.wait_records(1).await;
    assert_eq!((records[0].status, records[0].tries), (499, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_percentile_is_of_recent_answers() {
    let quick = [Upstream::start().await, Upstream::start().await];
    let more = ", hedge: { after: p95, least: 50ms }";
    let file = |targets: &[SocketAddr]| over(targets, more);
    // Its time stands still: every answer is there at once, and what is waited for is the least.
    let rig = Rig::with(
        &file(&quick.each_ref().map(|one| one.address)),
        |settings| {
            settings.workers = Some(1);
        },
    )
    .await;
    let mut client = rig.client().await;
    for _ in 0..100 {
        assert_eq!(client.get("/x/a", &[]).await.status, 200);
    }
    rig.advance(2);
    assert_eq!(client.get("/x/a", &[]).await.status, 200);
    assert_eq!(metric(&rig, HEDGED).await, 0);
    // What is known outlives a change of the targets.
    let (slow, asked, _) = silent().await;
    rig.load(&file(&[slow, quick[0].address]), 2).await;
    let began = Instant::now();
    let mut count = 0;
    while asked.load(Ordering::Relaxed) == 0 && count < 50 {
        assert_eq!(client.get("/x/a", &[]).await.status, 200);
        count += 1;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(metric(&rig, HEDGED).await, 1);
    assert_eq!(metric(&rig, WON).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_enough_answers_a_percentile_asks_nobody_else() {
    let (slow, asked, _) = silent().await;
    let fast = Upstream::start().await;
    let more = ", hedge: { after: p50 }, timeouts: { first_byte: 300ms }";
    let rig = rig(&over(&[slow, fast.address], more)).await;
    // The first turn is the slow one's.
    let answer = rig.get("/x/a", &[]).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (504, "upstream_timeout")
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(metric(&rig, HEDGED).await, 0);
}
