//! Whatever nodes ask, settle and lose: together they admit no more than the limit's curve and the
//! overshoot that it states. The server here does what `ledger/*.lua` do; `tests/it/cluster.rs` has
//! the real one.

mod cluster;
mod forgetting;
pub(super) mod server;
pub(super) mod windows;

use domain::duration::Span;
use domain::policy::rate_limit::{CostFrom, Overshoot};
use domain::policy::{self, Mode, Scope};
use proptest::prelude::*;

use super::settling::Round;
use cluster::Cluster;

fn limit(requests: u32, window_s: u64, burst: u32) -> policy::RateLimit {
    policy::RateLimit {
        mode: Mode::Enforce,
        name: None,
        limit: requests,
        window: Span::from_secs(window_s),
        burst: Some(burst),
        by: Vec::new(),
        headers: Vec::new(),
        claims: Vec::new(),
        cost: None,
        cost_from: None,
        algorithm: policy::rate_limit::Algorithm::TokenBucket,
        delay: None,
        waiting: None,
        scope: Scope::Cluster,
    }
}

/// Answers say what requests cost.
fn telling(limit: policy::RateLimit, max: u32) -> policy::RateLimit {
    let from = CostFrom {
        header: "X-Cost".to_owned(),
        max,
        keep: false,
    };
    policy::RateLimit {
        cost_from: Some(from),
        ..limit
    }
}

fn costing(limit: policy::RateLimit, cost: u32) -> policy::RateLimit {
    policy::RateLimit {
        cost: Some(cost),
        ..limit
    }
}

#[derive(Debug, Clone)]
enum Event {
    Requests(usize, u8),
    Urgent(usize),
    Wait(u8),
    Lose(u16),
    Flush,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..4_usize, 1..40_u8).prop_map(|(node, count)| Event::Requests(node, count)),
        6 => (0..4_usize).prop_map(Event::Urgent),
        3 => (1..=100_u8).prop_map(Event::Wait),
        1 => (1..3000_u16).prop_map(Event::Lose),
        1 => Just(Event::Flush),
    ]
}

/// Lets time pass, with the regular rounds of all nodes.
fn wait(cluster: &mut Cluster, millis: u64) {
    let mut left = millis;
    while left > 0 {
        let step = left.min(100);
        cluster.pass(step);
        for node in 0..cluster.count() {
            cluster.settle(node, Round::Regular, true);
        }
        left -= step;
    }
}

