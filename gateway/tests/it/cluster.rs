//! Rate limits that two gateways share through a real Redis, which is killed, stopped, emptied and
//! made read-only under load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::duration::Span;
use domain::policy::rate_limit::Overshoot;
use domain::policy::{Mode, RateLimit, Scope};
use gateway::clock::Clock;

use crate::rig::redis::RedisServer;
use crate::rig::{Client, Rig};
use crate::switch::until;

/// Hardly anything is refilled while a test runs.
const HOURLY: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  open:
    versions:
      v1: { match: { path: /hourly }, upstream: echo, policies: [{ rate_limit: { limit: @LIMIT@, window: 24h, scope: cluster } }] }
      v2: { match: { path: /tuple }, upstream: echo, policies: [{ rate_limit: { limit: 40, window: 24h, scope: cluster, by: [address, route] } }] }
"#;

const LIMIT: u32 = 300;

fn limit() -> RateLimit {
    RateLimit {
        mode: Mode::Enforce,
        name: None,
        limit: LIMIT,
        window: Span::from_secs(24 * 3600),
        burst: None,
        by: Vec::new(),
        scope: Scope::Cluster,
    }
}

async fn gateway(redis: &RedisServer, limit: u32) -> Rig {
    Rig::with(&HOURLY.replace("@LIMIT@", &limit.to_string()), |settings| {
        settings.clock = Clock::default();
        settings.redis_url = Some(redis.url());
    })
    .await
}

/// Two that know of each other.
async fn two(redis: &RedisServer) -> [Rig; 2] {
    let rigs = [gateway(redis, LIMIT).await, gateway(redis, LIMIT).await];
    for rig in &rigs {
        until("both are known", async || metric(rig, "nodes").await == 2).await;
    }
    rigs
}

async fn metric(rig: &Rig, name: &str) -> u64 {
    let mut admin = Client::connect(rig.handle.admin.unwrap()).await;
    let page = admin.get("/metrics", &[]).await.body;
    let start = format!("portunus_cluster_limits_{name} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {page}"))
        .parse()
        .unwrap()
}

/// What came of a load.
#[derive(Debug, Default)]
struct Load {
    admitted: u64,
    refused: u64,
    slowest: Duration,
}

/// Asks both gateways over several connections, for so long.
async fn load(rigs: &[Rig], path: &'static str, time: Duration) -> Load {
    let mut clients = Vec::new();
    for rig in rigs {
        for _ in 0..3 {
            let mut client = rig.client().await;
            clients.push(tokio::spawn(async move {
                let (begun, mut load) = (Instant::now(), Load::default());
                while begun.elapsed() < time {
                    let sent = Instant::now();
                    match client.get(path, &[]).await.status {
                        200 => load.admitted += 1,
                        429 => {
                            load.refused += 1;
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                        other => panic!("{other}"),
                    }
                    load.slowest = load.slowest.max(sent.elapsed());
                }
                load
            }));
        }
    }
    let mut sum = Load::default();
    for client in clients {
        let load = client.await.unwrap();
        sum.admitted += load.admitted;
        sum.refused += load.refused;
        sum.slowest = sum.slowest.max(load.slowest);
    }
    sum
}

/// A little at a time, so that something is left for later.
async fn some(rigs: &[Rig], count: usize) -> u64 {
    let mut admitted = 0;
    for _ in 0..count {
        for rig in rigs {
            admitted += u64::from(rig.get("/hourly", &[]).await.status == 200);
        }
    }
    admitted
}

const LONG: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn one_node_counts_exactly() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rig = gateway(&redis, 5).await;
    until("it is alone", async || metric(&rig, "nodes").await == 1).await;
    let mut client = rig.client().await;
    for left in [4, 3, 2, 1, 0] {
        let answer = client.get("/hourly", &[]).await;
        assert_eq!(answer.status, 200);
        let shown = answer.field("ratelimit").unwrap().to_owned();
        assert!(shown.contains(&format!(";r={left};")), "{shown}");
    }
    let refused = client.get("/hourly", &[]).await;
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.field("retry-after").is_some());
    rig.handle.shutdown().await;
    // The next process of the node finds what was used.
    let rig = gateway(&redis, 5).await;
    until("it is alone", async || metric(&rig, "nodes").await == 1).await;
    let again = rig.get("/hourly", &[]).await.status;
    until("it knows", async || {
        metric(&rig, "overshoot_total").await == u64::from(again == 200)
    })
    .await;
    assert_eq!(rig.get("/hourly", &[]).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_have_one_bucket() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rigs = two(&redis).await;
    for (path, limit) in [("/hourly", u64::from(LIMIT)), ("/tuple", 40)] {
        let load = load(&rigs, path, LONG).await;
        let bound = RateLimit {
            limit: limit as u32,
            ..self::limit()
        };
        let Overshoot { late, .. } = bound.overshoot(2);
        let above = load.admitted.saturating_sub(limit);
        eprintln!("{path}: {load:?}: {above} above {limit}, stated {late}");
        assert!(load.admitted >= limit, "all of it is used");
        assert!(above <= late);
        assert!(load.refused > 0);
    }
    let mut over = 0;
    for rig in &rigs {
        over += metric(rig, "overshoot_total").await;
        assert_eq!(metric(rig, "degraded").await, 0);
        assert_eq!(metric(rig, "failed_total").await, 0);
    }
    eprintln!("Redis counted {over} above");
}

