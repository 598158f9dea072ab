//! Whatever nodes ask, settle and lose: together they admit no more than the limit's curve and the
//! overshoot that it states. The bucket here does what `ledger.lua` does; `tests/it/cluster.rs` has
//! the real one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::duration::Span;
use domain::policy::rate_limit::Overshoot;
use domain::policy::{self, Mode, Scope};
use proptest::prelude::*;

use super::settler::Settler;
use super::settling::{Answer, Ask, Round};
use super::{Leases, Rate};
use crate::clock::Clock;
use crate::limiter::Cell;

/// The bucket in Redis.
#[derive(Debug, Default)]
struct Bucket {
    arrival: Option<f64>,
    /// What each node has taken, and how much of it it holds.
    taken: HashMap<usize, (u64, u64)>,
    over: u64,
}

impl Bucket {
    fn settle(&mut self, node: usize, ask: &Ask, now: f64) -> Answer {
        let (interval, tolerance) = (ask.rate.interval as f64, ask.rate.tolerance as f64);
        let others = self.taken.iter().filter(|(other, _)| **other != node);
        let held: u64 = others.map(|(_, (_, held))| held).sum();
        let mut arrival = self.arrival.unwrap_or(0.0).max(now);
        let taken = self.taken.get(&node).map_or(ask.known, |(taken, _)| *taken);
        if self.arrival.is_none() || ask.again {
            let all = held + taken.saturating_sub(ask.spent);
            arrival = arrival.max(now + ask.level as f64 + all as f64 * interval);
        }
        let mut over = 0.0;
        if ask.spent > taken {
            let before = (arrival - now - tolerance).max(0.0);
            arrival += (ask.spent - taken) as f64 * interval;
            over = (arrival - now - tolerance).max(0.0) - before;
        } else {
            arrival = (arrival - (taken - ask.spent) as f64 * interval).max(now);
        }
        let free = ((tolerance - (arrival - now)) / interval).floor();
        let granted = (ask.wanted as f64).min(free).max(0.0);
        arrival += granted * interval;
        let taken = ask.spent + granted as u64;
        if ask.done {
            self.taken.remove(&node);
        } else {
            self.taken.insert(node, (taken, granted as u64));
        }
        self.arrival = Some(arrival);
        let over = (over / interval).ceil() as u64;
        self.over += over;
        Answer {
            taken,
            level: (arrival - now) as u64,
            held: held + granted as u64,
            over,
        }
    }
}

struct Node {
    leases: Arc<Leases>,
    settler: Settler,
    cell: Option<Arc<Cell>>,
}

struct Cluster {
    nodes: Vec<Node>,
    bucket: Bucket,
    rate: Rate,
    time: Arc<AtomicU64>,
    is_lost: bool,
    /// Of which nodes Redis has forgotten what it knew.
    forgot: HashSet<usize>,
    /// The bucket of who sees everything, which admits everything: nanoseconds.
    level: f64,
    highest: f64,
    admitted: u64,
}

fn limit(requests: u32, window_s: u64, burst: u32) -> policy::RateLimit {
    policy::RateLimit {
        mode: Mode::Enforce,
        name: None,
        limit: requests,
        window: Span::from_secs(window_s),
        burst: Some(burst),
        by: Vec::new(),
        scope: Scope::Cluster,
    }
}

impl Cluster {
    fn new(count: u32, limit: &policy::RateLimit) -> Self {
        let start = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let (clock, time) = Clock::manual(start);
        let node = |_| {
            let leases = Arc::new(Leases::new(true));
            leases.nodes.store(count, Ordering::Relaxed);
            Node {
                settler: Settler::new(leases.clone(), clock.clone()),
                leases,
                cell: None,
            }
        };
        Self {
            nodes: (0..count).map(node).collect(),
            bucket: Bucket::default(),
            rate: Rate::new(limit.limit, limit.window.as_millis(), limit.burst()),
            time,
            is_lost: false,
            forgot: HashSet::new(),
            level: 0.0,
            highest: 0.0,
            admitted: 0,
        }
    }

    fn now(&self) -> u64 {
        self.time.load(Ordering::Relaxed) * 1000
    }

    fn pass(&mut self, millis: u64) {
        self.time.fetch_add(millis * 1000, Ordering::Relaxed);
        self.level = (self.level - millis as f64 * 1e6).max(0.0);
    }

    fn request(&mut self, at: usize) -> bool {
        let (now, rate) = (self.now(), self.rate);
        let node = &mut self.nodes[at];
        // A cell that nobody holds may be dropped when it is full.
        if let Some(cell) = &node.cell
            && cell.arrival() <= now
            && Arc::strong_count(cell) == 1
        {
            node.cell = None;
        }
        let leases = &node.leases;
        let cell = node
            .cell
            .get_or_insert_with(|| Arc::new(leases.cell([0; 16], rate)));
        let lease = cell.lease().unwrap();
        let (verdict, _) = leases.admit(cell, lease, now, rate);
        if verdict.admitted {
            self.level += rate.interval as f64;
            self.highest = self.highest.max(self.level);
            self.admitted += 1;
        }
        verdict.admitted
    }

    /// One round; without an answer, the node goes on alone.
    fn settle(&mut self, at: usize, round: Round, is_heard: bool) {
        let now = self.now();
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[at];
        if self.is_lost {
            if !node.leases.is_apart() {
                node.settler.part();
            }
            return;
        }
        let round = match node.leases.is_apart() {
            true => Round::Back(count),
            false if self.forgot.remove(&at) => Round::Forgotten,
            false => round,
        };
        let open = node.settler.open(round);
        let answers: Vec<Answer> = open
            .iter()
            .map(|(_, open)| self.bucket.settle(at, &open.ask, now as f64))
            .collect();
        if is_heard {
            node.settler.close(&open, &answers, now, count);
        }
        match is_heard {
            true => node.leases.apart.store(false, Ordering::Relaxed),
            false if node.leases.is_apart() => {}
            false => node.settler.part(),
        }
    }

    fn forget(&mut self) {
        self.bucket = Bucket::default();
        self.forgot = (0..self.nodes.len()).collect();
    }

    /// Requests above the limit, in the worst stretch of time.
    fn excess(&self) -> u64 {
        let above = (self.highest - self.rate.tolerance as f64) / self.rate.interval as f64;
        // Less than a thousandth is rounding.
        (above - 0.001).ceil().max(0.0) as u64
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
        for node in 0..cluster.nodes.len() {
            cluster.settle(node, Round::Regular, true);
        }
        left -= step;
    }
}

fn play(cluster: &mut Cluster, events: &[Event], may_lose: bool) {
    let count = cluster.nodes.len();
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
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let limit = limit(requests, window, burst);
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
        before in proptest::collection::vec(event(), 1..40),
        lost in prop_oneof![(1..3000_u16).prop_map(Event::Lose), Just(Event::Flush)],
        after in proptest::collection::vec(event(), 1..40),
    ) {
        let limit = limit(requests, window, burst);
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
    let count = cluster.nodes.len();
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
            assert!(cluster.bucket.over > 0, "the real one shows");
            // It is owed: ten requests' time later there is none yet.
            wait(&mut cluster, 5900);
            assert!(!cluster.request(0) && !cluster.request(1));
        }
    }
}

#[test]
fn what_redis_forgot_the_nodes_remember() {
    let limit = limit(100, 60, 100);
    let mut cluster = Cluster::new(2, &limit);
    assert_eq!(drain(&mut cluster), 100);
    cluster.forget();
    wait(&mut cluster, 100);
    assert_eq!(drain(&mut cluster), 0);
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
