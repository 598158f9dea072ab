//! Upstreams that are asked over HTTP/2. In it each frame says how long it is, and over HTTP/1.1 only
//! an answer's head does: an upstream must not decide where a client finds the next answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gateway::Resolver;
use h2::{Reason, RecvStream};
use http::Response;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::rig::frames::Frames;
use crate::rig::{Client, Rig};
use crate::upstreams::{metric, over, rig};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
const KIB: usize = 1024;
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

/// An upstream that takes so many requests at a time on a connection, and so many connections, and
/// answers none before it is told to.
struct Waiting {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    answers: watch::Sender<bool>,
}

impl Waiting {
    async fn start(streams: u32, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let waiting = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            answers: watch::Sender::new(false),
        };
        let (connections, requests) = (waiting.connections.clone(), waiting.requests.clone());
        let told = waiting.answers.subscribe();
        tokio::spawn(async move {
            for _ in 0..most {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let (requests, told) = (requests.clone(), told.clone());
                tokio::spawn(async move {
                    let mut builder = h2::server::Builder::new();
                    builder.max_concurrent_streams(streams);
                    let handshake = builder.handshake::<_, Bytes>(stream).await;
                    let mut connection = handshake.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        requests.fetch_add(1, Ordering::Relaxed);
                        let mut told = told.clone();
                        tokio::spawn(async move {
                            let _ = told.wait_for(|told| *told).await;
                            respond.send_response(Response::new(()), true).unwrap();
                        });
                    }
                });
            }
        });
        waiting
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_makes_as_many_connections_as_its_requests_need() {
    // Clients; streams that a connection takes; connections that may be; those that are made, of which
    // there are eight at most; and requests that have come over them before the first is answered. The
    // gateway has 128 on one, while it can have another.
    for (clients, streams, most, connections, requests) in [
        (20, 100, 50, 1, 20),
        (20, 20, 50, 1, 20),
        (20, 7, 50, 3, 20),
        (20, 2, 50, 8, 16),
        (130, 1000, 50, 2, 130),
        (130, 1000, 1, 1, 130),
    ] {
        let target = Waiting::start(streams, most).await;
        // All of them wait for the name, so that none finds a connection of another.
        let (known, knows) = watch::channel(false);
        let address = target.address;
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
            settings.limits.connections_per_address = clients;
        })
        .await;
        let mut waiting = Vec::new();
        for _ in 0..clients {
            let mut client = rig.client().await;
            client.write(GET).await;
            waiting.push(client);
        }
        while metric(&rig, "portunus_requests_in_flight ").await < clients as u64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        known.send_replace(true);
        let come = async {
            while target.requests.load(Ordering::Relaxed) < requests {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let come = tokio::time::timeout(Duration::from_secs(20), come).await;
        assert!(come.is_ok(), "{streams} streams: {:?}", target.requests);
        target.answers.send_replace(true);
        for client in &mut waiting {
            assert_eq!(client.read().await.status, 200, "{streams} streams");
        }
        let made = target.connections.load(Ordering::Relaxed);
        assert_eq!(made, connections, "{streams} streams");
        let crowded = metric(&rig, "portunus_upstream_crowded_total").await;
        let is_crowded = clients > connections * streams.min(128) as usize;
        assert_eq!(crowded > 0, is_crowded, "{streams} streams");
    }
}

/// More than is taken of it anywhere on its way to a client that reads nothing.
static LARGE: [u8; 16 << 20] = [0; 16 << 20];

/// An upstream that answers `/large` with that and all else with two bytes, each connection when it is
/// told to, and counts its connections.
async fn plentiful(told: watch::Receiver<bool>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let mut told = told.clone();
            tokio::spawn(async move {
                let _ = told.wait_for(|told| *told).await;
                let Ok(mut connection) = h2::server::handshake(stream).await else {
                    return;
                };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let is_large = request.uri().path() == "/large";
                    let body: &'static [u8] = if is_large { &LARGE[..] } else { b"ok" };
                    let mut send = respond.send_response(Response::new(()), false).unwrap();
                    send.send_data(Bytes::from_static(body), true).unwrap();
                }
            });
        }
    });
    (address, connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_hold_up_no_other_on_their_connection() {
    let (_speaks, told) = watch::channel(true);
    let (target, connections) = plentiful(told).await;
    let rig = rig(&over(&[target], ", protocol: http2")).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let socket = TcpSocket::new_v4().unwrap();
        // What the system takes for them is not what is looked at.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let mut client = Client::over(socket.connect(rig.handle.gateway).await.unwrap());
        client
            .write(b"GET /x/large HTTP/1.1\r\nHost: t\r\n\r\n")
            .await;
        let head = client.read_bare().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        slow.push(client);
    }
    let mut quick = rig.client().await;
    // Meanwhile what may be on its way to the others has come.
    for _ in 0..50 {
        let answer = quick.get("/x", &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_made_though_who_asked_for_it_is_gone() {
    let (speaks, told) = watch::channel(false);
    let (target, connections) = plentiful(told).await;
    let more = ", protocol: http2, retries: { tries: 1 }, timeouts: { connect: 20s, total: 1s }";
    let rig = rig(&over(&[target], more)).await;
    let answer = rig.get("/x", &[]).await;
    assert_eq!(answer.code(), "upstream_timeout");
    speaks.send_replace(true);
    let answer = rig.get("/x", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_connection_that_fails_fail_with_it() {
    const CLIENTS: usize = 20;
    // It takes connections and says nothing of HTTP/2 before it ends them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let more = ", protocol: http2, retries: { tries: 1 }, timeouts: { connect: 20s }";
    let rig = rig(&over(&[address], more)).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = rig.client().await;
        client.write(GET).await;
        clients.push(client);
    }
    while metric(&rig, "portunus_requests_in_flight ").await < CLIENTS as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (stream, _) = listener.accept().await.unwrap();
    drop(stream);
    for client in &mut clients {
        assert_eq!(client.read().await.code(), "upstream_unreachable");
    }
}

/// All of a body, as it comes.
pub async fn whole(mut body: RecvStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    bytes
}

/// Refuses requests as long as fewer than `first` have come, each as soon as there is a head, and
/// answers the others with the body that it got of them.
async fn serve(stream: TcpStream, first: usize, requests: Arc<AtomicUsize>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if requests.fetch_add(1, Ordering::Relaxed) < first {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        tokio::spawn(async move {
            let body = whole(request.into_body()).await;
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(body.into(), true).unwrap();
        });
    }
}

/// An upstream that does so, and how many requests it got.
async fn refusing(first: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, first, count.clone()));
        }
    });
    (address, requests)
}

