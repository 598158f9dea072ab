//! The end of a gateway: what is in flight is answered, then it is gone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway::source::{Change, channel};
use gateway::{Inherited, Resolver, Settings, prepare};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Client, Rig, Upstream, snapshot};
use crate::upstreams::metric;

const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo } } } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_answered() {
    let rig = Rig::new(OPEN).await;
    let address = rig.handle.gateway;
    let mut idle = rig.client().await;
    idle.get("/", &[]).await;
    let mut busy = rig.client().await;
    busy.write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while rig.upstream.requests.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    let upstream = rig.upstream.clone();
    let rings = rig.handle.rings.clone();
    let ending = tokio::spawn(rig.handle.shutdown());
    assert!(idle.is_closed().await, "idle connections go at once");
    assert!(!ending.is_finished());
    // Each worker lets go of its own listener.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    upstream.release.notify_one();
    let answer = busy.read().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (200, Some("close"))
    );
    ending.await.unwrap();
    assert_eq!(rings.drain(|_| {}), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_the_end_is_answered() {
    const EACH: usize = 100;
    let rig = Rig::with(OPEN, |settings| {
        settings.limits.connections_per_address = 2 * EACH;
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..EACH {
        let mut kept = rig.client().await;
        assert_eq!(kept.get("/", &[]).await.status, 200);
        clients.push(kept);
    }
    // Some of these are still in the queue of a listener when that is closed.
    for _ in 0..EACH {
        clients.push(rig.client().await);
    }
    for client in clients.iter_mut().rev() {
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    let ending = tokio::spawn(rig.handle.shutdown());
    for client in &mut clients {
        assert_eq!(client.read().await.status, 200);
    }
    ending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_in_time() {
    let rig = Rig::with(OPEN, |settings| settings.drain = Duration::from_millis(200)).await;
    let mut busy = rig.client().await;
    busy.write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while rig.upstream.requests.load(Ordering::Relaxed) < 1 {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(5), rig.handle.shutdown())
        .await
        .unwrap();
    assert!(busy.try_read().await.is_none());
}

/// Closing with something of a client unread would reset what that has not taken yet, however much it
/// is; and who sends on for ever is not listened to for ever.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_on_when_it_is_cut_off_is_heard_for_a_moment() {
    /// Above what the system holds of a connection that nobody reads.
    const MORE: usize = 1024 * 1024;
    let rig = Rig::with(OPEN, |settings| settings.drain = Duration::from_millis(200)).await;
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    to.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    while rig.upstream.requests.load(Ordering::Relaxed) < 1 {
        tokio::task::yield_now().await;
    }
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let sending = tokio::spawn(async move {
        while let Ok(more) = to.write(&[b'x'; 16 * 1024]).await {
            counted.fetch_add(more, Ordering::Relaxed);
        }
    });
    let ending = tokio::spawn(rig.handle.shutdown());
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), from.read_to_end(&mut bytes));
    assert_eq!(read.await.expect("an end").unwrap(), 0);
    let before = sent.load(Ordering::Relaxed);
    while sent.load(Ordering::Relaxed) < before + MORE {
        assert!(!sending.is_finished(), "reset");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for ended in [ending, sending] {
        let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
        ended.expect("an end").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_turn_never_comes_takes_nobody_along() {
    let upstream = Upstream::start().await;
    let settings = || Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin: None,
        workers: Some(1),
        ..Settings::default()
    };
    let (changes, received) = channel();
    let first = prepare(settings(), received, Inherited::default()).unwrap();
    let mut early = Client::connect(first.gateway).await;
    early.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (_none, nothing) = channel();
    let second = prepare(settings(), nothing, first.listeners().unwrap()).unwrap();
    second.shutdown().await;
    let state = snapshot(OPEN, &upstream, 1);
    changes.send(Change::Full(Box::new(state))).await.unwrap();
    first.ready().await;
    first.begin();
    assert_eq!(early.read().await.status, 200);
    first.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_for_health_leads_to_the_next_process() {
    let rig = Rig::new(OPEN).await;
    let mut probe = Client::connect(rig.handle.admin.unwrap()).await;
    assert_eq!(probe.get("/readyz", &[]).await.status, 200);
    rig.handle.relieve();
    assert!(probe.is_closed().await);
    rig.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_ended_in_a_panic_is_not_waited_for() {
    // Only a request panics, not who asks in the background.
    let resolver = Resolver::new(|_, _| {
        let thread = std::thread::current();
        let is_worker = thread
            .name()
            .is_some_and(|name| name.starts_with("gateway-"));
        assert!(!is_worker, "a panic of this test's own");
        async { Err(io::Error::other("no answer")) }
    });
    let text = OPEN.replace("@UPSTREAM@", "books.test");
    let rig = Rig::with(&text, |settings| {
        settings.resolver = resolver;
        settings.drain = Duration::from_secs(60);
    })
    .await;
    // No question is under way then that the request would only wait for.
    while metric(&rig, "portunus_upstream_resolves_failed_total ").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.get("/", &[]).await.code(), "internal");
    tokio::time::timeout(Duration::from_secs(30), rig.handle.shutdown())
        .await
        .unwrap();
}
