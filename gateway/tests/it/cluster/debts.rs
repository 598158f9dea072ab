//! What answers cost beyond what was taken, over two gateways and a real Redis: debts of both are
//! debts of the one bucket, they add up, and they are bounded as docs/policies.md states.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::policy::RateLimit;
use domain::policy::rate_limit::{CostFrom, Overshoot};
use tokio::task::JoinHandle;

use super::{LIMIT, Place, gateway, limit, metric, until};
use crate::rig::Rig;
use crate::rig::redis::RedisServer;

async fn knows(rig: &Rig, nodes: u64) {
    until("they are known", async || {
        metric(Place::of(rig), "nodes").await == nodes
    })
    .await;
}

/// Two that know of each other.
async fn pair(redis: &RedisServer) -> [Rig; 2] {
    let rigs = [
        gateway(redis.url(), LIMIT).await,
        gateway(redis.url(), LIMIT).await,
    ];
    for rig in &rigs {
        knows(rig, 2).await;
    }
    rigs
}

/// Requests that came to the upstreams.
fn passed(rigs: &[Rig; 2]) -> usize {
    rigs.iter().map(|rig| rig.upstream.requests()).sum()
}

/// Asks each gateway so many times at once, and lets no answer come before each is under way or
/// refused. How many were let in.
async fn at_once(rigs: &[Rig; 2], path: &'static str, count: usize) -> u64 {
    let mut asked: Vec<JoinHandle<u16>> = Vec::new();
    for rig in rigs {
        for _ in 0..count {
            let mut client = rig.client().await;
            asked.push(tokio::spawn(
                async move { client.get(path, &[]).await.status },
            ));
        }
    }
    let ended = || asked.iter().filter(|one| one.is_finished()).count();
    until("each is under way or refused", async || {
        passed(rigs) + ended() == asked.len()
    })
    .await;
    until("each is answered", async || {
        for rig in rigs {
            rig.upstream.release.notify_waiters();
        }
        ended() == asked.len()
    })
    .await;
    let mut admitted = 0;
    for one in asked {
        admitted += u64::from(one.await.unwrap() == 200);
    }
    admitted
}

/// In how many seconds the bucket is whole again, as a refusal says.
async fn whole_in(rig: &Rig, path: &str) -> Option<u64> {
    let refused = rig.get(path, &[]).await;
    let shown = refused.field("ratelimit").filter(|_| refused.status == 429);
    shown?.split(";t=").nth(1)?.parse().ok()
}

/// Asks until all of them say so: by times and not by time, as the machine may stand still.
async fn until_whole_in(rigs: &[&Rig], path: &str, seconds: RangeInclusive<u64>) {
    let mut said = Vec::new();
    for _ in 0..500 {
        said.clear();
        for rig in rigs {
            said.push(whole_in(rig, path).await);
        }
        if said
            .iter()
            .all(|one| one.is_some_and(|one| seconds.contains(&one)))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path}: {said:?} and not {seconds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn debts_of_all_nodes_add_up_to_what_is_stated() {
    const MAX: u32 = 50;
    /// Seconds in which one is refilled.
    const EACH: u64 = 10;
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rigs = pair(&redis).await;
    let policy = RateLimit {
        limit: 8640,
        burst: Some(4),
        cost_from: Some(CostFrom {
            header: "X-Cost".to_owned(),
            max: MAX,
            keep: false,
        }),
        ..limit()
    };
    let Overshoot { late, .. } = policy.overshoot(2);
    // It says more than it may cost.
    let admitted = at_once(&rigs, "/owing/hold?cost=9999", 6).await;
    let used = admitted * u64::from(MAX);
    eprintln!("{admitted} of 12 were let in, which cost {used}");
    assert!((2..=4 + late).contains(&admitted), "{admitted}");
    for rig in &rigs {
        assert!(rig.upstream.requests() > 0, "both have let some in");
    }
    assert!(used - 4 <= late + policy.owed(2), "{used}");
    // Each is told what the other's requests cost, and a minute is enough for that.
    let whole = used * EACH;
    let [one, other] = &rigs;
    until_whole_in(&[one, other], "/owing/a", whole - 60..=whole + 1).await;
    let before = passed(&rigs);
    for _ in 0..20 {
        for rig in &rigs {
            assert_eq!(rig.get("/owing/a", &[]).await.status, 429);
        }
    }
    assert_eq!(passed(&rigs), before, "nothing passes until it is paid for");
    for rig in &rigs {
        assert_eq!(metric(Place::of(rig), "failed_total").await, 0);
    }
}

/// Each node by itself has let the subject owe all that it may.
#[tokio::test(flavor = "multi_thread")]
async fn no_subject_owes_more_than_a_month() {
    const DAY: u64 = 86_400;
    /// The burst is refilled in a day, and the rest is owed.
    const MOST: u64 = 31 * DAY;
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let rigs = pair(&redis).await;
    let admitted = at_once(&rigs, "/deep/hold?cost=1000000000", 1).await;
    assert_eq!(admitted, 2, "one on each");
    let [one, other] = &rigs;
    until_whole_in(&[one, other], "/deep/a", MOST - 600..=MOST + 1).await;
    // Who comes later knows it from Redis alone.
    let newcomer = gateway(redis.url(), LIMIT).await;
    knows(&newcomer, 3).await;
    until_whole_in(&[&newcomer], "/deep/a", MOST - 600..=MOST + 1).await;
    until_whole_in(&[one, other], "/deep/a", MOST - 600..=MOST + 1).await;
}
