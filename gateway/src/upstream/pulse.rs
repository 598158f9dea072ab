//! How a target does, as one node sees it: atomics that all workers share and that outlive a
//! change of the configuration. Times are milliseconds of the gateway's clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use domain::upstream::Passive;

/// Of one target of one upstream.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    in_flight: AtomicU32,
    /// Failures in a row.
    failures: AtomicU32,
    /// How often it was ejected in close succession.
    ejections: AtomicU32,
    /// Takes nothing until then; afterwards: when it was back.
    ejected_until: AtomicU64,
    /// Whether the last probes of it failed: 0 or 1.
    down: AtomicU32,
    /// When it was added or a probe let it in again; 0 for never, [`FRESH`] before it was looked
    /// at for the first time.
    back: AtomicU64,
    /// Time to the first byte in microseconds, and when it was noted, in one number.
    peak: AtomicU64,
}

/// In which a peak loses half of its height.
const FADE_MS: u64 = 5000;

const FRESH: u64 = u64::MAX;

impl Pulse {
    /// Of a target that comes to an upstream which has others already.
    pub(crate) fn fresh() -> Self {
        Self {
            back: AtomicU64::new(FRESH),
            ..Self::default()
        }
    }

    /// Neither ejected nor found down by probes.
    pub(crate) fn is_healthy(&self, now: u64) -> bool {
        !self.is_ejected(now) && !self.is_down()
    }

    pub(crate) fn is_ejected(&self, now: u64) -> bool {
        now < self.ejected_until.load(Relaxed)
    }

