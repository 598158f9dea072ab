//! A connection of HTTP/2 that is being made, and those who wait for it: one at a time per worker and
//! target, so that a burst of requests does not become one of connections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::upstream::ConnectError;

/// Of one target.
#[derive(Default)]
pub(in crate::upstream) struct Flight {
    turn: Arc<Mutex<()>>,
    /// How many could not be made, and why the last of them could not.
    failures: Cell<u64>,
    last: RefCell<Option<ConnectError>>,
}

/// Until it is dropped, nobody else makes one.
pub(in crate::upstream) struct Turn {
    flight: Rc<Flight>,
    _guard: OwnedMutexGuard<()>,
}

impl Flight {
    /// Waits until nobody else makes one. The error is that of one that failed meanwhile: it would be
    /// the same for all who waited, one after another.
    pub(in crate::upstream) async fn turn(self: Rc<Self>) -> Result<Turn, ConnectError> {
        let before = self.failures.get();
        let guard = self.turn.clone().lock_owned().await;
        if self.failures.get() != before
            && let Some(error) = &*self.last.borrow()
        {
            return Err(error.again());
        }
        Ok(Turn {
            flight: self,
            _guard: guard,
        })
    }
}

impl Turn {
    /// Tells those who wait. Of one that was too late they hear nothing: each has a time of its own.
    pub(in crate::upstream) fn failed(&self, error: &ConnectError) {
        if !matches!(error, ConnectError::TimedOut) {
            let flight = &self.flight;
            flight.failures.set(flight.failures.get() + 1);
            flight.last.replace(Some(error.again()));
        }
    }
}
