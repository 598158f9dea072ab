//! Requests that wait on purpose, for their turn under a limit, for a place, or because a policy
//! delays them: so many on a worker, and on a node, as each holds what a request holds.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::WorkerMetrics;

/// Requests of one worker that wait at a time.
const MOST: usize = 1000;
/// Of all workers of a node.
const MOST_OF_NODE: usize = 8000;

/// What all workers have waiting; only those who wait ask for it.
#[derive(Debug, Default)]
pub(crate) struct WaitingOnNode(AtomicUsize);

/// The room of a worker.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Cell<usize>);

/// A place in it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'w>(&'w Waiting, &'w WaitingOnNode, &'w WorkerMetrics);

impl Waiting {
    pub(crate) fn enter<'w>(
        &'w self,
        node: &'w WaitingOnNode,
        metrics: &'w WorkerMetrics,
    ) -> Option<Place<'w>> {
        if self.0.get() >= MOST {
            return None;
        }
        if node.0.fetch_add(1, Ordering::Relaxed) >= MOST_OF_NODE {
            node.0.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.0.set(self.0.get() + 1);
        metrics.waiting.add(1);
        Some(Place(self, node, metrics))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
        self.1.0.fetch_sub(1, Ordering::Relaxed);
        self.2.waiting.take(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_places_come_back() {
        let (waiting, metrics) = (Waiting::default(), WorkerMetrics::default());
        let node = WaitingOnNode::default();
        let enter = || waiting.enter(&node, &metrics);
        let places: Vec<_> = (0..=MOST).map(|_| enter()).collect();
        assert_eq!(places.iter().flatten().count(), MOST);
        assert_eq!(metrics.waiting.get(), MOST as u64);
        drop(places);
        assert!(enter().is_some());
        assert_eq!(metrics.waiting.get(), 0);
    }

    #[test]
    fn the_workers_of_a_node_share_a_room() {
        let (node, metrics) = (WaitingOnNode::default(), WorkerMetrics::default());
        let workers: Vec<Waiting> = (0..10).map(|_| Waiting::default()).collect();
        let all = workers.iter().flat_map(|worker| [worker; MOST]);
        let places: Vec<_> = all.map(|worker| worker.enter(&node, &metrics)).collect();
        assert_eq!(places.iter().flatten().count(), MOST_OF_NODE);
        drop(places);
        assert_eq!(node.0.load(Ordering::Relaxed), 0);
        assert!(workers[9].enter(&node, &metrics).is_some());
    }
}
