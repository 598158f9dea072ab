//! HTTP/1 in its less usual shapes: interim answers, bodies without a length, old clients, answers
//! that are none, WebSocket and event streams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Rig, upstream};

const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway in front of an upstream that answers so, and then closes.
async fn before(answer: &'static str) -> Rig {
    let address = upstream::scripted(vec![vec![answer]; 20]).await;
    in_front_of(address).await
}

async fn in_front_of(address: std::net::SocketAddr) -> Rig {
    let text = format!(
        "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: 'http://{address}' }}] }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: / }}, upstream: u }} }} }} }}\n"
    );
    Rig::new(&text).await
}

/// Everything that comes until the end.
async fn raw(rig: &Rig, request: &str) -> String {
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("an end");
    String::from_utf8(bytes).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";

/// Each answer of an upstream, and what a client of each version gets of its body.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_end_where_the_upstream_says() {
    for (answer, new, old) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "content-length: 2|ok",
            "content-length: 2|ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x\r\nk\r\n0\r\nT: x\r\n\r\n",
            "transfer-encoding: chunked|0002\r\nok\r\n0\r\n\r\n",
            "|ok",
        ),
        // By its end.
        (
            "HTTP/1.1 200 OK\r\n\r\nok",
            "transfer-encoding: chunked|0002\r\nok\r\n0\r\n\r\n",
            "|ok",
        ),
        (
            "HTTP/1.0 200 OK\nContent-Length: 2\n\nok",
            "content-length: 2|ok",
            "content-length: 2|ok",
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
            "|",
            "|",
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
            "content-length: 2|",
            "content-length: 2|",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "content-length: 2|ok",
            "content-length: 2|ok",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "content-length: 2|ok",
            "content-length: 2|ok",
        ),
        // Bytes behind an answer are nobody's.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "content-length: 2|ok",
            "content-length: 2|ok",
        ),
    ] {
        let rig = before(answer).await;
        for (request, expected) in [(GET, new), (OLD, old)] {
            let got = raw(&rig, request).await;
            let (head, body) = got.split_once("\r\n\r\n").unwrap();
            let lines = head.lines().map(str::to_ascii_lowercase);
            let framing: Vec<String> = lines
                .filter(|line| line.starts_with("content-length") || line.starts_with("transfer"))
                .collect();
            assert_eq!(
                format!("{}|{body}", framing.join(",")),
                expected,
                "{answer:?} {request:?}"
            );
            assert!(head.contains("connection: close"), "{head}");
            assert!(head.contains("\r\ndate: "), "{head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_are_told_as_such() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let rig = before(answer).await;
        let answer = rig.get("/", &[]).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "upstream_reset")
        );
    }
}

/// A body that is cut off is seen to be: no client takes a part for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_does_not_look_whole() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n",
    ] {
        let rig = before(answer).await;
        let got = raw(&rig, GET).await;
        assert!(got.contains("ok") && !got.ends_with("0\r\n\r\n"), "{got:?}");
        let records = rig.wait_records(1).await;
        assert_eq!((records[0].status, records[0].bytes_out), (200, 2));
    }
}

