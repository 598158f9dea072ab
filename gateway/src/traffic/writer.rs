//! The one writer of a node's traffic: a thread that drains the workers' rings into the spool, and
//! a task that brings the spool's batches into the store.
//!
//! The thread owns the spool and waits for nobody but the local disk, so that a database that is
//! slow or away never fills a ring. Thread and task hand batches to and fro; the cursor of the
//! spool moves only when a batch comes back stored.

mod lost;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as acks;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::traffic::{Detail, Record};
use tokio::sync::mpsc;

use super::figures::Figures;
use super::lines::Lines;
use super::spool::{Batch, Spool, SpoolError, SpoolSettings};
use crate::record::Rings;
use crate::store::TrafficStore;
use crate::store::traffic as upload;
use lost::Lost;

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
/// Batches between thread and task: one in work and one ready.
const READY: usize = 2;
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
            Destination::Lines(lines) => Out::Lines(lines),
            Destination::Store(settings, store) => {
                let (own, others) = settings.open_free()?;
                let (give, given) = mpsc::channel(READY);
                let (back, done) = acks::channel();
                tokio::spawn(upload::run(store, given, back, figures.clone()));
                Out::Spool(Box::new(Spooling {
                    own,
                    others,
                    former: None,
                    give,
                    done,
                    in_work: VecDeque::new(),
                }))
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
    Lines(Lines),
    Spool(Box<Spooling>),
}

struct Spooling {
    own: Spool,
    /// Where processes before and behind this one have theirs.
    others: Vec<SpoolSettings>,
    /// What one of them left, until that is stored.
    former: Option<Spool>,
    give: mpsc::Sender<Batch>,
    done: acks::Receiver<Batch>,
    /// Batches that were given; they come back in the same order.
    in_work: VecDeque<Whose>,
}

/// Which spool a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Former,
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
            lost.note(lines.flush());
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
                Out::Lines(lines) => append_detail(lines, &detail),
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

fn append_detail(lines: &mut Lines, detail: &Detail) -> bool {
    let result = lines.append_detail(detail);
    if let Err(error) = &result {
        tracing::error!(%error, "Details of requests cannot be written; they are dropped.");
    }
    result.is_ok()
}

impl Out {
    fn append(&mut self, records: &[Record], lost: &mut Lost) {
        match self {
            // The rest of a drain is counted as lost already.
            Self::Lines(_) if lost.lines => {}
            Self::Lines(lines) => lost.note(lines.append(records)),
            Self::Spool(spooling) => lost.records += spooling.own.append(records).dropped,
        }
    }
}

impl Spooling {
    /// Opens what another process left, once it is gone.
    fn look_for_former(&mut self) {
        if self.former.is_some() {
            return;
        }
        for other in self.others.iter().filter(|other| other.has_segments()) {
            match Spool::open(other.clone()) {
                Ok(spool) => {
                    self.former = Some(spool);
                    return;
                }
                Err(SpoolError::Busy(_)) => {}
                Err(error) => tracing::warn!(%error, "An earlier spool of traffic cannot be read."),
            }
        }
    }

    /// Hands out batches and takes stored ones back until `next`. `true`: nothing is left to store.
    fn turn(&mut self, next: Instant, figures: &Figures) -> bool {
        loop {
            let more = self.hand_out().unwrap_or_else(|error| {
                tracing::error!(%error, "The traffic spool cannot be read.");
                false
            });
            self.report(figures);
            let wait = next.saturating_duration_since(Instant::now());
            match self.done.recv_timeout(wait) {
                Ok(batch) => self.take_back(&batch),
                Err(acks::RecvTimeoutError::Timeout) => return self.in_work.is_empty() && !more,
                Err(acks::RecvTimeoutError::Disconnected) => {
                    // The runtime is gone: what is spooled waits for the next start. This thread is
                    // the writer's own.
                    #[allow(clippy::disallowed_methods)]
                    std::thread::sleep(wait);
                    return true;
                }
            }
        }
    }

    /// `true` when a batch could not be handed out because enough are in work.
    fn hand_out(&mut self) -> io::Result<bool> {
        while self.in_work.len() < READY {
            let Some((whose, batch)) = self.next_batch()? else {
                return Ok(false);
            };
            // There is room: as many fit as may be in work.
            if self.give.try_send(batch).is_err() {
                return Ok(false);
            }
            self.in_work.push_back(whose);
        }
        Ok(true)
    }

    /// What is older goes first.
    fn next_batch(&mut self) -> io::Result<Option<(Whose, Batch)>> {
        if let Some(former) = &mut self.former {
            if let Some(batch) = former.next_batch()? {
                return Ok(Some((Whose::Former, batch)));
            }
            if !self.in_work.contains(&Whose::Former)
                && let Some(former) = self.former.take()
            {
                former.remove()?;
            }
        }
        let batch = self.own.next_batch()?;
        Ok(batch.map(|batch| (Whose::Own, batch)))
    }

    fn take_back(&mut self, batch: &Batch) {
        let spool = match self.in_work.pop_front() {
            Some(Whose::Own) => Some(&mut self.own),
            Some(Whose::Former) => self.former.as_mut(),
            None => None,
        };
        if let Some(spool) = spool
            && let Err(error) = spool.stored(batch)
        {
            // The cursor stays behind: after a restart the batch comes again, under its id.
            tracing::error!(%error, "The cursor of the traffic spool cannot be written.");
        }
    }

    fn report(&self, figures: &Figures) {
        let own = self.own.figures();
        let former = self.former.as_ref().map(Spool::figures).unwrap_or_default();
        for (figure, value) in [
            (&figures.spool_bytes, own.bytes + former.bytes),
            (
                &figures.waiting_bytes,
                own.waiting_bytes + former.waiting_bytes,
            ),
            (&figures.lost_bytes, own.lost_bytes + former.lost_bytes),
        ] {
            figure.store(value, Ordering::Relaxed);
        }
    }
}

/// Microseconds since 1970, for [`Figures::lag_us`].
pub fn now_us() -> i64 {
    Utc::now().timestamp_micros()
}

#[cfg(test)]
mod tests;
