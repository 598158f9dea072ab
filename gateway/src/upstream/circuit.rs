//! The circuit of an upstream: closed, open for a time, and then half open, when single requests
//! probe. Atomics that all workers share; times are milliseconds of the gateway's clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use domain::upstream::Errors;

/// A sliding window consists of so many slots.
const SLOTS: u64 = 10;

/// Of one upstream.
#[derive(Debug, Default)]
pub(crate) struct Circuit {
    window: [AtomicU64; SLOTS as usize],
    /// 0 while it is closed. Also tells one opening from the next, as no two end alike.
    open_until: AtomicU64,
    /// Probes under way.
    probing: AtomicU32,
    /// Probes of this opening that did well.
    passed: AtomicU32,
}

/// A request that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    Usual,
    /// By whose outcome the circuit closes or opens again; [`Circuit::end_probe`] must follow.
    Probe(Probe),
}

/// Belongs to the opening with this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe(u64);

impl Circuit {
    /// The error is how many milliseconds to wait.
    pub(crate) fn admit(&self, rule: &Errors, now: u64) -> Result<Admitted, u64> {
        let until = self.open_until.load(Relaxed);
        if until == 0 {
            return Ok(Admitted::Usual);
        }
        if now < until {
            return Err(until - now);
        }
        if self.probing.fetch_add(1, Relaxed) < u32::from(rule.probes) {
            return Ok(Admitted::Probe(Probe(until)));
        }
        self.end_probe();
        Err(1)
    }

    pub(crate) fn end_probe(&self) {
        self.probing.fetch_sub(1, Relaxed);
    }

    /// Notes how a try went; true when that opened the circuit.
    pub(crate) fn note(&self, rule: &Errors, failed: bool, now: u64) -> bool {
        if self.open_until.load(Relaxed) != 0 {
            // Sent before it opened; the probes decide now.
            return false;
        }
        self.count(rule, failed, now);
        if !failed {
            return false;
        }
        let (all, bad) = self.sums(rule, now);
        all >= u64::from(rule.least)
            && bad * 100 >= all * u64::from(rule.ratio)
            && self.open(0, rule, now)
    }

    /// Notes how a probe went; true when that opened the circuit again.
    pub(crate) fn note_probe(&self, rule: &Errors, probe: Probe, failed: bool, now: u64) -> bool {
        let Probe(until) = probe;
        if self.open_until.load(Relaxed) != until {
            return false;
        }
        if failed {
            return self.open(until, rule, now);
        }
        if self.passed.fetch_add(1, Relaxed) + 1 >= u32::from(rule.probes) {
            for slot in &self.window {
                slot.store(0, Relaxed);
            }
            let _ = self.open_until.compare_exchange(until, 0, Relaxed, Relaxed);
        }
        false
    }

    /// Of two workers that open it at once one does.
    fn open(&self, before: u64, rule: &Errors, now: u64) -> bool {
        let until = (now + rule.pause.as_millis()).max(before + 1);
        let opened = self
            .open_until
            .compare_exchange(before, until, Relaxed, Relaxed)
            .is_ok();
        if opened {
            self.passed.store(0, Relaxed);
        }
        opened
    }

    fn count(&self, rule: &Errors, failed: bool, now: u64) {
        let turn = now / slot_ms(rule);
        let slot = &self.window[(turn % SLOTS) as usize];
        // The closure always has a next value.
        let _ = slot.fetch_update(Relaxed, Relaxed, |packed| {
            let mut slot = Slot::unpack(packed);
            if slot.turn != turn & TURN {
                slot = Slot {
                    turn: turn & TURN,
                    ..Slot::default()
                };
            }
            if slot.all == COUNT {
                // The ratio is what counts.
                slot.all /= 2;
                slot.bad /= 2;
            }
            slot.all += 1;
            slot.bad += u64::from(failed);
            Some(slot.pack())
        });
    }

    /// All tries of the window, and those that failed.
    fn sums(&self, rule: &Errors, now: u64) -> (u64, u64) {
        let turn = now / slot_ms(rule);
        let slots = self
            .window
            .iter()
            .map(|slot| Slot::unpack(slot.load(Relaxed)));
        let young = slots.filter(|slot| (turn.wrapping_sub(slot.turn) & TURN) < SLOTS);
        young.fold((0, 0), |(all, bad), slot| (all + slot.all, bad + slot.bad))
    }
}

fn slot_ms(rule: &Errors) -> u64 {
    (rule.window.as_millis() / SLOTS).max(1)
}

