//! Copies of requests for another upstream, as an upstream or a policy asks for them: well-formed,
//! bounded, and without any effect on the requests themselves.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::policy::Stage;
use tokio::net::TcpListener;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Recorder, Rig, Upstream};
use crate::upstreams::{always, metric, nobody, rig};

/// An API over `main`, whose requests are mirrored to `shadow`.
fn mirrored(main: SocketAddr, shadow: SocketAddr, rule: &str) -> String {
    format!(
        "portunus: 1\nupstreams:\n  \
         main: {{ targets: [{{ url: \"http://{main}/base\" }}], credential: {{ bearer: {{ token: mains }} }}, mirror: {{ upstream: shadow{rule} }} }}\n  \
         shadow: {{ targets: [{{ url: \"http://{shadow}/other\" }}], credential: {{ header: {{ name: X-Shadow, value: its }} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main }} }} }} }}\n"
    )
}

/// The same by a policy.
fn by_policy(main: SocketAddr, shadow: SocketAddr, rule: &str) -> String {
    let policies =
        format!("upstream: main, policies: [{{ mirror: {{ upstream: shadow{rule} }} }}]");
    mirrored(main, shadow, "")
        .replace(", mirror: { upstream: shadow }", "")
        .replace("upstream: main", &policies)
}

/// Who asks for copies: an upstream, or a policy.
type Asks = fn(SocketAddr, SocketAddr, &str) -> String;
const BOTH: [Asks; 2] = [mirrored, by_policy];

