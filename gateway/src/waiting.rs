//! Requests that wait on purpose, for their turn under a limit or because a policy delays them: so many
//! on a worker, as each holds what a request holds.

use std::cell::Cell;

use crate::metrics::WorkerMetrics;

/// Requests of one worker that wait at a time.
const MOST: usize = 1000;

/// The room of a worker.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Cell<usize>);

/// A place in it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'w>(&'w Waiting, &'w WorkerMetrics);

impl Waiting {
    pub(crate) fn enter<'w>(&'w self, metrics: &'w WorkerMetrics) -> Option<Place<'w>> {
        if self.0.get() >= MOST {
            return None;
        }
        self.0.set(self.0.get() + 1);
        metrics.waiting.add(1);
        Some(Place(self, metrics))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
        self.1.waiting.take(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_places_come_back() {
        let (waiting, metrics) = (Waiting::default(), WorkerMetrics::default());
        let places: Vec<_> = (0..=MOST).map(|_| waiting.enter(&metrics)).collect();
        assert_eq!(places.iter().flatten().count(), MOST);
        assert_eq!(metrics.waiting.get(), MOST as u64);
        drop(places);
        assert!(waiting.enter(&metrics).is_some());
        assert_eq!(metrics.waiting.get(), 0);
    }
}
