//! Several targets: shares, failures, ejection, and what is tried again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Rig, Upstream, upstream};
use crate::switch::until;

/// A file with one API over these targets, and further lines of its upstream.
pub fn over(targets: &[SocketAddr], more: &str) -> String {
    let targets: Vec<String> = targets
        .iter()
        .map(|address| format!("{{ url: \"http://{address}\" }}"))
        .collect();
    format!(
        "portunus: 1\nupstreams: {{ u: {{ targets: [{}]{more} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
        targets.join(", ")
    )
}

/// One worker, so that turns are exact.
pub async fn rig(text: &str) -> Rig {
    Rig::with(text, |settings| settings.workers = Some(1)).await
}

pub const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n";
pub const DOWN_FOR_AN_HOUR: &str =
    "HTTP/1.1 503 Down\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
pub const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// An upstream that gives `answer` to every request.
pub async fn always(answer: &'static str) -> SocketAddr {
    upstream::scripted(vec![vec![answer; 1000]; 50]).await
}

/// An address that nobody listens on.
pub async fn nobody() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

pub async fn metric(rig: &Rig, name: &str) -> u64 {
    let page = rig.admin("/metrics").await.body;
    let line = page.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_even_and_every_algorithm_serves() {
    for (algorithm, exact) in [
        ("round_robin", true),
        ("least_requests", false),
        ("ewma", false),
        ("random", false),
    ] {
        let (one, two) = (Upstream::start().await, Upstream::start().await);
        let more = format!(", balance: {{ algorithm: {algorithm} }}");
        let rig = rig(&over(&[one.address, two.address], &more)).await;
        let mut client = rig.client().await;
        for _ in 0..60 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        assert_eq!(one.requests() + two.requests(), 60, "{algorithm}");
        if exact {
            assert_eq!(one.requests(), 30);
        } else {
            assert!(one.requests() > 0 && two.requests() > 0, "{algorithm}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_stays_with_its_target() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    for by in ["{ header: X-User }", "{ cookie: user }"] {
        let more = format!(", balance: {{ algorithm: consistent_hash, by: {by} }}");
        let rig = rig(&over(&[one.address, two.address], &more)).await;
        let mut client = rig.client().await;
        let mut seen = [false; 2];
        for user in 0..20 {
            let fields = [
                format!("X-User: {user}"),
                format!("Cookie: a=1; user={user}"),
            ];
            let fields = [fields[0].as_str(), fields[1].as_str()];
            let mut hosts = Vec::new();
            for _ in 0..3 {
                hosts.push(client.get("/x", &fields).await.seen("host").unwrap());
            }
            assert!(hosts.iter().all(|host| *host == hosts[0]), "{hosts:?}");
            seen[usize::from(hosts[0] == one.address.to_string())] = true;
        }
        assert_eq!(seen, [true, true], "{by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_is_covered_and_then_ejected() {
    for bad in [nobody().await, always(DOWN).await] {
        let good = Upstream::start().await;
        let rig = rig(&over(&[bad, good.address], "")).await;
        let mut client = rig.client().await;
        for _ in 0..20 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        assert_eq!(metric(&rig, "portunus_upstream_ejected_total ").await, 1);
        // Five tries found it out; after that it was left alone.
        assert_eq!(metric(&rig, "portunus_upstream_retried_total ").await, 5);
        let records = rig.wait_records(20).await;
        let twice = records.iter().filter(|record| record.tries == 2).count();
        assert_eq!(twice, 5);
        rig.advance(31);
        for _ in 0..4 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        assert!(metric(&rig, "portunus_upstream_retried_total ").await > 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ejection_outlives_a_change() {
    let good = Upstream::start().await;
    let text = over(&[nobody().await, good.address], "");
    let rig = rig(&text).await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        client.get("/x", &[]).await;
    }
    rig.load(&text, 2).await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(metric(&rig, "portunus_upstream_retried_total ").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_again() {
    let again = upstream::scripted(vec![vec![DOWN, FINE], vec![FINE]]).await;
    let long = always(DOWN_FOR_AN_HOUR).await;
    let down = always(DOWN).await;
    for (address, more, request, status, tries) in [
        (again, "", "GET /x HTTP/1.1\r\nHost: t\r\n\r\n", 200, 2),
        (long, "", "GET /x HTTP/1.1\r\nHost: t\r\n\r\n", 503, 1),
        (down, "", "GET /x HTTP/1.1\r\nHost: t\r\n\r\n", 503, 2),
        (
            down,
            ", retries: { tries: 3 }",
            "GET /x HTTP/1.1\r\nHost: t\r\n\r\n",
            503,
            3,
        ),
        (
            down,
            ", retries: { tries: 1 }",
            "GET /x HTTP/1.1\r\nHost: t\r\n\r\n",
            503,
            1,
        ),
        (
            down,
            ", retries: { budget: 0, least: 0 }",
            "GET /x HTTP/1.1\r\nHost: t\r\n\r\n",
            503,
            1,
        ),
        (
            down,
            "",
            "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n",
            503,
            1,
        ),
    ] {
        let rig = rig(&over(&[address], more)).await;
        let answer = rig.send(request).await;
        let records = rig.wait_records(1).await;
        assert_eq!(
            (answer.status, records[0].tries),
            (status, tries),
            "{more} {request}"
        );
        if more.contains("budget") {
            let spent = metric(&rig, "portunus_upstream_retry_budget_spent_total ").await;
            assert_eq!(spent, 1);
        }
    }
}

const DOWN_FOR_A_SECOND: &str = "HTTP/1.1 503 Down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
const DOWN_FOR_TWO: &str = "HTTP/1.1 503 Down\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n";
const DOWN_FOR_NOW: &str = "HTTP/1.1 503 Down\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
const DOWN_UNTIL_A_DATE: &str = "HTTP/1.1 503 Down\r\nRetry-After: Fri, 20 Nov 2026 12:00:00 GMT\r\n\
     Content-Length: 0\r\n\r\n";

/// A try that waits does so for as long as it was told, at least.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_waited_for_where_there_is_no_other_target() {
    let second = Duration::from_secs(1);
    for (first, more, status, tries, waits) in [
        (DOWN_FOR_A_SECOND, "", 200, 2, true),
        (DOWN_FOR_NOW, "", 200, 2, false),
        (DOWN_FOR_TWO, "", 503, 1, false),
        (DOWN_UNTIL_A_DATE, "", 503, 1, false),
        (
            DOWN_FOR_A_SECOND,
            ", retries: { longest_wait: 999ms }",
            503,
            1,
            false,
        ),
    ] {
        let target = upstream::scripted(vec![vec![first, FINE], vec![FINE]]).await;
        let rig = rig(&over(&[target], more)).await;
        let began = Instant::now();
        let answer = rig.get("/x", &[]).await;
        let took = began.elapsed();
        assert_eq!(answer.status, status, "{first}{more}");
        assert_eq!(took >= second, waits, "{took:?}: {first}{more}");
        let told = answer.field("retry-after").is_some();
        assert_eq!(told, status == 503, "the client is told instead: {first}");
        assert_eq!(rig.wait_records(1).await[0].tries, tries, "{first}{more}");
    }
    // What one target says of itself is nothing to another.
    for first in [DOWN_FOR_A_SECOND, DOWN_FOR_AN_HOUR, DOWN_UNTIL_A_DATE] {
        let (bad, good) = (always(first).await, Upstream::start().await);
        let rig = rig(&over(&[bad, good.address], "")).await;
        let began = Instant::now();
        for _ in 0..2 {
            assert_eq!(rig.get("/x", &[]).await.status, 200, "{first}");
        }
        let took = began.elapsed();
        assert!(took < second, "{took:?}: {first}");
        assert_eq!(metric(&rig, "portunus_upstream_retried_total ").await, 1);
    }
}

/// A target that keeps WebSockets and event streams open for as long as their clients do.
#[derive(Clone)]
struct Lasting {
    address: SocketAddr,
    /// How many are open.
    open: Arc<AtomicUsize>,
    /// Other requests, which are answered at once.
    requests: Arc<AtomicUsize>,
}

impl Lasting {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lasting = Self {
            address: listener.local_addr().unwrap(),
            open: Arc::default(),
            requests: Arc::default(),
        };
        let served = lasting.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(served.clone().serve(stream));
            }
        });
        lasting
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut got = Vec::new();
        while matches!(stream.read_buf(&mut got).await, Ok(1..)) {
            if !got.ends_with(b"\r\n\r\n") {
                continue;
            }
            let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
            let begun = if head.contains("\r\nupgrade: websocket\r\n") {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            } else if head.contains("text/event-stream") {
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                 9\r\ndata: 1\n\n\r\n"
            } else {
                self.requests.fetch_add(1, Ordering::Relaxed);
                got.clear();
                stream.write_all(FINE.as_bytes()).await.unwrap();
                continue;
            };
            self.open.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(begun.as_bytes()).await;
            while matches!(stream.read_buf(&mut got).await, Ok(1..)) {}
            self.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
    }

    fn counts(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        (count(&self.open), count(&self.requests))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_under_way_for_as_long_as_it_lasts() {
    for begin in [
        "GET /x HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n",
    ] {
        let targets = [Lasting::start().await, Lasting::start().await];
        let addresses = targets.each_ref().map(|target| target.address);
        let more = ", balance: { algorithm: least_requests }";
        let rig = rig(&over(&addresses, more)).await;
        // Two, of which each target gets one: the second goes where the first is not.
        let mut lasting = Vec::new();
        for open in [1, 2] {
            let mut client = rig.client().await;
            client.write(begin.as_bytes()).await;
            client.read_bare().await;
            lasting.push(client);
            let counts = targets.each_ref().map(Lasting::counts);
            assert_eq!(counts[0].0 + counts[1].0, open, "{begin}");
        }
        assert_eq!(targets.each_ref().map(Lasting::counts), [(1, 0); 2]);
        drop(lasting.pop());
        until("one of them has ended", async || {
            targets.iter().any(|target| target.counts().0 == 0)
        })
        .await;
        rig.wait_records(1).await;
        let (busy, free) = match targets[0].counts() {
            (0, _) => (&targets[1], &targets[0]),
            _ => (&targets[0], &targets[1]),
        };
        let mut client = rig.client().await;
        for _ in 0..20 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        assert_eq!((busy.counts(), free.counts()), ((1, 0), (0, 20)), "{begin}");
        drop(lasting);
        rig.wait_records(21).await;
        for _ in 0..40 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        assert!(busy.counts().1 > 0, "it has nothing any more: {begin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_spill_over_only_when_the_first_fails() {
    let (bad, first, second) = (
        nobody().await,
        Upstream::start().await,
        Upstream::start().await,
    );
    let text = format!(
        "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: \"http://{}\" }}, {{ url: \"http://{}\", tier: 1 }}] }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
        first.address, second.address
    );
    let rig = rig(&text).await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        client.get("/x", &[]).await;
    }
    assert_eq!((first.requests(), second.requests()), (10, 0));
    let text = text.replace(&first.address.to_string(), &bad.to_string());
    rig.load(&text, 2).await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(second.requests(), 10);
    assert_eq!(metric(&rig, "portunus_upstream_retried_total ").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn near_targets_are_preferred_while_they_are_healthy() {
    let (near, far, spare) = (
        Upstream::start().await,
        Upstream::start().await,
        Upstream::start().await,
    );
    let file = |near: SocketAddr, far: SocketAddr| {
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: \"http://{far}\", region: us }}, {{ url: \"http://{near}\", region: eu }}, {{ url: \"http://{}\", region: eu, tier: 1 }}] }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
            spare.address
        )
    };
    let rig = Rig::with(&file(near.address, far.address), |settings| {
        settings.workers = Some(1);
        settings.region = Some("eu".to_owned());
    })
    .await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!((near.requests(), far.requests()), (10, 0));
    // Without near ones the far ones of the tier come before the next tier, then that.
    rig.load(&file(nobody().await, far.address), 2).await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!((far.requests(), spare.requests()), (10, 0));
    rig.load(&file(nobody().await, nobody().await), 3).await;
    for _ in 0..10 {
        client.get("/x", &[]).await;
    }
    assert!(spare.requests() > 0);
    // A node of another region, or of none, is not concerned.
    for (region, shares) in [(Some("us"), (0, 10)), (None, (5, 5))] {
        let rig = Rig::with(&file(near.address, far.address), |settings| {
            settings.workers = Some(1);
            settings.region = region.map(str::to_owned);
        })
        .await;
        let mut client = rig.client().await;
        let before = (near.requests(), far.requests());
        for _ in 0..10 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        let now = (near.requests() - before.0, far.requests() - before.1);
        assert_eq!(now, shares, "{region:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_taken_out_finishes_what_it_has() {
    let (old, new) = (Upstream::start().await, Upstream::start().await);
    let rig = rig(&over(&[old.address], "")).await;
    let mut held = rig.client().await;
    held.write(b"GET /x/hold HTTP/1.1\r\nHost: t\r\n\r\n").await;
    while old.requests() == 0 {
        tokio::task::yield_now().await;
    }
    rig.load(&over(&[new.address], ""), 2).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!((old.requests(), new.requests()), (1, 1));
    old.release.notify_one();
    assert_eq!(held.read().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_another_upstream_takes_has_fallen_back() {
    let (main, spare) = (nobody().await, Upstream::start().await);
    let text = format!(
        "portunus: 1\nupstreams:\n  \
         main: {{ targets: [{{ url: \"http://{main}\" }}], retries: {{ tries: 1 }}, breaker: {{ errors: {{ least: 4 }} }}, fallback: {{ upstream: spare }} }}\n  \
         spare: {{ targets: [{{ url: \"http://{}\" }}], breaker: {{ in_flight: 1 }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main }} }} }} }}\n",
        spare.address
    );
    let rig = rig(&text).await;
    for _ in 0..4 {
        assert_eq!(rig.get("/x", &[]).await.status, 502);
    }
    let mut held = rig.client().await;
    held.write(b"GET /x/hold HTTP/1.1\r\nHost: t\r\n\r\n").await;
    while spare.requests() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.get("/x", &[]).await.code(), "circuit_open");
    spare.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    assert_eq!(metric(&rig, "portunus_upstream_fell_back_total ").await, 1);
}