/// A request with a body of so many bytes, each of which says where it stands; and that body.
fn with_body(method: &str, length: usize) -> (Vec<u8>, Vec<u8>) {
    let body: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
    let head = format!("{method} /x HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n");
    ([head.as_bytes(), &body].concat(), body)
}

/// Whoever refuses a stream has done nothing with it (RFC 9113 §8.7).
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_sent_again_whatever_its_method() {
    for (method, length, more, tries) in [
        ("GET", 0, "", 2),
        ("POST", 0, "", 2),
        ("POST", 10, "", 2),
        ("PATCH", 64 * KIB, "", 2),
        ("POST", 10, ", retries: { tries: 1 }", 1),
        ("POST", 10, ", retries: { budget: 0, least: 0 }", 1),
    ] {
        let (target, requests) = refusing(1).await;
        let rig = rig(&over(&[target], &format!(", protocol: http2{more}"))).await;
        let mut client = rig.client().await;
        let (request, body) = with_body(method, length);
        client.write(&request).await;
        let answer = client.read().await;
        let named = format!("{method} {length}{more}");
        if tries == 2 {
            assert_eq!((answer.status, answer.raw), (200, body), "{named}");
        } else {
            assert_eq!(answer.status, 502, "{named}");
            assert_eq!(answer.code(), "upstream_reset", "{named}");
        }
        let records = rig.wait_records(1).await;
        assert_eq!(records[0].tries, tries, "{named}");
        assert_eq!(requests.load(Ordering::Relaxed), usize::from(tries));
        assert_eq!(metric(&rig, "portunus_upstream_kept_bytes ").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_target_refused_another_takes() {
    for (method, length) in [("GET", 0), ("POST", 0), ("POST", 10), ("POST", 64 * KIB)] {
        let (bad, refused) = refusing(usize::MAX).await;
        let (good, taken) = refusing(0).await;
        let rig = rig(&over(&[bad, good], ", protocol: http2")).await;
        let mut client = rig.client().await;
        let (request, body) = with_body(method, length);
        // Each target is the first of one of them.
        for _ in 0..2 {
            client.write(&request).await;
            let answer = client.read().await;
            assert_eq!(answer.status, 200, "{method} {length}: {answer:?}");
            assert_eq!(answer.raw, body, "{method} {length}");
        }
        assert_eq!(taken.load(Ordering::Relaxed), 2, "{method} {length}");
        let refused = refused.load(Ordering::Relaxed);
        assert!(refused >= 1, "{method} {length}");
        let records = rig.wait_records(2).await;
        let tries: usize = records.iter().map(|record| usize::from(record.tries)).sum();
        assert_eq!(tries, 2 + refused, "{method} {length}");
        let good = good.to_string();
        assert!(records.iter().all(|record| record.target == good));
    }
}

/// Who ends a connection says which requests it has looked at (RFC 9113 §6.8).
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_looked_at_is_sent_again_on_a_new_connection() {
    for (method, length) in [("GET", 0), ("POST", 0), ("POST", 10)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut left = Frames::accept(&listener).await;
            left.turn_away().await;
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, 0, Arc::default()).await;
        });
        let rig = rig(&over(&[target], ", protocol: http2")).await;
        let mut client = rig.client().await;
        let (request, body) = with_body(method, length);
        client.write(&request).await;
        let answer = client.read().await;
        assert_eq!(answer.status, 200, "{method} {length}: {answer:?}");
        assert_eq!(answer.raw, body, "{method} {length}");
        assert_eq!(rig.wait_records(1).await[0].tries, 2, "{method} {length}");
    }
}
