//! The bounded rings between workers and the one that drains them: a full ring drops and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use domain::traffic::Detail;

use super::{Names, Record};
use crate::detail::{Budget, Caught};

/// Records that a worker's ring holds.
pub const RING_RECORDS: usize = 4096;

/// Records that are kept to be written again. As the one that waited longest is the next, more would
/// only take more of the caches; what comes in a rush is let go again.
const SPARE: usize = 128;
/// Requests of a worker whose details wait to be written. What they hold has a bound of its own, which
/// so many reach: whoever has a part of that has no more of these places.
pub(crate) const MOST_CAUGHT: usize = 1024;

/// Records travel as pointers, and come back as `spare` to be written again: nothing is copied, and
/// no more memory is touched than there are records under way.
#[derive(Debug)]
struct Ring {
    records: ArrayQueue<Box<Record>>,
    spare: ArrayQueue<Box<Record>>,
    dropped: AtomicU64,
    /// What `log_detail` copied.
    caught: ArrayQueue<Box<Caught>>,
    budget: Arc<Budget>,
}

/// A worker's end: it never waits.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Ring>);

impl Sink {
    /// An empty record to write.
    pub fn blank(&self) -> Box<Record> {
        match self.0.spare.pop() {
            Some(mut record) => {
                record.clear();
                record
            }
            None => Box::default(),
        }
    }

    pub fn push(&self, record: Box<Record>) {
        if self.0.records.push(record).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is counted for all that the worker copies.
    pub(crate) fn budget(&self) -> Arc<Budget> {
        self.0.budget.clone()
    }

    pub(crate) fn push_caught(&self, caught: Box<Caught>) {
        if self.0.caught.push(caught).is_err() {
            self.0.budget.refuse();
        }
    }
}

/// The draining end of all workers' rings, to be used by one task at a time.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Arc<Ring>>,
    names: Arc<Names>,
    /// The worker whose details come next.
    turn: AtomicUsize,
}

impl Rings {
    /// One ring per worker; `names` must be the table that the records' numbers come from.
    pub fn new(workers: usize, names: Arc<Names>) -> Self {
        let ring = || {
            Arc::new(Ring {
                records: ArrayQueue::new(RING_RECORDS),
                spare: ArrayQueue::new(SPARE),
                dropped: AtomicU64::new(0),
                caught: ArrayQueue::new(MOST_CAUGHT),
                budget: Arc::default(),
            })
        };
        Self {
            rings: (0..workers).map(|_| ring()).collect(),
            names,
            turn: AtomicUsize::new(0),
        }
    }

    /// The end of worker number `worker`, below the number given at [`Rings::new`].
    pub fn sink(&self, worker: usize) -> Sink {
        Sink(self.rings[worker].clone())
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Takes what is there now, at most one ring's length of each worker so that it ends.
    /// Returns how many records it took.
    pub fn drain(&self, mut each: impl FnMut(&Record)) -> usize {
        let mut taken = 0;
        for ring in &self.rings {
            for _ in 0..RING_RECORDS {
                let Some(record) = ring.records.pop() else {
                    break;
                };
                each(&record);
                taken += 1;
                // Beyond what fits they are let go.
                let _ = ring.spare.push(record);
            }
        }
        taken
    }

    /// The details of one request, read and masked, which takes up to some milliseconds; `None`: no
    /// more wait. The workers have their turns.
    pub fn next_detail(&self, node: &str) -> Option<Detail> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.rings.len();
        let mut turns = (0..count).map(|place| &self.rings[turn.wrapping_add(place) % count]);
        let caught = turns.find_map(|ring| ring.caught.pop())?;
        Some(caught.written(node))
    }

    /// Lets go of all details that wait, unread. Says of how many requests.
    pub fn lose_details(&self) -> u64 {
        let counts = self.rings.iter().map(|ring| {
            let lost = std::iter::from_fn(|| ring.caught.pop());
            lost.take(MOST_CAUGHT).count() as u64
        });
        counts.sum()
    }

    /// Of all workers: bytes that are copied and wait to be written, and requests of which nothing
    /// was kept as there was no room.
    pub fn details(&self) -> (u64, u64) {
        let figures = self.rings.iter().map(|ring| ring.budget.figures());
        figures.fold((0, 0), |(held, refused), (more, without)| {
            (held + more, refused + without)
        })
    }

    /// Records lost to full rings since the start.
    pub fn dropped(&self) -> u64 {
        let counts = self
            .rings
            .iter()
            .map(|ring| ring.dropped.load(Ordering::Relaxed));
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_drops_and_counts() {
        let rings = Rings::new(2, Arc::default());
        for _ in 0..RING_RECORDS + 3 {
            rings.sink(1).push(Box::default());
        }
        rings.sink(0).push(Box::default());
        assert_eq!(rings.drain(|_| {}), RING_RECORDS + 1);
        assert_eq!((rings.drain(|_| {}), rings.dropped()), (0, 3));
    }

    #[test]
    fn a_record_that_comes_back_is_blank() {
        let rings = Rings::new(1, Arc::default());
        let sink = rings.sink(0);
        let mut record = sink.blank();
        record.path = crate::record::Short::new("/a/path");
        record.status = 200;
        record.tries = 3;
        let name = rings.names().intern("plan/quota/day");
        record.watch(crate::record::Watch { bit: 2, name });
        sink.push(record);
        rings.drain(|record| assert_eq!(record.path.as_str(), "/a/path"));
        let again = sink.blank();
        let names = rings.names();
        let fresh = Record::default().resolve(names, "n");
        assert_eq!(again.resolve(names, "n"), fresh);
    }
}
