//! One counter: atomics for the present period, and what earlier periods still owe the store.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::policy::Period;

use super::{QuotaKey, Used};

/// What a counter said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub admitted: bool,
    /// Requests left in the period after this one.
    pub left: u64,
    /// Seconds until the next period.
    pub reset: u64,
}

/// Requests of one subject in one calendar period.
#[derive(Debug)]
pub struct Counter {
    kind: Period,
    zone: Tz,
    start: AtomicI64,
    end: AtomicI64,
    /// By this node since its start, in the present period.
    used: AtomicU64,
    /// By others, and by this node before its start.
    others: AtomicU64,
    /// Part of `used` that was given to the store.
    taken: AtomicU64,
    /// Part of `taken` that the store has.
    confirmed: AtomicU64,
    /// Periods that ended with something not taken: (start, end, by). Also held while the period
    /// turns, so that it turns once.
    owed: Mutex<Vec<(i64, i64, u64)>>,
    /// Start of the period before, and all that counted in it: a clock that was set may be set back.
    former: AtomicI64,
    former_total: AtomicU64,
    /// Another one has its place, as its policy's period was changed. What is counted here nobody asks
    /// for, also when the period is the former one again.
    replaced: AtomicBool,
    /// Whether `owed` holds something, for whoever walks over all counters.
    owes: AtomicBool,
    /// The total of the present period as [`Counter::changed`] told it last.
    told: AtomicU64,
}

/// What of a counter survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) kind: Period,
    pub(super) zone: Tz,
    /// First instant of the period, in seconds since 1970.
    pub(super) period: i64,
    pub(super) total: u64,
}

impl Counter {
    pub(super) fn new(kind: Period, zone: Tz, now: DateTime<Utc>) -> Self {
        let (start, end) = kind.bounds(now, zone);
        Self {
            kind,
            zone,
            start: AtomicI64::new(start.timestamp()),
            end: AtomicI64::new(end.timestamp()),
            used: AtomicU64::new(0),
            others: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            owed: Mutex::default(),
            former: AtomicI64::new(i64::MIN),
            former_total: AtomicU64::new(0),
            replaced: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            told: AtomicU64::new(0),
        }
    }

    /// Whether it is the one that is meant, for whoever has kept it.
    pub(crate) fn counts(&self, kind: Period, zone: Tz) -> bool {
        self.kind == kind && self.zone == zone && !self.replaced.load(Ordering::Relaxed)
    }

    /// Whoever has kept it looks up the one that is meant.
    pub(super) fn replace(&self) {
        self.replaced.store(true, Ordering::Relaxed);
    }

    /// Counts one request at `now` (seconds since 1970) unless `limit` is reached. A refused one
    /// costs nothing: it writes nothing, so it is in nobody's way, also where a period ends just now.
    pub fn admit(&self, limit: u64, now: i64) -> Admission {
        self.look(now);
        let others = self.others.load(Ordering::Relaxed);
        let more = |used: u64| (used.saturating_add(others) < limit).then(|| used + 1);
        let before = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        self.judge(before.unwrap_or_else(|used| used), others, limit, now)
    }

    /// What [`Counter::admit`] would say, and nothing is counted.
    pub fn peek(&self, limit: u64, now: i64) -> Admission {
        self.look(now);
        let others = self.others.load(Ordering::Relaxed);
        self.judge(self.used.load(Ordering::Relaxed), others, limit, now)
    }

    /// Turns to the period that `now` lies in.
    fn look(&self, now: i64) {
        if !self.is_now(now) {
            self.turn(now);
        }
    }

    /// Whether the present period is the one that `now` lies in, as far as requests come in the order
    /// of their times.
    fn is_now(&self, now: i64) -> bool {
        const LATE: i64 = 60;
        now < self.end.load(Ordering::Acquire) && now >= self.start.load(Ordering::Relaxed) - LATE
    }

    /// About one more request, `before` of which this node had in the period, and `others` the others.
    fn judge(&self, before: u64, others: u64, limit: u64, now: i64) -> Admission {
        let total = before.saturating_add(others);
        let end = self.end.load(Ordering::Relaxed);
        Admission {
            admitted: total < limit,
            left: limit.saturating_sub(total.saturating_add(1)),
            reset: end.saturating_sub(now).max(0).unsigned_abs(),
        }
    }

    /// Seconds of the present period.
    pub fn length(&self) -> u64 {
        let end = self.end.load(Ordering::Relaxed);
        end.saturating_sub(self.start.load(Ordering::Relaxed))
            .max(1)
            .unsigned_abs()
    }

