//! `concurrency` and a client that sends one request after the other: its place is free before it
//! has the end of an answer, whatever was answered, and whichever worker it meets next.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::upstream::scripted;
use crate::rig::{Client, Rig};

const ONE: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  late: { protocol: http2, targets: [{ url: "http://@LATE@" }] }
  raw: { targets: [{ url: "http://@RAW@" }] }
  dead: { targets: [{ url: "http://127.0.0.1:1" }] }
apis:
  shop:
    versions:
      one: { match: { path: /one }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route] } }] }
      kept: { match: { path: /kept }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route] } }, { cache: { ttl: 1h } }] }
      fixed: { match: { path: /fixed }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route] } }, { mock: { body: "fixed" } }] }
      barred: { match: { path: /barred }, upstream: echo, policies: [{ concurrency: { limit: 1, by: [route] } }, { fault: { abort: { percent: 100, status: 503 } } }] }
      dead: { match: { path: /dead }, upstream: dead, policies: [{ concurrency: { limit: 1, by: [route] } }] }
      late: { match: { path: /late }, upstream: late, policies: [{ concurrency: { limit: 1, by: [route] } }] }
      raw: { match: { path: /raw }, upstream: raw, policies: [{ concurrency: { limit: 1, by: [route] } }] }
"#;

/// What is asked for in turn, and how it is answered.
const ASKED: [(&str, &str, u16); 9] = [
    ("GET", "/one/a", 200),
    ("HEAD", "/one/a", 200),
    ("GET", "/one/chunks", 200),
    ("GET", "/one/empty", 204),
    ("GET", "/one/big", 200),
    ("GET", "/kept/a", 200),
    ("GET", "/fixed/a", 200),
    ("GET", "/barred/a", 503),
    ("GET", "/dead/a", 502),
];

const REQUESTS: usize = 300;

async fn rig(late: SocketAddr, raw: SocketAddr) -> Rig {
    let text = ONE
        .replace("@LATE@", &late.to_string())
        .replace("@RAW@", &raw.to_string());
    Rig::new(&text).await
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

/// Reads the answer to its end, and says its status.
async fn ask(client: &mut Client, method: &str, path: &str) -> u16 {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    if method != "HEAD" {
        return client.send(&request).await.status;
    }
    client.write(request.as_bytes()).await;
    let head = client.read_bare().await;
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn http2(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (sender, connection): (_, Connection<TcpStream>) =
        h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The same over HTTP/2.
async fn ask_http2(sender: &SendRequest<Bytes>, method: &str, path: &str) -> u16 {
    let mut sender = sender.clone().ready().await.unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("http://a{path}"))
        .body(())
        .unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let (head, mut body) = answer.await.unwrap().into_parts();
    while let Some(data) = body.data().await {
        let count = data.unwrap().len();
        body.flow_control().release_capacity(count).unwrap();
    }
    head.status.as_u16()
}

/// Nothing is in flight, at once.
async fn is_idle(rig: &Rig) -> bool {
    let metrics = rig.admin("/metrics").await.body;
    metrics.contains("portunus_concurrency_subjects 0")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_each_answer_is_never_refused() {
    let rig = rig(nowhere(), nowhere()).await;
    // Over one connection, and over several in turn, which different workers have.
    for connections in [1, 6] {
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(rig.client().await);
        }
        for number in 0..REQUESTS {
            let (method, path, status) = ASKED[number % ASKED.len()];
            let client = &mut clients[number % connections];
            let answered = ask(client, method, path).await;
            assert_eq!(answered, status, "{connections}: {number}: {method} {path}");
        }
        // The same kind each time, as each has its own way to the end.
        for (method, path, status) in ASKED {
            for client in &mut clients {
                let answered = ask(client, method, path).await;
                assert_eq!(answered, status, "{connections}: {method} {path}");
            }
        }
        assert!(is_idle(&rig).await);
        rig.records();
    }
    // And each over one of its own.
    for _ in 0..REQUESTS {
        assert_eq!(rig.get("/one/a", &[]).await.status, 200);
    }
    assert!(is_idle(&rig).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_each_answer_is_never_refused_over_http2() {
    let rig = rig(nowhere(), nowhere()).await;
    for connections in [1, 6] {
        let mut senders = Vec::new();
        for _ in 0..connections {
            senders.push(http2(&rig).await);
        }
        for number in 0..REQUESTS {
            let (method, path, status) = ASKED[number % ASKED.len()];
            let answered = ask_http2(&senders[number % connections], method, path).await;
            assert_eq!(answered, status, "{connections}: {number}: {method} {path}");
        }
        assert!(is_idle(&rig).await);
        rig.records();
    }
}

/// An upstream of HTTP/2 that ends no stream before the next one is there, though its lengths say
/// where the answers end.
async fn late() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut before: Option<h2::SendStream<Bytes>> = None;
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let head = Response::builder().header("content-length", "2");
                    let head = head.body(()).unwrap();
                    let mut body = respond.send_response(head, false).unwrap();
                    if request.method() != http::Method::HEAD {
                        body.send_data(Bytes::from_static(b"ok"), false).unwrap();
                    }
                    if let Some(mut ended) = before.replace(body) {
                        // Its client may have had enough.
                        let _ = ended.send_data(Bytes::new(), true);
                    }
                }
            });
        }
    });
    address
}

/// What only an upstream waits for keeps no place: the client has all that it was told of.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_where_its_length_says() {
    let rig = rig(late().await, nowhere()).await;
    // Each over a connection of its own, which stays: it waits for the end of its stream.
    let mut clients = Vec::new();
    for number in 0..30 {
        let method = if number % 2 == 0 { "GET" } else { "HEAD" };
        let mut client = rig.client().await;
        assert_eq!(ask(&mut client, method, "/late/a").await, 200, "{number}");
        clients.push(client);
    }
}

/// An answer that is cut off has no end, and its place comes back with the connection's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_gives_its_place_back() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
    const TO_THE_END: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole";
    let scripts = (0..20).map(|turn| vec![if turn % 2 == 0 { CUT } else { TO_THE_END }]);
    let rig = rig(nowhere(), scripted(scripts.collect()).await).await;
    for turn in 0..20 {
        let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        let request = b"GET /raw/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert!(got.starts_with("HTTP/1.1 200 "), "{turn}: {got}");
    }
    assert!(is_idle(&rig).await);
}
