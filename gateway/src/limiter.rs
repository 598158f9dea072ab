//! Token buckets: one atomic number per subject, by the generic cell rate algorithm (GCRA).
//!
//! Cells live beside the configuration state and survive each change of it. Compiled
//! subscriptions hold theirs; others are looked up in [`Cells`] once and kept by each worker.

mod costs;
mod portion;
mod turns;
mod window;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use crate::lease::{Lease, Share};

use turns::Turns;

pub(crate) use costs::Mark;
pub(crate) use portion::Portion;
pub(crate) use turns::{Joined, Wish, join, join_shared, serve};
pub(crate) use window::{Counts, Hit, Window};

/// The rate of a bucket in the units of a cell: nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Between two requests at the steady rate.
    pub(crate) interval: u64,
    /// From empty to full: as many intervals as the burst has requests.
    pub(crate) tolerance: u64,
    /// What a subject may owe beyond that, where requests may cost more than was taken.
    pub(crate) owed: u64,
}

impl Rate {
    /// `limit` and `burst` are at least 1; `window` is in milliseconds, at least 1.
    pub(crate) fn new(limit: u32, window_ms: u64, burst: u32) -> Self {
        let interval = (window_ms * 1_000_000 / u64::from(limit.max(1))).max(1);
        Self {
            interval,
            tolerance: interval.saturating_mul(u64::from(burst.max(1))),
            owed: 0,
        }
    }

    /// The same bucket where answers say what requests cost: debts add up.
    pub(crate) const fn owing(self) -> Self {
        Self {
            owed: MOST_OWED,
            ..self
        }
    }

    /// The same bucket for requests that take `cost` each.
    pub(crate) fn times(self, cost: u32) -> Self {
        Self {
            interval: self.interval.saturating_mul(u64::from(cost.max(1))),
            ..self
        }
    }
}

/// What a bucket said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) admitted: bool,
    /// Requests that would be admitted right now after this one.
    pub(crate) left: u64,
    /// Nanoseconds until the bucket is full again.
    pub(crate) full_in: u64,
    /// Nanoseconds until a refused request would be admitted; 0 when it was.
    pub(crate) retry_in: u64,
}

impl Verdict {
    /// The same bucket, when something else than it refuses.
    pub(crate) fn refused(self) -> Self {
        Self {
            admitted: false,
            left: 0,
            retry_in: self.retry_in.max(1),
            ..self
        }
    }
}

/// One bucket: the theoretical arrival time of the next request, in nanoseconds of the gateway's
/// clock; of a limit by windows what [`Window`] makes of the number. A new cell is full.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    arrival: AtomicU64,
    /// When it was last found full, or less than a request from it.
    found_full: AtomicU64,
    /// What most buckets are without.
    beside: OnceLock<Box<Beside>>,
}

/// What some buckets have.
#[derive(Debug, Default)]
struct Beside {
    /// What this node may take from a bucket that all nodes share, which this one then shows.
    lease: Option<Lease>,
    /// The same of windows.
    share: Option<Box<Share>>,
    /// Who waits for a turn.
    turns: Turns,
    /// By how many nanoseconds in all its arrival was set back, of buckets whose requests' costs
    /// are settled.
    lowered: AtomicU64,
}

/// No subject owes more than what is refilled in 30 days, in nanoseconds.
const MOST_OWED: u64 = 30 * 86_400_000_000_000;

impl Cell {
    pub(crate) fn leased(lease: Lease) -> Self {
        let beside = Beside {
            lease: Some(lease),
            ..Beside::default()
        };
        Self {
            beside: OnceLock::from(Box::new(beside)),
            ..Self::default()
        }
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.beside.get()?.lease.as_ref()
    }

    /// Takes one request out at `now`, if there is one. A refused request costs nothing.
    pub(crate) fn admit(&self, now: u64, rate: Rate) -> Verdict {
        let mut arrival = self.arrival.load(Ordering::Relaxed);
        loop {
            let (next, verdict) = judge(arrival, now, rate);
            if !verdict.admitted {
                return verdict;
            }
            match self.arrival.compare_exchange_weak(
                arrival,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.note_full(now, rate, verdict.full_in);
                    return verdict;
                }
                Err(changed) => arrival = changed,
            }
        }
    }

    /// What [`Cell::admit`] would say, and nothing is taken.
    pub(crate) fn peek(&self, now: u64, rate: Rate) -> Verdict {
        judge(self.arrival.load(Ordering::Relaxed), now, rate).1
    }

    /// Takes one request out at `now` whether there is one or not: another judge has admitted it.
    pub(crate) fn charge(&self, now: u64, rate: Rate) -> Verdict {
        let next = |arrival: u64| Some(arrival.max(now).saturating_add(rate.interval));
        let before = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let arrival = before.unwrap_or_else(|arrival| arrival);
        let used = arrival.max(now).saturating_add(rate.interval) - now;
        self.note_full(now, rate, used);
        Verdict {
            admitted: true,
            left: rate.tolerance.saturating_sub(used) / rate.interval,
            full_in: used,
            retry_in: 0,
        }
    }

    /// Counts so many nanoseconds more.
    pub(crate) fn weigh(&self, now: u64, more: u64) {
        let next = |arrival: u64| (more > 0).then(|| arrival.max(now).saturating_add(more));
        let _ = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    pub(crate) fn arrival(&self) -> u64 {
        self.arrival.load(Ordering::Relaxed)
    }

    /// Whoever counts for all nodes says that the bucket would be full again `level` after `now`,
    /// without what was admitted since the arrival was `then`. Up to `tolerable` more than here is
    /// no difference.
    pub(crate) fn follow(&self, then: u64, now: u64, level: u64, tolerable: u64) {
        const ROUNDING: u64 = 5_000_000;
        let here = then.saturating_sub(now);
        if level > here.saturating_add(tolerable) || level.saturating_add(ROUNDING) < here {
            let shift = |arrival: u64| {
                let moved = arrival.max(now).saturating_add(level).saturating_sub(here);
                Some(moved)
            };
            let _ = self
                .arrival
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, shift);
            self.lower(here.saturating_sub(level));
        }
    }

    /// Puts a request back that was admitted just now: nobody makes it.
    pub(crate) fn give_back(&self, rate: Rate) {
        let back = |arrival: u64| Some(arrival.saturating_sub(rate.interval));
        let _ = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
        self.lower(rate.interval);
        if let Some(lease) = self.lease() {
            lease.give_back();
        }
    }

    fn is_full(&self, now: u64) -> bool {
        self.arrival.load(Ordering::Relaxed) <= now
    }
}

