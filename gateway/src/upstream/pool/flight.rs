//! A connection of HTTP/2 that is being made, and those who wait for it: one at a time per worker and
//! target, so that a burst of requests does not become one of connections.

use std::cell::{Cell, RefCell};

use tokio::sync::{Mutex, MutexGuard};

use crate::upstream::ConnectError;

/// Of one target.
#[derive(Default)]
pub(in crate::upstream) struct Flight {
    turn: Mutex<()>,
    /// How many could not be made, and why the last of them could not.
    failures: Cell<u64>,
    last: RefCell<Option<ConnectError>>,
}

impl Flight {
    /// Waits until nobody else makes one. The error is that of one that failed meanwhile: it would be
    /// the same for all who waited, one after another.
    pub(in crate::upstream) async fn turn(&self) -> Result<MutexGuard<'_, ()>, ConnectError> {
        let before = self.failures.get();
        let turn = self.turn.lock().await;
        match &*self.last.borrow() {
            Some(error) if self.failures.get() != before => Err(error.again()),
            Some(_) | None => Ok(turn),
        }
    }

    /// Tells those who wait. Of one that was too late they hear nothing: each has a time of its own.
    pub(in crate::upstream) fn failed(&self, error: &ConnectError) {
        if !matches!(error, ConnectError::TimedOut) {
            self.failures.set(self.failures.get() + 1);
            self.last.replace(Some(error.again()));
        }
    }
}