/// A tenth of the window, packed into one number: 24 bits that tell which, 20 for each count.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    turn: u64,
    all: u64,
    bad: u64,
}

const TURN: u64 = (1 << 24) - 1;
const COUNT: u64 = (1 << 20) - 1;

impl Slot {
    const fn unpack(packed: u64) -> Self {
        Self {
            turn: packed >> 40,
            all: (packed >> 20) & COUNT,
            bad: packed & COUNT,
        }
    }

    const fn pack(self) -> u64 {
        self.turn << 40 | self.all << 20 | self.bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::duration::Span;
    use proptest::prelude::*;

    fn rule() -> Errors {
        Errors {
            ratio: 50,
            window: Span::from_secs(10),
            least: 10,
            pause: Span::from_secs(5),
            probes: 2,
        }
    }

    /// Fails until it opens.
    fn open(circuit: &Circuit, now: u64) {
        while !circuit.note(&rule(), true, now) {
            assert_eq!(circuit.admit(&rule(), now), Ok(Admitted::Usual));
        }
    }

    fn probe(circuit: &Circuit, now: u64) -> Probe {
        match circuit.admit(&rule(), now) {
            Ok(Admitted::Probe(probe)) => probe,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_share_of_failures_opens_it() {
        for (good, bad, opens) in [(0, 9, false), (0, 10, true), (10, 9, false), (10, 10, true)] {
            let circuit = Circuit::default();
            let mut opened = false;
            for index in 0..good + bad {
                opened |= circuit.note(&rule(), index >= good, 100_000);
            }
            assert_eq!(opened, opens, "{good} {bad}");
            let admitted = circuit.admit(&rule(), 100_001);
            assert_eq!(admitted.is_err(), opens);
        }
    }

    #[test]
    fn what_left_the_window_does_not_count() {
        let circuit = Circuit::default();
        for _ in 0..9 {
            assert!(!circuit.note(&rule(), true, 100_000));
        }
        assert_eq!(circuit.sums(&rule(), 109_999), (9, 9));
        assert_eq!(circuit.sums(&rule(), 110_000), (0, 0));
        assert!(!circuit.note(&rule(), true, 110_000));
    }

    #[test]
    fn probes_close_it_or_open_it_again() {
        let circuit = Circuit::default();
        open(&circuit, 1000);
        assert_eq!(circuit.admit(&rule(), 2000), Err(4000));
        assert!(!circuit.note(&rule(), true, 2000), "it is open already");
        let (one, two) = (probe(&circuit, 6000), probe(&circuit, 6000));
        assert_eq!(circuit.admit(&rule(), 6000), Err(1), "two at a time");
        assert!(!circuit.note_probe(&rule(), one, false, 6100));
        circuit.end_probe();
        assert!(circuit.note_probe(&rule(), two, true, 6100));
        circuit.end_probe();
        assert_eq!(circuit.admit(&rule(), 6100), Err(5000));
        // What the first opening's probe says late is not heard.
        assert!(!circuit.note_probe(&rule(), one, true, 11_100));
        let (one, two) = (probe(&circuit, 11_100), probe(&circuit, 11_100));
        for probe in [one, two] {
            assert!(!circuit.note_probe(&rule(), probe, false, 11_200));
            circuit.end_probe();
        }
        assert_eq!(circuit.admit(&rule(), 11_200), Ok(Admitted::Usual));
        assert_eq!(circuit.sums(&rule(), 11_200), (0, 0), "it begins anew");
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_room() {
        let circuit = Circuit::default();
        open(&circuit, 1000);
        for _ in 0..5 {
            probe(&circuit, 6000);
            circuit.end_probe();
        }
        assert_eq!(circuit.probing.load(Relaxed), 0);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_the_last_ten_slots(
            steps in proptest::collection::vec((0u64..3000, any::<bool>()), 1..60),
        ) {
            let rule = Errors { least: u32::MAX, ..rule() };
            let (circuit, mut now, mut noted) = (Circuit::default(), 50_000, Vec::new());
            for (wait, failed) in steps {
                now += wait;
                circuit.note(&rule, failed, now);
                noted.push((now / 1000, failed));
                let young = noted.iter().filter(|(slot, _)| now / 1000 - slot < SLOTS);
                let (all, bad) = young.fold((0, 0), |(all, bad), (_, failed)| {
                    (all + 1, bad + u64::from(*failed))
                });
                prop_assert_eq!(circuit.sums(&rule, now), (all, bad));
            }
        }
    }
}
