//! User names whose passwords are guessed, and from where they were shown with the right one.
//!
//! A name is never kept, only what a keyed hash makes of it, and no name is counted in another way
//! because somebody has it.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Watched;
use crate::limiter::CellKey;

/// Pairs of name and address that are remembered: 512 KiB, once there is one.
const PLACES: usize = 1 << 16;
/// How long a pair is remembered, in minutes.
const REMEMBERED: u64 = 24 * 60;
/// Of a remembered pair, the bits that tell when it was seen; the others tell which it is.
const MINUTES: u64 = (1 << 24) - 1;

/// All user names that are watched on a node.
#[derive(Debug)]
pub(crate) struct Users {
    pub(crate) watched: Watched,
    first: RandomState,
    second: RandomState,
    /// Each pair has one place, and whoever comes there later takes it: a pair that is forgotten is
    /// a stranger's, nothing worse. Only who knows a password gets a pair in.
    known: OnceLock<Box<[AtomicU64]>>,
    /// Pairs whose place another took: a metric.
    displaced: AtomicU64,
}

impl Users {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            watched: Watched::new(capacity),
            first: RandomState::new(),
            second: RandomState::new(),
            known: OnceLock::new(),
            displaced: AtomicU64::new(0),
        }
    }

    /// What stands for a name.
    pub(crate) fn subject(&self, name: &[u8]) -> u128 {
        let halves = [&self.first, &self.second].map(|state| u128::from(state.hash_one(name)));
        (halves[0] << 64) | halves[1]
    }

    /// Notes that the name of `key` came from `address` with its password; `now` in milliseconds.
    pub(crate) fn know(&self, key: &CellKey, address: u128, now: u64) {
        let known = self.known.get_or_init(|| {
            let places = std::iter::repeat_with(AtomicU64::default);
            places.take(PLACES).collect()
        });
        let hash = self.first.hash_one((key, address));
        let place = &known[hash as usize % PLACES];
        let seen = (hash & !MINUTES) | minute(now);
        // Most come again within the minute: what all workers read is then left alone.
        let before = place.load(Ordering::Relaxed);
        if before == seen {
            return;
        }
        place.store(seen, Ordering::Relaxed);
        let age = minute(now).wrapping_sub(before) & MINUTES;
        if before != 0 && (before ^ hash) & !MINUTES != 0 && age <= REMEMBERED {
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Pairs that became strangers early, as others took their places.
    pub(crate) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    /// Whether it did so lately.
    pub(crate) fn knows(&self, key: &CellKey, address: u128, now: u64) -> bool {
        let Some(known) = self.known.get() else {
            return false;
        };
        let hash = self.first.hash_one((key, address));
        let seen = known[hash as usize % PLACES].load(Ordering::Relaxed);
        // Of two workers one may be at the next minute already, so the minute after this one counts.
        let age = minute(now).wrapping_add(1).wrapping_sub(seen) & MINUTES;
        seen != 0 && (seen ^ hash) & !MINUTES == 0 && age <= REMEMBERED + 1
    }
}

const fn minute(now: u64) -> u64 {
    (now / 60_000) & MINUTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn a_pair_is_known_for_a_day_and_no_other_is() {
        let users = Users::new(1000);
        let key = |name: &str| CellKey {
            limit: 1,
            subject: users.subject(name.as_bytes()),
        };
        let now = 5 * MINUTE;
        assert!(!users.knows(&key("bo"), 7, now), "nobody is known yet");
        users.know(&key("bo"), 7, now);
        let other_limit = CellKey {
            limit: 2,
            ..key("bo")
        };
        let day = REMEMBERED * MINUTE;
        for (key, address, at, known) in [
            (key("bo"), 7, now, true),
            (key("bo"), 7, now - 1, true),
            (key("bo"), 7, now - MINUTE - 1, false),
            (key("bo"), 7, now + day, true),
            (key("bo"), 7, now + day + MINUTE, false),
            (key("bo"), 8, now, false),
            (key("Bo"), 7, now, false),
            (key(""), 7, now, false),
            (other_limit, 7, now, false),
        ] {
            assert_eq!(
                users.knows(&key, address, at),
                known,
                "{key:?} {address} {at}"
            );
        }
    }

    #[test]
    fn a_pair_that_takes_the_place_of_another_is_counted() {
        let users = Users::new(1000);
        let key = CellKey {
            limit: 1,
            subject: users.subject(b"bo"),
        };
        let all = |now| (0..=PLACES as u128).for_each(|address| users.know(&key, address, now));
        all(5 * MINUTE);
        let displaced = users.displaced();
        assert!(displaced > 0, "there is one more than there are places");
        let day = (REMEMBERED + 10) * MINUTE;
        users.know(&key, u128::MAX, 5 * MINUTE + day);
        assert_eq!(users.displaced(), displaced, "nobody remembers those");
    }

    #[test]
    fn names_are_kept_as_what_another_node_would_not_make_of_them() {
        let (one, other) = (Users::new(1000), Users::new(1000));
        assert_eq!(one.subject(b"bo"), one.subject(b"bo"));
        assert_ne!(one.subject(b"bo"), one.subject(b"bo:"));
        assert_ne!(one.subject(b"bo"), other.subject(b"bo"));
    }
}
