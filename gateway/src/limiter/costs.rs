//! Buckets whose requests turn out to cost more, or less, than was taken.

use std::sync::atomic::Ordering;

use super::{Cell, Rate};

/// A bucket as a request left it that was admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// When all that was taken by then is refilled.
    full_at: u64,
    lowered: u64,
}

impl Cell {
    /// Notes the bucket for a request that was just admitted, after which it is full at `full_at`.
    pub(crate) fn mark(&self, full_at: u64) -> Mark {
        let beside = self.beside.get_or_init(Box::default);
        Mark {
            full_at,
            lowered: beside.lowered.load(Ordering::Relaxed),
        }
    }

    /// What of a request's nanoseconds cannot have been refilled by `now`: no more of it is given
    /// back. While the bucket has not been full since, that is all of it.
    pub(crate) fn unfilled(&self, now: u64, mark: Mark) -> u64 {
        let beside = self.beside.get();
        let lowered = beside.map_or(0, |beside| beside.lowered.load(Ordering::Relaxed));
        let since = lowered.saturating_sub(mark.lowered);
        mark.full_at.saturating_sub(since).saturating_sub(now)
    }

    /// Its arrival was set back.
    pub(super) fn lower(&self, by: u64) {
        if let Some(beside) = self.beside.get() {
            beside.lowered.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// What an admitted request costs turned out to be more, or less, by so many nanoseconds. More
    /// is owed, and debts add up to what the rate allows. What was counted of it, and in how many
    /// nanoseconds the bucket is full.
    pub(crate) fn settle(&self, now: u64, rate: Rate, difference: i64) -> (i64, u64) {
        let most = rate.tolerance.saturating_add(rate.owed);
        let shift = |arrival: u64| match u64::try_from(difference) {
            Ok(more) => {
                let next = arrival.max(now).saturating_add(more);
                next.min(now.saturating_add(most)).max(arrival)
            }
            Err(_) => arrival.saturating_sub(difference.unsigned_abs()),
        };
        let before = self
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
                Some(shift(arrival))
            });
        let before = before.unwrap_or_else(|arrival| arrival);
        let after = shift(before);
        let counted = match difference {
            0.. => i64::try_from(after.saturating_sub(before.max(now))).unwrap_or(i64::MAX),
            less => {
                self.lower(less.unsigned_abs());
                less
            }
        };
        (counted, after.saturating_sub(now))
    }
}
