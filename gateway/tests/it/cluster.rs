//! Rate limits that two gateways, each a process of its own, share through a real Redis, which is
//! also killed, stopped, emptied, restored and made read-only under load.

mod debts;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domain::duration::Span;
use domain::policy::rate_limit::{CostFrom, Overshoot};
use domain::policy::{Mode, RateLimit, Scope};
use gateway::RedisUrl;
use gateway::clock::Clock;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::redis::RedisServer;
use crate::rig::{Client, Rig};

mod chaos;
mod windows;

/// Hardly anything is refilled while a test runs.
const HOURLY: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  open:
    versions:
      v1: { match: { path: /hourly }, upstream: echo, policies: [{ rate_limit: { limit: @LIMIT@, window: 24h, scope: cluster } }] }
      v3: { match: { path: /dear }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, cost: 5 } }] }
      v4: { match: { path: /told }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, cost_from: { header: X-Cost, max: 10 } } }] }
      v5: { match: { path: /patient }, upstream: echo, policies: [{ rate_limit: { limit: 20, window: 1s, burst: 5, scope: cluster, delay: 3s } }] }
      v6: { match: { path: /owing }, upstream: echo, policies: [{ rate_limit: { limit: 8640, window: 24h, burst: 4, scope: cluster, cost_from: { header: X-Cost, max: 50 } } }] }
      v7: { match: { path: /deep }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, cost_from: { header: X-Cost, max: 1000000000 } } }] }
      v2: { match: { path: /tuple }, upstream: echo, policies: [{ rate_limit: { limit: 40, window: 24h, scope: cluster, by: [address, route] } }] }
      v8: { match: { path: /by }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, headers: [X-Who] } }] }
      v9: { match: { path: /free }, upstream: echo }
      w1: { match: { path: /fixed }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, algorithm: fixed_window } }] }
      w2: { match: { path: /sliding }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, algorithm: sliding_window } }] }
      w3: { match: { path: /dear-window }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, algorithm: fixed_window, cost: 5 } }] }
      w4: { match: { path: /short }, upstream: echo, policies: [{ rate_limit: { limit: 20, window: 1s, scope: cluster, algorithm: fixed_window } }] }
      w5: { match: { path: /by-fixed }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, algorithm: fixed_window, headers: [X-Who] } }] }
      w6: { match: { path: /by-sliding }, upstream: echo, policies: [{ rate_limit: { limit: 300, window: 24h, scope: cluster, algorithm: sliding_window, headers: [X-Who] } }] }
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
        headers: Vec::new(),
        claims: Vec::new(),
        cost: None,
        cost_from: None,
        algorithm: Default::default(),
        delay: None,
        waiting: None,
        scope: Scope::Cluster,
    }
}

async fn gateway(redis: RedisUrl, limit: u32) -> Rig {
    Rig::with(&HOURLY.replace("@LIMIT@", &limit.to_string()), |settings| {
        settings.clock = Clock::default();
        settings.redis_url = Some(redis);
    })
    .await
}

/// Where a gateway is.
#[derive(Debug, Clone, Copy)]
struct Place {
    gateway: SocketAddr,
    admin: SocketAddr,
}

impl Place {
    fn of(rig: &Rig) -> Self {
        Self {
            gateway: rig.handle.gateway,
            admin: rig.handle.admin.unwrap(),
        }
    }
}

const REDIS: &str = "PORTUNUS_TEST_NODE_REDIS";

/// What [`Process`] runs: a gateway, until its input ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests run it as a process"]
async fn a_node() {
    let Ok(redis) = std::env::var(REDIS) else {
        return;
    };
    let rig = gateway(RedisUrl::new(redis), LIMIT).await;
    let Place { gateway, admin } = Place::of(&rig);
    eprintln!("node {gateway} {admin}");
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    ended.await.unwrap().unwrap();
    rig.handle.shutdown().await;
}

/// A gateway as a process of its own.
struct Process {
    child: Child,
    place: Place,
}