    /// Takes a request back that was counted in `period`: something else refused it. What was counted
    /// in a period that is over makes no room in the present one.
    pub fn give_back(&self, period: i64) {
        if self.period() != period {
            return;
        }
        let _ = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_sub(1)
            });
    }

    /// Begins the period around `now`. Requests that raced past the end are counted in the new one.
    #[cold]
    fn turn(&self, now: i64) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_now(now) {
            return;
        }
        let Some(instant) = DateTime::from_timestamp(now, 0) else {
            return;
        };
        let (start, next) = self.kind.bounds(instant, self.zone);
        let (start, former) = (start.timestamp(), self.start.load(Ordering::Relaxed));
        let used = self.used.swap(0, Ordering::Relaxed);
        let taken = self.taken.swap(0, Ordering::Relaxed);
        if used > taken {
            let end = self.end.load(Ordering::Relaxed);
            owed.push((former, end, used - taken));
            self.owes.store(true, Ordering::Relaxed);
        }
        let known = match self.former.swap(former, Ordering::Relaxed) == start {
            true => self.former_total.load(Ordering::Relaxed),
            false => 0,
        };
        let others = self.others.swap(known, Ordering::Relaxed);
        self.former_total
            .store(used.saturating_add(others), Ordering::Relaxed);
        self.confirmed.store(0, Ordering::Relaxed);
        self.told.store(0, Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
        self.end.store(next.timestamp(), Ordering::Release);
    }

    /// First instant of the present period, in seconds since 1970.
    pub fn period(&self) -> i64 {
        self.start.load(Ordering::Relaxed)
    }

    /// Adds what was used since the last time. Whoever has nothing new is passed by without a lock:
    /// all counters of a node are asked many times a second.
    pub(super) fn take(&self, key: &QuotaKey, out: &mut Vec<Used>) {
        let is_new = self.used.load(Ordering::Relaxed) > self.taken.load(Ordering::Relaxed);
        if !is_new && !self.owes.load(Ordering::Relaxed) {
            return;
        }
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        self.owes.store(false, Ordering::Relaxed);
        out.extend(owed.drain(..).map(|(period, until, by)| Used {
            key: key.clone(),
            period,
            by,
            until,
        }));
        let used = self.used.load(Ordering::Relaxed);
        let taken = self.taken.load(Ordering::Relaxed);
        if used > taken {
            self.taken.store(used, Ordering::Relaxed);
            out.push(Used {
                key: key.clone(),
                period: self.start.load(Ordering::Relaxed),
                by: used - taken,
                until: self.end.load(Ordering::Relaxed),
            });
        }
    }

    /// Never more than was taken: what is read again from the disk may be confirmed a second time.
    pub(super) fn confirm(&self, period: i64, by: u64) {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.load(Ordering::Relaxed) == period {
            let confirmed = self.confirmed.load(Ordering::Relaxed).saturating_add(by);
            let taken = self.taken.load(Ordering::Relaxed);
            self.confirmed
                .store(confirmed.min(taken), Ordering::Relaxed);
        }
    }

    /// The store has something of the present period from this node.
    pub(super) fn is_stored(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed) > 0
    }

    pub(super) fn set_total(&self, period: i64, total: u64) {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.load(Ordering::Relaxed) == period {
            let own = self.confirmed.load(Ordering::Relaxed);
            self.others
                .store(total.saturating_sub(own), Ordering::Relaxed);
        }
    }

    /// What is known of a period since before this process. Of one that is not the present one it is
    /// known where the clock was wrong at a start, and is set.
    pub(super) fn recall(&self, period: i64, total: u64) {
        self.set_total(period, total);
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = self.start.load(Ordering::Relaxed) != period;
        if is_other && self.former.load(Ordering::Relaxed) <= period {
            self.former.store(period, Ordering::Relaxed);
            self.former_total.store(total, Ordering::Relaxed);
        }
    }

    /// Adds what was counted elsewhere and is in no total yet.
    pub(super) fn credit(&self, period: i64, by: u64) {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.load(Ordering::Relaxed) == period {
            let others = self.others.load(Ordering::Relaxed);
            self.others
                .store(others.saturating_add(by), Ordering::Relaxed);
        }
    }

    /// What was taken of the present period, and what others had: the rest of [`Counter::total`]
    /// is for the next [`Counter::take`].
    pub(super) fn settled(&self) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        taken.saturating_add(self.others.load(Ordering::Relaxed))
    }

    /// Everything that counts in the present period, for the file that survives a restart.
    pub(super) fn total(&self) -> u64 {
        let used = self.used.load(Ordering::Relaxed);
        used.saturating_add(self.others.load(Ordering::Relaxed))
    }

    /// What survives a restart, with a total that is read by `count`.
    pub(super) fn standing(&self, count: fn(&Self) -> u64) -> Standing {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        Standing {
            kind: self.kind,
            zone: self.zone,
            period: self.period(),
            total: count(self),
        }
    }

    /// The same of the period before, if something counted in it.
    pub(super) fn former(&self) -> Option<Standing> {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.former_total.load(Ordering::Relaxed);
        (total > 0).then(|| Standing {
            kind: self.kind,
            zone: self.zone,
            period: self.former.load(Ordering::Relaxed),
            total,
        })
    }

    /// The same as [`Counter::standing`] of one whose total is another one than at the last call. In a
    /// new period the last one counts as nothing, which is what a restart knows of a period that it
    /// finds nothing of.
    pub(super) fn changed(&self) -> Option<Standing> {
        if self.total() == self.told.load(Ordering::Relaxed) {
            return None;
        }
        let standing = self.standing(|counter| {
            let total = counter.total();
            counter.told.store(total, Ordering::Relaxed);
            total
        });
        Some(standing)
    }

    pub(super) fn is_idle(&self, now: DateTime<Utc>) -> bool {
        let owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let all_taken = self.used.load(Ordering::Relaxed) <= self.taken.load(Ordering::Relaxed);
        let is_over = || self.end.load(Ordering::Relaxed) <= now.timestamp();
        owed.is_empty() && all_taken && is_over() && self.is_former_over(now)
    }

    /// It is not where the clock was behind.
    fn is_former_over(&self, now: DateTime<Utc>) -> bool {
        // Above each of its kind, and what lies on a disk may be of any time.
        let days = match self.kind {
            Period::Day => 2,
            Period::Week => 8,
            Period::Month => 32,
        };
        let former = self.former.load(Ordering::Relaxed);
        former.saturating_add(days * 86_400) <= now.timestamp()
    }
}

#[cfg(test)]
mod tests;
