//! What a request took of a bucket, to be put back if something else refuses it.

use std::sync::atomic::Ordering;

use super::{Cell, Rate};

/// It may be put back long after it was taken: bodies and other servers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portion {
    /// Nanoseconds.
    interval: u64,
    /// When the bucket had been found full last.
    found_full: u64,
}

impl Cell {
    /// Notes a bucket that an admitted request found full, or nearly so, after which it is `used`.
    pub(super) fn note_full(&self, now: u64, rate: Rate, used: u64) {
        if used < rate.interval.saturating_mul(2) {
            self.found_full.store(now, Ordering::Relaxed);
        }
    }

    /// What a request took that was just admitted.
    pub(crate) fn portion(&self, cost: Rate) -> Portion {
        Portion {
            interval: cost.interval,
            found_full: self.found_full.load(Ordering::Relaxed),
        }
    }

    /// Puts it back at `now`. What others have found in a full bucket since is refilled: put back a
    /// second time, it would be room beyond the burst.
    pub(crate) fn put_back(&self, now: u64, portion: Portion) {
        if self.found_full.load(Ordering::Relaxed) != portion.found_full {
            return;
        }
        let missing = |arrival: u64| portion.interval.min(arrival.saturating_sub(now));
        let back = |arrival: u64| Some(arrival - missing(arrival));
        let before = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
        let back = missing(before.unwrap_or_else(|arrival| arrival));
        self.lower(back);
        if let Some(lease) = self.lease() {
            lease.put_back(portion.interval, back);
        }
    }
}
