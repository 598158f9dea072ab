//! A cluster without processes: nodes, the bucket that they share, and somebody who counts it all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::policy;

use crate::clock::Clock;
use crate::lease::ledger::Word;
use crate::lease::settler::Settler;
use crate::lease::settling::{Ask, Open, Round};
use crate::lease::{Leases, Rate};
use crate::limiter::Cell;

use super::server::{Said, Server};

/// Between two signs of a node that has nothing to settle, as of `settler`.
const SIGN: u64 = 1_000_000_000;
/// How long a node counts its part after Redis has forgotten things, as of `settler`.
const TELLING: u64 = 1_600_000_000;

struct Node {
    leases: Arc<Leases>,
    settler: Settler,
    cell: Option<Arc<Cell>>,
    /// Of its last settlement, and of the last that was answered.
    number: u64,
    heard: u64,
    heard_at: u64,
    /// Redis has forgotten things, and the node has not said yet what it remembers.
    is_forgotten: bool,
    /// It has, and the others may not have.
    apart_until: u64,
}

pub(super) struct Cluster {
    nodes: Vec<Node>,
    server: Server,
    rate: Rate,
    /// Of a request.
    cost: u32,
    time: Arc<AtomicU64>,
    pub(super) is_lost: bool,
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
                number: 0,
                heard: 0,
                heard_at: 0,
                is_forgotten: false,
                apart_until: 0,
            }
        };
        let rate = Rate::new(limit.limit, limit.window.as_millis(), limit.burst());
        let rate = rate.times(limit.cost());
        let mut cluster = Self {
            nodes: (0..count).map(node).collect(),
            server: Server::default(),
            rate: match limit.cost_from {
                Some(_) => rate.owing(),
                None => rate,
            },
            cost: limit.cost(),
            time,
            is_lost: false,
            level: 0.0,
            highest: 0.0,
            admitted: 0,
        };
        // Nodes ask when they start.
        for at in 0..cluster.count() {
            cluster.settle(at, Round::Regular, true);
        }
        cluster
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

    /// One round, as `settler` has it; without an answer, the node goes on alone.
    pub(super) fn settle(&mut self, at: usize, round: Round, is_heard: bool) {
        let now = self.now();
        let count = self.nodes.len() as u32;
        if self.is_lost {
            self.nodes[at].settler.part();
            return;
        }
        if now < self.nodes[at].apart_until {
            return;
        }
        let is_back = self.nodes[at].leases.is_apart();
        let round = if is_back {
            self.say(at, &[], is_heard);
            Round::Back(count)
        } else {
            round
        };
        let open = self.nodes[at].settler.open(round);
        let is_quiet = now >= self.nodes[at].heard_at + SIGN;
        if !open.is_empty() || round == Round::Regular && is_quiet {
            self.say(at, &open, is_heard);
        }
        if !is_heard {
            self.nodes[at].settler.part();
            return;
        }
        if self.nodes[at].is_forgotten {
            let open = self.nodes[at].settler.open(Round::Forgotten);
            self.say(at, &open, true);
            let node = &mut self.nodes[at];
            node.is_forgotten = false;
            if node.leases.is_apart() {
                node.apart_until = now + TELLING;
            }
            return;
        }
        self.nodes[at].leases.apart.store(false, Ordering::Relaxed);
    }

    fn say(&mut self, at: usize, open: &[(Arc<Cell>, Open)], is_heard: bool) {
        let now = self.now();
        let count = self.nodes.len() as u32;
        let node = &mut self.nodes[at];
        node.number += 1;
        let said = Said {
            node: at,
            number: node.number,
            heard: node.heard,
            word: Word {
                leaves: false,
                again: node.is_forgotten,
            },
            now: now as f64,
        };
        let asks: Vec<&Ask> = open.iter().map(|(_, open)| &open.ask).collect();
        let settlement = self.server.exchange(said, &asks).unwrap();
        if is_heard {
            node.heard = node.number;
            node.heard_at = now;
            node.is_forgotten |= settlement.forgot;
            let keeps = node.is_forgotten;
            if keeps && count > 1 {
                node.settler.part();
            }
            node.settler
                .close(open, &settlement.answers, now, count, keeps);
        }
    }

    pub(super) fn forget(&mut self) {
        self.server.forget();
    }

    /// What Redis knows now.
    pub(super) fn known(&self) -> Server {
        self.server.clone()
    }

    /// It comes back with what it knew some time ago.
    pub(super) fn restore(&mut self, known: Server) {
        self.server = known;
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Requests above the limit that Redis has seen.
    pub(super) const fn over(&self) -> u64 {
        self.server.over
    }

    /// What was taken above the limit, in the worst stretch of time.
    pub(super) fn excess(&self) -> u64 {
        let above = (self.highest - self.rate.tolerance as f64) / self.rate.interval as f64;
        // Less than a thousandth is rounding.
        (above - 0.001).ceil().max(0.0) as u64 * u64::from(self.cost)
    }
}
