//! The same of windows: whatever nodes ask, settle and lose, no window has more than the limit and
//! the overshoot that it states.

mod server;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::policy::rate_limit::{Algorithm, Overshoot};
use domain::policy::{self, Scope};
use proptest::prelude::*;

use super::{costing, limit};
use crate::clock::Clock;
use crate::lease::Leases;
use crate::lease::settling::Round;
use crate::lease::windows::{Answer, Settler};
use crate::limiter::{Cell, Window};

pub(in crate::lease) use server::Server;

struct Node {
    leases: Arc<Leases>,
    settler: Settler,
    cell: Arc<Cell>,
}

struct Cluster {
    nodes: Vec<Node>,
    server: Server,
    window: Window,
    time: Arc<AtomicU64>,
    /// What was let through in each window.
    admitted: HashMap<u32, u64>,
    /// The most above the limit.
    excess: u64,
    over: u64,
}

impl Cluster {
    fn new(count: u32, policy: &policy::RateLimit) -> Self {
        let start = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let (clock, time) = Clock::manual(start);
        let window = Window {
            slides: policy.algorithm == Algorithm::SlidingWindow,
            length: policy.window.as_millis(),
            limit: policy.limit,
            cost: policy.cost(),
        };
        let node = |_| {
            let leases = Arc::new(Leases::new(true));
            leases.nodes.store(count, Ordering::Relaxed);
            Node {
                settler: Settler::new(leases.clone(), clock.clone()),
                cell: Arc::new(leases.window_cell([0; 16], window)),
                leases,
            }
        };
        Self {
            nodes: (0..count).map(node).collect(),
            server: Server::default(),
            window,
            time,
            admitted: HashMap::new(),
            excess: 0,
            over: 0,
        }
    }

    fn wall_ms(&self) -> u64 {
        self.time.load(Ordering::Relaxed) / 1000
    }

    fn request(&mut self, at: usize) -> bool {
        let (now, window) = (self.wall_ms(), self.window);
        let Node { leases, cell, .. } = &self.nodes[at];
        let share = cell.share().unwrap();
        let seen = leases.peek_window(cell, share, now, window);
        let (verdict, _) = leases.admit_window(cell, share, now, window);
        assert_eq!(seen, verdict);
        if verdict.admitted {
            let (number, into) = ((now / window.length) as u32, now % window.length);
            let former = self.admitted.get(&(number - 1)).copied().unwrap_or(0);
            let count = self.admitted.entry(number).or_default();
            *count += u64::from(window.cost);
            let weighed = if window.slides {
                (former * (window.length - into)).div_ceil(window.length)
            } else {
                0
            };
            let above = (*count + weighed).saturating_sub(window.limit.into());
            self.excess = self.excess.max(above);
        }
        verdict.admitted
    }

    /// What all nodes are let through that are asked in turn, settling after each request.
    fn drain(&mut self) -> u64 {
        let count = self.nodes.len();
        let admitted = (0..2000_usize).filter(|turn| {
            let is_admitted = self.request(turn % count);
            self.settle(turn % count, Round::Urgent);
            is_admitted
        });
        admitted.count() as u64
    }

    fn settle(&mut self, at: usize, round: Round) {
        self.settle_with(at, round, &[]);
    }

    /// Between what one node says and what it hears, others are asked.
    fn settle_with(&mut self, at: usize, round: Round, meanwhile: &[usize]) {
        let open = self.nodes[at].settler.open(round);
        let sent = self.nodes[at].settler.now();
        let settled = open.iter().map(|(_, asked)| self.server.settle(at, asked));
        let answers: Vec<Answer> = settled.collect();
        self.over += answers.iter().map(|answer| answer.over).sum::<u64>();
        for other in meanwhile {
            self.request(*other);
        }
        let nodes = self.nodes.len() as u32;
        let settler = &self.nodes[at].settler;
        settler.close(&open, &answers, sent, nodes, false);
    }

