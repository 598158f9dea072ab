//! What is cut off when the time of a drain is over: each connection is told that nothing more comes,
//! and what its client still sends is read for a moment. Closing with something unread would reset
//! what is on its way to the client, and so would closing before that has come.
//!
//! The moment is one for all of them, so that nobody holds up the end by sending on.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::socket::{Parted, Socket};

/// How long is read in all.
const MOMENT: Duration = Duration::from_millis(500);
/// Between two looks at what has come.
const PAUSE: Duration = Duration::from_millis(5);

/// Of one worker.
#[derive(Debug, Default)]
pub(crate) struct Over {
    has_come: Cell<bool>,
    parted: RefCell<Vec<Parted>>,
}

impl Over {
    /// What is still under way is cut off from now on.
    pub(crate) fn come(&self) {
        self.has_come.set(true);
    }

    /// For a connection that is about to be closed: ends what is sent over it, if it is cut off.
    pub(crate) fn part(&self, socket: &Socket) {
        if self.has_come.get() {
            self.parted.borrow_mut().extend(socket.part());
        }
    }

    /// Whether nothing was cut off.
    pub(crate) fn is_empty(&self) -> bool {
        self.parted.borrow().is_empty()
    }

    /// Reads what still comes of those that were cut off, until their clients have ended them, too.
    pub(crate) async fn linger(&self) {
        let until = Instant::now() + MOMENT;
        let mut parted = self.parted.take();
        while !parted.is_empty() && Instant::now() < until {
            parted.retain(Parted::is_open);
            sleep(PAUSE).await;
        }
    }
}
