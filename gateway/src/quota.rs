//! Counters of calendar quotas: counted here on the request's way, shared with other nodes and
//! with the disk by whoever holds [`Quotas`].
//!
//! A counter knows what this node used in the present period and what the others did; a request
//! is admitted against the sum. Nothing here waits: the store reads and writes the counters from
//! outside, whenever it can, and looks for what has changed many times a second (`pace`).

mod counter;
pub mod file;
pub(crate) mod pace;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::policy::Period;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use counter::Standing;
pub use counter::{Admission, Counter};

/// What a counter counts: a policy at its attach point, for one subject (a subscription, or an
/// application outside of plans). Stable over changes of limit and of everything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QuotaKey {
    /// Id of the organization, API, version, operation or plan.
    pub attach: Uuid,
    /// The policy's name; its kind is quota.
    pub name: Arc<str>,
    pub subject: Uuid,
}

/// What a counter used since the last time it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    pub key: QuotaKey,
    /// First instant of the period, in seconds since 1970.
    pub period: i64,
    pub by: u64,
    /// When the period ends, for retention: seconds since 1970.
    pub until: i64,
}

const SHARDS: usize = 64;

/// All counters of a node.
#[derive(Debug)]
pub struct Quotas {
    shards: Vec<Mutex<HashMap<QuotaKey, Arc<Counter>>>>,
    hasher: std::hash::RandomState,
    /// Where [`Quotas::take`] continues, so that a bounded take starves no shard.
    next: AtomicUsize,
    /// Totals, with the start of their period, of keys that nobody asked for yet.
    known: Mutex<HashMap<QuotaKey, (i64, u64)>>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: std::hash::RandomState::new(),
            next: AtomicUsize::new(0),
            known: Mutex::default(),
        }
    }
}

impl Quotas {
    fn shard(&self, index: usize) -> std::sync::MutexGuard<'_, HashMap<QuotaKey, Arc<Counter>>> {
        self.shards[index % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn shard_of(&self, key: &QuotaKey) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }

    /// The counter of `key`, made if it is not there. Callers on the request's way keep the result.
    /// A change of period or zone begins a new count.
    pub fn counter(
        &self,
        key: &QuotaKey,
        period: Period,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Arc<Counter> {
        let mut shard = self.shard(self.shard_of(key));
        match shard.get(key) {
            Some(counter) if counter.counts(period, zone) => counter.clone(),
            former => {
                if let Some(former) = former {
                    former.replace();
                }
                let counter = Arc::new(Counter::new(period, zone, now));
                if let Some((start, total)) = self.known().remove(key) {
                    counter.set_total(start, total);
                }
                shard.insert(key.clone(), counter.clone());
                counter
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        (0..SHARDS).map(|index| self.shard(index).len()).sum()
    }

    /// What was used since the last call: changed counters only, about `max` of them at most. The caller
    /// keeps what it took until it is stored, then says so by [`Quotas::confirm`].
    pub fn take(&self, max: usize) -> Vec<Used> {
        let mut out = Vec::new();
        let first = self.next.load(Ordering::Relaxed);
        for offset in 0..SHARDS {
            if out.len() >= max {
                self.next
                    .store((first + offset) % SHARDS, Ordering::Relaxed);
                break;
            }
            // Of all in it: those in its end would else starve where those before them count on.
            for (key, counter) in self.shard(first + offset).iter() {
                counter.take(key, &mut out);
            }
        }
        out
    }

    /// These are stored now: totals read from now on contain them.
    pub fn confirm(&self, stored: &[Used]) {
        for used in stored {
            if let Some(counter) = self.shard(self.shard_of(&used.key)).get(&used.key) {
                counter.confirm(used.period, used.by);
            }
        }
    }

    /// The store's total of a key's period over all nodes, read after every [`Quotas::confirm`] so
    /// far and before the next write. Ignored for keys that this node does not hold (`false`) and
    /// for other periods.
    pub fn set_total(&self, key: &QuotaKey, period: i64, total: u64) -> bool {
        match self.shard(self.shard_of(key)).get(key) {
            Some(counter) => {
                counter.set_total(period, total);
                true
            }
            None => false,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<QuotaKey, (i64, u64)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A total read at the start: like [`Quotas::set_total`], but for keys that this node does not
    /// hold yet it is kept until it does, so that a node's first request is judged by it.
    pub fn remember(&self, key: QuotaKey, period: i64, total: u64) {
        // Under the shard's lock, so that a counter made meanwhile finds it or gets it.
        let shard = self.shard(self.shard_of(&key));
        match shard.get(&key) {
            Some(counter) => counter.set_total(period, total),
            None => {
                self.known().insert(key, (period, total));
            }
        }
    }

    /// Puts a total there before its subject was ever seen, as at start: the counter is made.
    pub fn preset(
        &self,
        key: QuotaKey,
        period: Period,
        zone: Tz,
        now: DateTime<Utc>,
        start: i64,
        total: u64,
    ) {
        self.counter(&key, period, zone, now).recall(start, total);
    }

    /// Adds what another process of this node counted.
    pub fn credit(&self, counted: Vec<Used>) {
        for Used {
            key,
            period,
            by,
            until: _,
        } in counted
        {
            let shard = self.shard(self.shard_of(&key));
            match shard.get(&key) {
                Some(counter) => counter.credit(period, by),
                None => match self.known().entry(key) {
                    Entry::Occupied(mut known) if known.get().0 == period => {
                        let total = &mut known.get_mut().1;
                        *total = total.saturating_add(by);
                    }
                    // Of another period; the later one is the present one.
                    Entry::Occupied(mut known) if known.get().0 < period => {
                        known.insert((period, by));
                    }
                    Entry::Occupied(_) => {}
                    Entry::Vacant(place) => {
                        place.insert((period, by));
                    }
                },
            }
        }
    }

    /// Every key that this node holds, with the start of its present period, and whether the store has
    /// something of that from this node.
    pub fn keys(&self) -> Vec<(QuotaKey, i64, bool)> {
        let mut out = Vec::new();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            out.extend(
                shard
                    .iter()
                    .map(|(key, counter)| (key.clone(), counter.period(), counter.is_stored())),
            );
        }
        out
    }

    /// Every counter, for the file that survives a restart.
    fn all(&self) -> Vec<(QuotaKey, Arc<Counter>)> {
        let mut out = Vec::new();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            out.extend(
                shard
                    .iter()
                    .map(|(key, counter)| (key.clone(), counter.clone())),
            );
        }
        out
    }

    /// Counters whose total is another one than when this was asked last, about `max` of them at most.
    /// `from` says where to begin, and then where to go on, so that no shard starves.
    fn changed(&self, from: &mut usize, max: usize) -> Vec<(QuotaKey, Standing)> {
        let mut out = Vec::new();
        for _ in 0..SHARDS {
            if out.len() >= max {
                break;
            }
            let shard = self.shard(*from);
            let new = |(key, counter): (&QuotaKey, &Arc<Counter>)| {
                Some((key.clone(), counter.changed()?))
            };
            out.extend(shard.iter().filter_map(new));
            *from = (*from + 1) % SHARDS;
        }
        out
    }

    /// Lets go of counters whose period is over, that were taken completely and that nobody holds.
    pub fn sweep(&self, now: DateTime<Utc>) {
        for index in 0..SHARDS {
            self.shard(index)
                .retain(|_, counter| Arc::strong_count(counter) > 1 || !counter.is_idle(now));
        }
    }
}