/// Waits until a counter has this value.
pub async fn until(rig: &Rig, name: &str, value: u64) {
    let reached = async {
        while metric(rig, name).await != value {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
    assert!(reached.is_ok(), "{name} is {}", metric(rig, name).await);
}

const SENT: &str = "portunus_upstream_mirrored_total ";
const DROPPED: &str = "portunus_upstream_mirror_dropped_total ";
const FAILED: &str = "portunus_upstream_mirror_failed_total ";

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_well_formed_and_learns_no_secret() {
    for asks in BOTH {
        copies_are_good(asks).await;
    }
}

async fn copies_are_good(asks: Asks) {
    let (main, shadow) = (Recorder::start().await, Recorder::start().await);
    let rig = rig(&asks(main.address, shadow.address, "")).await;
    let mut client = rig.client().await;
    let requests = [
        "GET /x/a?b=c HTTP/1.1\r\nHost: t\r\nX-Mine: 1\r\nX-Portunus-Mirror: forged\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n",
        "POST /x/b HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /x/c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "POST /x/d HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n",
        "HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n",
    ];
    for (index, request) in requests.iter().enumerate() {
        client.write(request.as_bytes()).await;
        if request.starts_with("HEAD") {
            break;
        }
        assert_eq!(client.read().await.status, 200);
        until(&rig, SENT, index as u64 + 1).await;
    }
    until(&rig, SENT, 5).await;
    let mut copies = Vec::new();
    while copies.len() < 5 {
        copies.extend(shadow.take());
        tokio::task::yield_now().await;
    }
    let mut real = Vec::new();
    while real.len() < 5 {
        real.extend(main.take());
        tokio::task::yield_now().await;
    }
    for one in &real {
        let line = one.line.replace("/base", "/other");
        let copy = copies.iter().find(|copy| copy.line == line).unwrap();
        assert_eq!(copy.body, one.body);
        assert_eq!(copy.all("host"), [shadow.address.to_string()]);
        assert_eq!(copy.all("x-portunus-mirror"), ["1"]);
        assert_eq!(
            (copy.all("authorization"), copy.all("x-shadow")),
            (vec![], vec!["its"])
        );
        assert_eq!(one.all("authorization"), ["Bearer mains"]);
        assert!(one.all("x-portunus-mirror").is_empty());
        // Everything else is the same.
        let own = ["host", "authorization", "x-shadow", "x-portunus-mirror"];
        let rest = |fields: &[(String, String)]| {
            let mut rest = fields.to_vec();
            rest.retain(|(name, _)| !own.contains(&name.as_str()));
            rest
        };
        assert_eq!(rest(&copy.fields), rest(&one.fields));
    }
    assert_eq!(
        (metric(&rig, DROPPED).await, metric(&rig, FAILED).await),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_as_large_as_was_asked() {
    let (main, shadow) = (Upstream::start().await, Upstream::start().await);
    let rule = ", sample: 50, concurrency: 10000";
    let rig = rig(&mirrored(main.address, shadow.address, rule)).await;
    let mut client = rig.client().await;
    for _ in 0..1000 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    let sent = metric(&rig, SENT).await;
    // Five standard deviations.
    assert!((421..=579).contains(&sent), "{sent}");
    while shadow.requests() < sent as usize {
        tokio::task::yield_now().await;
    }
    assert_eq!((main.requests(), shadow.requests() as u64), (1000, sent));
    assert_eq!(
        (metric(&rig, DROPPED).await, metric(&rig, FAILED).await),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_incomplete_is_not_copied() {
    let (main, shadow) = (Recorder::start().await, Recorder::start().await);
    let rig = rig(&mirrored(main.address, shadow.address, ", body: 1000")).await;
    let mut client = rig.client().await;
    let long = "x".repeat(1001);
    let by_length = format!("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n{long}");
    let in_chunks = format!(
        "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{long}\r\n0\r\n\r\n"
    );
    let huge = "x".repeat(70_000);
    let huge = format!(
        "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n{huge}\r\n0\r\n\r\n"
    );
    for request in [by_length, in_chunks, huge] {
        assert_eq!(client.send(&request).await.status, 200);
    }
    let real = main.take();
    let lengths: Vec<usize> = real.iter().map(|one| one.body.len()).collect();
    assert_eq!(lengths, [1001, 1001, 70_000]);
    assert_eq!(
        (metric(&rig, DROPPED).await, metric(&rig, SENT).await),
        (3, 0)
    );
    assert_eq!(metric(&rig, "portunus_upstream_kept_bytes ").await, 0);
    assert!(shadow.take().is_empty());
}

/// The 99th percentile of so many requests one after another, and that all did well.
async fn p99(rig: &Rig, count: usize) -> Duration {
    let mut client = rig.client().await;
    let mut times = Vec::new();
    for number in 0..count {
        let began = Instant::now();
        let (answer, body) = if number % 2 == 0 {
            (client.get("/x", &[]).await, "")
        } else {
            let post = "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi";
            (client.send(post).await, "hi")
        };
        times.push(began.elapsed());
        assert_eq!(
            (answer.status, answer.json()["body"].as_str()),
            (200, Some(body))
        );
    }
    times.sort();
    times[count * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let main = Upstream::start().await;
    let body = "x".repeat(2_000_000);
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n{body}");
    let shadow = always(Box::leak(long.into_boxed_str())).await;
    let rig = rig(&mirrored(main.address, shadow, "")).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    until(&rig, "portunus_upstream_mirror_cut_total ", 1).await;
}

/// Accepts and never says a word.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_that_hangs_or_is_dead_is_felt_by_nobody() {
    let main = Upstream::start().await;
    let alone =
        mirrored(main.address, main.address, "").replace(", mirror: { upstream: shadow }", "");
    assert!(!alone.contains("mirror"));
    let alone = p99(&rig(&alone).await, 300).await;
    for (shadow, hangs) in [(silent().await, true), (nobody().await, false)] {
        let rule = ", concurrency: 4, timeout: 700ms";
        let rig = rig(&mirrored(main.address, shadow, rule)).await;
        let beside = p99(&rig, 300).await;
        // A tenth of the time that each of the copies hangs.
        assert!(
            beside < alone + Duration::from_millis(70),
            "{alone:?} {beside:?}"
        );
        let (sent, dropped) = (metric(&rig, SENT).await, metric(&rig, DROPPED).await);
        assert_eq!(sent + dropped, 300);
        if hangs {
            assert!(sent >= 4 && dropped > 200, "{sent} {dropped}");
        }
        // Each ends: in time, or because there is nobody.
        until(&rig, FAILED, sent).await;
        let before = metric(&rig, SENT).await;
        assert_eq!(rig.get("/x", &[]).await.status, 200);
        until(&rig, SENT, before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_not_there_takes_nothing_from_its_route() {
    for asks in BOTH {
        routes_go_without(asks).await;
    }
}

async fn routes_go_without(asks: Asks) {
    let (main, shadow) = (Upstream::start().await, Upstream::start().await);
    let text = asks(main.address, shadow.address, "");
    let rig = rig(&text).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    until(&rig, SENT, 1).await;
    let mut snapshot = crate::rig::snapshot(&text, &rig.upstream, 2);
    let upstreams = &mut snapshot.parts.upstreams;
    upstreams.retain(|upstream| upstream.name == "main");
    rig.change(gateway::source::Change::Full(Box::new(snapshot)), 2)
        .await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(metric(&rig, SENT).await, 1);
    // Nor does one that cannot be used.
    let mut snapshot = crate::rig::snapshot(&text, &rig.upstream, 3);
    for upstream in &mut snapshot.parts.upstreams {
        if upstream.name == "shadow" {
            upstream.settings.targets[0].weight = 0;
        }
    }
    rig.change(gateway::source::Change::Full(Box::new(snapshot)), 3)
        .await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(metric(&rig, SENT).await, 1);
    // One that comes later is used from then on.
    rig.load(&text, 4).await;
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    until(&rig, SENT, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_copies_what_it_is_asked_to() {
    const PLAIN: &str = "GET /x HTTP/1.1\r\nHost: t\r\n\r\n";
    const SOCKET: &str = "GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n";
    const OBSERVED: &str = "portunus_policy_observed_total{kind=\"mirror\"} 2";
    let long = "x".repeat(65_537);
    let long = format!("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n\r\n{long}");
    // A rule, a request that is sent twice, how often it was copied or not, and whether that is
    // only counted.
    for (rule, request, sent, dropped, is_observed) in [
        ("", PLAIN, 2, 0, false),
        ("", SOCKET, 0, 2, false),
        ("", &*long, 0, 2, false),
        (", percent: 0", PLAIN, 0, 0, false),
        (", mode: observe", PLAIN, 0, 0, true),
        (", mode: observe", SOCKET, 0, 0, false),
        (", mode: observe", &*long, 0, 0, false),
        (", mode: observe, percent: 0", PLAIN, 0, 0, false),
    ] {
        let (main, shadow) = (Recorder::start().await, Recorder::start().await);
        let rig = rig(&by_policy(main.address, shadow.address, rule)).await;
        for _ in 0..2 {
            assert_eq!(rig.send(request).await.status, 200, "{rule}");
        }
        let what = format!("{rule} {}", &request[..20]);
        until(&rig, SENT, sent).await;
        assert_eq!(metric(&rig, DROPPED).await, dropped, "{what}");
        let page = rig.admin("/metrics").await.body;
        assert_eq!(page.contains(OBSERVED), is_observed, "{what}");
        for record in rig.wait_records(2).await {
            assert_eq!(record.observed != 0, is_observed, "{what}");
            assert_eq!(record.decided_by, "", "{what}");
        }
        let mut copies = 0;
        while copies < sent {
            copies += shadow.take().len() as u64;
            tokio::task::yield_now().await;
        }
        assert_eq!((main.take().len(), copies), (2, sent), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_same_request_twice_from_one_policy() {
    let (main, shadow) = (Recorder::start().await, Recorder::start().await);
    let itself = by_policy(main.address, shadow.address, "").replace("shadow }", "main }");
    let rig_of_itself = rig(&itself).await;
    assert_eq!(rig_of_itself.get("/x", &[]).await.status, 200);
    assert_eq!(metric(&rig_of_itself, SENT).await, 0);
    assert_eq!(main.take().len(), 1);
    // The upstream's own mirror gets its copies all the same.
    let third = Recorder::start().await;
    let both = mirrored(main.address, third.address, "");
    let both = both
        .replace("shadow", "third")
        .replace(
            "upstream: main",
            "upstream: main, policies: [{ mirror: { upstream: shadow } }]",
        )
        .replace(
            "apis:",
            &format!(
                "  shadow: {{ targets: [{{ url: \"http://{}\" }}] }}\napis:",
                shadow.address
            ),
        );
    let rig = rig(&both).await;
    let post = "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(rig.send(post).await.status, 200);
    until(&rig, SENT, 2).await;
    for one in [shadow, third] {
        let mut copies = one.take();
        while copies.is_empty() {
            tokio::task::yield_now().await;
            copies = one.take();
        }
        assert_eq!((copies.len(), &*copies[0].body), (1, &b"hello"[..]));
        assert_eq!(copies[0].all("authorization"), Vec::<&str>::new());
    }
    assert_eq!(main.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policys_shadow_does_is_felt_by_nobody() {
    let main = Upstream::start().await;
    for (shadow, hangs) in [(silent().await, true), (nobody().await, false)] {
        let rig = rig(&by_policy(main.address, shadow, "")).await;
        p99(&rig, 100).await;
        let (sent, dropped) = (metric(&rig, SENT).await, metric(&rig, DROPPED).await);
        assert_eq!(sent + dropped, 100);
        if hangs {
            // As many as an upstream's own mirror has unless it is told otherwise.
            assert!(sent >= 32 && dropped > 0, "{sent} {dropped}");
        } else {
            until(&rig, FAILED, sent).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_tells_of_copies_and_sends_none() {
    let (main, shadow) = (Upstream::start().await, Upstream::start().await);
    for (rule, why) in [
        (
            ", percent: 10",
            "Sends copies of 10 % of the requests to another upstream.",
        ),
        (
            ", mode: observe",
            "Sends copies of 100 % of the requests to another upstream. It only observes.",
        ),
    ] {
        let text = by_policy(main.address, shadow.address, rule);
        let rig = rig(&text).await;
        let told = explain(&explainer(&rig, &text), &asked("GET", "/x", &[]));
        let step = told.steps.last().unwrap();
        assert_eq!((&*step.policy, step.stage), ("mirror/mirror", Stage::Shape));
        assert_eq!(step.why, why);
    }
    assert_eq!((main.requests(), shadow.requests()), (0, 0));
}
