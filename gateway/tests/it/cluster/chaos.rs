//! Redis is killed, stopped, emptied, made read-only, or restarted with what it knew some time ago,
//! and comes back, while two gateways are under load: of a bucket, and of both kinds of windows.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::policy::rate_limit::Algorithm;
use tokio::task::JoinHandle;

use super::*;

/// Where subjects are counted, and how.
const COUNTED: [(&str, Algorithm); 3] = [
    ("/by", Algorithm::TokenBucket),
    ("/by-fixed", Algorithm::FixedWindow),
    ("/by-sliding", Algorithm::SlidingWindow),
];

/// How many requests each of them has let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Admitted([u64; COUNTED.len()]);

impl AddAssign for Admitted {
    fn add_assign(&mut self, more: Self) {
        for (sum, more) in self.0.iter_mut().zip(more.0) {
            *sum += more;
        }
    }
}

/// What becomes of Redis.
struct Loss {
    what: &'static str,
    /// No node reaches it meanwhile.
    is_noticed: bool,
    /// What nodes have told it is gone afterwards.
    forgets: bool,
    /// It has written what it knew to its disk, some time before.
    is_saved: bool,
}

impl Loss {
    /// Nodes notice it, and find what they have told when Redis is back.
    const fn of(what: &'static str) -> Self {
        Self {
            what,
            is_noticed: true,
            forgets: false,
            is_saved: false,
        }
    }
}

/// A subject's next request to one of them; whether it is let through.
async fn ask_one(client: &mut Client, path: &str, who: &str) -> bool {
    let status = client.get(path, &[&format!("X-Who: {who}")]).await.status;
    match status {
        200 => true,
        429 => false,
        other => panic!("{other}"),
    }
}

/// A subject's next request to each of them.
async fn ask(client: &mut Client, who: &str) -> Admitted {
    let mut admitted = Admitted::default();
    for ((path, _), admitted) in COUNTED.into_iter().zip(&mut admitted.0) {
        *admitted = u64::from(ask_one(client, path, who).await);
    }
    admitted
}

/// So many requests, a moment apart: how many are let through.
async fn few(place: Place, who: &str, count: usize) -> Admitted {
    let mut client = Client::connect(place.gateway).await;
    let mut admitted = Admitted::default();
    for _ in 0..count {
        admitted += ask(&mut client, who).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    admitted
}

/// Asks until nothing has been let through for longer than another node may hold something, and
/// this one waits before it asks Redis again.
async fn use_up(place: Place, who: &str) -> Admitted {
    let mut client = Client::connect(place.gateway).await;
    let (mut admitted, mut refused) = (Admitted::default(), 0);
    while refused < 125 {
        let more = ask(&mut client, who).await;
        if more == Admitted::default() {
            refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            admitted += more;
            refused = 0;
        }
    }
    admitted
}

/// Requests of a subject, as fast as they are answered, until they are ended.
struct Running {
    ends: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Admitted>>,
}

impl Running {
    fn start(places: &[Place], who: &'static str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let client = |place: Place| {
            let ends = ends.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(place.gateway).await;
                let mut admitted = Admitted::default();
                while !ends.load(Ordering::Relaxed) {
                    let more = ask(&mut client, who).await;
                    if more == Admitted::default() {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    admitted += more;
                }
                admitted
            })
        };
        let clients = places.iter().flat_map(|place| [*place; 2]).map(client);
        let clients = clients.collect();
        Self { ends, clients }
    }

    async fn end(self) -> Admitted {
        self.ends.store(true, Ordering::Relaxed);
        let mut admitted = Admitted::default();
        for client in self.clients {
            admitted += client.await.unwrap();
        }
        admitted
    }
}

async fn over(places: [Place; 2]) -> u64 {
    let mut over = 0;
    for place in places {
        over += metric(place, "overshoot_total").await;
    }
    over
}

