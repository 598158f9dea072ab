//! Targets that are taken out: nothing new, thirty seconds for what is under way, then its end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Client, Rig, Upstream};
use crate::upstreams::{always, metric, over, rig};

/// A request that waits for its target's answer.
async fn held(rig: &Rig, target: &Upstream) -> Client {
    let (before, mut client) = (target.requests(), rig.client().await);
    client
        .write(b"GET /x/hold HTTP/1.1\r\nHost: t\r\n\r\n")
        .await;
    while target.requests() == before {
        tokio::task::yield_now().await;
    }
    client
}

/// Long enough for the workers to look at the clock, and to tell those who wait.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1300)).await;
}

const CUT: &str = "portunus_upstream_removed_cut_total ";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_has_thirty_seconds() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let rig = rig(&over(&[old.address], "")).await;
    let (mut in_time, mut late) = (held(&rig, &old).await, held(&rig, &old).await);
    rig.load(&over(&[new.address], ""), 2).await;
    rig.advance(29);
    settle().await;
    assert_eq!(metric(&rig, CUT).await, 0);
    let mut client = rig.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!((old.requests(), new.requests()), (2, 20), "nothing new");
    old.release.notify_one();
    assert_eq!(in_time.read().await.status, 200);
    rig.advance(2);
    let answer = late.read().await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (502, "upstream_removed")
    );
    assert_eq!(metric(&rig, CUT).await, 1);
    let records = rig.wait_records(22).await;
    let cut: Vec<_> = records
        .iter()
        .filter(|one| one.code == "upstream_removed")
        .collect();
    assert_eq!((cut.len(), cut[0].status), (1, 502));
    assert!(
        records
            .iter()
            .all(|one| one.code.is_empty() || one.code == "upstream_removed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_back_or_rests_is_not_cut() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let more = ", timeouts: { first_byte: 1h }";
    let both = over(&[old.address, new.address], more);
    let resting = both.replacen("\" }", "\", weight: 0 }", 1);
    assert!(resting.contains("weight: 0"));
    let rig = rig(&both).await;
    let mut client = held_at(&rig, &old).await;
    rig.load(&over(&[new.address], more), 2).await;
    rig.advance(10);
    rig.load(&both, 3).await;
    rig.advance(60);
    settle().await;
    rig.load(&resting, 4).await;
    rig.advance(60);
    settle().await;
    assert_eq!(metric(&rig, CUT).await, 0);
    old.release.notify_one();
    assert_eq!(client.read().await.status, 200);
}

/// The same where turns decide who gets it.
async fn held_at(rig: &Rig, target: &Upstream) -> Client {
    for _ in 0..2 {
        let mut client = rig.client().await;
        let before = target.requests();
        client
            .write(b"GET /x/hold HTTP/1.1\r\nHost: t\r\n\r\n")
            .await;
        let arrived = async {
            while target.requests() == before {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_millis(500);
        if tokio::time::timeout(patience, arrived).await.is_ok() {
            return client;
        }
    }
    panic!("the target got nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_ends_as_well() {
    // The rest of its body never comes.
    let old = always("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    let new = Upstream::start().await;
    let rig = rig(&over(&[old], "")).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let request = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\nabc") {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0);
    }
    rig.load(&over(&[new.address], ""), 2).await;
    rig.advance(31);
    let rest = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut got));
    let _ = rest.await.expect("it is cut off");
    assert!(got.ends_with(b"\r\n\r\nabc"));
    let records = rig.wait_records(1).await;
    assert_eq!(
        (records[0].status, records[0].code.as_str()),
        (200, "upstream_removed")
    );
    assert_eq!(metric(&rig, CUT).await, 1);
}

/// Switches to a WebSocket and says nothing more.
async fn switching() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut got).await.unwrap() > 0);
        }
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        while matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_ends_as_well() {
    let new = Upstream::start().await;
    let rig = rig(&over(&[switching().await], "")).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let request = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0);
    }
    assert!(got.starts_with(b"HTTP/1.1 101 "));
    rig.load(&over(&[new.address], ""), 2).await;
    rig.advance(31);
    let rest = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut got));
    let _ = rest.await.expect("it is cut off");
    let records = rig.wait_records(1).await;
    assert_eq!(
        (records[0].status, records[0].code.as_str()),
        (101, "upstream_removed")
    );
}

/// Over HTTP/2 one connection carries all of them: each ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_end_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let old = listener.local_addr().unwrap();
    let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut held = Vec::new();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            // The first begins its answer, the other never does.
            let answer = if held.is_empty() {
                let answer = respond.send_response(http::Response::new(()), false);
                Some(answer.unwrap())
            } else {
                None
            };
            held.push((respond, answer));
            asked.send(()).unwrap();
        }
    });
    let new = Upstream::start().await;
    let rig = rig(&over(&[old], ", protocol: http2")).await;
    let (mut begun, mut silent) = (rig.client().await, rig.client().await);
    for client in [&mut begun, &mut silent] {
        client.write(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n").await;
        was_asked.recv().await.unwrap();
    }
    rig.load(&over(&[new.address], ""), 2).await;
    rig.advance(31);
    assert_eq!(silent.read().await.code(), "upstream_removed");
    let records = rig.wait_records(2).await;
    let mut all: Vec<_> = records
        .iter()
        .map(|one| (one.status, one.code.as_str()))
        .collect();
    all.sort_unstable();
    assert_eq!(all, [(200, "upstream_removed"), (502, "upstream_removed")]);
    assert_eq!(metric(&rig, CUT).await, 2);
    drop(begun);
}
