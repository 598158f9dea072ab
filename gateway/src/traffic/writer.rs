//! The one writer of a node's traffic: a thread that drains the workers' rings into the spool, and
//! a task that brings the spool's batches into the store.
//!
//! The thread owns the spool and waits for nobody but the local disk, so that a database that is
//! slow or away never fills a ring. Thread and task hand batches to and fro; the cursor of the
//! spool moves only when a batch comes back stored.

mod lost;
mod spooling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as acks;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::traffic::Record;
use tokio::sync::mpsc;

use super::figures::Figures;
use super::lines::Lines;
use super::spool::{SpoolError, SpoolSettings};
use crate::record::Rings;
use crate::store::TrafficStore;
use crate::store::traffic as upload;
use lost::Lost;
use spooling::{READY, Spooling};

/// How often the rings are drained. A `kill -9` loses what was answered since, so that twice this
/// stays well below 100 ms.
const DRAIN: Duration = Duration::from_millis(25);
/// The same while there is much to drain: what is read soon after it was written is still in the
/// caches, and the workers get their records back sooner.
const DRAIN_BUSY: Duration = Duration::from_millis(5);
const MUCH: usize = 128;
/// Records that are brought into their stored form, and written, together: few, so that they stay in
/// the nearest cache.
const AT_ONCE: usize = 32;
/// How long details of requests are read and masked between two drains: records come first, and what
/// is copied and waits too long has no room for more.
const DETAILS: Duration = Duration::from_millis(5);
/// The same at the end.
const LAST_DETAILS: Duration = Duration::from_secs(2);
/// How often a spool that another process held is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Where records go.
#[derive(Debug)]
pub enum Destination {
    /// Through the spool into the traffic database.
    Store(SpoolSettings, TrafficStore),
    /// JSON lines, without a spool: the file is on this disk itself.
    Lines(Lines),
}

/// A running writer. Dropping it without [`Writer::stop`] leaves it running to the process's end.
#[derive(Debug)]
pub struct Writer {
    figures: Arc<Figures>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread, and for a store a task on the present runtime: not one of the workers'.
    ///
    /// Errors when the spool's directory cannot be used. While other processes hold it, as after a
    /// take-over, one beside it is used; what they leave is stored from here.
    pub fn start(
        rings: Arc<Rings>,
        node: String,
        destination: Destination,
    ) -> Result<Self, SpoolError> {
        let figures = Arc::<Figures>::default();
        let stop = Arc::<AtomicBool>::default();
        let out = match destination {
            Destination::Lines(lines) => Out::Lines(Box::new(lines)),
            Destination::Store(settings, store) => {
                let (give, given) = mpsc::channel(READY);
                let (back, done) = acks::channel();
                let spooling = Spooling::open(settings, give, done)?;
                tokio::spawn(upload::run(store, given, back, figures.clone()));
                Out::Spool(Box::new(spooling))
            }
        };
        let work = Work {
            rings,
            node,
            out,
            figures: figures.clone(),
            stop: stop.clone(),
            drained: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("traffic".into())
            .spawn(move || work.run())
            .map_err(|error| SpoolError::Io("traffic".into(), error))?;
        Ok(Self {
            figures,
            stop,
            thread,
        })
    }

    pub fn figures(&self) -> Arc<Figures> {
        self.figures.clone()
    }

    /// Drains the rings for the last time and waits, at most `patience`, until all is stored. What
    /// is not stays in the spool for the next start. Call it after the workers have ended.
    pub async fn stop(self, patience: Duration) {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread;
        let until = Instant::now() + patience;
        while !thread.is_finished() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What the thread works with.
struct Work {
    rings: Arc<Rings>,
    node: String,
    out: Out,
    figures: Arc<Figures>,
    stop: Arc<AtomicBool>,
    drained: Vec<Record>,
}

enum Out {
    Lines(Box<Lines>),
    Spool(Box<Spooling>),
}

impl Work {
    fn run(mut self) {
        let mut looked: Option<Instant> = None;
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            let now = Instant::now();
            let pause = if self.drain() < MUCH {
                DRAIN
            } else {
                DRAIN_BUSY
            };
            self.take_details(if stopping { LAST_DETAILS } else { DETAILS });
            let next = now + pause;
            match &mut self.out {
                Out::Lines(_) if stopping => return self.lose_details(),
                // This thread is the writer's own; nothing else runs on it.
                #[allow(clippy::disallowed_methods)]
                Out::Lines(_) => std::thread::sleep(pause),
                Out::Spool(spooling) => {
                    if stopping {
                        // Nothing is to come that it could wait for.
                        spooling.own.end_batch();
                    }
                    if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                        looked = Some(Instant::now());
                        spooling.look_for_former();
                    }
                    let idle = spooling.turn(next, &self.figures);
                    if stopping && idle {
                        return self.lose_details();
                    }
                }
            }
        }
    }

    /// Takes everything out of the rings, also twice in a row where they were full. Says how much
    /// there was.
    fn drain(&mut self) -> usize {
        let Self {
            rings,
            node,
            out,
            drained,
            figures,
            stop: _,
        } = self;
        let rings: &Rings = rings;
        // Not while something is written: who compiles a state would wait for the disk.
        let mut names = None;
        let (mut there, mut lost) = (0, Lost::default());
        let taken = rings.drain(|record| {
            if there == drained.len() {
                drained.push(Record::default());
            }
            let known = names.get_or_insert_with(|| rings.names().known());
            record.resolve_into(known, node, &mut drained[there]);
            there += 1;
            if there == AT_ONCE {
                names = None;
                out.append(&drained[..], &mut lost);
                there = 0;
            }
        });
        drop(names);
        out.append(&drained[..there], &mut lost);
        if let Out::Lines(lines) = out {
            lost.note(&lines.flush());
        }
        let dropped = lost.of(taken);
        figures.spool_dropped.fetch_add(dropped, Ordering::Relaxed);
        let lost = rings.dropped();
        figures.ring_dropped.store(lost, Ordering::Relaxed);
        taken
    }

    /// Counts what waits at the end and was not read in time.
    fn lose_details(&self) {
        let lost = self.rings.lose_details();
        if lost > 0 {
            tracing::warn!(
                lost,
                "Details of requests that waited at the end are dropped."
            );
        }
        let dropped = &self.figures.details_dropped;
        dropped.fetch_add(lost, Ordering::Relaxed);
    }

    /// Takes as many requests' details as can be read and masked within a time, at least one.
    fn take_details(&mut self, within: Duration) {
        let begun = Instant::now();
        while let Some(detail) = self.rings.next_detail(&self.node) {
            let is_kept = match &mut self.out {
                Out::Lines(lines) => lines.append_detail(&detail).is_ok(),
                Out::Spool(spooling) => spooling.own.append_detail(&detail),
            };
            if !is_kept {
                let dropped = &self.figures.details_dropped;
                dropped.fetch_add(1, Ordering::Relaxed);
            }
            if begun.elapsed() >= within {
                return;
            }
        }
    }
}

impl Out {
    fn append(&mut self, records: &[Record], lost: &mut Lost) {
        match self {
            // The rest of a drain is counted as lost already.
            Self::Lines(_) if lost.lines => {}
            Self::Lines(lines) => lost.note(&lines.append(records)),
            Self::Spool(spooling) => lost.records += spooling.own.append(records).dropped,
        }
    }
}

/// Microseconds since 1970, for [`Figures::lag_us`].
pub fn now_us() -> i64 {
    Utc::now().timestamp_micros()
}

#[cfg(test)]
mod tests;
