//! HTTP/2 towards clients: by ALPN and with prior knowledge, beside HTTP/1.1, and what a hostile
//! client gets.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::frames::{GOAWAY, PREFACE, SETTINGS, frame};
use crate::rig::{Client, Rig};
use crate::upstreams::{always, metric};

const FILE: &str = "portunus: 1\nupstreams: { u: { targets: [{ url: 'http://@UPSTREAM@' }] } }\n\
    apis: { x: { versions: { v1: { match: { path: /x, hosts: [a.test] }, upstream: u } } } }\n";

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn connect(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (sender, connection): (_, Connection<TcpStream>) =
        h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn ask(
    sender: &mut SendRequest<Bytes>,
    request: Request<()>,
    body: &str,
) -> (u16, String) {
    *sender = sender.clone().ready().await.unwrap();
    let (answer, mut stream) = sender.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        stream
            .send_data(Bytes::copy_from_slice(body.as_bytes()), true)
            .unwrap();
    }
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    read(answer.expect("an answer in time").unwrap()).await
}

async fn read(answer: Response<h2::RecvStream>) -> (u16, String) {
    let (head, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    (head.status.as_u16(), String::from_utf8(bytes).unwrap())
}

pub(crate) fn get(path: &str) -> http::request::Builder {
    Request::get(format!("http://a.test{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_go_over_one_connection() {
    let rig = Rig::new(FILE).await;
    let sender = connect(&rig).await;
    let mut tasks = Vec::new();
    for number in 0..20 {
        let mut sender = sender.clone();
        tasks.push(tokio::spawn(async move {
            let request = Request::post(format!("http://a.test/x/{number}?q"))
                .header("cookie", "a=1")
                .header("cookie", "b=2")
                .body(());
            ask(&mut sender, request.unwrap(), &format!("body {number}")).await
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let (status, body) = task.await.unwrap();
        assert_eq!(status, 200, "{body}");
        let seen: serde_json::Value = serde_json::from_str(&body).unwrap();
        let fields = seen["headers"].as_array().unwrap();
        let field = |name: &str| fields.iter().find(|field| field[0] == name).cloned();
        assert_eq!(field("cookie").unwrap()[1], "a=1; b=2");
        assert_eq!(field("x-forwarded-host").unwrap()[1], "a.test");
        assert!(seen.to_string().contains(&format!("/{number}?q")), "{seen}");
    }
    assert_eq!(rig.wait_records(20).await.len(), 20);
    assert_eq!(rig.handle.connections(), 1);
    // HTTP/1.1 on the same address, and one that begins like the other.
    let request = "PATCH /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(rig.send(request).await.status, 200);
    let mut client = rig.client().await;
    client.write(b"P").await;
    assert_eq!(client.send(&request[1..]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_ends_without_the_others() {
    let rig = Rig::new(FILE).await;
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let mut builder = h2::client::Builder::new();
    // The one that is not taken leaves room for others.
    builder.initial_connection_window_size(1 << 20);
    let (mut sender, connection): (_, Connection<TcpStream>) =
        builder.handshake::<_, Bytes>(stream).await.unwrap();
    tokio::spawn(connection);
    let big = get("/x/big").body(()).unwrap();
    let (answer, _) = sender.send_request(big, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    for _ in 0..4 {
        rig.advance(10);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let small = get("/x").body(()).unwrap();
        assert_eq!(ask(&mut sender, small, "").await.0, 200);
    }
    let end = async {
        loop {
            if let Err(error) = body.data().await.expect("it is not whole") {
                return error;
            }
        }
    };
    let end = tokio::time::timeout(PATIENCE, end).await.expect("an end");
    assert_eq!(end.reason(), Some(h2::Reason::CANCEL), "{end}");
    let late = "portunus_timed_out_total{phase=\"write\"}";
    assert_eq!(metric(&rig, late).await, 1);
    assert_eq!(rig.handle.connections(), 1, "it goes on");
}

/// The end of an answer is the library's as soon as a byte of it may go.
#[tokio::test(flavor = "multi_thread")]
async fn ends_of_answers_that_are_not_taken_do_not_pile_up() {
    for (count, goes_on) in [(4, true), (5, false)] {
        let rig = Rig::new(FILE).await;
        let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1);
        let (mut sender, connection): (_, Connection<TcpStream>) =
            builder.handshake::<_, Bytes>(stream).await.unwrap();
        tokio::spawn(connection);
        let mut untaken = Vec::new();
        for _ in 0..count {
            let request = get("/x").body(()).unwrap();
            let (answer, _) = sender.send_request(request, true).unwrap();
            untaken.push(answer.await.unwrap());
        }
        for _ in 0..2 {
            rig.advance(10);
            tokio::time::sleep(Duration::from_millis(300)).await;
            let head = Request::head("http://a.test/x").body(()).unwrap();
            assert_eq!(ask(&mut sender, head, "").await.0, 200, "{count}");
        }
        rig.advance(10);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let open = rig.handle.connections();
        assert_eq!(open, u64::from(goes_on), "{count}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_and_oversized_requests_are_refused() {
    let rig = Rig::new(FILE).await;
    let mut sender = connect(&rig).await;
    let other = get("/x").header("host", "b.test").body(()).unwrap();
    let (status, body) = ask(&mut sender, other, "").await;
    assert_eq!(status, 400);
    assert!(body.contains("host_invalid"), "{body}");
    let same = get("/x").header("host", "a.test").body(()).unwrap();
    assert_eq!(ask(&mut sender, same, "").await.0, 200);
    let mut many = get("/x");
    for number in 0..101 {
        many = many.header(format!("x-{number}"), "1");
    }
    assert_eq!(ask(&mut sender, many.body(()).unwrap(), "").await.0, 431);
    let long = get("/x").header("x-long", "1".repeat(17_000));
    assert_eq!(ask(&mut sender, long.body(()).unwrap(), "").await.0, 431);
    let far = get(&format!("/x/{}", "y".repeat(9000)));
    assert_eq!(ask(&mut sender, far.body(()).unwrap(), "").await.0, 414);
    let dots = get("/x/%2e%2e/%2e%2e/y").body(()).unwrap();
    assert_eq!(ask(&mut sender, dots, "").await.0, 400);
    let good = get("/x").body(()).unwrap();
    assert_eq!(ask(&mut sender, good, "").await.0, 200, "it goes on");
}

/// `GET http://a.test/x` in HPACK, without Huffman codes and the dynamic table.
fn head() -> Vec<u8> {
    let mut out = vec![0x82, 0x86];
    out.extend(b"\x04\x02/x");
    out.extend(b"\x01\x06a.test");
    out
}

/// Writes as far as the other side lets it, and says whether it was told to go away.
async fn flood(rig: &Rig, flood: Vec<u8>) -> bool {
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let writer = tokio::spawn(async move {
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        if to.write_all(&begin).await.is_ok() {
            let _ = to.write_all(&flood).await;
        }
        to
    });
    let mut told = false;
    let all = async {
        loop {
            let mut head = [0; 9];
            if from.read_exact(&mut head).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            if from.read_exact(&mut payload).await.is_err() {
                return;
            }
            told |= head[3] == GOAWAY;
        }
    };
    // A parting connection is closed a second of the gateway's clock later.
    let clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            rig.advance(1);
        }
    };
    tokio::select! {
        () = all => {}
        () = clock => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the flood goes on"),
    }
    writer.abort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_which_no_request_comes_are_counted() {
    let rig = Rig::with(FILE, |settings| settings.limits.http2_streams = 2).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for number in 0..5 {
        bytes.extend(frame(1, 5, 2 * number + 1, &head()));
    }
    stream.write_all(&bytes).await.unwrap();
    rig.wait_records(2).await;
    drop(stream);
    let counted = async {
        while metric(&rig, "portunus_http2_heads_refused_total").await != 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let counted = tokio::time::timeout(PATIENCE, counted).await;
    counted.expect("those beyond two at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_end_with_goaway_while_others_are_served() {
    let rig = Rig::with(FILE, |settings| settings.limits.http2_resets = 50).await;
    let mut other = connect(&rig).await;
    let mut resets = Vec::new();
    for number in 0..2000_u32 {
        let stream = 2 * number + 1;
        resets.extend(frame(1, 5, stream, &head()));
        resets.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut continuations = frame(1, 1, 1, &head());
    for _ in 0..10_000 {
        continuations.extend(frame(9, 0, 1, &[0x00, 1, b'a', 1, b'b']));
    }
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(10_000);
    let pings = frame(6, 0, 0, b"12345678").repeat(10_000);
    let priorities = frame(2, 0, 1, &[0, 0, 0, 0, 1]).repeat(10_000);
    // One long field into the dynamic table, then thousands of references to it (62 is the newest
    // entry): a list of megabytes in a few kilobytes.
    let mut entry = vec![0x40, 6];
    entry.extend(b"x-bomb");
    entry.extend([0x7f, 57 | 128, 22]);
    entry.extend([b'b'; 3000]);
    let mut bombs = frame(1, 5, 1, &[head(), entry].concat());
    for number in 1..2000_u32 {
        let list = [head(), vec![0xbe; 4000]].concat();
        bombs.extend(frame(1, 5, 2 * number + 1, &list));
    }
    for (name, bytes) in [
        ("rapid reset", resets),
        ("header lists", bombs),
        ("CONTINUATION", continuations),
        ("SETTINGS", settings),
        ("PING", pings),
        ("PRIORITY", priorities),
    ] {
        assert!(flood(&rig, bytes).await, "{name}");
        let request = get("/x").body(()).unwrap();
        assert_eq!(ask(&mut other, request, "").await.0, 200, "{name}");
    }
    let metrics = rig.admin("/metrics").await.body;
    let count = |name: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    let refused = count("portunus_http2_flooded_total") + count("portunus_framing_refused_total");
    assert!(refused >= 6, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asks_nothing_is_ended() {
    let rig = Rig::new(FILE).await;
    let mut silent: Client = rig.client().await;
    silent.write(PREFACE).await;
    silent.write(&frame(SETTINGS, 0, 0, &[])).await;
    let mut idle = connect(&rig).await;
    let request = get("/x").body(()).unwrap();
    assert_eq!(ask(&mut idle, request, "").await.0, 200);
    while rig.handle.connections() < 2 {
        tokio::task::yield_now().await;
    }
    for (seconds, left) in [(11, 1), (61, 0)] {
        rig.advance(seconds);
        let gone = async {
            while rig.handle.connections() > left {
                tokio::time::sleep(Duration::from_millis(50)).await;
                // The parting takes a second.
                rig.advance(1);
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("ended");
    }
}

/// A body below the least rate is given up, and nothing else of its connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_meets_its_deadline() {
    let rig = Rig::with(FILE, |settings| {
        settings.clock = gateway::clock::Clock::default();
        // 240 B/s.
        settings.limits.body_window = Duration::from_millis(500);
        settings.limits.body_rate = 120;
    })
    .await;
    let mut sender = connect(&rig).await;
    let post = || Request::post("http://a.test/x").body(()).unwrap();
    sender = sender.ready().await.unwrap();
    let (slow, mut drops) = sender.send_request(post(), false).unwrap();
    sender = sender.ready().await.unwrap();
    let (steady, mut parts) = sender.send_request(post(), false).unwrap();
    let dripping = tokio::spawn(async move {
        while drops.send_data(Bytes::from_static(b"x"), false).is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    // Through three windows, with ten times as much as must be in each.
    let flowing = tokio::spawn(async move {
        for _ in 0..75 {
            let part = Bytes::from_static(&[b'x'; 50]);
            parts.send_data(part, false).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        parts.send_data(Bytes::new(), true).unwrap();
    });
    let slow = tokio::time::timeout(PATIENCE, slow).await;
    let (head, mut body) = slow.expect("an answer in time").unwrap().into_parts();
    dripping.abort();
    let mut said = Vec::new();
    // Behind the answer comes a reset, as the rest of the request is not wanted.
    while let Some(Ok(data)) = body.data().await {
        said.extend_from_slice(&data);
    }
    let said = String::from_utf8_lossy(&said);
    assert_eq!(head.status.as_u16(), 408, "{said}");
    assert!(said.contains("request_timeout"), "{said}");
    let steady = tokio::time::timeout(PATIENCE, steady).await;
    let (status, body) = read(steady.expect("an answer in time").unwrap()).await;
    assert_eq!(status, 200, "{body}");
    flowing.await.unwrap();
    let good = get("/x").body(()).unwrap();
    assert_eq!(ask(&mut sender, good, "").await.0, 200, "it goes on");
    let late = metric(&rig, "portunus_timed_out_total{phase=\"body\"}").await;
    assert_eq!(late, 1);
    let mut statuses: Vec<u16> = rig
        .wait_records(3)
        .await
        .iter()
        .map(|record| record.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 408]);
}

/// HTTP/2 has no fields of a connection: a client that knows it would refuse the answer.
#[tokio::test(flavor = "multi_thread")]
async fn answers_lose_what_belongs_to_a_hop() {
    let upstream = always(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-B: 2\r\nConnection: x-a, keep-alive\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTE: gzip\r\nTrailer: x-t\r\n\r\nok",
    )
    .await;
    let rig = Rig::new(&FILE.replace("@UPSTREAM@", &upstream.to_string())).await;
    let mut sender = connect(&rig).await.ready().await.unwrap();
    let request = get("/x").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    let answer = answer.expect("an answer in time").unwrap();
    let fields = answer.headers();
    assert_eq!(fields["x-b"], "2");
    for name in [
        "x-a",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "trailer",
    ] {
        assert!(!fields.contains_key(name), "{name}: {fields:?}");
    }
    assert_eq!(read(answer).await, (200, "ok".to_owned()));
}
