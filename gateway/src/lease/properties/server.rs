//! What `head.lua` and `buckets.lua` do, without a Redis: the numbers of nodes, who is there, and the buckets.
//! `ledger/tests.rs` compares the two.

use std::collections::{HashMap, HashSet};

use crate::lease::ledger::{Settlement, Word};
use crate::lease::settling::{Answer, Ask};

/// An earlier number came later.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::lease) struct Stale;

/// Who says something, and when.
#[derive(Debug, Clone, Copy)]
pub(in crate::lease) struct Said {
    pub(in crate::lease) node: usize,
    pub(in crate::lease) number: u64,
    pub(in crate::lease) heard: u64,
    pub(in crate::lease) word: Word,
    /// Nanoseconds.
    pub(in crate::lease) now: f64,
}

#[derive(Debug, Clone, Default)]
pub(in crate::lease) struct Server {
    /// The last number of each node, and from which one on nothing was forgotten.
    numbers: HashMap<usize, (u64, u64)>,
    nodes: HashSet<usize>,
    buckets: HashMap<[u8; 16], Bucket>,
    /// Requests above the limit that it has seen.
    pub(in crate::lease) over: u64,
}

impl Server {
    pub(in crate::lease) fn exchange(
        &mut self,
        said: Said,
        asks: &[&Ask],
    ) -> Result<Settlement, Stale> {
        let Said {
            node,
            number,
            heard,
            word,
            now,
        } = said;
        let (last, mut from) = self.numbers.get(&node).copied().unwrap_or((0, number));
        if number <= last {
            return Err(Stale);
        }
        if last < heard {
            from = number;
        }
        let forgot = heard > 0 && heard < from;
        self.numbers.insert(node, (number, from));
        if word.leaves {
            self.nodes.remove(&node);
        } else {
            self.nodes.insert(node);
        }
        let again = forgot || word.again;
        let mut answers = Vec::new();
        for ask in asks {
            let bucket = self.buckets.entry(ask.bucket).or_default();
            let answer = bucket.settle(node, ask, again, now);
            self.over += answer.over;
            answers.push(answer);
        }
        Ok(Settlement {
            nodes: self.nodes.len() as u32,
            forgot,
            time_ms: (now / 1e6) as u64,
            answers,
        })
    }

    /// As emptied.
    pub(in crate::lease) fn forget(&mut self) {
        let over = self.over;
        *self = Self {
            over,
            ..Self::default()
        };
    }

    /// As if there had never been such a bucket: it had to make room.
    pub(in crate::lease) fn forget_bucket(&mut self, bucket: [u8; 16]) {
        self.buckets.remove(&bucket);
    }
}

#[derive(Debug, Clone, Default)]
struct Bucket {
    arrival: Option<f64>,
    /// What each node has taken, and how much of it it holds.
    taken: HashMap<usize, (u64, u64)>,
}

impl Bucket {
    fn settle(&mut self, node: usize, ask: &Ask, again: bool, now: f64) -> Answer {
        let (interval, tolerance) = (ask.rate.interval as f64, ask.rate.tolerance as f64);
        let others = self.taken.iter().filter(|(other, _)| **other != node);
        let held: u64 = others.map(|(_, (_, held))| held).sum();
        let taken = self.taken.get(&node).map(|(taken, _)| *taken);
        let is_old = taken.is_some_and(|taken| taken < ask.known);
        let taken = match taken {
            Some(taken) if !is_old => taken,
            _ => ask.known,
        };
        let mut arrival = self.arrival.unwrap_or(0.0);
        if self.arrival.is_none() || is_old || again {
            let all = held + taken.saturating_sub(ask.spent);
            arrival = arrival.max(now + ask.level as f64 + all as f64 * interval);
        }
        arrival = arrival.max(now);
        let mut over = 0.0;
        if ask.spent > taken {
            let before = (arrival - now - tolerance).max(0.0);
            arrival += (ask.spent - taken) as f64 * interval;
            over = (arrival - now - tolerance).max(0.0) - before;
        } else {
            arrival = (arrival - (taken - ask.spent) as f64 * interval).max(now);
        }
        let most = tolerance + tolerance.max(ask.rate.owed as f64) + held as f64 * interval;
        arrival = arrival.min(now + most);
        let free = ((tolerance - (arrival - now)) / interval).floor();
        let granted = (ask.wanted as f64).min(free).max(0.0);
        arrival += granted * interval;
        let taken = ask.spent + granted as u64;
        if ask.done {
            self.taken.remove(&node);
            self.arrival = (arrival > now).then_some(arrival);
        } else {
            self.taken.insert(node, (taken, granted as u64));
            self.arrival = Some(arrival);
        }
        Answer {
            taken,
            level: (arrival - now) as u64,
            held: held + granted as u64,
            over: (over / interval).ceil() as u64,
        }
    }
}
