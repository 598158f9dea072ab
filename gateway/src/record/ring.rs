//! The bounded rings between workers and the one that drains them: a full ring drops and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use super::{Names, Record};

/// Records that a worker's ring holds.
pub const RING_RECORDS: usize = 4096;

#[derive(Debug)]
struct Ring {
    records: ArrayQueue<Record>,
    dropped: AtomicU64,
}

/// A worker's end: it never waits.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Ring>);

impl Sink {
    pub fn push(&self, record: Record) {
        if self.0.records.push(record).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The draining end of all workers' rings, to be used by one task at a time.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Arc<Ring>>,
    names: Arc<Names>,
}

impl Rings {
    /// One ring per worker; `names` must be the table that the records' numbers come from.
    pub fn new(workers: usize, names: Arc<Names>) -> Self {
        let ring = || {
            Arc::new(Ring {
                records: ArrayQueue::new(RING_RECORDS),
                dropped: AtomicU64::new(0),
            })
        };
        Self {
            rings: (0..workers).map(|_| ring()).collect(),
            names,
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
            }
        }
        taken
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
            rings.sink(1).push(Record::default());
        }
        rings.sink(0).push(Record::default());
        assert_eq!(rings.drain(|_| {}), RING_RECORDS + 1);
        assert_eq!((rings.drain(|_| {}), rings.dropped()), (0, 3));
    }
}
