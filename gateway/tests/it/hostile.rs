//! Hostile input (gateway.md §4): what must be refused, and that nothing of it reaches an upstream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::floods::elsewhere;
use crate::rig::{Client, Rig};
use crate::switch::until;
use crate::upstreams::metric;
use gateway::Limits;

const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo } } } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn limits_have_their_statuses() {
    let rig = Rig::new(OPEN).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    assert_eq!(rig.send(&long).await.status, 414);
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "A: b\r\n".repeat(100)
    );
    assert_eq!(rig.send(&many).await.status, 431);
    let wide = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
        "b".repeat(17_000)
    );
    assert_eq!(rig.send(&wide).await.status, 431);
    let big: String = (0..6)
        .map(|n| format!("A{n}: {}\r\n", "b".repeat(6_000)))
        .collect();
    assert_eq!(
        rig.send(&format!("GET / HTTP/1.1\r\nHost: a\r\n{big}\r\n"))
            .await
            .status,
        431
    );
    let declared = rig
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        .await;
    assert_eq!(
        (declared.status, declared.code().as_str()),
        (413, "body_too_large")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_ends_at_its_limit() {
    let small = Limits {
        body_bytes: 1000,
        ..Limits::default()
    };
    let rig = Rig::with(OPEN, |settings| settings.limits = small).await;
    let chunk = format!("190\r\n{}\r\n", "x".repeat(0x190));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}0\r\n\r\n"
    );
    let answer = rig.send(&request).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "body_too_large")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_behind_a_good_one_does_not_spoil_it() {
    let rig = Rig::new(OPEN).await;
    let mut client = rig.client().await;
    client
        .write(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\nHost: a\n\n")
        .await;
    assert_eq!(client.read().await.seen_path(), "/1");
    assert_eq!(client.read().await.status, 400);
    assert!(client.is_closed().await);
    assert_eq!(rig.upstream.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::new(OPEN).await;
    let mut client = rig.client().await;
    client.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.read().await.seen_path(), path);
    }
    assert_eq!(client.get("/4", &[]).await.seen_path(), "/4");
}

fn hasty() -> Limits {
    Limits {
        head_read: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        body_window: Duration::from_millis(300),
        ..Limits::default()
    }
}

