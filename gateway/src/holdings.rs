//! How much of bodies a worker holds because policies look into them, for whom, and where they are
//! looked into.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::id::OrganizationId;
use domain::problem::Code;
use tokio::sync::Semaphore;

use crate::answer::Refusal;
use crate::body::ROOM;
use crate::cache::Keeping;
use crate::fields::Fields;
use crate::forward::Stop;
use crate::metrics::WorkerMetrics;
use crate::worker::Worker;

/// Of all bodies that a worker holds.
const MOST_OF_WORKER: u64 = 64 * 1024 * 1024;
/// In how much of that the bodies for one organization's APIs have no rivals: beyond it they get
/// only what lies below half of all.
const OF_ONE: u64 = MOST_OF_WORKER / 8;
/// How long a client may take to send what is held: it costs memory meanwhile.
const WITHIN: Duration = Duration::from_secs(30);
/// How long one waits for its turn, at most.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// Large bodies that are looked into at a time, beside the worker.
const CHECKED_AT_ONCE: usize = 2;

/// What a worker holds, by whose APIs the bodies are for.
pub(crate) struct Holdings {
    of: RefCell<HashMap<OrganizationId, u64>>,
    all: Cell<u64>,
    /// A client has this long to send one.
    pub(crate) within: Duration,
    /// For those who look into large ones.
    turns: Arc<Semaphore>,
    metrics: Arc<WorkerMetrics>,
}

impl Holdings {
    pub(crate) fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            of: RefCell::default(),
            all: Cell::new(0),
            within: WITHIN,
            turns: Arc::new(Semaphore::new(CHECKED_AT_ONCE)),
            metrics,
        }
    }

    /// Whether there is room for a further piece. Nobody's clients take it all from the others.
    fn has_room(&self, of: OrganizationId) -> bool {
        let piece = ROOM as u64;
        let own = self.of.borrow().get(&of).copied().unwrap_or(0);
        let all = self.all.get() + piece;
        all <= MOST_OF_WORKER && (own + piece <= OF_ONE || all <= MOST_OF_WORKER / 2)
    }

    fn add(&self, of: OrganizationId, bytes: u64) {
        self.all.set(self.all.get() + bytes);
        *self.of.borrow_mut().entry(of).or_default() += bytes;
    }

    fn take(&self, of: OrganizationId, bytes: u64) {
        self.all.set(self.all.get() - bytes);
        let mut all = self.of.borrow_mut();
        if let Some(own) = all.get_mut(&of) {
            *own -= bytes;
            if *own == 0 {
                all.remove(&of);
            }
        }
    }
}

/// What an answer that is taken whole is counted with, until it is gone.
pub(crate) struct Charge<'h> {
    holdings: &'h Holdings,
    of: OrganizationId,
    bytes: u64,
    metrics: &'h WorkerMetrics,
}

impl Holdings {
    pub(crate) const fn charge<'h>(
        &'h self,
        of: OrganizationId,
        metrics: &'h WorkerMetrics,
    ) -> Charge<'h> {
        Charge {
            holdings: self,
            of,
            bytes: 0,
            metrics,
        }
    }
}

impl Charge<'_> {
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a further piece may be taken.
    pub(crate) fn has_room(&self) -> bool {
        let has = self.holdings.has_room(self.of);
        if !has {
            self.metrics.not_held.add(1);
        }
        has
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.holdings.add(self.of, bytes);
        self.metrics.held_bytes.add(bytes);
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.holdings.take(self.of, self.bytes);
        self.metrics.held_bytes.take(self.bytes);
    }
}

/// A body that was made here, counted until it is gone.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    /// How much of it is gone.
    pub(crate) at: usize,
    /// What came behind the body that it is made of.
    pub(crate) trailers: Option<Fields>,
    /// A copy of the body that it is made of, which waits to be kept.
    pub(crate) kept: Option<Box<Keeping>>,
    worker: Rc<Worker>,
    of: OrganizationId,
    /// What it is counted with.
    counted: u64,
}

impl Made {
    pub(crate) fn new(bytes: Vec<u8>, worker: Rc<Worker>, of: OrganizationId) -> Self {
        let length = bytes.len() as u64;
        worker.holdings.add(of, length);
        worker.metrics.held_bytes.add(length);
        Self {
            bytes,
            at: 0,
            trailers: None,
            kept: None,
            worker,
            of,
            counted: length,
        }
    }