/// Loses Redis by `lose`, gets it back by `back`, under load all the time.
async fn chaos(
    what: &str,
    is_noticed: bool,
    lose: impl AsyncFn(&mut RedisServer),
    back: impl AsyncFn(&mut RedisServer),
) {
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let rigs = Arc::new(two(&redis).await);
    let mut admitted = some(&rigs[..], 40).await;
    let running = {
        let rigs = rigs.clone();
        tokio::spawn(async move { load(&rigs[..], "/hourly", Duration::from_secs(4)).await })
    };
    lose(&mut redis).await;
    if is_noticed {
        for rig in rigs.iter() {
            until("it is alone", async || metric(rig, "degraded").await == 1).await;
        }
    }
    let during = running.await.unwrap();
    back(&mut redis).await;
    for rig in rigs.iter() {
        until("it shares", async || {
            metric(rig, "degraded").await == 0 && metric(rig, "nodes").await == 2
        })
        .await;
    }
    let after = load(&rigs[..], "/hourly", LONG).await;
    admitted += during.admitted + after.admitted;
    let Overshoot { late: _, lost } = limit().overshoot(2);
    let above = admitted.saturating_sub(u64::from(LIMIT));
    eprintln!("{what}: {during:?}, then {after:?}: {above} above {LIMIT}, stated {lost}");
    assert!(above <= lost, "{what}: {above} above, {lost} stated");
    assert!(
        admitted + 2 >= u64::from(LIMIT) / 2,
        "{what}: the nodes go on with their parts"
    );
    if is_noticed {
        for rig in rigs.iter() {
            assert!(metric(rig, "failed_total").await > 0);
        }
    }
    // No request waits for Redis, however busy the machine is.
    assert!(during.slowest < Duration::from_secs(5), "{during:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed() {
    chaos(
        "killed",
        true,
        async |redis| redis.kill(),
        async |redis| redis.start_again().await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped() {
    chaos(
        "stopped",
        true,
        async |redis| redis.signal("STOP"),
        async |redis| redis.signal("CONT"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied() {
    chaos(
        "emptied",
        false,
        async |redis| drop(redis.ask(&["FLUSHALL"]).await),
        async |redis| drop(redis.ask(&["FLUSHALL"]).await),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_read_only() {
    chaos(
        "read-only",
        true,
        async |redis| drop(redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await),
        async |redis| drop(redis.ask(&["REPLICAOF", "NO", "ONE"]).await),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_node_counts_and_says_so() {
    let rig = Rig::with(&HOURLY.replace("@LIMIT@", "3"), |settings| {
        settings.clock = Clock::default();
    })
    .await;
    assert_eq!(metric(&rig, "degraded").await, 0, "nothing is to be shared");
    for status in [200, 200, 200, 429] {
        assert_eq!(rig.get("/hourly", &[]).await.status, status);
    }
    assert_eq!(metric(&rig, "degraded").await, 1);
}
