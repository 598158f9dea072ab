//! The four times that an upstream has, and those that a version has in their place: each ends what
//! it is about, and the answer says which of them it was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::circuit::stuck;
use crate::rig::{Rig, Upstream};
use crate::upstreams::{metric, over, rig};

const PATIENCE: Duration = Duration::from_secs(20);
const CUT: &str = "portunus_timed_out_total{phase=\"upstream\"} ";

/// An upstream that says the first part of what it has at once, and the next parts each time that a
/// byte comes; then it is silent. Every connection is served alike.
async fn hesitant(parts: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while !got.ends_with(b"\r\n\r\n") {
                    if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                        return;
                    }
                }
                for part in parts {
                    stream.write_all(part.as_bytes()).await.unwrap();
                    got.clear();
                    if !matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                        return;
                    }
                }
                while matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
            });
        }
    });
    address
}

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
const NEVER: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
/// Waits for the whole of an answer before any of it goes on.
const WHOLE: &str = ", policies: [{ transform: { response: { body: { remove: [/secret] } } } }]";

/// A version that has `policies`, over `target`.
fn before(target: SocketAddr, timeouts: &str, policies: &str) -> String {
    let more = format!(", retries: {{ tries: 1 }}, timeouts: {{ {timeouts} }}");
    over(&[target], &more).replace("upstream: u }", &format!("upstream: u{policies} }}"))
}

