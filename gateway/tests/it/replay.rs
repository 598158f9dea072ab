//! Bodies that are kept while they are sent, so that a request with one can be tried again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::Recorder;
use crate::upstreams::{DOWN, FINE, metric, over, rig};

/// Every byte of it says where it stands.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

fn with_length(method: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{method} /x/a HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn in_chunks(method: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{method} /x/a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut out = head.into_bytes();
    for part in body.chunks(3000) {
        out.extend(format!("{:x}\r\n", part.len()).bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

const KIB: usize = 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_arrives_whole_once_per_try() {
    type Framed = fn(&str, &[u8]) -> Vec<u8>;
    let (length, chunks): (Framed, Framed) = (with_length, in_chunks);
    for (method, framed, size, tries) in [
        ("PUT", length, 10 * KIB, 2),
        ("PUT", chunks, 10 * KIB, 2),
        ("DELETE", length, 1, 2),
        ("PUT", length, 64 * KIB, 2),
        ("PUT", chunks, 64 * KIB, 2),
        // Too long, or not idempotent.
        ("PUT", length, 64 * KIB + 1, 1),
        ("PUT", chunks, 64 * KIB + 1, 1),
        ("PUT", chunks, 300 * KIB, 1),
        ("POST", length, 10, 1),
        ("PATCH", chunks, 10, 1),
    ] {
        let target = Recorder::start().await;
        let rig = rig(&over(&[target.address], "")).await;
        let mut client = rig.client().await;
        let body = body(size);
        for round in 0..2 {
            target.answer_next(DOWN);
            client.write(&framed(method, &body)).await;
            let answer = client.read().await;
            let wanted = if tries == 2 { 200 } else { 503 };
            assert_eq!(answer.status, wanted, "{method} {size} {round}");
            let received = target.take();
            assert_eq!(received.len(), tries, "{method} {size} {round}");
            for one in &received {
                assert!(one.line.starts_with(method) && one.body == body);
            }
        }
        let records = rig.wait_records(2).await;
        assert!(
            records
                .iter()
                .all(|record| usize::from(record.tries) == tries)
        );
        assert!(records.iter().all(|record| record.bytes_in == size as u64));
        assert_eq!(metric(&rig, "portunus_upstream_kept_bytes ").await, 0);
        assert_eq!(metric(&rig, "portunus_upstream_not_kept_total ").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_tried_again_nothing_is_kept() {
    let target = Recorder::start().await;
    let rig = rig(&over(&[target.address], ", retries: { tries: 1 }")).await;
    target.answer_next(DOWN);
    let mut client = rig.client().await;
    client.write(&with_length("PUT", &body(100))).await;
    assert_eq!(client.read().await.status, 503);
    assert_eq!(target.take().len(), 1);
}

/// Reads one request with a length; `None` at the end.
async fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if got.len() == end + 4 + length {
                return Some(got[end + 4..].to_vec());
            }
        }
        if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
            return None;
        }
    }
}

/// Answers one request on each connection, reads the next and closes without a word.
async fn forgetful() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (
        listener.local_addr().unwrap(),
        Arc::new(AtomicUsize::new(0)),
    );
    let count = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let count = count.clone();
            tokio::spawn(async move {
                for answer in [FINE, ""] {
                    let Some(got) = request(&mut stream).await else {
                        return;
                    };
                    assert_eq!(got, body(5000));
                    count.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_is_made_anew_for_a_body_too() {
    let (address, seen) = forgetful().await;
    let rig = rig(&over(&[address], "")).await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        client.write(&with_length("PUT", &body(5000))).await;
        assert_eq!(client.read().await.status, 200);
    }
    assert_eq!(seen.load(Ordering::Relaxed), 3);
    client.write(&with_length("POST", &body(5000))).await;
    assert_eq!(client.read().await.code(), "upstream_reset");
}

/// Says no to a head at once; the next time says yes at once, and counts what comes behind it.
async fn hasty(total: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in [DOWN, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            let end = loop {
                assert!(stream.read_buf(&mut got).await.unwrap() > 0);
                if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
                    break end + 4;
                }
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer == DOWN {
                continue;
            }
            while got.len() < end + total {
                assert!(stream.read_buf(&mut got).await.unwrap() > 0);
            }
            assert!(got[end..] == body(total), "each byte in its place");
            stream.write_all(b"whole").await.unwrap();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_does_not_cut_the_body() {
    let size = 64 * KIB;
    let address = hasty(size).await;
    let rig = rig(&over(&[address], "")).await;
    let mut client = rig.client().await;
    let whole = with_length("PUT", &body(size));
    // The first try is over before the second half is on its way.
    let (first, second) = whole.split_at(30 * KIB);
    client.write(first).await;
    while metric(&rig, "portunus_upstream_retried_total ").await == 0 {
        tokio::task::yield_now().await;
    }
    client.write(second).await;
    let answer = client.read().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "whole"));
}

/// The same over HTTP/2, where the window is one byte less than the body: its end is still here
/// when the answer comes.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_over_http2_does_not_cut_the_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        for status in [503, 200] {
            let (request, mut respond) = connection.accept().await.unwrap().unwrap();
            let answer = http::Response::builder().status(status).body(()).unwrap();
            let mut send = respond.send_response(answer, status == 503).unwrap();
            if status == 503 {
                continue;
            }
            tokio::spawn(async move {
                let (mut incoming, mut got) = (request.into_body(), Vec::new());
                while let Some(data) = incoming.data().await {
                    let data = data.unwrap();
                    got.extend_from_slice(&data);
                    // Late, so that the answer is there before the last byte.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    let _ = incoming.flow_control().release_capacity(data.len());
                }
                assert!(got == body(64 * KIB), "each byte in its place");
                send.send_data(bytes::Bytes::from_static(b"whole"), true)
                    .unwrap();
            });
        }
        while let Some(Ok(_)) = connection.accept().await {}
    });
    let rig = rig(&over(&[address], ", protocol: http2")).await;
    let mut client = rig.client().await;
    client.write(&with_length("PUT", &body(64 * KIB))).await;
    let answer = client.read().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "whole"));
    let records = rig.wait_records(1).await;
    assert_eq!(records[0].tries, 2);
}
