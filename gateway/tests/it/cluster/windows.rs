//! Fixed and sliding windows that two gateways share: one count, whose excess is as stated and shown,
//! also by windows that are short, and when Redis is lost and has forgotten all.

use domain::policy::rate_limit::Algorithm;

use super::*;

fn window(algorithm: Algorithm) -> RateLimit {
    RateLimit {
        algorithm,
        ..limit()
    }
}

async fn over(places: [Place; 2]) -> u64 {
    metric(places[0], "overshoot_total").await + metric(places[1], "overshoot_total").await
}

/// So many requests to a node, which are all let through.
async fn pass(place: Place, path: &str, count: usize) {
    let mut client = Client::connect(place.gateway).await;
    for _ in 0..count {
        assert_eq!(client.get(path, &[]).await.status, 200, "{path}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_have_one_window() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    for (path, algorithm, cost) in [
        ("/fixed", Algorithm::FixedWindow, 1),
        ("/sliding", Algorithm::SlidingWindow, 1),
        ("/dear-window", Algorithm::FixedWindow, 5),
    ] {
        let policy = RateLimit {
            cost: Some(cost),
            ..window(algorithm)
        };
        let before = over(places).await;
        let (limit, cost) = (u64::from(LIMIT), u64::from(cost));
        let is_used = |load: &Load| load.admitted * cost >= limit && load.refused > 0;
        let load = load_until(places, path, is_used).await;
        let Overshoot { late, .. } = policy.overshoot(2);
        let used = load.admitted * cost;
        let above = used.saturating_sub(limit);
        eprintln!("{path}: {load:?}: {above} above {limit}, stated {late}");
        assert!(used >= limit, "{path}: all of it is used");
        assert!(above <= late, "{path}: {above} above, {late} stated");
        assert!(load.refused > 0, "{path}");
        until("what was above is told", async || {
            over(places).await - before >= above
        })
        .await;
        assert_eq!(over(places).await - before, above, "{path}");
    }
    for place in places {
        assert_eq!(metric(place, "degraded").await, 0);
        assert_eq!(metric(place, "failed_total").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_short_window_has_the_limit() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    let policy = RateLimit {
        limit: 20,
        window: Span::from_secs(1),
        ..window(Algorithm::FixedWindow)
    };
    let begun = Instant::now();
    let load = load_until(places, "/short", |load| load.admitted >= 40).await;
    // The first and the last are not whole.
    let windows = begun.elapsed().as_secs() + 2;
    let Overshoot { late, .. } = policy.overshoot(2);
    eprintln!("{load:?} in {windows} windows, {late} above stated");
    assert!(load.admitted <= windows * (20 + late), "{load:?}");
    assert!(load.admitted >= 40, "a window begins anew: {load:?}");
    assert!(load.refused > 0, "{load:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_outlives_a_redis_that_is_killed() {
    let Some(mut redis) = RedisServer::start().await else {
        return;
    };
    let (_nodes, places) = two(&redis).await;
    let paths = [
        ("/fixed", Algorithm::FixedWindow),
        ("/sliding", Algorithm::SlidingWindow),
    ];
    for (path, _) in paths {
        for place in places {
            pass(place, path, 40).await;
        }
    }
    redis.kill();
    for place in places {
        until("it is alone", async || metric(place, "degraded").await == 1).await;
        for (path, _) in paths {
            pass(place, path, 20).await;
        }
    }
    redis.start_again().await;
    for place in places {
        until("it shares", async || {
            metric(place, "degraded").await == 0 && metric(place, "nodes").await == 2
        })
        .await;
    }
    for (path, algorithm) in paths {
        let is_used = |load: &Load| load.admitted + 120 >= u64::from(LIMIT) && load.refused > 0;
        let load = load_until(places, path, is_used).await;
        let admitted = load.admitted + 120;
        let Overshoot { late, .. } = window(algorithm).overshoot(2);
        eprintln!("{path}: {admitted} of {LIMIT}, stated {late}");
        // Both were known to both, so that nothing was lost with Redis.
        assert!(admitted <= u64::from(LIMIT) + late, "{path}: {admitted}");
        // Whatever was counted twice would be missing here.
        assert!(admitted >= u64::from(LIMIT), "{path}: {admitted}");
    }
}