    fn pass(&mut self, millis: u64) {
        self.time.fetch_add(millis * 1000, Ordering::Relaxed);
    }

    /// Up to the next border.
    fn border(&mut self) {
        let into = self.wall_ms() % self.window.length;
        self.pass(self.window.length - into);
    }

    fn all(&mut self, round: Round) {
        for at in 0..self.nodes.len() {
            self.settle(at, round);
        }
    }

    fn apart(&self, is_apart: bool) {
        for node in &self.nodes {
            node.leases.apart.store(is_apart, Ordering::Relaxed);
        }
    }
}

fn windows(algorithm: Algorithm, requests: u32, window_s: u64) -> policy::RateLimit {
    policy::RateLimit {
        algorithm,
        burst: None,
        ..limit(requests, window_s, requests)
    }
}

const BOTH: [Algorithm; 2] = [Algorithm::FixedWindow, Algorithm::SlidingWindow];

#[derive(Debug, Clone)]
enum Event {
    Requests(usize, u8),
    /// Between question and answer, some are asked.
    Urgent(usize, Vec<usize>),
    Regular,
    Wait(u16),
    Border,
    Lose(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let meanwhile = proptest::collection::vec(0..4_usize, 0..20);
    prop_oneof![
        6 => (0..4_usize, 1..60_u8).prop_map(|(node, count)| Event::Requests(node, count)),
        5 => (0..4_usize, meanwhile).prop_map(|(node, others)| Event::Urgent(node, others)),
        3 => Just(Event::Regular),
        2 => (1..2000_u16).prop_map(Event::Wait),
        1 => Just(Event::Border),
        1 => (1..60_u8).prop_map(Event::Lose),
    ]
}

/// Whether Redis was lost.
fn play(cluster: &mut Cluster, events: &[Event]) -> bool {
    let count = cluster.nodes.len();
    let mut was_lost = false;
    for event in events {
        match event {
            Event::Requests(node, requests) => {
                for _ in 0..*requests {
                    cluster.request(node % count);
                }
            }
            Event::Urgent(node, others) => {
                let others: Vec<usize> = others.iter().map(|other| other % count).collect();
                cluster.settle_with(node % count, Round::Urgent, &others);
            }
            Event::Regular => cluster.all(Round::Regular),
            Event::Wait(millis) => cluster.pass(u64::from(*millis)),
            Event::Border => cluster.border(),
            Event::Lose(requests) => {
                // Once, as each loss may add to it.
                if was_lost {
                    continue;
                }
                was_lost = true;
                cluster.apart(true);
                for turn in 0..usize::from(*requests) * count {
                    cluster.request(turn % count);
                }
                cluster.all(Round::Back(count as u32));
                cluster.apart(false);
            }
        }
    }
    was_lost
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_window_has_more_than_stated(
        algorithm in proptest::sample::select(BOTH.to_vec()),
        count in 1..4_u32,
        requests in 1..300_u32,
        window in 1..20_u64,
        cost in 1..6_u32,
        events in proptest::collection::vec(event(), 1..120),
    ) {
        prop_assume!(cost <= requests);
        let limit = costing(windows(algorithm, requests, window), cost);
        let mut cluster = Cluster::new(count, &limit);
        let was_lost = play(&mut cluster, &events);
        let Overshoot { late, lost } = limit.overshoot(count);
        let stated = if was_lost { lost } else { late };
        prop_assert!(cluster.excess <= stated, "{} above, {stated} stated", cluster.excess);
    }
}

#[test]
fn one_count_for_all_nodes() {
    for algorithm in BOTH {
        for nodes in 1..4 {
            let what = format!("{algorithm:?} {nodes}");
            let policy = windows(algorithm, 100, 60);
            let mut cluster = Cluster::new(nodes, &policy);
            let late = policy.overshoot(nodes).late;
            let has = |admitted: u64, least: u64| {
                let right = (least..=least + late).contains(&admitted);
                assert!(right, "{what}: {admitted}, {late} above {least} stated");
            };
            cluster.border();
            let first = cluster.drain();
            has(first, 100);
            cluster.border();
            cluster.all(Round::Forgotten);
            cluster.all(Round::Forgotten);
            if algorithm == Algorithm::FixedWindow {
                has(cluster.drain(), 100);
            } else {
                assert_eq!(cluster.drain(), 0, "{what}");
                cluster.pass(30_000);
                has(cluster.drain(), 100 - first.div_ceil(2));
            }
            assert!(cluster.excess <= late, "{what}");
        }
    }
}

#[test]
fn what_was_lent_of_a_window_ends_with_it() {
    let mut cluster = Cluster::new(2, &windows(Algorithm::FixedWindow, 1000, 60));
    for _ in 0..50 {
        assert!(cluster.request(0));
    }
    cluster.settle(0, Round::Urgent);
    cluster.border();
    let admitted = (0..500).filter(|_| cluster.request(0)).count();
    assert_eq!(admitted, 100, "what is ahead");
}

#[test]
fn what_was_said_twice_counts_once_and_what_is_forgotten_is_said_again() {
    for algorithm in BOTH {
        let mut cluster = Cluster::new(2, &windows(algorithm, 100, 60));
        cluster.border();
        for turn in 0..60 {
            assert!(cluster.request(turn % 2));
            cluster.settle(turn % 2, Round::Urgent);
        }
        for _ in 0..3 {
            cluster.all(Round::Forgotten);
        }
        cluster.server = Server::default();
        cluster.all(Round::Forgotten);
        cluster.all(Round::Forgotten);
        let more = cluster.drain();
        assert!((40..=50).contains(&more), "{algorithm:?}: {more}");
        cluster.server = Server::default();
        cluster.all(Round::Forgotten);
        cluster.all(Round::Forgotten);
        assert_eq!(cluster.drain(), 0, "{algorithm:?}");
    }
}

#[test]
fn alone_each_node_has_its_part() {
    for algorithm in BOTH {
        let mut cluster = Cluster::new(2, &windows(algorithm, 100, 60));
        cluster.border();
        cluster.apart(true);
        for node in [0, 1] {
            let admitted = (0..200).filter(|_| cluster.request(node)).count();
            assert_eq!(admitted, 50, "{algorithm:?}");
        }
        cluster.all(Round::Back(2));
        cluster.apart(false);
        cluster.all(Round::Forgotten);
        assert_eq!(cluster.drain(), 0, "{algorithm:?}: it is counted");
    }
}

#[test]
fn the_worst_is_what_one_node_took_before_the_other_was_asked() {
    let policy = windows(Algorithm::FixedWindow, 100, 60);
    assert_eq!(policy.scope, Scope::Cluster);
    let mut cluster = Cluster::new(2, &policy);
    for _ in 0..200 {
        cluster.request(0);
        cluster.settle(0, Round::Urgent);
    }
    for _ in 0..200 {
        cluster.request(1);
    }
    assert_eq!(cluster.excess, policy.overshoot(2).late);
    cluster.settle(1, Round::Urgent);
    assert_eq!(cluster.over, cluster.excess, "the real one shows");
    assert!(!cluster.request(0) && !cluster.request(1));
}

#[test]
fn windows_are_of_the_clock_of_redis() {
    let leases = Leases::new(true);
    // What Redis says, when it was asked and heard, and what its clock says at 10 s here then.
    for (told, sent, heard, at) in [
        (10_000, 10_000, 10_000, 10_000),
        (70_000, 10_000, 10_002, 69_999),
        // What may come of the way shifts nothing.
        (70_100, 10_000, 10_200, 69_999),
        (70_300, 10_000, 10_200, 70_200),
        (4_000, 10_000, 10_000, 4_000),
    ] {
        leases.align(told, sent, heard);
        assert_eq!(leases.wall_ms(10_000), at, "{told}");
    }
}
