//! Addresses and user names whose requests were refused, and those that are not heard for a while:
//! bounded, and forgotten when they are quiet.

mod users;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limiter::CellKey;

pub(crate) use users::Users;

const SHARDS: usize = 64;

/// When an address or a name is not heard any more; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) limit: u32,
    pub(crate) window: u64,
    pub(crate) block: u64,
    pub(crate) max_block: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct One {
    /// When the present window began.
    since: u64,
    count: u32,
    /// How often it was not heard in a row.
    strikes: u32,
    until: u64,
    /// From then on nothing of it matters.
    forget_at: u64,
}

/// All of one sort that are watched on a node.
#[derive(Debug)]
pub(crate) struct Watched {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    per_shard: usize,
    /// So that nobody looks while there is none.
    count: AtomicUsize,
    overflowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    all: HashMap<CellKey, One>,
    /// Nothing could be forgotten at this time; not to be looked for again in the same second.
    swept_at: u64,
}

impl Watched {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            per_shard: capacity.div_ceil(SHARDS),
            count: AtomicUsize::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &CellKey) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards[index].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it is not heard yet, in milliseconds; 0: it is.
    pub(crate) fn blocked(&self, key: &CellKey, now: u64) -> u64 {
        if self.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let shard = self.shard(key);
        let until = shard.all.get(key).map_or(0, |one| one.until);
        until.saturating_sub(now)
    }

    /// Counts a refusal.
    pub(crate) fn failed(&self, key: CellKey, rule: Rule, now: u64) {
        let mut shard = self.shard(&key);
        if !shard.all.contains_key(&key) {
            if shard.all.len() >= self.per_shard {
                let gone = shard.forget(now);
                self.count.fetch_sub(gone, Ordering::Relaxed);
                if gone == 0 {
                    self.overflowed.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        shard.all.entry(key).or_default().fail(rule, now);
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Refusals that there was no room to count.
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

impl Shard {
    /// Lets go of those that do not matter any more, and says how many they were.
    fn forget(&mut self, now: u64) -> usize {
        if self.swept_at != 0 && now < self.swept_at + 1000 {
            return 0;
        }
        let before = self.all.len();
        self.all.retain(|_, one| now < one.forget_at);
        let gone = before - self.all.len();
        self.swept_at = if gone > 0 { 0 } else { now };
        gone
    }
}

impl One {
    fn fail(&mut self, rule: Rule, now: u64) {
        if now < self.until {
            // What was under way already when it was shut out.
            return;
        }
        if self.strikes > 0 && now >= self.until + rule.max_block {
            self.strikes = 0;
        }
        if self.count == 0 || now >= self.since + rule.window {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        if self.count >= rule.limit {
            let doubled = rule.block.saturating_mul(1 << self.strikes.min(20));
            self.until = now + doubled.min(rule.max_block);
            self.strikes += 1;
            self.count = 0;
        }
        let after = if self.strikes > 0 {
            self.until + rule.max_block
        } else {
            0
        };
        self.forget_at = after.max(self.since + rule.window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        limit: 3,
        window: 60_000,
        block: 60_000,
        max_block: 200_000,
    };

    fn key(subject: u128) -> CellKey {
        CellKey { limit: 1, subject }
    }

    #[test]
    fn the_time_doubles_up_to_its_bound_and_is_forgotten() {
        let watched = Watched::new(1000);
        let mut now = 1_000_000;
        assert_eq!(watched.blocked(&key(1), now), 0);
        for blocked in [60_000, 120_000, 200_000, 200_000] {
            for _ in 0..2 {
                watched.failed(key(1), RULE, now);
                assert_eq!(watched.blocked(&key(1), now), 0);
            }
            watched.failed(key(1), RULE, now);
            assert_eq!(watched.blocked(&key(1), now), blocked);
            watched.failed(key(1), RULE, now + 1);
            assert_eq!(watched.blocked(&key(1), now), blocked, "was under way");
            assert_eq!(watched.blocked(&key(2), now), 0);
            now += blocked;
            assert_eq!(watched.blocked(&key(1), now), 0);
        }
        now += RULE.max_block;
        for _ in 0..3 {
            watched.failed(key(1), RULE, now);
        }
        assert_eq!(watched.blocked(&key(1), now), 60_000, "it was quiet");
    }

    #[test]
    fn a_window_ends() {
        let watched = Watched::new(1000);
        for now in [1_000, 2_000, 61_000, 62_000, 121_000] {
            watched.failed(key(1), RULE, now);
            assert_eq!(watched.blocked(&key(1), now), 0, "{now}");
        }
        watched.failed(key(1), RULE, 122_000);
        watched.failed(key(1), RULE, 123_000);
        assert!(watched.blocked(&key(1), 123_000) > 0);
    }

    #[test]
    fn without_room_strangers_are_not_counted_until_others_are_quiet() {
        let watched = Watched::new(SHARDS);
        for subject in 0..1000 {
            watched.failed(key(subject), RULE, 1000);
        }
        assert!(watched.len() <= SHARDS);
        assert!(watched.overflowed() > 0);
        let before = watched.overflowed();
        // One only: of several, two may fall together.
        watched.failed(key(2000), RULE, 100_000);
        assert!(watched.len() <= SHARDS);
        assert_eq!(watched.overflowed(), before);
    }
}