    /// The end of the last ejection; 0 for never ejected.
    pub(crate) fn ejected_until(&self) -> u64 {
        self.ejected_until.load(Relaxed)
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Relaxed) != 0
    }

    /// Probes failed. True if they had not before.
    pub(crate) fn go_down(&self) -> bool {
        self.down.swap(1, Relaxed) == 0
    }

    /// Probes passed: it takes requests again, an ejection is over. True if it was out.
    pub(crate) fn come_up(&self, now: u64) -> bool {
        let was_ejected = self.is_ejected(now);
        let was_out = self.down.load(Relaxed) != 0 || was_ejected;
        if was_out {
            self.back.store(now, Relaxed);
            if was_ejected {
                self.ejected_until.store(now, Relaxed);
            }
            self.down.store(0, Relaxed);
        }
        was_out
    }

    /// Nobody probes it any more, so nobody would let it in again.
    pub(crate) fn forget_probes(&self) {
        self.down.store(0, Relaxed);
    }

    /// Milliseconds since it takes requests again, or at all; `None` for as long as the upstream.
    pub(crate) fn age(&self, now: u64) -> Option<u64> {
        let mut back = self.back.load(Relaxed);
        if back == FRESH {
            // Of two workers that see it first, either may set the time.
            self.back.store(now, Relaxed);
            back = now;
        }
        let since = back.max(self.ejected_until.load(Relaxed));
        (since != 0).then(|| now.saturating_sub(since))
    }

    pub(crate) fn enter(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Notes an answer that is no failure.
    pub(crate) fn succeed(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Notes a failure; true when it should be ejected.
    pub(crate) fn fail(&self, rule: &Passive) -> bool {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        rule.failures > 0 && failures >= u32::from(rule.failures)
    }

    /// Ejects it for the rule's base times the ejections so far.
    fn eject(&self, rule: &Passive, now: u64) {
        let longest = rule.longest.as_millis();
        let last = self.ejected_until.load(Relaxed);
        let count = if last == 0 || now > last + longest {
            1
        } else {
            self.ejections.load(Relaxed).saturating_add(1)
        };
        self.ejections.store(count, Relaxed);
        self.failures.store(0, Relaxed);
        let length = rule.base.as_millis().saturating_mul(u64::from(count));
        self.ejected_until.store(now + length.min(longest), Relaxed);
    }

    /// Notes a time to the first byte: a higher one counts at once, a lower one by and by. Of two
    /// workers at the same moment one may be lost, which does no harm.
    pub(crate) fn note(&self, took_us: u32, now: u64) {
        let before = self.cost(now);
        let next = if took_us >= before {
            took_us
        } else {
            before - (before - took_us) / 8
        };
        self.peak
            .store(u64::from(next) << 32 | (now & u64::from(u32::MAX)), Relaxed);
    }

    /// The faded peak, in microseconds.
    pub(crate) fn cost(&self, now: u64) -> u32 {
        let noted = self.peak.load(Relaxed);
        let age = (now as u32).wrapping_sub(noted as u32);
        let halves = u64::from(age) / FADE_MS;
        ((noted >> 32) >> halves.min(63)) as u32
    }
}

/// Ejects `which` of `all`, unless too many of them are ejected already. `busy` is the upstream's:
/// two workers that eject at once must not go past the bound together.
pub(crate) fn eject<'p>(
    which: &Pulse,
    all: impl Iterator<Item = &'p Pulse>,
    rule: &Passive,
    now: u64,
    busy: &AtomicU32,
) -> bool {
    use std::sync::atomic::Ordering::{Acquire, Release};
    if which.is_ejected(now) || busy.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
        return false;
    }
    let (mut ejected, mut count) = (0, 0);
    for pulse in all {
        count += 1;
        ejected += u32::from(pulse.is_ejected(now));
    }
    let may = (ejected + 1) * 100 <= count * u32::from(rule.most) && !which.is_ejected(now);
    if may {
        which.eject(rule, now);
    }
    busy.store(0, Release);
    may
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ejections_grow_and_begin_anew() {
        let (rule, pulse, busy) = (Passive::default(), Pulse::default(), AtomicU32::new(0));
        let healthy = Pulse::default();
        let mut now = 1000;
        for (wait, length) in [
            (0, 30_000),
            (1, 60_000),
            (1, 90_000),
            (300_001, 30_000),
            (300_000, 60_000),
        ] {
            now += wait;
            for _ in 0..4 {
                assert!(!pulse.fail(&rule));
            }
            assert!(pulse.fail(&rule));
            let all = [&pulse, &healthy].into_iter();
            assert!(eject(&pulse, all, &rule, now, &busy));
            assert!(pulse.is_ejected(now + length - 1));
            now += length;
            assert!(!pulse.is_ejected(now));
        }
        pulse.fail(&rule);
        pulse.succeed();
        assert_eq!(pulse.failures.load(Relaxed), 0);
    }

    #[test]
    fn never_more_than_half_are_ejected() {
        let (rule, busy) = (Passive::default(), AtomicU32::new(0));
        for count in 1..=9 {
            let pulses: Vec<Pulse> = (0..count).map(|_| Pulse::default()).collect();
            let ejected = pulses
                .iter()
                .filter(|pulse| eject(pulse, pulses.iter(), &rule, 5, &busy))
                .count();
            assert_eq!(ejected, count / 2);
        }
    }

    #[test]
    fn probes_take_out_and_let_in() {
        let pulse = Pulse::default();
        assert_eq!(pulse.age(1000), None);
        assert!(!pulse.come_up(1000), "it was not out");
        assert!(pulse.go_down() && !pulse.go_down());
        assert!(!pulse.is_healthy(1000) && !pulse.is_ejected(1000));
        assert!(pulse.come_up(2000) && pulse.is_healthy(2000));
        assert_eq!(pulse.age(2500), Some(500));
        pulse.eject(&Passive::default(), 3000);
        assert!(!pulse.is_healthy(3001));
        assert!(pulse.come_up(4000) && pulse.is_healthy(4000));
        assert_eq!(pulse.age(4000), Some(0));
        pulse.go_down();
        pulse.forget_probes();
        assert!(pulse.is_healthy(4000));
    }

    #[test]
    fn a_new_target_is_as_old_as_the_first_look_at_it() {
        let pulse = Pulse::fresh();
        assert_eq!(pulse.age(7000), Some(0));
        assert_eq!(pulse.age(7400), Some(400));
    }

    #[test]
    fn a_peak_counts_at_once_and_fades() {
        let pulse = Pulse::default();
        pulse.note(100, 0);
        pulse.note(8000, 10);
        assert_eq!(pulse.cost(10), 8000);
        pulse.note(0, 10);
        assert_eq!(pulse.cost(10), 7000);
        assert_eq!(pulse.cost(10 + FADE_MS), 3500);
        assert_eq!(pulse.cost(10 + FADE_MS * 40), 0);
    }
}
