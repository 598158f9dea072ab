//! Counters over periods, clocks that are set, and what is written down of them.

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

#[test]
fn a_change_is_told_once_and_a_period_begins_with_nothing() {
    let quotas = Quotas::default();
    let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
    let told = || counter.changed().map(|one| (one.period, one.total));
    assert_eq!(told(), None, "nothing was counted");
    counter.admit(100, 0);
    counter.admit(100, 0);
    assert_eq!([told(), told()], [Some((0, 2)), None]);
    counter.give_back(0);
    assert_eq!([told(), told()], [Some((0, 1)), None]);
    quotas.set_total(&key(), 0, 8);
    assert_eq!([told(), told()], [Some((0, 9)), None]);
    assert!(counter.peek(100, DAY).admitted);
    assert_eq!(told(), None, "of the new period nothing is known yet");
    for _ in 0..9 {
        counter.admit(100, DAY);
    }
    assert_eq!([told(), told()], [Some((DAY, 9)), None]);
    assert!(counter.peek(100, 40).admitted);
    assert_eq!([told(), told()], [Some((0, 9)), None], "set back");
}

#[test]
fn what_a_period_owes_is_taken_though_nothing_is_counted_in_the_next() {
    let quotas = Quotas::default();
    let counter = quotas.counter(&key(), Period::Day, Tz::UTC, at(0));
    counter.admit(100, 0);
    counter.peek(100, DAY);
    let taken = quotas.take(10);
    let told: Vec<_> = taken.iter().map(|used| (used.period, used.by)).collect();
    assert_eq!(told, [(0, 1)]);
    assert_eq!(quotas.take(10), []);
}
