//! Several targets: shares, failures, ejection, and what is tried again.

use std::net::SocketAddr;

use crate::rig::{Rig, Upstream, upstream};

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