/// Where only the connection's end would say that a body is whole, that of a part is a reset.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_is_reset_for_old_clients() {
    for (answer, is_whole) in [
        ("2\r\nok\r\n0\r\n\r\n", true),
        ("2\r\nok\r\n", false),
        ("2\r\nok\r\nzz\r\n", false),
    ] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let rig = before(format!("{head}{answer}").leak()).await;
        let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        stream.write_all(OLD.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("an end");
        let reset = read.err().map(|error| error.kind());
        let expected = (!is_whole).then_some(std::io::ErrorKind::ConnectionReset);
        assert_eq!(reset, expected, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_may_keep_their_connection() {
    let rig = Rig::new(
        "portunus: 1\nupstreams: { u: { targets: [{ url: 'http://@UPSTREAM@' }] } }\n\
         apis: { x: { versions: { v1: { match: { path: / }, upstream: u } } } }\n",
    )
    .await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        let request = "GET /x HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n";
        let answer = client.send(request).await;
        assert_eq!(
            (answer.status, answer.field("connection")),
            (200, Some("keep-alive"))
        );
    }
    let answer = client.send(OLD).await;
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(client.is_closed().await);
    // A HEAD has the fields of a GET and no body, and the connection goes on behind it.
    let mut client = rig.client().await;
    client
        .write(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nHEAD /nowhere HTTP/1.0\r\n\r\n")
        .await;
    let got = raw(&rig, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nHEAD /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let heads: Vec<&str> = got.split("\r\n\r\n").collect();
    assert_eq!(heads.len(), 3, "{got}");
    assert!(
        heads[0].starts_with("HTTP/1.1 200") && heads[1].starts_with("HTTP/1.1 400"),
        "{got}"
    );
    assert_eq!(heads[2], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_be_asked_is_asked() {
    let rig = Rig::new(
        "portunus: 1\nupstreams: { u: { targets: [{ url: 'http://@UPSTREAM@' }] } }\n\
         apis: { x: { versions: { v1: { match: { path: /x }, upstream: u } } } }\n",
    )
    .await;
    let mut client = rig.client().await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
    };
    assert_eq!(client.send(&head("/x")).await.status, 100);
    let answer = client.send("ab").await;
    assert_eq!(
        (answer.status, answer.json()["body"].as_str()),
        (200, Some("ab"))
    );
    // Refused without being asked: it may send its body or not, so the connection ends.
    let answer = client.send(&head("/nowhere")).await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (404, Some("close"))
    );
    assert!(client.is_closed().await);
}

/// An upstream that echoes what comes behind its head, and says how many it spoke to.
async fn echo(answer: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while !got.windows(4).any(|four| four == b"\r\n\r\n") {
                    if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                        return;
                    }
                }
                let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
                assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
                assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
                assert!(
                    head.ends_with("\r\n\r\n"),
                    "nothing goes on before the answer: {head}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n\r\nhello ";

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_bytes_both_ways() {
    let rig = in_front_of(echo(SWITCHED).await).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    // Bytes behind the handshake wait for the upstream's answer.
    let early = format!("{HANDSHAKE}early ");
    stream.write_all(early.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read_until = async |stream: &mut TcpStream, got: &mut Vec<u8>, end: &str| {
        while !got.ends_with(end.as_bytes()) {
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(got)).await;
            assert!(
                matches!(read, Ok(Ok(1..))),
                "{:?}",
                String::from_utf8_lossy(got)
            );
        }
    };
    read_until(&mut stream, &mut got, "hello early ").await;
    let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for line in [
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-accept: hsm",
    ] {
        assert!(head.contains(line), "{line}");
    }
    let big = "x".repeat(300_000);
    got.clear();
    let (mut from, mut to) = stream.split();
    let write = to.write_all(big.as_bytes());
    let read = async {
        while got.len() < big.len() {
            assert!(from.read_buf(&mut got).await.unwrap() > 0);
        }
    };
    let both = tokio::time::timeout(PATIENCE, async { tokio::join!(write, read) });
    both.await.expect("all of it came back").0.unwrap();
    assert!(got.iter().all(|byte| *byte == b'x'));
    stream.shutdown().await.unwrap();
    got.clear();
    read_until(&mut stream, &mut got, "").await;
    assert!(matches!(stream.read_buf(&mut got).await, Ok(0)));
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!((record.status, record.bytes_in), (101, 300_006));
    assert_eq!(record.bytes_out, 300_012);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_handshake_is_an_answer_like_others() {
    let rig =
        in_front_of(echo("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await).await;
    let mut client = rig.client().await;
    let answer = client.send(HANDSHAKE).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "no"));
    assert_eq!(answer.field("upgrade"), None);
    // Other protocols are not spoken, so nobody is asked for them.
    let rig = before("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let answer = rig.get("/", &["Connection: upgrade", "Upgrade: h2c"]).await;
    assert_eq!(answer.status, 200);
}

/// A frame in is a frame out: each event is seen before the next one is written.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_not_held_back() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = in_front_of(listener.local_addr().unwrap()).await;
    let writing = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for number in 0..5 {
            while SEEN.load(Ordering::Acquire) < number {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let event = format!("data: {number}\n\n");
            stream.write_all(event.as_bytes()).await.unwrap();
        }
    });
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    for number in 0..5 {
        let event = format!("data: {number}\n\n\r\n");
        while !got.ends_with(event.as_bytes()) {
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut got)).await;
            assert!(
                matches!(read, Ok(Ok(1..))),
                "{:?}",
                String::from_utf8_lossy(&got)
            );
        }
        SEEN.store(number + 1, Ordering::Release);
    }
    writing.await.unwrap();
}

/// However an upstream's bytes are cut, interim answers among them.
#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_pieces() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(50);
    let answer = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = in_front_of(listener.local_addr().unwrap()).await;
    tokio::spawn(async move {
        for size in [1, 7, 26, 27, 1000] {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut got = Vec::new();
            while !got.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut got).await.unwrap() > 0);
            }
            for piece in answer.as_bytes().chunks(size) {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..5 {
        let got = raw(&rig, GET).await;
        assert!(
            got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nok"),
            "{got:?}"
        );
    }
}
