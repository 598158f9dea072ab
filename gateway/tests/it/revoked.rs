//! Tunnels and streams of callers who may not call any more: they end, and nobody else's do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Rig, key};
use crate::upstreams::metric;

const FILE: &str = r#"
portunus: 1
upstreams: { u: { targets: [{ url: "http://@TARGET@" }] } }
apis:
  x:
    versions:
      v1: { match: { path: /x }, upstream: u, policies: [{ key_auth: {} }] }
      v2: { match: { path: /seen }, upstream: u, policies: [{ key_auth: { mode: observe } }] }
products: { x: { versions: [x/v1, x/v2], plans: { free: {} } } }
applications:
  two: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: x, plan: free }] }
"#;

const GOOD: &str =
    r#"{ keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: x, plan: free }] }"#;

fn file(target: SocketAddr, one: &str) -> String {
    let file = FILE.replace("@TARGET@", &target.to_string());
    format!("{file}  one: {one}\n")
}

/// An upstream that echoes what comes where a WebSocket is asked for, and else sends an event and
/// says nothing more.
async fn lasting() -> SocketAddr {
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
                let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
                let answer: &[u8] = match head.contains("\r\nupgrade: websocket\r\n") {
                    true => {
                        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05begun"
                    }
                    false => {
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"
                    }
                };
                stream.write_all(answer).await.unwrap();
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

const SWITCH: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Asks, and waits until the answer has begun.
async fn open(rig: &Rig, path: &str, number: u8, lines: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let key = key(number);
    let key = key.as_str();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    while !got.windows(5).any(|five| five == b"begun") {
        let read = stream.read_buf(&mut got).await;
        assert!(
            matches!(read, Ok(1..)),
            "{:?}",
            String::from_utf8_lossy(&got)
        );
    }
    stream
}

/// Waits until the gateway has ended it, and returns what came before that.
async fn ended(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest));
    // It may be reset: what the client sent last was not read.
    let _ = read.await.expect("it is cut off");
    let text = String::from_utf8_lossy(&rest);
    assert!(!text.contains("0\r\n\r\n"), "no end is made up: {text}");
    rest
}

/// Close with 1008 (RFC 6455 §7.4.1).
const CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xf0];

async fn goes_on(stream: &mut TcpStream) {
    stream.write_all(b"ping").await.unwrap();
    let mut got = [0; 4];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut got));
    read.await.expect("in time").unwrap();
    assert_eq!(&got, b"ping");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_ends_with_what_let_it_in() {
    let target = lasting().await;
    let subscribed = "subscriptions: [{ product: x, plan: free }]";
    let of_key =
        |more: &str| format!(r#"{{ keys: [{{ name: a, value: "@KEY1@"{more} }}], {subscribed} }}"#);
    let of_subscription = |more: &str| GOOD.replace("plan: free", &format!("plan: free{more}"));
    let soon = "2026-11-20T12:00:20Z";
    for (one, seconds, code) in [
        (format!("{{ {subscribed} }}"), 0, "key_invalid"),
        (of_key(", cidrs: [10.0.0.0/8]"), 0, "ip_denied"),
        (
            of_key(&format!(r#", expires_at: "{soon}""#)),
            21,
            "key_expired",
        ),
        (
            GOOD.replace("{ keys", "{ enabled: false, keys"),
            0,
            "application_disabled",
        ),
        (
            GOOD.replace(subscribed, "subscriptions: []"),
            0,
            "not_subscribed",
        ),
        (of_subscription(", paused: true"), 0, "subscription_paused"),
        (
            of_subscription(&format!(r#", ends_at: "{soon}""#)),
            21,
            "subscription_expired",
        ),
    ] {
        let rig = Rig::new(&file(target, GOOD)).await;
        let tunnel = open(&rig, "/x", 1, SWITCH).await;
        let stream = open(&rig, "/x", 1, "").await;
        let mut watched = open(&rig, "/seen", 1, SWITCH).await;
        let mut other = open(&rig, "/x", 2, SWITCH).await;
        rig.load(&file(target, &one), 2).await;
        rig.advance(seconds);
        assert_eq!(ended(tunnel).await, CLOSE);
        ended(stream).await;
        goes_on(&mut other).await;
        goes_on(&mut watched).await;
        let mut records: Vec<_> = rig
            .wait_records(2)
            .await
            .into_iter()
            .map(|record| (record.status, record.code))
            .collect();
        records.sort_unstable();
        let code = code.to_owned();
        assert_eq!(records, [(101, code.clone()), (200, code)]);
        assert_eq!(metric(&rig, "portunus_streams_revoked_total ").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_has_begun_is_not_broken_by_one_of_ours() {
    let target = lasting().await;
    let rig = Rig::new(&file(target, GOOD)).await;
    let mut tunnel = open(&rig, "/x", 1, SWITCH).await;
    // What comes back is the head of a frame, and less of its payload than it says.
    tunnel.write_all(b"\x81\x09half").await.unwrap();
    let mut got = [0; 6];
    tunnel.read_exact(&mut got).await.unwrap();
    let gone = "{ subscriptions: [{ product: x, plan: free }] }";
    rig.load(&file(target, gone), 2).await;
    assert_eq!(ended(tunnel).await, b"");
    assert_eq!(metric(&rig, "portunus_streams_revoked_total ").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_outlives_changes_that_are_not_about_it() {
    let target = lasting().await;
    let rig = Rig::new(&file(target, GOOD)).await;
    let mut tunnel = open(&rig, "/x", 1, SWITCH).await;
    for number in 2..5 {
        let one = GOOD.replace("{ keys", &format!("{{ labels: {{ a: b{number} }}, keys"));
        rig.load(&file(target, &one), number).await;
        // Longer than a round takes.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        goes_on(&mut tunnel).await;
    }
    assert_eq!(metric(&rig, "portunus_streams_revoked_total ").await, 0);
}

/// An upstream that takes what comes and says nothing, and tells when a body has begun.
async fn silent() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let begun = begun.clone();
            tokio::spawn(async move {
                let mut got = Vec::new();
                while matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                    if got.ends_with(b"begun") {
                        begun.send(()).unwrap();
                    }
                }
            });
        }
    });
    (address, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_answered_yet_is_told_why_it_ends() {
    let (target, mut begun) = silent().await;
    let rig = Rig::new(&file(target, GOOD)).await;
    let key = key(1);
    let head = format!("POST /x HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}", key.as_str());
    let request = format!("{head}\r\nContent-Length: 1000\r\n\r\nbegun");
    let mut client = rig.client().await;
    client.write(request.as_bytes()).await;
    begun.recv().await.unwrap();
    let gone = "{ subscriptions: [{ product: x, plan: free }] }";
    rig.load(&file(target, gone), 2).await;
    let read = tokio::time::timeout(Duration::from_secs(20), client.read());
    let answer = read.await.expect("within a few seconds");
    assert_eq!((answer.status, &*answer.code()), (401, "key_invalid"));
    assert_eq!(answer.field("connection"), Some("close"));
    drop(client);
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!((record.status, &*record.code), (401, "key_invalid"));
    assert_eq!(metric(&rig, "portunus_streams_revoked_total ").await, 1);
}
