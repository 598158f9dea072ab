//! How many requests a node works on at a time. What is above is refused at once, while there is
//! still room to say so, instead of making everybody wait.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests in flight of all workers; asked once per request, without a lock.
#[derive(Debug)]
pub(crate) struct InFlight {
    now: AtomicUsize,
    most: usize,
}

impl InFlight {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            now: AtomicUsize::new(0),
            most,
        }
    }

    /// Whether there was room; then [`InFlight::leave`] must follow. A refused request takes none,
    /// so that clients who are slow to read their refusal keep nobody out.
    pub(crate) fn enter(&self) -> bool {
        let had_room = self.now.fetch_add(1, Ordering::Relaxed) < self.most;
        if !had_room {
            self.leave();
        }
        had_room
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_takes_no_room() {
        let in_flight = InFlight::new(2);
        assert!(in_flight.enter() && in_flight.enter());
        assert!(!in_flight.enter() && !in_flight.enter());
        assert_eq!(in_flight.now(), 2);
        in_flight.leave();
        assert!(in_flight.enter());
    }
}