/// Loses Redis by `lose` and gets it back by `back`, under load all the time. Of three subjects one
/// is asked for without end, one now and then, so that it is not used up when Redis is back, and one
/// is everything to one node and unknown to the other.
async fn chaos(
    loss: Loss,
    lose: impl AsyncFn(&mut RedisServer),
    back: impl AsyncFn(&mut RedisServer),
) {
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let what = loss.what;
    let begun = Instant::now();
    let (_nodes, places) = two(&redis).await;
    let mut some = few(places[0], "some", 20).await;
    some += few(places[1], "some", 20).await;
    assert_eq!(some.0, [40; COUNTED.len()], "{what}");
    if loss.is_saved {
        // What it is told a moment later it will not know.
        redis.ask(&["SAVE"]).await;
    }
    let mut one = use_up(places[0], "one").await;
    let without_end = Running::start(&places, "all");
    lose(&mut redis).await;
    let unknown = Running::start(&places[1..], "one");
    if loss.is_noticed {
        for place in places {
            until("it is alone", async || metric(place, "degraded").await == 1).await;
        }
    }
    for place in places {
        some += few(place, "some", 30).await;
    }
    let meanwhile = places.map(|place| tokio::spawn(few(place, "some", 40)));
    back(&mut redis).await;
    for place in places {
        until("it shares", async || {
            metric(place, "degraded").await == 0 && metric(place, "nodes").await == 2
        })
        .await;
    }
    for asked in meanwhile {
        some += asked.await.unwrap();
    }
    let before_the_rest = some;
    one += unknown.end().await;
    let mut all = without_end.end().await;
    // Nothing is held anywhere any more when a node is asked for the second time.
    for place in [places[0], places[1], places[0]] {
        let rest = tokio::join!(
            use_up(place, "some"),
            use_up(place, "one"),
            use_up(place, "all"),
        );
        some += rest.0;
        one += rest.1;
        all += rest.2;
    }
    let (mut above, mut unheard) = (0, 0);
    for (at, (path, algorithm)) in COUNTED.into_iter().enumerate() {
        let policy = RateLimit {
            algorithm,
            ..limit()
        };
        let Overshoot { late, lost } = policy.overshoot(2);
        let refilled = match algorithm {
            Algorithm::TokenBucket => {
                begun.elapsed().as_secs() / (24 * 3600 / u64::from(LIMIT)) + 1
            }
            Algorithm::FixedWindow | Algorithm::SlidingWindow => 0,
        };
        for (who, admitted) in [("some", some), ("one", one), ("all", all)] {
            let (what, admitted) = (format!("{what}, {path}, {who}"), admitted.0[at]);
            let more = admitted.saturating_sub(u64::from(LIMIT));
            eprintln!("{what}: {more} above {LIMIT}, stated {lost}");
            assert!(more <= lost + refilled, "{what}: {more} above");
            // Whatever was counted twice would be missing here.
            assert!(admitted + 4 >= u64::from(LIMIT), "{what}: {admitted}");
            above += more.saturating_sub(refilled);
            unheard += late;
        }
        assert!(
            before_the_rest.0[at] < u64::from(LIMIT),
            "{what}, {path}: something was left to be counted rightly"
        );
    }
    if !loss.forgets {
        // Less what Redis told of while nobody heard it.
        let least = above.saturating_sub(unheard);
        until("what was above is told", async || {
            over(places).await >= least
        })
        .await;
    }
    eprintln!("{what}: Redis counted {} above", over(places).await);
    if loss.is_noticed {
        for place in places {
            assert!(metric(place, "failed_total").await > 0, "{what}");
        }
    }
}

/// Killed and started again: it has forgotten all that it had not written to its disk.
async fn killed(loss: Loss) {
    let loss = Loss {
        forgets: true,
        ..loss
    };
    chaos(
        loss,
        async |redis| redis.kill(),
        async |redis| redis.start_again().await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed() {
    killed(Loss::of("killed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_comes_back_with_what_it_knew_some_time_ago() {
    killed(Loss {
        is_saved: true,
        ..Loss::of("restored")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_stopped() {
    chaos(
        Loss::of("stopped"),
        async |redis| redis.signal("STOP"),
        async |redis| redis.signal("CONT"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied() {
    let loss = Loss {
        is_noticed: false,
        forgets: true,
        ..Loss::of("emptied")
    };
    chaos(
        loss,
        async |redis| drop(redis.ask(&["FLUSHALL"]).await),
        async |redis| drop(redis.ask(&["FLUSHALL"]).await),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_read_only() {
    chaos(
        Loss::of("read-only"),
        async |redis| drop(redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await),
        async |redis| drop(redis.ask(&["REPLICAOF", "NO", "ONE"]).await),
    )
    .await;
}

/// Of so many times that requests took.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * percent / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_a_redis_that_hangs() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    redis.signal("STOP");
    let mut clients = Vec::new();
    for (node, place) in places.into_iter().enumerate() {
        clients.push(tokio::spawn(async move {
            let mut client = Client::connect(place.gateway).await;
            let (mut limited, mut free) = (Vec::new(), Vec::new());
            for round in 0..200 {
                // Of each limit in turn, and half of them of subjects that nobody has heard of.
                let who = match round % 2 {
                    0 => format!("{node}"),
                    _ => format!("{node} {round}"),
                };
                let (path, _) = COUNTED[round % COUNTED.len()];
                let sent = Instant::now();
                ask_one(&mut client, path, &who).await;
                limited.push(sent.elapsed());
                // What a request takes on this machine just now.
                let sent = Instant::now();
                assert_eq!(client.get("/free", &[]).await.status, 200);
                free.push(sent.elapsed());
            }
            (limited, free)
        }));
    }
    let (mut limited, mut free) = (Vec::new(), Vec::new());
    for client in clients {
        let (more_limited, more_free) = client.await.unwrap();
        limited.extend(more_limited);
        free.extend(more_free);
    }
    // One that waited for Redis would have waited for 250 ms.
    for (percent, bound) in [(50, 50), (99, 200)] {
        let free = percentile(&mut free, percent);
        let limited = percentile(&mut limited, percent);
        eprintln!("{percent} % within {limited:?}, {free:?} without a limit");
        assert!(limited < free + Duration::from_millis(bound), "{limited:?}");
    }
    for place in places {
        until("it has lost Redis", async || {
            metric(place, "failed_total").await > 0
        })
        .await;
    }
}
