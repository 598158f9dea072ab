//! The real gateway with more to do than it takes on: it says so at once, its memory stays, whoever
//! watches it is answered, and afterwards it serves as before.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::client::Client;
use e2e::wait;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::lasting::{Lasting, PATIENCE};

/// Requests that it works on at a time.
const MOST: usize = 64;
/// Clients above that, and how often each of them asks.
const EXCESS: u32 = 200;
const EVERY: Duration = Duration::from_millis(400);
const OVERLOADED: Duration = Duration::from_secs(3);
/// Those who ask before, meanwhile and afterwards, and what they can get in a second.
const STEADY: u64 = 10;
const BEAT: Duration = Duration::from_millis(50);
const OFFERED: u64 = STEADY * 20;

fn resident_mib(pid: u32) -> anyhow::Result<u64> {
    let path = Path::new("/proc").join(pid.to_string()).join("status");
    let status = std::fs::read_to_string(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.context("VmRSS")?.parse::<u64>()? / 1024)
}

async fn metric(admin: &str, name: &str) -> anyhow::Result<u64> {
    let page = Client::default().get(&format!("{admin}/metrics")).await?;
    let value = page.text.lines().find_map(|line| line.strip_prefix(name));
    Ok(value.context("the metric")?.trim().parse()?)
}

/// Asks at a steady rate, and counts what was answered with 200; 503 is no fault of the gateway's.
async fn steady(url: String, good: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let client = Client::default();
    let mut beats = tokio::time::interval(BEAT);
    // No more than that, also behind a pause of the machine.
    beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !stop.load(Ordering::Relaxed) {
        beats.tick().await;
        match client.get(&url).await?.status {
            200 => _ = good.fetch_add(1, Ordering::Relaxed),
            status => ensure!(status == 503, "{status}"),
        }
    }
    Ok(())
}

/// Good answers of one second.
async fn goodput(good: &AtomicU64) -> u64 {
    let before = good.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    good.load(Ordering::Relaxed) - before
}

/// Asks until it has a place, and keeps it until the upstream lets go.
async fn hold(url: String) -> anyhow::Result<()> {
    let client = Client::default();
    loop {
        match client.get(&url).await?.status {
            200 => return Ok(()),
            status => ensure!(status == 503, "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Is refused until it is time to stop: how long each refusal took.
async fn excess(url: String, first: Duration, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let client = Client::default();
    let mut took = Vec::new();
    let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + first, EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while Instant::now() < until {
        beats.tick().await;
        let asked = Instant::now();
        let answer = client.get(&url).await?.expect(503)?;
        took.push(asked.elapsed());
        ensure!(answer.header("retry-after") == "1", "{answer:?}");
        ensure!(answer.text.contains("overloaded"), "{answer:?}");
    }
    Ok(took)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_harms_nothing_that_lasts() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let lasting = Lasting::start().await?;
    let settings = [
        ("PORTUNUS_REQUESTS_IN_FLIGHT", "64"),
        ("PORTUNUS_WORKERS", "2"),
    ];
    let running = lasting.gateway(folder.path(), &[], &settings).await?;
    let pid = running.pid().context("it runs")?;
    let url = format!("{}/x/fast", running.ready.gateway);
    let (good, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let steady: Vec<_> = (0..STEADY)
        .map(|_| tokio::spawn(steady(url.clone(), good.clone(), stop.clone())))
        .collect();
    goodput(&good).await;
    let quiet = goodput(&good).await.min(OFFERED);
    ensure!(quiet > 0, "nothing was answered");

    let before = resident_mib(pid)?;
    let place = format!("{}/x/held", running.ready.gateway);
    let held: Vec<_> = (0..MOST)
        .map(|_| tokio::spawn(hold(place.clone())))
        .collect();
    wait::until("all places are taken", PATIENCE, || async {
        (lasting.held.load(Ordering::Relaxed) == MOST).then_some(())
    })
    .await?;
    let until = Instant::now() + OVERLOADED;
    let crowd: Vec<JoinHandle<anyhow::Result<Vec<Duration>>>> = (0..EXCESS)
        .map(|index| tokio::spawn(excess(url.clone(), EVERY * index / EXCESS, until)))
        .collect();
    let (mut most, mut slowest, mut looks) = (before, Duration::ZERO, 0);
    while Instant::now() < until {
        let asked = Instant::now();
        let now = metric(&running.ready.admin, "portunus_requests_in_flight ").await?;
        slowest = slowest.max(asked.elapsed());
        // A request counts while it is being refused: one of each worker.
        let bound = MOST as u64;
        ensure!((bound..=bound + 2).contains(&now), "{now} in flight");
        most = most.max(resident_mib(pid)?);
        looks += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut took = Vec::new();
    for one in crowd {
        took.extend(one.await??);
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{} refusals: p50 {:?}, p90 {:?}, most {:?}; admin {slowest:?} of {looks}; {before} → {most} MiB",
        took.len(),
        at(50),
        at(90),
        at(100)
    );
    ensure!(at(90) < Duration::from_millis(100), "{:?}", at(90));
    ensure!(at(100) < Duration::from_secs(3), "{:?}", at(100));
    ensure!(slowest < Duration::from_secs(1), "{slowest:?}");
    ensure!(most < before + 64, "{before} → {most} MiB");

    // It ends, and within ten seconds everything is as it was.
    lasting.release.send_replace(true);
    let ended = Instant::now();
    let mut again = goodput(&good).await;
    while again * 100 < quiet * 95 {
        let since = ended.elapsed();
        ensure!(
            since < Duration::from_secs(10),
            "{again} of {quiet} after {since:?}"
        );
        again = goodput(&good).await;
    }
    println!(
        "{quiet} a second before, {again} after {:?}",
        ended.elapsed()
    );
    stop.store(true, Ordering::Relaxed);
    for one in steady {
        one.await??;
    }
    for one in held {
        one.await??;
    }
    ensure!(running.terminate().await? == 0);
    Ok(())
}
