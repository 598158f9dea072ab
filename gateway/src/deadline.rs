//! Deadlines without timers: each connection has a number that says by when it must have moved
//! on, and one coarse sweep per worker wakes those that are late.
//!
//! A timer per phase of each request would cost several percent of it; a deadline is a store.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

/// How often late ones are looked for, in milliseconds; a deadline is met this much too late.
pub(crate) const SWEEP_MS: u64 = 100;

#[derive(Debug, Default)]
struct Shared {
    /// Milliseconds of the worker's clock; 0 for none.
    at: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// The deadline of one direction of one connection.
#[derive(Debug)]
pub(crate) struct Deadline {
    shared: Rc<Shared>,
    now: Rc<Cell<u64>>,
}

impl Deadline {
    /// Sets it `in_ms` from now; replaces an earlier one.
    pub(crate) fn set(&self, in_ms: u64) {
        self.shared.at.set(self.now.get() + in_ms.max(1));
    }

    pub(crate) fn clear(&self) {
        self.shared.at.set(0);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.shared.at.get() != 0
    }

    /// Whether it is set and has passed; nobody is woken when it does.
    pub(crate) fn is_past(&self) -> bool {
        let at = self.shared.at.get();
        at != 0 && at <= self.now.get()
    }

    /// Whether it has passed; if not, the task of `cx` is woken when it does.
    pub(crate) fn has_passed(&self, cx: &Context<'_>) -> bool {
        let at = self.shared.at.get();
        if at == 0 {
            return false;
        }
        if at <= self.now.get() {
            return true;
        }
        let mut waker = self.shared.waker.borrow_mut();
        match &mut *waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            place => *place = Some(cx.waker().clone()),
        }
        false
    }
}

/// All deadlines of a worker.
#[derive(Debug, Default)]
pub(crate) struct Sweeper {
    now: Rc<Cell<u64>>,
    all: RefCell<Vec<Weak<Shared>>>,
}

impl Sweeper {
    pub(crate) fn deadline(&self) -> Deadline {
        let shared = Rc::new(Shared::default());
        self.all.borrow_mut().push(Rc::downgrade(&shared));
        Deadline {
            shared,
            now: self.now.clone(),
        }
    }

    /// The worker's coarse time in milliseconds, as of the last sweep or [`Sweeper::advance`].
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// Moves the coarse time on, at times when the exact one is known anyway.
    pub(crate) fn advance(&self, now_ms: u64) {
        self.now.set(now_ms.max(self.now.get()));
    }

    /// Wakes everyone who waits, so that they see what has changed.
    pub(crate) fn wake_all(&self) {
        for shared in self.all.borrow().iter().filter_map(Weak::upgrade) {
            if let Some(waker) = shared.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// Wakes who is late and forgets who is gone.
    pub(crate) fn sweep(&self, now_ms: u64) {
        self.advance(now_ms);
        let now = self.now.get();
        self.all.borrow_mut().retain(|entry| {
            let Some(shared) = entry.upgrade() else {
                return false;
            };
            let at = shared.at.get();
            if at != 0
                && at <= now
                && let Some(waker) = shared.waker.borrow_mut().take()
            {
                waker.wake();
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_is_told() {
        let sweeper = Sweeper::default();
        sweeper.sweep(1000);
        let deadline = sweeper.deadline();
        let cx = Context::from_waker(Waker::noop());
        assert!(!deadline.has_passed(&cx), "none is set");
        deadline.set(50);
        assert!(!deadline.has_passed(&cx) && !deadline.is_past());
        sweeper.sweep(1050);
        assert!(deadline.has_passed(&cx) && deadline.is_past());
        deadline.clear();
        assert!(!deadline.has_passed(&cx) && !deadline.is_set() && !deadline.is_past());
        drop(deadline);
        sweeper.sweep(2000);
        assert!(sweeper.all.borrow().is_empty());
    }
}
