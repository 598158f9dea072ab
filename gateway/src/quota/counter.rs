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
        }
        let known = match self.former.swap(former, Ordering::Relaxed) == start {
            true => self.former_total.load(Ordering::Relaxed),
            false => 0,
        };
        let others = self.others.swap(known, Ordering::Relaxed);
        self.former_total
            .store(used.saturating_add(others), Ordering::Relaxed);
        self.confirmed.store(0, Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
        self.end.store(next.timestamp(), Ordering::Release);
    }

    /// First instant of the present period, in seconds since 1970.
    pub fn period(&self) -> i64 {
        self.start.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, key: &QuotaKey, out: &mut Vec<Used>) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
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

    pub(super) fn confirm(&self, period: i64, by: u64) {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.load(Ordering::Relaxed) == period {
            self.confirmed.fetch_add(by, Ordering::Relaxed);
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

    /// Adds what was counted elsewhere and is in no total yet.
    pub(super) fn credit(&self, period: i64, by: u64) {
        let _turning = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.start.load(Ordering::Relaxed) == period {
            self.others.fetch_add(by, Ordering::Relaxed);
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

    pub(super) fn kind(&self) -> (Period, Tz) {
        (self.kind, self.zone)
    }

    pub(super) fn is_idle(&self, now: DateTime<Utc>) -> bool {
        let owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let all_taken = self.used.load(Ordering::Relaxed) <= self.taken.load(Ordering::Relaxed);
        owed.is_empty() && all_taken && self.end.load(Ordering::Relaxed) <= now.timestamp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quotas;
    use uuid::Uuid;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn key() -> QuotaKey {
        QuotaKey {
            attach: Uuid::from_u128(1),
            name: "quota".into(),
            subject: Uuid::from_u128(2),
        }
    }

    #[test]
    fn a_day_admits_its_limit_and_the_next_begins_anew() {
        let quotas = Quotas::default();
        let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(10));
        let said: Vec<_> = (0..3)
            .map(|_| {
                let seen = counter.peek(2, 10);
                assert_eq!(seen, counter.admit(2, 10));
                seen
            })
            .collect();
        assert_eq!(
            said.iter().map(|a| a.admitted).collect::<Vec<_>>(),
            [true, true, false]
        );
        assert_eq!((said[0].left, said[1].left, said[2].left), (1, 0, 0));
        assert_eq!(said[2].reset, 86_390);
        assert!(counter.admit(2, DAY).admitted);
        let taken = quotas.take(10);
        assert_eq!(
            taken.iter().map(|u| (u.period, u.by)).collect::<Vec<_>>(),
            [(0, 2), (DAY, 1)]
        );
        assert_eq!(quotas.take(10), []);
    }

    #[test]
    fn the_others_count_and_our_own_share_counts_once() {
        let quotas = Quotas::default();
        let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
        counter.admit(100, 0);
        let taken = quotas.take(10);
        quotas.confirm(&taken);
        assert!(quotas.set_total(&key(), 0, 8));
        assert_eq!(counter.admit(100, 0).left, 91);
        assert!(!quotas.set_total(&key(), DAY, 50) || counter.total() == 9);
        counter.give_back(0);
        assert_eq!(counter.total(), 8);
    }

    #[test]
    fn what_is_given_back_late_makes_no_room_in_the_next_period() {
        let quotas = Quotas::default();
        let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
        assert!(counter.admit(2, 0).admitted);
        let period = counter.period();
        let admitted = [(); 3].map(|()| counter.admit(2, DAY).admitted);
        assert_eq!(admitted, [true, true, false]);
        counter.give_back(period);
        assert!(!counter.admit(2, DAY).admitted);
        counter.give_back(counter.period());
        assert!(counter.admit(2, DAY).admitted);
    }

    /// Whoever is refused has nothing to take back, which a period that begins meanwhile would miss.
    #[test]
    fn each_period_admits_its_limit_whoever_is_refused_as_it_begins() {
        const PERIODS: i64 = 3000;
        let quotas = Quotas::default();
        let counter = &quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
        let together = &std::sync::Barrier::new(4);
        let calls = || {
            let day = |day: i64| {
                together.wait();
                // Some were on their way already as it began.
                let late = std::iter::repeat_n(day * DAY - 1, 4);
                let times = late.chain(std::iter::repeat_n(day * DAY, 8));
                times.filter(|now| counter.admit(3, *now).admitted).count()
            };
            (0..PERIODS).map(day).sum::<usize>()
        };
        let admitted: usize = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(calls));
            let sums = threads.map(|thread| thread.join().unwrap());
            sums.into_iter().sum()
        });
        assert_eq!(admitted, 3 * PERIODS as usize);
    }

    #[test]
    fn a_clock_that_is_set_and_set_back_begins_nothing_anew() {
        let quotas = Quotas::default();
        let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
        let admits = |now| counter.admit(2, now).admitted;
        assert_eq!([10, 20].map(admits), [true, true]);
        // A day forward and back: what was counted there counts when that day comes.
        assert_eq!([DAY + 30, 40].map(admits), [true, false]);
        assert_eq!([DAY, DAY + 1].map(admits), [true, false]);
        // One that only comes late is one of today's.
        assert!(!admits(DAY - 1));
        let taken = quotas.take(10);
        let of = |day| taken.iter().filter(move |one| one.period == day);
        let sums = [0, DAY].map(|day| of(day).map(|one| one.by).sum::<u64>());
        assert_eq!(sums, [2, 2]);
    }

    #[test]
    fn after_a_change_and_its_opposite_what_was_kept_counts_no_more() {
        let quotas = Quotas::default();
        let counter = |period| quotas.counter(&key(), period, Tz::UTC, at(0));
        let kept = counter(Period::Month);
        assert!(kept.counts(Period::Month, Tz::UTC));
        counter(Period::Day).admit(5, 0);
        assert!(!kept.counts(Period::Month, Tz::UTC), "nobody would hear");
        counter(Period::Month).admit(5, 0);
        assert!(counter(Period::Month).counts(Period::Month, Tz::UTC));
        assert_eq!(quotas.take(10).len(), 1);
    }

    #[test]
    fn what_is_over_and_stored_goes() {
        let quotas = Quotas::default();
        quotas
            .counter(&key(), Period::Day, Tz::UTC, at(0))
            .admit(5, 0);
        quotas.sweep(at(DAY));
        assert_eq!(quotas.keys().len(), 1, "not taken yet");
        quotas.take(1);
        quotas.sweep(at(DAY - 1));
        assert_eq!(quotas.keys().len(), 1, "not over yet");
        quotas.sweep(at(DAY));
        assert_eq!(quotas.keys(), []);
    }
}