async fn real_time(text: &str) -> Rig {
    Rig::with(text, |settings| {
        settings.limits = hasty();
        settings.clock = gateway::clock::Clock::default();
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_bodies_meet_their_deadline() {
    let rig = real_time(OPEN).await;
    let mut silent = rig.client().await;
    let mut slow_head = rig.client().await;
    slow_head.write(b"GET / HTTP/1.1\r\nHost:").await;
    let mut slow_body = rig.client().await;
    slow_body
        .write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nab")
        .await;
    let mut idle = rig.client().await;
    assert_eq!(idle.get("/", &[]).await.status, 200);
    assert_eq!(
        silent.read().await.status,
        408,
        "also before its first byte"
    );
    assert_eq!(slow_head.read().await.status, 408);
    assert_eq!(slow_body.read().await.status, 408);
    for client in [&mut silent, &mut slow_head, &mut slow_body, &mut idle] {
        assert!(client.is_closed().await);
    }
    assert_eq!(rig.get("/", &[]).await.status, 200, "others are served");
}

/// They are passed over, and the time goes on.
#[tokio::test(flavor = "multi_thread")]
async fn empty_lines_keep_no_connection() {
    let rig = real_time(OPEN).await;
    for (before, pieces, said) in [
        ("", ["\r\n", "\r\n"], "HTTP/1.1 4"),
        ("", ["\r", "\n"], "HTTP/1.1 4"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["\r\n", "\r\n"],
            "HTTP/1.1 200",
        ),
    ] {
        let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
        stream.write_all(before.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        let all = async {
            // Each comes long before the time is over.
            for piece in pieces.iter().cycle() {
                if stream.write_all(piece.as_bytes()).await.is_err() {
                    return;
                }
                let read = stream.read_buf(&mut answers);
                let read = tokio::time::timeout(Duration::from_millis(50), read).await;
                if matches!(read, Ok(Ok(0) | Err(_))) {
                    return;
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(ended.is_ok(), "{pieces:?} go on");
        let answers = String::from_utf8_lossy(&answers);
        assert!(answers.starts_with(said), "{pieces:?}: {answers}");
    }
}

/// Half of what HTTP/2 begins with is waited on like any head.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_preface_meets_its_deadline() {
    let rig = real_time(OPEN).await;
    let mut client = rig.client().await;
    client.write(b"PRI * HT").await;
    assert_eq!(client.read().await.status, 408);
    assert!(client.is_closed().await);
}

const LOOKED_INTO: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo, policies: [{ json_threat: {} }] } } } }
"#;

/// Whether it goes through as it comes, or is held until a policy has looked into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_told_so() {
    for text in [OPEN, LOOKED_INTO] {
        let rig = Rig::with(text, |settings| {
            settings.limits.body_window = Duration::from_millis(300);
            settings.clock = gateway::clock::Clock::default();
        })
        .await;
        for framing in [
            "Content-Length: 100000\r\n\r\n[1",
            "Transfer-Encoding: chunked\r\n\r\n2\r\n[1",
        ] {
            let mut client = rig.client().await;
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
            client.write(format!("{head}{framing}").as_bytes()).await;
            let answer = client.read().await;
            let told = (answer.status, &*answer.code());
            assert_eq!(told, (408, "request_timeout"), "{framing}");
            assert!(client.is_closed().await, "what comes late is no request");
            let record = rig.wait_records(1).await.remove(0);
            assert_eq!((record.status, &*record.code), (408, "request_timeout"));
        }
        let metrics = rig.admin("/metrics").await.body;
        let counted = "portunus_timed_out_total{phase=\"body\"} 2";
        assert!(metrics.contains(counted), "{metrics}");
    }
}

/// Whether it goes through as it comes, or is held; and whether what is wrong comes with the head, or
/// when the client was asked for it. What is just within the bounds passes.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_chunks_are_none_is_told_so() {
    const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n";
    let extended = |bytes: usize| format!("2;{}\r\n[]\r\n0\r\n\r\n", "x".repeat(bytes));
    let trailed = |bytes: usize| {
        let value = "x".repeat(bytes - "A: ".len());
        format!("2\r\n[]\r\n0\r\nA: {value}\r\n\r\n")
    };
    let wrong = [
        "2\r\n[]\r\nzz\r\n\r\n".to_owned(),
        "1\r\n[]\r\n0\r\n\r\n".to_owned(),
        "2\r\n[]\n0\r\n\r\n".to_owned(),
        "2\r\n[]\r\n0\r\n folded\r\n\r\n".to_owned(),
        "8000000000000000\r\n[]".to_owned(),
        extended(257),
        trailed(8193),
    ];
    for text in [OPEN, LOOKED_INTO] {
        let rig = Rig::new(text).await;
        for right in [extended(256), trailed(8192)] {
            let answer = rig.send(&format!("{HEAD}\r\n{right}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json()["body"], "[]");
            rig.wait_records(1).await;
        }
        for body in &wrong {
            for is_asked in [false, true] {
                let mut client = rig.client().await;
                if is_asked {
                    let asked = format!("{HEAD}Expect: 100-continue\r\n\r\n");
                    assert_eq!(client.send(&asked).await.status, 100, "{body:?}");
                    client.write(body.as_bytes()).await;
                } else {
                    let whole = format!("{HEAD}\r\n{body}");
                    client.write(whole.as_bytes()).await;
                }
                let answer = client.read().await;
                let told = (answer.status, &*answer.code());
                assert_eq!(told, (400, "framing_invalid"), "{body:?}");
                assert!(client.is_closed().await, "no request is read behind it");
                let record = rig.wait_records(1).await.remove(0);
                let kept = (record.status, &*record.code);
                assert_eq!(kept, (400, "framing_invalid"), "{body:?}");
            }
        }
        let metrics = rig.admin("/metrics").await.body;
        let counted = format!("portunus_framing_refused_total {}\n", 2 * wrong.len());
        assert!(metrics.contains(&counted), "{metrics}");
    }
    // Nothing else is told so: other faults of framing end before there is a request.
    let help = domain::problem::Code::FramingInvalid.entry().help;
    assert!(help.contains("chunk"), "{help}");
    assert!(!help.contains("two ways"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_request() {
    let rig = Rig::new(OPEN).await;
    let mut client = rig.client().await;
    client.write(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while rig.upstream.requests.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    assert_eq!(rig.wait_records(1).await[0].status, 499);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_connections() {
    let few = Limits {
        connections_per_address: 3,
        ..Limits::default()
    };
    let rig = Rig::with(OPEN, |settings| settings.limits = few).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = rig.client().await;
        assert_eq!(client.get("/", &[]).await.status, 200);
        clients.push(client);
    }
    let mut fourth = Client::connect(rig.handle.gateway).await;
    let answer = fourth.read().await;
    let said = (answer.status, answer.field("retry-after"));
    assert_eq!(said, (503, Some("1")));
    assert!(fourth.is_closed().await);
    // Others have shares of their own, and whoever leaves makes room.
    for _ in 0..3 {
        let mut other = elsewhere(rig.handle.gateway).await;
        assert_eq!(other.get("/", &[]).await.status, 200);
        clients.push(other);
    }
    let mut fourth = elsewhere(rig.handle.gateway).await;
    assert_eq!(fourth.read().await.status, 503);
    assert_eq!(metric(&rig, "portunus_connections_refused_total ").await, 2);
    assert_eq!(rig.handle.connections(), 6);
    drop(clients.remove(0));
    until("there is a place", async || rig.handle.connections() < 6).await;
    assert_eq!(rig.get("/", &[]).await.status, 200);
}