    /// Adds more to it; false where there is no room for that.
    #[must_use]
    pub(crate) fn extend(&mut self, more: &[u8]) -> bool {
        let (holdings, metrics) = (&self.worker.holdings, &self.worker.metrics);
        if !more.is_empty() && !holdings.has_room(self.of) {
            metrics.not_held.add(1);
            return false;
        }
        let length = more.len() as u64;
        holdings.add(self.of, length);
        metrics.held_bytes.add(length);
        self.counted += length;
        self.bytes.extend_from_slice(more);
        true
    }

    /// Gives its bytes to somebody who looks into them; it is counted with them all the same.
    pub(crate) fn lend(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.worker.holdings.take(self.of, self.counted);
        self.worker.metrics.held_bytes.take(self.counted);
    }
}

/// A longer body is worked on beside the worker: other requests do not wait for it.
const LONG: usize = 64 * 1024;

/// Where work on a body is done.
pub(crate) enum Beside {
    Here,
    /// On a thread of its own, when it is its turn.
    There(Arc<Semaphore>, Arc<WorkerMetrics>),
}

impl Beside {
    pub(crate) fn of(holdings: &Holdings, bytes: usize) -> Self {
        match bytes {
            0..=LONG => Self::Here,
            _ => Self::There(holdings.turns.clone(), holdings.metrics.clone()),
        }
    }

    /// `Err`: its turn did not come in time. Should the client leave meanwhile, the work keeps its
    /// turn until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stop> {
        self.run_within(TURN_WITHIN, work).await
    }

    /// The same for work that is left where its turn does not come so soon.
    pub(crate) async fn run_within<T: Send + 'static>(
        self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stop> {
        let (turns, metrics) = match self {
            Self::Here => return Ok(work()),
            Self::There(turns, metrics) => (turns, metrics),
        };
        let turn = tokio::time::timeout(patience, turns.acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            metrics.bodies_crowded.add(1);
            return Err(Refusal::new(Code::Overloaded).retry_after(1).into());
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime ends.
            Err(_) => Err(Stop::Gone),
        }
    }
}

#[cfg(test)]
impl Default for Holdings {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

#[cfg(test)]
impl Holdings {
    /// In which a client has so long.
    pub(crate) fn within(within: Duration) -> Self {
        Self {
            within,
            ..Self::default()
        }
    }

    /// So that nobody else has one.
    pub(crate) async fn all_turns(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let turns = self.turns.clone();
        turns.acquire_many_owned(CHECKED_AT_ONCE as u32).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(organization: u8) -> OrganizationId {
        OrganizationId::from_name("o", &organization.to_string())
    }

    #[test]
    fn a_worker_holds_only_so_much_and_nobody_all_of_it() {
        const MIB: u64 = 1024 * 1024;
        for (own, others, holds) in [
            (0, 0, true),
            // Alone, up to half.
            (31 * MIB, 0, true),
            (32 * MIB, 0, false),
            // Beside others, its share.
            (0, 32 * MIB, true),
            (7 * MIB, 40 * MIB, true),
            (8 * MIB, 40 * MIB, false),
            (0, 63 * MIB, true),
            (0, 64 * MIB, false),
        ] {
            let (metrics, holdings) = (WorkerMetrics::default(), Holdings::default());
            let charge = |one, bytes| {
                let mut charge = holdings.charge(of(one), &metrics);
                charge.add(bytes);
                charge
            };
            let (mine, theirs) = (charge(1, own), charge(2, others));
            assert_eq!(mine.has_room(), holds, "{own} {others}");
            assert_eq!(metrics.not_held.get(), u64::from(!holds));
            drop((mine, theirs));
            assert_eq!((holdings.all.get(), metrics.held_bytes.get()), (0, 0));
            assert!(holdings.of.borrow().is_empty());
        }
    }

    #[tokio::test]
    async fn long_work_takes_turns() {
        let holdings = Holdings::default();
        let short = Beside::of(&holdings, LONG);
        assert!(matches!(short, Beside::Here));
        let worker = std::thread::current().id();
        let here = || std::thread::current().id();
        assert!(short.run(here).await.is_ok_and(|own| own == worker));
        let there = Beside::of(&holdings, LONG + 1).run(here).await;
        assert!(there.is_ok_and(|other| other != worker));
        assert_eq!(holdings.turns.available_permits(), CHECKED_AT_ONCE);
        // What nobody should wait for is left.
        let turns = holdings.all_turns().await;
        let soon = || Beside::of(&holdings, LONG + 1).run_within(Duration::ZERO, here);
        assert!(soon().await.is_err());
        drop(turns);
        assert!(soon().await.is_ok());
        assert_eq!(holdings.metrics.bodies_crowded.get(), 1);
    }
}
