//! A cluster without processes: nodes, the bucket that they share, and somebody who counts it all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::policy;

use crate::clock::Clock;
use crate::lease::settler::Settler;
use crate::lease::settling::{Answer, Ask, Round};
use crate::lease::{Leases, Rate};
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
        let most = tolerance + tolerance.max(ask.rate.owed as f64) + held as f64 * interval;
        arrival = arrival.clamp(now, now + most);
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

pub(super) struct Cluster {
    nodes: Vec<Node>,
    bucket: Bucket,
    rate: Rate,
    /// Of a request.
    cost: u32,
    time: Arc<AtomicU64>,
    pub(super) is_lost: bool,
    /// Of which nodes Redis has forgotten what it knew.
    forgot: HashSet<usize>,
    /// The bucket of who sees everything, which admits everything: nanoseconds.
    level: f64,
    highest: f64,
    pub(super) admitted: u64,
}

impl Cluster {
    pub(super) fn new(count: u32, limit: &policy::RateLimit) -> Self {
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
        let rate = Rate::new(limit.limit, limit.window.as_millis(), limit.burst());
        let rate = rate.times(limit.cost());
        Self {
            nodes: (0..count).map(node).collect(),
            bucket: Bucket::default(),
            rate: match limit.cost_from {
                Some(_) => rate.owing(),
                None => rate,
            },
            cost: limit.cost(),
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

    pub(super) fn pass(&mut self, millis: u64) {
        self.time.fetch_add(millis * 1000, Ordering::Relaxed);
        self.level = (self.level - millis as f64 * 1e6).max(0.0);
    }

    pub(super) fn request(&mut self, at: usize) -> bool {
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

    /// The answer to a request that was admitted says what it cost, instead of one.
    pub(super) fn told(&mut self, at: usize, cost: u32) {
        let now = self.now();
        let node = &self.nodes[at];
        let rate = node.leases.effective(self.rate);
        let cell = node.cell.as_ref().unwrap();
        let nanos = (i64::from(cost) - 1) * rate.interval as i64;
        let (counted, _) = cell.settle(now, rate, nanos);
        node.leases
            .settle(cell, cell.lease().unwrap(), rate, counted);
    }

    /// One round; without an answer, the node goes on alone.
    pub(super) fn settle(&mut self, at: usize, round: Round, is_heard: bool) {
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

    pub(super) fn forget(&mut self) {
        self.bucket = Bucket::default();
        self.forgot = (0..self.nodes.len()).collect();
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Requests above the limit that Redis has seen.
    pub(super) const fn over(&self) -> u64 {
        self.bucket.over
    }

    /// What was taken above the limit, in the worst stretch of time.
    pub(super) fn excess(&self) -> u64 {
        let above = (self.highest - self.rate.tolerance as f64) / self.rate.interval as f64;
        // Less than a thousandth is rounding.
        (above - 0.001).ceil().max(0.0) as u64 * u64::from(self.cost)
    }
}
