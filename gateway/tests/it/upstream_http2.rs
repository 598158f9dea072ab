//! Upstreams that are asked over HTTP/2. In it each frame says how long it is, and over HTTP/1.1 only
//! an answer's head does: an upstream must not decide where a client finds the next answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gateway::Resolver;
use http::Response;
use tokio::net::TcpListener;

use crate::rig::Rig;
use crate::upstreams::{metric, over, rig};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
const FORGED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";

/// An upstream that answers every request alike, with `body` behind a head that does not end it.
async fn answering(
    status: u16,
    lengths: &'static [&'static str],
    body: &'static [u8],
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut answer = Response::builder().status(status);
                    for length in lengths {
                        answer = answer.header("content-length", *length);
                    }
                    let answer = answer.body(()).unwrap();
                    let mut send = respond.send_response(answer, false).unwrap();
                    send.send_data(Bytes::from_static(body), true).unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_an_answer_without_a_body_is_not_the_next_answer() {
    let cases: [(u16, &'static [&'static str]); 3] = [
        (204, &[]),
        (304, &[]),
        // As long as what comes, so that the library takes it.
        (304, &["44"]),
    ];
    for (status, lengths) in cases {
        let target = answering(status, lengths, FORGED).await;
        let rig = rig(&over(&[target], ", protocol: http2")).await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            client.write(GET).await;
            let head = client.read_bare().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_read_in_two_ways_is_no_answer() {
    let cases: [(&'static [&'static str], u16); 5] = [
        (&[], 200),
        (&["2"], 200),
        (&["2", "2"], 502),
        (&["2", "02"], 502),
        (&["0000000000000000002"], 502),
    ];
    for (lengths, status) in cases {
        let target = answering(200, lengths, b"ok").await;
        let rig = rig(&over(&[target], ", protocol: http2")).await;
        let mut client = rig.client().await;
        client.write(GET).await;
        let answer = client.read().await;
        assert_eq!(answer.status, status, "{lengths:?}");
        if status == 200 {
            assert_eq!(answer.body, "ok", "{lengths:?}");
        } else {
            assert_eq!(answer.code(), "upstream_reset", "{lengths:?}");
        }
    }
}

/// An upstream that knows how many connections it has.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let open = counted.clone();
            open.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(Response::new(()), true).unwrap();
                }
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    (address, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_connections_that_were_made_at_once_eight_are_kept() {
    const CLIENTS: usize = 20;
    let (address, open) = counting().await;
    // All of them wait for the name, so that none finds a connection of another.
    let (known, knows) = tokio::sync::watch::channel(false);
    let resolver = Resolver::new(move |_, _| {
        let mut knows = knows.clone();
        async move {
            let _ = knows.wait_for(|knows| *knows).await;
            Ok(vec![address])
        }
    });
    let text = "portunus: 1\nupstreams: { u: { targets: [{ url: \"http://books.test\" }], protocol: http2, timeouts: { connect: 20s } } }\n\
         apis: { x: { versions: { v1: { match: { path: /x }, upstream: u } } } }\n";
    let rig = Rig::with(text, |settings| {
        settings.workers = Some(1);
        settings.resolver = resolver;
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = rig.client().await;
        client.write(GET).await;
        clients.push(client);
    }
    while metric(&rig, "portunus_requests_in_flight ").await < CLIENTS as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    known.send_replace(true);
    for client in &mut clients {
        assert_eq!(client.read().await.status, 200);
    }
    let few = async {
        while open.load(Ordering::Relaxed) > 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let few = tokio::time::timeout(Duration::from_secs(20), few).await;
    assert!(few.is_ok(), "{} are open", open.load(Ordering::Relaxed));
}