fn play(cluster: &mut Cluster, events: &[Event], may_lose: bool) {
    let count = cluster.count();
    for event in events {
        match event {
            Event::Requests(node, requests) => {
                for _ in 0..*requests {
                    cluster.request(node % count);
                }
            }
            Event::Urgent(node) => cluster.settle(node % count, Round::Urgent, true),
            Event::Wait(tens) => wait(cluster, u64::from(*tens) * 10),
            Event::Lose(millis) if may_lose => {
                cluster.is_lost = true;
                wait(cluster, 1);
                for node in 0..count {
                    for _ in 0..30 {
                        cluster.request(node);
                    }
                }
                wait(cluster, u64::from(*millis));
                cluster.is_lost = false;
            }
            Event::Flush if may_lose => cluster.forget(),
            Event::Lose(_) | Event::Flush => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn with_redis_there_is_no_more_than_stated(
        count in 1..4_u32,
        requests in 1..300_u32,
        window in 1..60_u64,
        burst in 1..300_u32,
        cost in 1..6_u32,
        events in proptest::collection::vec(event(), 1..120),
    ) {
        prop_assume!(cost <= burst);
        let limit = costing(limit(requests, window, burst), cost);
        let mut cluster = Cluster::new(count, &limit);
        play(&mut cluster, &events, false);
        let Overshoot { late, lost: _ } = limit.overshoot(count);
        prop_assert!(cluster.excess() <= late, "{} above, {late} stated", cluster.excess());
    }

    #[test]
    fn redis_may_be_lost_in_between(
        count in 1..4_u32,
        requests in 1..300_u32,
        window in 1..60_u64,
        burst in 1..300_u32,
        cost in 1..6_u32,
        before in proptest::collection::vec(event(), 1..40),
        lost in prop_oneof![(1..3000_u16).prop_map(Event::Lose), Just(Event::Flush)],
        after in proptest::collection::vec(event(), 1..40),
    ) {
        prop_assume!(cost <= burst);
        let limit = costing(limit(requests, window, burst), cost);
        let mut cluster = Cluster::new(count, &limit);
        play(&mut cluster, &before, false);
        play(&mut cluster, &[lost], true);
        play(&mut cluster, &after, false);
        let Overshoot { late: _, lost } = limit.overshoot(count);
        prop_assert!(cluster.excess() <= lost, "{} above, {lost} stated", cluster.excess());
    }
}

/// All nodes are asked at once for all that there is, settling after each request.
fn drain(cluster: &mut Cluster) -> u64 {
    let count = cluster.count();
    let before = cluster.admitted;
    for turn in 0..2000 {
        cluster.request(turn % count);
        cluster.settle(turn % count, Round::Urgent, true);
    }
    cluster.admitted - before
}

#[test]
fn one_bucket_for_all_nodes() {
    let limit = limit(100, 60, 100);
    for nodes in 1..4 {
        let mut cluster = Cluster::new(nodes, &limit);
        assert_eq!(drain(&mut cluster), 100, "{nodes} nodes");
        // 3 s are 5 requests more.
        wait(&mut cluster, 3000);
        let more = drain(&mut cluster);
        assert!((5..=7).contains(&more), "{nodes} nodes: {more}");
        assert!(cluster.excess() <= more - 5);
    }
}

#[test]
fn what_a_request_costs_is_of_the_one_bucket() {
    let limit = costing(limit(100, 60, 100), 7);
    for nodes in 1..4 {
        let mut cluster = Cluster::new(nodes, &limit);
        assert_eq!(drain(&mut cluster), 14, "{nodes} nodes");
    }
}

#[test]
fn what_answers_say_of_costs_is_told_to_all() {
    let limit = telling(limit(100, 60, 100), 1000);
    for cost in [0, 1, 9, 50, 99, 100] {
        let mut cluster = Cluster::new(2, &limit);
        assert!(cluster.request(0));
        cluster.told(0, cost);
        cluster.settle(0, Round::Urgent, true);
        cluster.settle(1, Round::Regular, true);
        let (more, wanted) = (drain(&mut cluster), 100 - u64::from(cost));
        assert!(
            more.abs_diff(wanted) <= 1,
            "{cost}: {more} and not {wanted}"
        );
    }
}

#[test]
fn debts_larger_than_the_burst_are_paid() {
    let limit = telling(limit(100, 60, 100), 1000);
    let mut cluster = Cluster::new(2, &limit);
    for _ in 0..2 {
        assert!(cluster.request(0));
    }
    cluster.told(0, 300);
    cluster.told(0, 300);
    // 600 are 360 s, of which the bucket has 60.
    let mut early = 0;
    for _ in 0..29 {
        wait(&mut cluster, 10_000);
        early += drain(&mut cluster);
    }
    assert!(
        early <= 1,
        "the other node's first, which it asks for: {early}"
    );
    wait(&mut cluster, 15_000);
    let more = drain(&mut cluster);
    assert!((5..=20).contains(&more), "{more}");
}

#[test]
fn what_answers_say_while_redis_is_lost_is_told_afterwards() {
    let limit = telling(limit(100, 60, 100), 1000);
    // Admitted with the whole bucket and told with a part of it, or the other way.
    for (is_lost_before, is_lost_after) in [(false, true), (true, false)] {
        let mut cluster = Cluster::new(2, &limit);
        cluster.is_lost = is_lost_before;
        wait(&mut cluster, 100);
        assert!(cluster.request(0));
        cluster.is_lost = is_lost_after;
        wait(&mut cluster, 100);
        cluster.told(0, 50);
        cluster.is_lost = false;
        wait(&mut cluster, 200);
        let more = drain(&mut cluster);
        assert!((47..=53).contains(&more), "{is_lost_before}: {more}");
    }
}

#[test]
fn what_was_said_twice_counts_once() {
    let limit = limit(100, 60, 100);
    let mut cluster = Cluster::new(2, &limit);
    for _ in 0..5 {
        assert!(cluster.request(0));
    }
    // Redis has heard it, and the node has not heard Redis.
    for _ in 0..4 {
        cluster.settle(0, Round::Regular, false);
    }
    cluster.settle(0, Round::Regular, true);
    cluster.settle(1, Round::Regular, true);
    assert_eq!(drain(&mut cluster), 95);
}

#[test]
fn a_limit_that_goes_on_without_redis_is_not_paid_for_afterwards() {
    let limit = limit(600, 60, 60);
    let mut cluster = Cluster::new(2, &limit);
    cluster.is_lost = true;
    wait(&mut cluster, 100);
    // Ten minutes at half of the rate, of which each node has its part.
    for _ in 0..3000 {
        assert!(cluster.request(0));
        wait(&mut cluster, 200);
    }
    cluster.is_lost = false;
    wait(&mut cluster, 100);
    let left = drain(&mut cluster);
    assert!((58..=60).contains(&left), "{left}");
}

#[test]
fn alone_each_node_has_its_part() {
    let limit = limit(100, 60, 100);
    let mut cluster = Cluster::new(2, &limit);
    cluster.is_lost = true;
    wait(&mut cluster, 100);
    let admitted = |cluster: &mut Cluster, node| (0..200).filter(|_| cluster.request(node)).count();
    assert_eq!(admitted(&mut cluster, 0), 50);
    assert_eq!(admitted(&mut cluster, 1), 50);
    cluster.is_lost = false;
    wait(&mut cluster, 100);
    // The one that is back first does not know yet what the other has counted.
    let left = drain(&mut cluster);
    assert!(left <= 20, "what was counted alone is counted: {left}");
    assert_eq!(drain(&mut cluster), 0);
}

#[test]
fn the_worst_is_what_one_node_took_before_the_other_was_asked() {
    let limit = limit(100, 60, 100);
    let Overshoot { late, lost } = limit.overshoot(2);
    for (is_lost, least, bound) in [(false, 10, late), (true, 50, lost)] {
        let mut cluster = Cluster::new(2, &limit);
        for _ in 0..200 {
            cluster.request(0);
            cluster.settle(0, Round::Urgent, true);
        }
        cluster.is_lost = is_lost;
        wait(&mut cluster, 1);
        for _ in 0..200 {
            cluster.request(1);
        }
        let excess = cluster.excess();
        assert!(
            (least..=bound).contains(&excess),
            "{excess}, {bound} stated"
        );
        if !is_lost {
            cluster.settle(1, Round::Urgent, true);
            assert!(cluster.over() > 0, "the real one shows");
            // It is owed: ten requests' time later there is none yet.
            wait(&mut cluster, 5900);
            assert!(!cluster.request(0) && !cluster.request(1));
        }
    }
}

#[test]
fn a_request_that_waited_for_its_time_is_admitted() {
    // The bucket was emptied, and nobody asked for a while.
    let limit = limit(5, 60, 5);
    for nodes in 1..4 {
        let mut cluster = Cluster::new(nodes, &limit);
        let admitted = drain(&mut cluster);
        assert!((5..=6).contains(&admitted), "{nodes} nodes: {admitted}");
        wait(&mut cluster, (admitted - 4) * 12_000 + 200);
        assert!(cluster.request(0), "{nodes} nodes");
    }
}
