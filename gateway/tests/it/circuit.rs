//! Circuits, fallbacks, the time-out of the whole, and cookies that keep a client at its target.

use crate::rig::moody::Moody;
use crate::rig::{Answer, Rig, Upstream};
use crate::upstreams::{metric, nobody, over, rig};

const ERRORS: &str =
    ", retries: { tries: 1 }, breaker: { errors: { least: 4, pause: 10s, probes: 2 } }";

async fn open(rig: &Rig) {
    let mut client = rig.client().await;
    for _ in 0..4 {
        client.get("/x", &[]).await;
    }
    assert_eq!(
        metric(rig, "portunus_upstream_circuit_opened_total ").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_opens_and_probes_close_it() {
    let target = Moody::start().await;
    let rig = rig(&over(&[target.address], ERRORS)).await;
    target.answers(500);
    open(&rig).await;
    assert_eq!(target.requests(), 4);
    let refused = rig.get("/x", &[]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "circuit_open")
    );
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((9..=11).contains(&wait), "{wait}");
    assert_eq!(target.requests(), 4, "nothing was sent");
    assert_eq!(
        metric(&rig, "portunus_upstream_circuit_refused_total ").await,
        1
    );
    let records = rig.wait_records(5).await;
    assert_eq!(
        (records[4].code.as_str(), records[4].tries),
        ("circuit_open", 0)
    );
    // The first probe fails: open again.
    rig.advance(12);
    settle().await;
    assert_eq!(rig.get("/x", &[]).await.status, 500);
    assert_eq!(rig.get("/x", &[]).await.code(), "circuit_open");
    // Two in a row do well: closed.
    target.answers(200);
    rig.advance(12);
    settle().await;
    for _ in 0..6 {
        assert_eq!(rig.get("/x", &[]).await.status, 200);
    }
    assert_eq!(
        metric(&rig, "portunus_upstream_circuit_opened_total ").await,
        2
    );
}

/// The workers read the clock every 100 ms.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_wrong_is_no_failure_of_the_target() {
    let target = Moody::start().await;
    let rig = Rig::with(&over(&[target.address], ERRORS), |settings| {
        settings.workers = Some(1);
        settings.limits.body_bytes = 10;
    })
    .await;
    for _ in 0..5 {
        let chunked = "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
                       14\r\nxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n";
        assert_eq!(rig.send(chunked).await.status, 413);
    }
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(
        metric(&rig, "portunus_upstream_circuit_opened_total ").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_requests_at_once() {
    let target = Upstream::start().await;
    let more = ", breaker: { in_flight: 1 }";
    let rig = rig(&over(&[target.address], more)).await;
    let mut held = rig.client().await;
    held.write(b"GET /x/hold HTTP/1.1\r\nHost: t\r\n\r\n").await;
    while target.requests() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        let refused = rig.get("/x", &[]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (503, "circuit_open")
        );
        assert_eq!(refused.field("retry-after"), Some("1"));
    }
    target.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    assert_eq!(rig.get("/x", &[]).await.status, 200);
}

/// A listener whose queue is full: connections to it stay in the making.
pub async fn stuck() -> (std::net::SocketAddr, Vec<tokio::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filled = Vec::new();
    let patience = std::time::Duration::from_millis(200);
    while let Ok(Ok(stream)) =
        tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await
    {
        filled.push(stream);
    }
    // Kept open, and never accepted from.
    std::mem::forget(listener);
    (address, filled)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_connections_in_the_making() {
    let (address, _filled) = stuck().await;
    let more = ", retries: { tries: 1 }, timeouts: { connect: 3s }, breaker: { connects: 1 }";
    let rig = rig(&over(&[address], more)).await;
    let mut first = rig.client().await;
    first.write(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n").await;
    while metric(&rig, "portunus_requests_in_flight ").await == 0 {
        tokio::task::yield_now().await;
    }
    let refused = rig.get("/x", &[]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "circuit_open")
    );
    assert_eq!(first.read().await.code(), "upstream_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_connection_may_be_made_the_fallback_answers() {
    let spare = Upstream::start().await;
    let (address, _filled) = stuck().await;
    let file = |fallback: &str| {
        format!(
            "portunus: 1\nupstreams:\n  \
             main: {{ targets: [{{ url: \"http://{address}\" }}], timeouts: {{ connect: 3s }}, breaker: {{ connects: 1 }}, fallback: {{ {fallback} }}, credential: {{ bearer: {{ token: mains }} }} }}\n  \
             spare: {{ targets: [{{ url: \"http://{}\" }}], credential: {{ header: {{ name: X-Spare, value: its }} }}, fallback: {{ answer: {{ status: 200 }} }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main }} }} }} }}\n",
            spare.address
        )
    };
    let fixed = "answer: { status: 200, body: '{\"spare\":true}' }";
    for (fallback, label) in [(fixed, "answer"), ("upstream: spare", "spare")] {
        let rig = rig(&file(fallback)).await;
        let mut first = rig.client().await;
        first.write(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n").await;
        while metric(&rig, "portunus_requests_in_flight ").await == 0 {
            tokio::task::yield_now().await;
        }
        let post = "POST /x/a HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
        let answer = rig.send(post).await;
        assert_eq!(answer.status, 200);
        if label == "spare" {
            assert_eq!(answer.seen("host"), Some(spare.address.to_string()));
            assert_eq!(answer.seen("x-spare").as_deref(), Some("its"));
            assert_eq!(answer.seen("authorization"), None, "it is main's");
            assert_eq!(answer.json()["body"], "hello");
        } else {
            assert_eq!(answer.body, "{\"spare\":true}");
        }
        assert_eq!(metric(&rig, "portunus_upstream_fell_back_total ").await, 1);
        let records = rig.wait_records(1).await;
        assert_eq!(records[0].decided_by, format!("fallback/{label}"));
    }
}

/// Two upstreams, the second of which stands in for the first.
fn with_spare(main: std::net::SocketAddr, spare: std::net::SocketAddr) -> String {
    format!(
        "portunus: 1\nupstreams:\n  \
         main: {{ targets: [{{ url: \"http://{main}\" }}]{ERRORS}, fallback: {{ upstream: spare }}, credential: {{ bearer: {{ token: mains }} }} }}\n  \
         spare: {{ targets: [{{ url: \"http://{spare}\" }}] }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main }} }} }} }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn another_upstream_stands_in_and_learns_no_secret() {
    let (main, spare) = (Moody::start().await, Upstream::start().await);
    let rig = rig(&with_spare(main.address, spare.address)).await;
    main.answers(500);
    open(&rig).await;
    let answer = rig.get("/x/books", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.seen("host"), Some(spare.address.to_string()));
    assert_eq!(
        answer.seen("authorization"),
        None,
        "the credential is main's"
    );
    let records = rig.wait_records(5).await;
    assert_eq!(records[4].decided_by, "fallback/spare");
    assert_eq!(records[4].target, spare.address.to_string());
    assert_eq!(metric(&rig, "portunus_upstream_fell_back_total ").await, 1);
    // The fallback goes along with a change of its own.
    let other = Upstream::start().await;
    rig.load(&with_spare(main.address, other.address), 2).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!((spare.requests(), other.requests()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_answer_stands_in() {
    let text = format!(
        "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: \"http://{}\" }}]{ERRORS}, \
         fallback: {{ answer: {{ status: 200, body: '[]' }} }} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
        nobody().await
    );
    let rig = rig(&text).await;
    open(&rig).await;
    for _ in 0..3 {
        let Answer { status, body, .. } = rig.get("/x", &[]).await;
        assert_eq!((status, body.as_str()), (200, "[]"));
    }
    let answer = rig.get("/x", &[]).await;
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let records = rig.wait_records(8).await;
    let last = &records[7];
    assert_eq!(
        (last.status, last.code.as_str(), last.decided_by.as_str()),
        (200, "circuit_open", "fallback/answer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stands_in_for_who_gets_copies() {
    let (main, shadow) = (Upstream::start().await, nobody().await);
    let text = format!(
        "portunus: 1\nupstreams:\n  \
         main: {{ targets: [{{ url: \"http://{}\" }}], mirror: {{ upstream: shadow }} }}\n  \
         shadow: {{ targets: [{{ url: \"http://{shadow}\" }}]{ERRORS}, fallback: {{ answer: {{ status: 200 }} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main }} }} }} }}\n",
        main.address
    );
    let rig = rig(&text).await;
    for failed in 1..=6 {
        assert_eq!(rig.get("/x", &[]).await.status, 200);
        while metric(&rig, "portunus_upstream_mirror_failed_total ").await < failed {
            settle().await;
        }
    }
    for (name, count) in [("circuit_refused", 2), ("fell_back", 0)] {
        let name = format!("portunus_upstream_{name}_total ");
        assert_eq!(metric(&rig, &name).await, count, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_may_take_so_long() {
    let target = Upstream::start().await;
    let rig = rig(&over(&[target.address], ", timeouts: { total: 300ms }")).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    let late = rig.get("/x/hold", &[]).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (504, "upstream_timeout")
    );
    let detail = late.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("in all"), "{detail}");
    target.release.notify_one();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_whose_time_is_over_opens_the_circuit_again() {
    let target = Upstream::start().await;
    let more = format!("{ERRORS}, timeouts: {{ total: 300ms }}");
    let rig = rig(&over(&[target.address], &more)).await;
    for _ in 0..4 {
        assert_eq!(rig.get("/x/hold", &[]).await.code(), "upstream_timeout");
    }
    assert_eq!(rig.get("/x/hold", &[]).await.code(), "circuit_open");
    rig.advance(12);
    settle().await;
    assert_eq!(rig.get("/x/hold", &[]).await.code(), "upstream_timeout");
    assert_eq!(rig.get("/x/hold", &[]).await.code(), "circuit_open");
    let opened = metric(&rig, "portunus_upstream_circuit_opened_total ").await;
    assert_eq!(opened, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_is_cut_off_in_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // The rest of its body never comes.
    const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    let target = crate::upstreams::always(BEGUN).await;
    let rig = rig(&over(&[target], ", timeouts: { total: 5s }")).await;
    let mut stream = tokio::net::TcpStream::connect(rig.handle.gateway)
        .await
        .unwrap();
    let request = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\nabc") {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0);
    }
    rig.advance(6);
    let rest = stream.read_to_end(&mut got);
    let rest = tokio::time::timeout(std::time::Duration::from_secs(20), rest);
    let _ = rest.await.expect("it is cut off");
    assert!(got.ends_with(b"\r\n\r\nabc"));
    let late = metric(&rig, "portunus_timed_out_total{phase=\"upstream\"} ").await;
    assert_eq!(late, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_keeps_a_client_at_its_target() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let more = ", balance: { sticky: { cookie: at, max_age: 1h } }";
    let rig = rig(&over(&[one.address, two.address], more)).await;
    let mut client = rig.client().await;
    let first = client.get("/x", &[]).await;
    let set = first.field("set-cookie").unwrap().to_owned();
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"),
        "{set}"
    );
    let cookie = format!("Cookie: a=b; {}", set.split(';').next().unwrap());
    let own = first.seen("host");
    for _ in 0..5 {
        let again = client.get("/x", &[&cookie]).await;
        assert_eq!(
            (again.seen("host"), again.field("set-cookie")),
            (own.clone(), None)
        );
    }
    // What names no target is balanced anew.
    let (mut seen, unknown) = (Vec::new(), format!("Cookie: at={}", "0".repeat(32)));
    for _ in 0..4 {
        let answer = client.get("/x", &[&unknown]).await;
        assert!(answer.field("set-cookie").is_some());
        seen.push(answer.seen("host"));
    }
    assert!(seen.iter().any(|host| *host != own), "{seen:?}");
    // As is one whose target is gone.
    let left = if own == Some(one.address.to_string()) {
        &two
    } else {
        &one
    };
    rig.load(&over(&[left.address, nobody().await], more), 2)
        .await;
    let moved = client.get("/x", &[&cookie]).await;
    assert_eq!(moved.seen("host"), Some(left.address.to_string()));
    assert!(moved.field("set-cookie").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_target_begins_slowly() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let more = ", balance: { slow_start: 100s }";
    let rig = rig(&over(&[old.address], more)).await;
    rig.load(&over(&[old.address, new.address], more), 2).await;
    let mut client = rig.client().await;
    for _ in 0..110 {
        client.get("/x", &[]).await;
    }
    assert_eq!(
        (old.requests(), new.requests()),
        (100, 10),
        "a tenth of its weight"
    );
    rig.advance(101);
    settle().await;
    // The first connection was idle for too long by now.
    let mut client = rig.client().await;
    for _ in 0..110 {
        client.get("/x", &[]).await;
    }
    let fresh = new.requests() - 10;
    assert!((54..=56).contains(&fresh), "its whole weight: {fresh}");
}