impl Process {
    fn start(redis: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["cluster::a_node", "--exact", "--ignored", "--nocapture"])
            .env(REDIS, redis)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let place = lines.find_map(|line| {
            let line = line.unwrap();
            let (gateway, admin) = line.strip_prefix("node ")?.split_once(' ')?;
            Some(Place {
                gateway: gateway.parse().unwrap(),
                admin: admin.parse().unwrap(),
            })
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            place: place.expect("a node that starts"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two that know of each other.
async fn two(redis: &RedisServer) -> ([Process; 2], [Place; 2]) {
    let nodes = [(); 2].map(|()| Process::start(&redis.address()));
    let places = nodes.each_ref().map(|node| node.place);
    for place in places {
        until("both are known", async || metric(place, "nodes").await == 2).await;
    }
    (nodes, places)
}

/// Asks again until it is so. By times and not by time, as the machine may stand still meanwhile.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not in time: {what}");
}

async fn metric(place: Place, name: &str) -> u64 {
    let mut admin = Client::connect(place.admin).await;
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

impl Load {
    fn add(&mut self, other: &Self) {
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// Asks both gateways over several connections, for so long.
async fn load(places: [Place; 2], path: &'static str, time: Duration) -> Load {
    let mut clients = Vec::new();
    for place in places {
        for _ in 0..3 {
            let mut client = Client::connect(place.gateway).await;
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
        sum.add(&client.await.unwrap());
    }
    sum
}

/// The same for a while at a time, until it is enough: a busy machine needs longer for as much.
async fn load_until(
    places: [Place; 2],
    path: &'static str,
    is_enough: impl Fn(&Load) -> bool,
) -> Load {
    let mut sum = Load::default();
    for _ in 0..40 {
        sum.add(&load(places, path, LONG).await);
        if is_enough(&sum) {
            break;
        }
    }
    sum
}

const LONG: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn one_node_counts_exactly() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rig = gateway(redis.url(), 5).await;
    until("it is alone", async || {
        metric(Place::of(&rig), "nodes").await == 1
    })
    .await;
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
    let rig = gateway(redis.url(), 5).await;
    until("it is alone", async || {
        metric(Place::of(&rig), "nodes").await == 1
    })
    .await;
    let again = rig.get("/hourly", &[]).await.status;
    until("it knows", async || {
        metric(Place::of(&rig), "overshoot_total").await == u64::from(again == 200)
    })
    .await;
    assert_eq!(rig.get("/hourly", &[]).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_have_one_bucket() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    let over = async || {
        metric(places[0], "overshoot_total").await + metric(places[1], "overshoot_total").await
    };
    for (path, limit) in [("/hourly", u64::from(LIMIT)), ("/tuple", 40)] {
        let before = over().await;
        let is_used = |load: &Load| load.admitted >= limit && load.refused > 0;
        let load = load_until(places, path, is_used).await;
        let bound = RateLimit {
            limit: limit as u32,
            ..self::limit()
        };
        let Overshoot { late, .. } = bound.overshoot(2);
        let above = load.admitted.saturating_sub(limit);
        assert!(load.admitted >= limit, "all of it is used");
        assert!(above <= late, "{path}: {above} above, {late} stated");
        assert!(load.refused > 0);
        until("what was above is told", async || {
            over().await - before >= above
        })
        .await;
        let told = over().await - before;
        eprintln!("{path}: {load:?}: {above} above {limit}, {told} told, stated {late}");
        // What a node held meanwhile, and did not use in the end, was counted as well.
        assert!(told <= 2 * late, "{path}: {told} told, {above} above");
    }
    for place in places {
        assert_eq!(metric(place, "degraded").await, 0);
        assert_eq!(metric(place, "failed_total").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_of_the_one_bucket() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    let dear = RateLimit {
        cost: Some(5),
        ..limit()
    };
    let told = RateLimit {
        cost_from: Some(CostFrom {
            header: "X-Cost".to_owned(),
            max: 10,
            keep: false,
        }),
        ..limit()
    };
    // Three at a time on each node: far from all that could be owed.
    for (path, cost, policy, owed) in [("/dear", 5, dear, 0), ("/told?cost=3", 3, told, 20)] {
        let is_used =
            |load: &Load| load.admitted * cost + cost > u64::from(LIMIT) && load.refused > 0;
        let load = load_until(places, path, is_used).await;
        let Overshoot { late, .. } = policy.overshoot(2);
        assert!(owed <= policy.owed(2));
        let stated = late + owed;
        let used = load.admitted * cost;
        let above = used.saturating_sub(u64::from(LIMIT));
        eprintln!("{path}: {load:?}: {above} above {LIMIT}, stated {stated}");
        assert!(used + cost > u64::from(LIMIT), "{path}: all of it is used");
        assert!(above <= stated, "{path}");
        assert!(load.refused > 0, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_what_all_nodes_share() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    let policy = RateLimit {
        limit: 20,
        window: Span::from_secs(1),
        burst: Some(5),
        delay: Some(Span::from_secs(3)),
        ..limit()
    };
    let begun = Instant::now();
    let load = load_until(places, "/patient", |load| load.admitted >= 25).await;
    let Overshoot { late, .. } = policy.overshoot(2);
    let refilled = (20.0 * begun.elapsed().as_secs_f64()).ceil() as u64;
    let most = 5 + refilled + late;
    eprintln!("{load:?}: {most} at most");
    assert!(load.admitted <= most, "{load:?}, {most} at most");
    assert!(load.admitted >= 25, "who waits is let through: {load:?}");
    assert!(load.slowest < Duration::from_secs(8), "{load:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_node_counts_and_says_so() {
    let rig = Rig::with(&HOURLY.replace("@LIMIT@", "3"), |settings| {
        settings.clock = Clock::default();
    })
    .await;
    assert_eq!(
        metric(Place::of(&rig), "degraded").await,
        0,
        "nothing is to be shared"
    );
    for status in [200, 200, 200, 429] {
        assert_eq!(rig.get("/hourly", &[]).await.status, status);
    }
    assert_eq!(metric(Place::of(&rig), "degraded").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_is_explained() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rig = gateway(redis.url(), LIMIT).await;
    let told = |rig: &Rig| {
        let explainer = explainer(rig, &HOURLY.replace("@LIMIT@", "300"));
        let told = explain(&explainer, &asked("GET", "/hourly", &[]));
        let mut steps = told.steps.into_iter();
        let step = steps.find(|step| step.policy == "rate_limit/rate_limit");
        step.unwrap().why
    };
    let nodes = async |count| {
        until("they are known", async || {
            metric(Place::of(&rig), "nodes").await == count
        })
        .await;
    };
    nodes(1).await;
    assert_eq!(told(&rig), "By address. One node counts exactly.");
    let other = gateway(redis.url(), LIMIT).await;
    nodes(2).await;
    let Overshoot { late, lost } = limit().overshoot(2);
    let bound =
        format!("2 nodes together admit at most {late} more; {lost} more once Redis is lost.");
    assert_eq!(told(&rig), format!("By address. {bound}"));
    drop(redis);
    until("it is alone", async || {
        metric(Place::of(&rig), "degraded").await == 1
    })
    .await;
    let alone = "Redis is away: this node counts its part alone.";
    assert_eq!(told(&rig), format!("By address. {alone} {bound}"));
    other.handle.shutdown().await;
}