/// The arrival time after one more request, and whether that one is admitted.
#[inline]
fn judge(arrival: u64, now: u64, rate: Rate) -> (u64, Verdict) {
    let next = arrival.max(now).saturating_add(rate.interval);
    let used = next - now;
    let verdict = if used > rate.tolerance {
        Verdict {
            admitted: false,
            left: 0,
            full_in: used - rate.interval,
            retry_in: used - rate.tolerance,
        }
    } else {
        Verdict {
            admitted: true,
            left: (rate.tolerance - used) / rate.interval,
            full_in: used,
            retry_in: 0,
        }
    };
    (next, verdict)
}

/// What a cell belongs to: the number of a limit (attach point, kind and name) and a subject. Packed, so
/// that in a table it and its cell are half a line of the processor's cache, and never on two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(Rust, packed(8))]
pub(crate) struct CellKey {
    pub(crate) limit: u32,
    pub(crate) subject: u128,
}

const _: () = assert!(size_of::<(CellKey, Arc<Cell>)>() == 32);

const SHARDS: usize = 64;

/// The cells of subjects that are only met on the way: bounded, sharded.
#[derive(Debug)]
pub(crate) struct Cells {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    second: RandomState,
    per_shard: usize,
    /// Subjects that had to share the overflow cell: a metric.
    overflowed: AtomicU64,
    /// Limits that count by windows, by their numbers: their cells are read in another way.
    windows: RwLock<HashMap<u32, Window>>,
}

/// When a cell is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Nanoseconds of the gateway's clock.
    pub(crate) nanos: u64,
    /// Milliseconds since 1970.
    pub(crate) wall_ms: u64,
}

#[derive(Debug, Default)]
struct Shard {
    cells: HashMap<CellKey, Arc<Cell>>,
    /// Nothing was free at this time; do not look again in the same second.
    swept_at: u64,
}

/// The subject of the cell that unknown subjects share when there is no room.
const OVERFLOW: u128 = u128::MAX;

impl Cells {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            second: RandomState::new(),
            per_shard: capacity.div_ceil(SHARDS),
            overflowed: AtomicU64::new(0),
            windows: RwLock::default(),
        }
    }

    /// For subjects made of several: keyed, and the same for all workers.
    pub(crate) fn hashers(&self) -> (impl Hasher, impl Hasher) {
        (self.hasher.build_hasher(), self.second.build_hasher())
    }

    fn shard(&self, key: &CellKey) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The cell of `key`, by `make` where it is new. A `known` subject (subscription, application,
    /// key: as many as are configured) always has its own; an unknown one only while there is room.
    pub(crate) fn get(
        &self,
        key: CellKey,
        known: bool,
        now: Now,
        make: impl FnOnce(u128) -> Cell,
    ) -> Arc<Cell> {
        let new = |subject| Arc::new(make(subject));
        let mut shard = self.shard(&key);
        if let Some(cell) = shard.cells.get(&key) {
            return cell.clone();
        }
        if !known && shard.cells.len() >= self.per_shard && !shard.make_room(now, &self.windows) {
            drop(shard);
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            let shared = CellKey {
                subject: OVERFLOW,
                ..key
            };
            let mut shard = self.shard(&shared);
            let cell = shard.cells.entry(shared);
            return cell.or_insert_with(|| new(OVERFLOW)).clone();
        }
        let cell = shard.cells.entry(key);
        cell.or_insert_with(|| new(key.subject)).clone()
    }

    /// Notes that a limit counts by windows, before its first cell is made.
    pub(crate) fn note(&self, limit: u32, window: Window) {
        let mut windows = self.windows.write().unwrap_or_else(PoisonError::into_inner);
        windows.insert(limit, window);
    }

    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    pub(crate) fn len(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.cells.len()
        });
        lengths.sum()
    }
}

impl Shard {
    /// Drops cells that are full again and that nobody holds: a new one would be equal.
    fn make_room(&mut self, now: Now, windows: &RwLock<HashMap<u32, Window>>) -> bool {
        const SECOND: u64 = 1_000_000_000;
        let Now {
            nanos: now,
            wall_ms,
        } = now;
        if self.swept_at != 0 && now < self.swept_at + SECOND {
            return false;
        }
        let windows = windows.read().unwrap_or_else(PoisonError::into_inner);
        let is_full = |key: &CellKey, cell: &Cell| match windows.get(&key.limit) {
            None => cell.is_full(now),
            Some(window) => window.is_over(cell, wall_ms),
        };
        let before = self.cells.len();
        self.cells
            .retain(|key, cell| Arc::strong_count(cell) > 1 || !is_full(key, cell));
        let freed = self.cells.len() < before;
        self.swept_at = if freed { 0 } else { now };
        freed
    }
}

#[cfg(test)]
mod tests;
