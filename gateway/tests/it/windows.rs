//! Windows of HTTP/2, towards clients and towards upstreams: what the gateway says of them, and that
//! whoever does not take a body stops that one alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::{Request, Response};
use tokio::net::TcpListener;

use crate::http2::{ask, connect};
use crate::rig::Rig;
use crate::rig::frames::Frames;
use crate::upstream_http2::whole;
use crate::upstreams::{over, rig};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// After which nothing more is expected to go.
const STILL: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_told_their_windows() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let rig = rig(&over(&[target], ", protocol: http2")).await;
    let mut client = Frames::connect(rig.handle.gateway).await;
    assert_eq!(client.windows().await, (64 * KIB, MIB), "of a client");
    let mut asking = rig.client().await;
    asking.write(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n").await;
    let mut upstream = Frames::accept(&listener).await;
    let windows = upstream.windows().await;
    assert_eq!(windows, (256 * KIB, 32 * MIB), "of an upstream");
}

/// Sends until there was no room for a while, and at most so many bytes; says how many it were.
async fn fill(stream: &mut SendStream<Bytes>, most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        stream.reserve_capacity(16 * 1024);
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx));
        let Ok(room) = tokio::time::timeout(STILL, room).await else {
            break;
        };
        let room = room.expect("it goes on").unwrap();
        if room > 0 {
            stream.send_data(vec![b'x'; room].into(), false).unwrap();
            sent += room;
        }
    }
    sent
}

/// An upstream that takes nothing of the bodies of requests to `/untaken`, and sends whoever asks for
/// `/big` as much as there is room for.
struct Patient {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// What it sent of `/big`, once there was no room for more.
    sent: Arc<AtomicUsize>,
}

impl Patient {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let patient = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            sent: Arc::default(),
        };
        let (connections, sent) = (patient.connections.clone(), patient.sent.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let sent = sent.clone();
                tokio::spawn(async move {
                    let mut builder = h2::server::Builder::new();
                    // What is not taken leaves room for others.
                    builder.initial_connection_window_size(MIB);
                    let handshake = builder.handshake::<_, Bytes>(stream).await;
                    let mut connection = handshake.unwrap();
                    let mut untaken = Vec::new();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let path = request.uri().path().to_owned();
                        if path.ends_with("/untaken") {
                            untaken.push((request, respond));
                            continue;
                        }
                        let sent = sent.clone();
                        tokio::spawn(async move {
                            let body = whole(request.into_body()).await;
                            let mut send = respond.send_response(Response::new(()), false).unwrap();
                            if path.ends_with("/big") {
                                let count = fill(&mut send, 8 * MIB as usize).await;
                                sent.store(count, Ordering::Relaxed);
                                // Until nobody wants it any more.
                                let _ = std::future::poll_fn(|cx| send.poll_reset(cx)).await;
                                return;
                            }
                            send.send_data(body.into(), true).unwrap();
                        });
                    }
                });
            }
        });
        patient
    }

    async fn rig(&self) -> Rig {
        rig(&over(&[self.address], ", protocol: http2")).await
    }
}

/// Others are served on the same connection of the client, and the same one to the upstream.
async fn others_are_served(
    sender: &mut h2::client::SendRequest<Bytes>,
    patient: &Patient,
    length: usize,
) {
    let body = "y".repeat(length);
    for _ in 0..5 {
        let post = Request::post("http://t/x").body(()).unwrap();
        let (status, answer) = ask(sender, post, &body).await;
        assert_eq!((status, answer.len()), (200, length));
    }
    assert_eq!(patient.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_an_upstream_does_not_take_stops_alone() {
    let patient = Patient::start().await;
    let rig = patient.rig().await;
    let mut sender = connect(&rig).await.ready().await.unwrap();
    let post = Request::post("http://t/x/untaken").body(()).unwrap();
    let (_answer, mut body) = sender.send_request(post, false).unwrap();
    // Two windows, of the client and of the upstream, and what is between them.
    let sent = fill(&mut body, 8 * MIB as usize).await;
    assert!((65_536..=320 * 1024).contains(&sent), "{sent}");
    others_are_served(&mut sender, &patient, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_client_does_not_take_stops_alone() {
    let patient = Patient::start().await;
    let rig = patient.rig().await;
    let stream = tokio::net::TcpStream::connect(rig.handle.gateway).await;
    let mut builder = h2::client::Builder::new();
    // As above: of its connection there is room for others.
    builder.initial_connection_window_size(MIB);
    let (sender, connection) = builder
        .handshake::<_, Bytes>(stream.unwrap())
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let get = Request::get("http://t/x/big").body(()).unwrap();
    let (answer, _) = sender.send_request(get, true).unwrap();
    let untaken = answer.await.unwrap();
    assert_eq!(untaken.status(), 200);
    while patient.sent.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The same from the upstream's side, and what is held of an answer.
    let sent = patient.sent.load(Ordering::Relaxed);
    assert!((256 * 1024..=768 * 1024).contains(&sent), "{sent}");
    others_are_served(&mut sender, &patient, 1000).await;
    drop(untaken);
}
