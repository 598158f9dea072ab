//! Targets that the configuration does not name any more: they get nothing new, and what they have
//! is cut when their time is over.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::Pool;
use crate::state::Gone;

/// How long after that it is remembered: a request that began before may come late.
const REMEMBERED_MS: u64 = 10_000;

pub(super) struct Departed {
    /// By number, when they are cut.
    all: RefCell<HashMap<u32, u64>>,
    /// The first of these times, so that as a rule one comparison says that nothing is cut.
    first: Cell<u64>,
    /// Up to when everybody who waits was told.
    told: Cell<u64>,
}

impl Default for Departed {
    fn default() -> Self {
        Self {
            all: RefCell::default(),
            first: Cell::new(u64::MAX),
            told: Cell::new(0),
        }
    }
}

impl Departed {
    pub(super) fn has(&self, target: u32) -> bool {
        let all = self.all.borrow();
        !all.is_empty() && all.contains_key(&target)
    }

    fn count(&self) {
        let first = self.all.borrow().values().min().copied();
        self.first.set(first.unwrap_or(u64::MAX));
    }
}

impl Pool {
    /// Takes over what a new state says is gone; idle connections there are closed.
    pub(crate) fn follow(&self, gone: &[Gone]) {
        let departed = &self.departed;
        if gone.is_empty() && departed.all.borrow().is_empty() {
            return;
        }
        for one in gone.iter().filter(|one| !departed.has(one.number)) {
            self.with(one.number, |idle| {
                idle.links.clear();
                idle.shared.clear();
            });
        }
        let all = gone.iter().map(|one| (one.number, one.cut_at));
        *departed.all.borrow_mut() = all.collect();
        departed.count();
    }

    /// Whether a request to `target` is cut by now.
    pub(crate) fn cuts(&self, target: u32, now_ms: u64) -> bool {
        now_ms >= self.departed.first.get() && self.is_over(target, now_ms)
    }

    #[cold]
    fn is_over(&self, target: u32, now_ms: u64) -> bool {
        let all = self.departed.all.borrow();
        all.get(&target).is_some_and(|cut_at| now_ms >= *cut_at)
    }

    /// Whether the time of some has ended since the last call: who waits for them is to be woken.
    pub(crate) fn is_time_over(&self, now_ms: u64) -> bool {
        let departed = &self.departed;
        if now_ms < departed.first.get() {
            return false;
        }
        let told = departed.told.replace(now_ms);
        let ended = |cut_at: &u64| (told + 1..=now_ms).contains(cut_at);
        let is_over = departed.all.borrow().values().any(ended);
        let mut all = departed.all.borrow_mut();
        all.retain(|_, cut_at| now_ms < *cut_at + REMEMBERED_MS);
        drop(all);
        departed.count();
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn what_is_gone_is_cut_once_its_time_is_over() {
        let pool = Pool::new(&Settings::default());
        let gone = |number, cut_at| Gone { number, cut_at };
        pool.follow(&[]);
        assert!(!pool.cuts(1, u64::MAX - 1));
        pool.follow(&[gone(1, 1000), gone(2, 2000)]);
        for (target, now, is_cut) in [
            (1, 999, false),
            (1, 1000, true),
            (2, 1999, false),
            (2, 2000, true),
            (3, 5000, false),
        ] {
            assert_eq!(pool.cuts(target, now), is_cut, "{target} {now}");
        }
        // Each end is told once.
        let told: Vec<bool> = [999, 1000, 1500, 2500, 3000]
            .map(|now| pool.is_time_over(now))
            .to_vec();
        assert_eq!(told, [false, true, false, true, false]);
        // One that is back is not cut.
        pool.follow(&[gone(2, 2000)]);
        assert!(!pool.cuts(1, 3000) && pool.cuts(2, 3000));
        pool.is_time_over(20_000);
        assert!(!pool.cuts(2, 20_000) && !pool.departed.has(2), "forgotten");
    }
}