/// Moves the gateway's clock on until the answer is there.
async fn as_time_goes_by<T>(rig: &Rig, answer: impl Future<Output = T>) -> T {
    let clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            rig.advance(2);
        }
    };
    tokio::select! {
        answer = tokio::time::timeout(PATIENCE, answer) => answer.expect("in time"),
        () = clock => unreachable!("it never ends"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_says_which_time_was_over() {
    let (closed, _filled) = stuck().await;
    let silent = hesitant(&[]).await;
    let begun = hesitant(&[NEVER]).await;
    for (target, timeouts, policies, said) in [
        (closed, "connect: 200ms", "", "no connection"),
        (silent, "first_byte: 5s", "", "no first byte of an answer"),
        (begun, "idle: 5s", WHOLE, "no further part of an answer"),
        // Its time is the real one while there is no answer, and the gateway's behind its head.
        (silent, "total: 300ms", "", "no whole answer, in all"),
        (begun, "total: 10s", WHOLE, "no whole answer, in all"),
    ] {
        let rig = rig(&before(target, timeouts, policies)).await;
        let mut client = rig.client().await;
        client.write(GET).await;
        let answer = as_time_goes_by(&rig, client.read()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (504, "upstream_timeout"),
            "{timeouts}"
        );
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{timeouts}: {detail}");
        let records = rig.wait_records(1).await;
        assert_eq!(records[0].code, "upstream_timeout", "{timeouts}");
    }
}

/// Reads until the connection ends, however it does.
async fn rest(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    while matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
    String::from_utf8_lossy(&got).into_owned()
}

/// Reads until `end` has come.
async fn until(stream: &mut TcpStream, end: &str) {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut got)).await;
        let text = String::from_utf8_lossy(&got);
        assert!(matches!(read, Ok(Ok(1..))), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_cut_off_and_not_ended() {
    const EVENTS: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
         9\r\ndata: 1\n\n\r\n",
    ];
    const BY_LENGTH: &[&str] = &[BEGUN];
    for (parts, seen) in [(BY_LENGTH, "abc"), (EVENTS, "data: 1\n\n\r\n")] {
        let target = hesitant(parts).await;
        let rig = rig(&before(target, "idle: 30s", "")).await;
        let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        stream.write_all(GET).await.unwrap();
        until(&mut stream, seen).await;
        // Not before its time: workers look every 100 ms.
        rig.advance(20);
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(metric(&rig, CUT).await, 0);
        rig.advance(15);
        let rest = tokio::time::timeout(PATIENCE, rest(&mut stream)).await;
        let rest = rest.expect("it is cut off");
        assert_eq!(rest, "", "nothing that could be taken for its end");
        assert_eq!(metric(&rig, CUT).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_is_not_idle_however_long_it_lasts() {
    const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
        Upgrade: websocket\r\n\r\nbegun";
    const HANDSHAKE: &[u8] = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let target = hesitant(&[SWITCHED, "1", "2", "3"]).await;
    let rig = rig(&before(target, "idle: 30s", "")).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    stream.write_all(HANDSHAKE).await.unwrap();
    until(&mut stream, "begun").await;
    // Each message, either way, begins the time anew.
    for number in ["1", "2", "3"] {
        rig.advance(20);
        // A request takes the worker's time along.
        assert_eq!(rig.get("/none", &[]).await.status, 404);
        stream.write_all(b"?").await.unwrap();
        until(&mut stream, number).await;
    }
    assert_eq!(
        metric(&rig, CUT).await,
        0,
        "a minute, and never half of one"
    );
    rig.advance(31);
    let rest = tokio::time::timeout(PATIENCE, rest(&mut stream)).await;
    assert_eq!(rest.expect("it is ended"), "");
    assert_eq!(metric(&rig, CUT).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http2_the_stream_alone_is_reset() {
    let target = hesitant(&[BEGUN]).await;
    let rig = rig(&before(target, "idle: 5s", "")).await;
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (mut sender, connection): (SendRequest<Bytes>, Connection<TcpStream>) =
        h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        sender = sender.ready().await.unwrap();
        let request = Request::get("http://t/x").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "abc");
        let broken = as_time_goes_by(&rig, body.data()).await;
        assert!(
            matches!(&broken, Some(Err(error)) if error.is_reset()),
            "{broken:?}"
        );
    }
    assert_eq!(rig.handle.connections(), 1, "the connection goes on");
}

/// Else clients could have targets ejected, which they need only to be slow for.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_its_time_is_no_target_that_does() {
    let upstream = Upstream::start().await;
    let rig = rig(&before(upstream.address, "first_byte: 3s", "")).await;
    let mut client = rig.client().await;
    let head = b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nab";
    client.write(head).await;
    while upstream.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Its own time for the rest is ten seconds.
    rig.advance(5);
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.write(b"cd").await;
    let answer = client.read().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["body"], "abcd");
}

/// An upstream of HTTP/2 that answers nothing on its first connection, as if its machine were gone.
async fn deaf_at_first() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut is_deaf = true;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut unanswered = Vec::new();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if is_deaf {
                        unanswered.push(respond);
                    } else {
                        let answer = http::Response::new(());
                        respond.send_response(answer, true).unwrap();
                    }
                }
            });
            is_deaf = false;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_connection_that_does_not_answer_gets_nothing_more() {
    let target = deaf_at_first().await;
    let text = before(target, "first_byte: 5s", "");
    let text = text.replace("upstreams: { u: {", "upstreams: { u: { protocol: http2,");
    let rig = rig(&text).await;
    let mut client = rig.client().await;
    client.write(GET).await;
    let answer = as_time_goes_by(&rig, client.read()).await;
    assert_eq!(answer.status, 504, "{}", answer.body);
    let answer = as_time_goes_by(&rig, rig.get("/x", &[])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// An upstream of HTTP/2 that never answers `/slow`, how many connections it has had, and how many
/// requests have come.
async fn picky() -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (had, come): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let (connections, requests) = (had.clone(), come.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::Relaxed);
            let requests = requests.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut unanswered = Vec::new();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    requests.fetch_add(1, Ordering::Relaxed);
                    if request.uri().path() == "/slow" {
                        unanswered.push(respond);
                    } else {
                        let answer = http::Response::new(());
                        respond.send_response(answer, true).unwrap();
                    }
                }
            });
        }
    });
    (address, had, come)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_connection_that_answers_others_goes_on() {
    let (target, connections, requests) = picky().await;
    let text = before(target, "first_byte: 5s", "");
    let text = text.replace("upstreams: { u: {", "upstreams: { u: { protocol: http2,");
    let rig = rig(&text).await;
    let mut slow = rig.client().await;
    slow.write(b"GET /x/slow HTTP/1.1\r\nHost: t\r\n\r\n").await;
    while requests.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Workers look at the clock every 100 ms.
    rig.advance(2);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(as_time_goes_by(&rig, slow.read()).await.status, 504);
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_too_late_in_all_has_failed() {
    let silent = hesitant(&[]).await;
    let breaker = "breaker: { errors: { ratio: 50, least: 2 } }, retries:";
    let text = before(silent, "total: 200ms", "").replace("retries:", breaker);
    let rig = rig(&text).await;
    for code in ["upstream_timeout", "upstream_timeout", "circuit_open"] {
        assert_eq!(rig.get("/x", &[]).await.code(), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_has_times_of_its_own() {
    let silent = hesitant(&[]).await;
    let begun = hesitant(&[NEVER]).await;
    for (target, upstreams, own, said) in [
        (
            silent,
            "first_byte: 12h",
            "first_byte: 5s",
            "no first byte of an answer",
        ),
        (
            begun,
            "idle: 12h",
            "idle: 5s",
            "no further part of an answer",
        ),
        (silent, "", "total: 300ms", "no whole answer, in all"),
        (begun, "total: 12h", "total: 10s", "no whole answer, in all"),
    ] {
        let own = format!(", timeouts: {{ {own} }}{WHOLE}");
        let rig = rig(&before(target, upstreams, &own)).await;
        let answer = as_time_goes_by(&rig, rig.get("/x", &[])).await;
        assert_eq!(answer.code(), "upstream_timeout", "{own}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{own}: {detail}");
    }
    // A longer silence than the upstream has, as streams ask for.
    let own = ", timeouts: { idle: 30s }";
    let target = hesitant(&[BEGUN]).await;
    let rig = rig(&before(target, "idle: 5s", own)).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    stream.write_all(GET).await.unwrap();
    until(&mut stream, "abc").await;
    rig.advance(20);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(metric(&rig, CUT).await, 0);
    rig.advance(15);
    let rest = tokio::time::timeout(PATIENCE, rest(&mut stream)).await;
    assert_eq!(rest.expect("it is cut off"), "");
    assert_eq!(metric(&rig, CUT).await, 1);
}

/// Others wait for it longer, and it serves them.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_in_a_hurry_does_not_fail_a_target() {
    let silent = hesitant(&[]).await;
    let breaker = "breaker: { errors: { ratio: 50, least: 2 } }, retries:";
    for own in ["total: 200ms", "first_byte: 2s"] {
        let text = before(silent, "", &format!(", timeouts: {{ {own} }}"));
        let rig = rig(&text.replace("retries:", breaker)).await;
        for _ in 0..4 {
            let answer = as_time_goes_by(&rig, rig.get("/x", &[])).await;
            assert_eq!(answer.code(), "upstream_timeout", "{own}");
        }
    }
}
