//! Active health checks, and names with addresses that are silent.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::Resolver;
use tokio::net::TcpListener;

use crate::rig::moody::Moody;
use crate::rig::{Rig, Upstream};
use crate::upstreams::{metric, nobody, over, rig};

const FAST: &str = "interval: 100ms, failures: 2";

fn checked(more: &str) -> String {
    format!(", health: {{ active: {{ path: /healthz, {FAST} }}{more} }}")
}

/// Waits until a metric has a value.
async fn until(rig: &Rig, name: &str, value: u64) {
    while metric(rig, name).await != value {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_its_probes_takes_nothing_until_it_passes() {
    let (good, bad) = (Moody::start().await, Moody::start().await);
    bad.health.store(500, Ordering::Relaxed);
    let rig = rig(&over(&[good.address, bad.address], &checked(""))).await;
    bad.probed(500, 2).await;
    until(&rig, "portunus_upstream_targets_down ", 1).await;
    let (before, mut client) = (bad.requests(), rig.client().await);
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(bad.requests(), before, "it is down and gets nothing");
    bad.probed(204, 1).await;
    until(&rig, "portunus_upstream_targets_down ", 0).await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(bad.requests(), before + 5);
    assert!(metric(&rig, "portunus_upstream_probes_failed_total ").await >= 2);
    assert!(metric(&rig, "portunus_upstream_probed_total ").await >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_probe_ends_an_ejection() {
    let (good, bad) = (Moody::start().await, Moody::start().await);
    bad.answers(500);
    bad.health.store(500, Ordering::Relaxed);
    let more = checked("").replace("failures: 2", "failures: 100");
    let rig = rig(&over(&[good.address, bad.address], &more)).await;
    let mut client = rig.client().await;
    while metric(&rig, "portunus_upstream_ejected_total ").await == 0 {
        client.get("/x", &[]).await;
    }
    bad.answers(200);
    let before = bad.requests();
    client.get("/x", &[]).await;
    client.get("/x", &[]).await;
    assert_eq!(bad.requests(), before, "the gateway's clock stands still");
    bad.probed(200, 2).await;
    for _ in 0..10 {
        client.get("/x", &[]).await;
    }
    assert_eq!(bad.requests(), before + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_panic_nothing_goes_to_what_is_down() {
    let only = Moody::start().await;
    only.health.store(503, Ordering::Relaxed);
    for (panic, status) in [("", 200), (", panic: 0", 503)] {
        let rig = rig(&over(&[only.address], &checked(panic))).await;
        until(&rig, "portunus_upstream_targets_down ", 1).await;
        let answer = rig.get("/x", &[]).await;
        assert_eq!(answer.status, status, "{panic}");
        if status == 503 {
            assert_eq!(answer.code(), "no_healthy_target");
            assert_eq!(answer.field("retry-after"), Some("1"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_half_all_targets_are_used_and_that_is_counted() {
    const PANICS: &str = "portunus_upstream_panic_total ";
    let mut targets = Vec::new();
    for _ in 0..4 {
        targets.push(Moody::start().await);
    }
    let addresses: Vec<SocketAddr> = targets.iter().map(|one| one.address).collect();
    let rig = rig(&over(&addresses, &checked(""))).await;
    let mut client = rig.client().await;
    let mut panicked = 0;
    for down in [0, 1, 2, 3, 4, 3, 2, 0] {
        for (index, target) in targets.iter().enumerate() {
            let status = if index < down { 503 } else { 200 };
            target.health.store(status, Ordering::Relaxed);
        }
        until(&rig, "portunus_upstream_targets_down ", down as u64).await;
        let before: Vec<usize> = targets.iter().map(Moody::requests).collect();
        for _ in 0..12 {
            assert_eq!(client.get("/x", &[]).await.status, 200);
        }
        let is_panic = down > 2;
        for (index, target) in targets.iter().enumerate() {
            let is_asked = target.requests() > before[index];
            assert_eq!(is_asked, index >= down || is_panic, "{index} of {down}");
        }
        panicked += if is_panic { 12 } else { 0 };
        assert_eq!(metric(&rig, PANICS).await, panicked, "{down} are down");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_path_a_connection_is_enough() {
    let (good, gone) = (Upstream::start().await, nobody().await);
    let more = format!(", health: {{ active: {{ {FAST} }} }}");
    let rig = rig(&over(&[good.address, gone], &more)).await;
    until(&rig, "portunus_upstream_targets_down ", 1).await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(good.requests(), 10, "probes send no request");
}

/// When connections were made to each target.
type Seen = Arc<Mutex<Vec<Vec<Instant>>>>;

/// So many targets, of which each check is a connection.
async fn targets(count: usize) -> (Vec<SocketAddr>, Seen) {
    let seen = Arc::new(Mutex::new(vec![Vec::new(); count]));
    let mut addresses = Vec::new();
    for index in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        let seen = seen.clone();
        tokio::spawn(async move {
            loop {
                listener.accept().await.unwrap();
                seen.lock().unwrap()[index].push(Instant::now());
            }
        });
    }
    (addresses, seen)
}

/// An upstream of many targets, on many nodes, would else be struck by all checks at once.
#[tokio::test(flavor = "multi_thread")]
async fn checks_keep_apart_from_each_other() {
    const TARGETS: usize = 8;
    const CHECKS: usize = 4;
    const INTERVAL: Duration = Duration::from_millis(250);
    let (addresses, seen) = targets(TARGETS).await;
    let more = ", health: { active: { interval: 250ms } }";
    let rig = rig(&over(&addresses, more)).await;
    let enough = || {
        let seen = seen.lock().unwrap();
        seen.iter().all(|checks| checks.len() >= CHECKS)
    };
    while !enough() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seen = seen.lock().unwrap().clone();
    // The first ones are spread over an interval. That all of eight fall into a tenth of it has a
    // chance of less than one in a million.
    let firsts = || seen.iter().map(|checks| checks[0]);
    let spread = firsts().max().unwrap() - firsts().min().unwrap();
    assert!(spread > INTERVAL / 10, "{spread:?}");
    // Those of one target come at their interval, give or take a tenth, and so not in step.
    let pauses: Vec<Duration> = seen
        .iter()
        .flat_map(|checks| checks[..CHECKS].windows(2).map(|two| two[1] - two[0]))
        .collect();
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    // A connection is seen late where the machine is busy.
    assert!(*least > INTERVAL / 4, "{pauses:?}");
    assert!(*most - *least > INTERVAL / 20, "{pauses:?}");
    assert_eq!(metric(&rig, "portunus_upstream_targets_down ").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_checked_any_more_is_not_down() {
    let (good, bad) = (Moody::start().await, Moody::start().await);
    bad.health.store(500, Ordering::Relaxed);
    let targets = [good.address, bad.address];
    let rig = rig(&over(&targets, &checked(""))).await;
    until(&rig, "portunus_upstream_targets_down ", 1).await;
    rig.load(&over(&targets, &checked("")), 2).await;
    let mut client = rig.client().await;
    let before = bad.requests();
    client.get("/x", &[]).await;
    client.get("/x", &[]).await;
    assert_eq!(bad.requests(), before, "a change forgets no verdict");
    rig.load(&over(&targets, ""), 3).await;
    until(&rig, "portunus_upstream_targets_down ", 0).await;
    for _ in 0..4 {
        client.get("/x", &[]).await;
    }
    assert_eq!(bad.requests(), before + 2);
    let probes = bad.probes();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(bad.probes() <= probes + 1, "at most the one under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_allowed_are_not_probed() {
    let target = Moody::start().await;
    let text = over(&[target.address, nobody().await], &checked(""));
    let rig = rig(&text).await;
    target.probed(200, 1).await;
    // The same file's targets, but the operator allows no network.
    let mut snapshot = crate::rig::snapshot(&text, &rig.upstream, 2);
    if let Some(settings) = &mut snapshot.parts.settings {
        settings.upstream_allow.clear();
    }
    rig.change(gateway::source::Change::Full(Box::new(snapshot)), 2)
        .await;
    until(&rig, "portunus_upstream_targets_down ", 2).await;
    let probes = target.probes();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(target.probes(), probes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_silent_leaves_the_others_of_its_name() {
    let (silent, _filled) = crate::circuit::stuck().await;
    let good = Upstream::start().await;
    let all = vec![silent, nobody().await, good.address];
    let text = "portunus: 1\nupstreams: { u: { targets: [{ url: \"http://books.test\" }], retries: { tries: 1 } } }\n\
         apis: { x: { versions: { v1: { match: { path: /x }, upstream: u } } } }\n";
    let resolver = Resolver::new(move |_, _| std::future::ready(Ok(all.clone())));
    let rig = Rig::with(text, |settings| settings.resolver = resolver).await;
    let answer = rig.get("/x", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
