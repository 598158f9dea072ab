//! How many tries beyond the first may run at once: a share of what is under way, so that a
//! failing upstream is not hit with a multiple of its load.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::circuit::Circuit;

/// Of one upstream on this node, shared by the workers.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    /// Requests without an answer's head yet.
    pub(crate) active: AtomicU32,
    pub(crate) retrying: AtomicU32,
    /// Taken while a target is ejected.
    pub(crate) ejecting: AtomicU32,
    /// Requests until the last byte of their answers, where they are capped.
    pub(crate) in_flight: AtomicU32,
    /// Connections that are being made, where they are capped.
    pub(crate) connecting: AtomicU32,
    /// Shadow requests under way for another upstream.
    pub(crate) mirroring: AtomicU32,
    /// Questions under way that policies put to it.
    asking: AtomicU32,
    pub(crate) circuit: Circuit,
}

/// One of the questions under way, until it is dropped.
pub(crate) struct Asking<'v>(&'v Vitals);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Relaxed);
    }
}

impl Vitals {
    /// Takes a place for one more question; `None` where there are `most` already.
    pub(crate) fn begin_question(&self, most: u32) -> Option<Asking<'_>> {
        let before = self.asking.fetch_add(1, Relaxed);
        let place = Asking(self);
        (before < most).then_some(place)
    }

    /// Takes a place for one more try; it is given back with [`Vitals::end_retry`].
    pub(crate) fn begin_retry(&self, percent: u8, least: u16) -> bool {
        let most = allowed(self.active.load(Relaxed), percent, least);
        let before = self.retrying.fetch_add(1, Relaxed);
        if before < most {
            return true;
        }
        self.end_retry();
        false
    }

    pub(crate) fn end_retry(&self) {
        self.retrying.fetch_sub(1, Relaxed);
    }
}

/// Tries at once for so many active requests.
const fn allowed(active: u32, percent: u8, least: u16) -> u32 {
    let share = active as u64 * percent as u64 / 100;
    let share = share as u32;
    if share > least as u32 {
        share
    } else {
        least as u32
    }
}

/// The pause before try number `try_number` (2 for the first repetition): between a half and the
/// whole of `backoff_ms`, doubled for each further one.
pub(crate) fn pause_ms(backoff_ms: u64, try_number: u8, chance: u64) -> u64 {
    let whole = backoff_ms << u32::from(try_number.saturating_sub(2)).min(4);
    let half = whole / 2;
    let spread = u128::from(whole - half + 1);
    half + ((u128::from(chance) * spread) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_budget_is_kept(active in 0u32..10_000, percent in 0u8..=100, least in 0u16..100) {
            let vitals = Vitals::default();
            vitals.active.store(active, Relaxed);
            let most = u64::from(active) * u64::from(percent) / 100;
            let most = most.max(u64::from(least));
            let mut taken = 0;
            while vitals.begin_retry(percent, least) {
                taken += 1;
            }
            prop_assert_eq!(taken, most);
            prop_assert_eq!(u64::from(vitals.retrying.load(Relaxed)), most);
            if taken > 0 {
                vitals.end_retry();
                prop_assert!(vitals.begin_retry(percent, least));
            }
        }

        #[test]
        fn a_pause_is_half_to_whole(backoff in 1u64..10_000, chance: u64) {
            for (number, factor) in [(2, 1), (3, 2), (4, 4)] {
                let whole = backoff * factor;
                let pause = pause_ms(backoff, number, chance);
                prop_assert!(pause >= whole / 2 && pause <= whole);
            }
        }
    }
}
