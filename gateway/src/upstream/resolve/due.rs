//! When a name is asked for again.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Least time between two questions, however short the time of an answer is.
const LEAST: Duration = Duration::from_secs(1);

/// Most time, however long it is.
const MOST: Duration = Duration::from_secs(300);

/// The same where nobody tells how long addresses are good, where nobody answers at them, and where
/// the resolver has failed for a while.
const UNTOLD: Duration = Duration::from_secs(10);

pub(super) struct Due {
    /// When the last question was over.
    asked: Instant,
    at: Instant,
    /// Questions without an answer since the last one with it.
    failures: u32,
}

/// Times are of no use to a reader, and two that are compared are never the same.
impl fmt::Debug for Due {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Due")
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Due {
    /// At once.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            asked: now,
            at: now,
            failures: 0,
        }
    }

    /// Whether it is due; whoever hears so asks, and for as long as that takes it is not due again.
    pub(super) fn take(&mut self, now: Instant, patience: Duration) -> bool {
        let is_due = self.at <= now;
        if is_due {
            self.asked = now;
            self.at = now + patience + LEAST;
        }
        is_due
    }

    /// With the time that the answer is good for, where that is told.
    pub(super) fn answered(&mut self, now: Instant, ttl: Option<Duration>) {
        let wait = ttl.map_or(UNTOLD, |ttl| ttl.clamp(LEAST, MOST));
        *self = Self {
            asked: now,
            at: now + wait,
            failures: 0,
        };
    }

    pub(super) fn failed(&mut self, now: Instant) {
        let wait = LEAST.saturating_mul(1 << self.failures.min(16));
        self.asked = now;
        self.at = now + wait.min(UNTOLD);
        self.failures = self.failures.saturating_add(1);
    }

    /// Not later than if the time of the answer were not known.
    pub(super) fn doubt(&mut self) {
        self.at = self.at.min(self.asked + UNTOLD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn times_of_answers_are_kept_to_within_bounds() {
        let now = Instant::now();
        for (ttl, wait, doubted) in [
            (Some(0), 1, 1),
            (Some(1), 1, 1),
            (Some(7), 7, 7),
            (Some(60), 60, 10),
            (Some(1 << 31), 300, 10),
            (None, 10, 10),
        ] {
            let mut due = Due::new(now);
            assert!(due.take(now, PATIENCE));
            due.answered(now, ttl.map(seconds));
            for wait in [wait, doubted] {
                assert_eq!(due.at - now, seconds(wait), "{ttl:?}");
                due.doubt();
            }
        }
    }

    #[test]
    fn failures_are_waited_for_longer_and_longer() {
        let now = Instant::now();
        let mut due = Due::new(now);
        for wait in [1, 2, 4, 8, 10, 10] {
            due.failed(now);
            assert_eq!(due.at - now, seconds(wait));
        }
        due.failures = u32::MAX;
        due.failed(now);
        assert_eq!(due.at - now, seconds(10));
        due.answered(now, Some(seconds(60)));
        due.failed(now);
        assert_eq!(due.at - now, seconds(1));
    }

    #[test]
    fn one_of_those_who_want_to_know_asks() {
        let now = Instant::now();
        let mut due = Due::new(now);
        let asks: Vec<bool> = [0, 0, 15, 16, 16]
            .map(|later| due.take(now + seconds(later), PATIENCE))
            .into();
        assert_eq!(asks, [true, false, false, true, false]);
    }
}
