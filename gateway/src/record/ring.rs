//! The bounded rings between workers and the one that drains them: a full ring drops and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

use super::{Names, Record};

/// Records that a worker's ring holds.
pub const RING_RECORDS: usize = 4096;

/// Records that are kept to be written again. As the one that waited longest is the next, more would
/// only take more of the caches; what comes in a rush is let go again.
const SPARE: usize = 128;

/// Records travel as pointers, and come back as `spare` to be written again: nothing is copied, and
/// no more memory is touched than there are records under way.
#[derive(Debug)]
struct Ring {
    records: ArrayQueue<Box<Record>>,
    spare: ArrayQueue<Box<Record>>,
    dropped: AtomicU64,
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
                spare: ArrayQueue::new(SPARE),
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
                // Beyond what fits they are let go.
                let _ = ring.spare.push(record);
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
        sink.push(record);
        rings.drain(|record| assert_eq!(record.path.as_str(), "/a/path"));
        let again = sink.blank();
        let names = Names::default();
        let fresh = Record::default().resolve(&names, "n");
        assert_eq!(again.resolve(&names, "n"), fresh);
    }
}
