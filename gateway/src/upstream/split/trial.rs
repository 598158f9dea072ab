//! How two variants do, side by side, as one node sees it: atomics that all workers share, judged
//! window by window. Times are milliseconds of the gateway's clock unless said otherwise.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use domain::upstream::Rollback;

use crate::upstream::buckets::{BUCKETS, bucket, least_of, percentile};

/// Of the watched variant (side 0) and the one that it is compared with (side 1).
#[derive(Debug, Default)]
pub(crate) struct Trial {
    lost: AtomicBool,
    /// End of the present window; 0 before the first try.
    ends: AtomicU64,
    sides: [Side; 2],
}

#[derive(Debug)]
struct Side {
    all: AtomicU32,
    bad: AtomicU32,
    /// Times to the first byte, by their order of magnitude.
    times: [AtomicU32; BUCKETS],
}

impl Default for Side {
    fn default() -> Self {
        Self {
            all: AtomicU32::new(0),
            bad: AtomicU32::new(0),
            times: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

impl Trial {
    /// Whether the watched variant has lost its share.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed)
    }

    /// Notes a try of a side; `took_us` if there was an answer. True when the watched variant lost
    /// with the window that is over.
    pub(crate) fn note(
        &self,
        rule: &Rollback,
        side: usize,
        failed: bool,
        took_us: Option<u32>,
        now: u64,
    ) -> bool {
        let lost = self.turn(rule, now);
        let side = &self.sides[side];
        side.all.fetch_add(1, Relaxed);
        if failed {
            side.bad.fetch_add(1, Relaxed);
        }
        if let Some(took) = took_us {
            side.times[bucket(took)].fetch_add(1, Relaxed);
        }
        lost
    }

    /// Judges the window and begins the next, if it is over. Of several workers one does; what
    /// others note at that moment may count for either window.
    fn turn(&self, rule: &Rollback, now: u64) -> bool {
        let ends = self.ends.load(Relaxed);
        if now < ends {
            return false;
        }
        let next = now + rule.window.as_millis();
        let mine = self.ends.compare_exchange(ends, next, Relaxed, Relaxed);
        if mine.is_err() || ends == 0 {
            return false;
        }
        let [watched, other] = self.sides.each_ref().map(Side::take);
        is_worse(rule, &watched, &other) && !self.lost.swap(true, Relaxed)
    }
}

impl Side {
    fn take(&self) -> Sums {
        Sums {
            all: self.all.swap(0, Relaxed),
            bad: self.bad.swap(0, Relaxed),
            times: std::array::from_fn(|index| self.times[index].swap(0, Relaxed)),
        }
    }
}

/// What one side did in a window.
struct Sums {
    all: u32,
    bad: u32,
    times: [u32; BUCKETS],
}

impl Sums {
    /// The 95th percentile in microseconds; `None` without an answer.
    fn p95(&self) -> Option<u64> {
        percentile(&self.times, 95).map(least_of)
    }
}

fn is_worse(rule: &Rollback, watched: &Sums, other: &Sums) -> bool {
    if watched.all.min(other.all) < rule.least {
        return false;
    }
    let [bad, all] = [watched.bad, watched.all].map(i128::from);
    let [other_bad, other_all] = [other.bad, other.all].map(i128::from);
    if (bad * other_all - other_bad * all) * 100 >= i128::from(rule.errors) * all * other_all {
        return true;
    }
    match (rule.p95, watched.p95(), other.p95()) {
        (Some(more), Some(watched), Some(other)) => {
            watched * 100 >= other.max(1) * (100 + u64::from(more))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rollback {
        serde_json::from_str(
            r#"{"variant":"b","against":"a","errors":10,"p95":50,"window":"10s","least":20}"#,
        )
        .unwrap()
    }

    /// Tries of each side: how many, how many fail, and how long they take.
    fn is_lost(watched: (u32, u32, u32), other: (u32, u32, u32)) -> bool {
        let (rule, trial) = (rule(), Trial::default());
        for (side, (all, bad, took)) in [watched, other].into_iter().enumerate() {
            for index in 0..all {
                assert!(!trial.note(&rule, side, index < bad, Some(took), 1000));
            }
        }
        assert!(!trial.is_lost(), "not before the window's end");
        let lost = trial.note(&rule, 0, false, None, 11_000);
        assert_eq!(trial.is_lost(), lost);
        lost
    }

    #[test]
    fn by_margins() {
        for (watched, other, lost) in [
            ((100, 0, 1000), (100, 0, 1000), false),
            ((100, 10, 1000), (100, 0, 1000), true),
            ((100, 9, 1000), (100, 0, 1000), false),
            ((100, 15, 1000), (100, 6, 1000), false),
            ((100, 16, 1000), (1000, 60, 1000), true),
            ((20, 20, 1000), (100, 0, 1000), true),
            ((19, 19, 1000), (100, 0, 1000), false),
            ((100, 100, 1000), (19, 0, 1000), false),
            ((100, 0, 2000), (100, 0, 1000), true),
            ((100, 0, 1200), (100, 0, 1000), false),
            ((100, 0, 10), (100, 50, 9000), false),
        ] {
            assert_eq!(is_lost(watched, other), lost, "{watched:?} {other:?}");
        }
    }

    #[test]
    fn each_window_for_itself_and_lost_stays_lost() {
        let (rule, trial) = (rule(), Trial::default());
        let fill = |bad: u32, now: u64| {
            let mut lost = false;
            for index in 0..30 {
                lost |= trial.note(&rule, 0, index < bad, None, now);
                lost |= trial.note(&rule, 1, false, None, now);
            }
            lost
        };
        assert!(!fill(2, 1000) && !fill(2, 11_000) && !fill(30, 21_000));
        assert!(fill(0, 31_000), "the third was bad");
        assert!(!fill(0, 41_000) && trial.is_lost());
    }
}
