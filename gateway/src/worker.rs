//! One thread of the data plane: its listener, its share of everything that must not be shared,
//! and the loop that accepts connections. A request never leaves its worker.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use domain::policy::Period;
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::asking::Answers;
use crate::cache::Cache;
use crate::client::{self, Peer};
use crate::connections::Connections;
use crate::deadline::{SWEEP_MS, Sweeper};
use crate::door::Door;
use crate::duty::{Duty, reached};
use crate::holdings::Holdings;
use crate::in_flight::InFlight;
use crate::lease::Leases;
use crate::limiter::{self, CellKey, Cells};
use crate::listen;
use crate::metrics::WorkerMetrics;
use crate::nonces::Nonces;
use crate::over::Over;
use crate::places::Places;
use crate::quota::{Counter, Quotas};
use crate::record::Sink;
use crate::request_id::Ids;
use crate::settings::Settings;
use crate::standing::Lasting;
use crate::state::State;
use crate::token::{ProofNonces, Seen};
use crate::upstream::Pool;
use crate::waiting::{Waiting, WaitingOnNode};
use crate::watched::{Users, Watched};

/// What all workers of a node have in common; nothing in it is locked on a request's usual way.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cells: Cells,
    pub(crate) leases: Arc<Leases>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) connections: Connections,
    pub(crate) in_flight: InFlight,
    pub(crate) places: Arc<Places>,
    pub(crate) waiting: WaitingOnNode,
    pub(crate) watched: Watched,
    pub(crate) users: Users,
    pub(crate) cache: Arc<Cache>,
    pub(crate) answers: Arc<Answers>,
    pub(crate) nonces: Arc<Nonces>,
}

/// Bytes of the memory that sockets are read into.
const SCRATCH: usize = 64 * 1024;

/// Cells and counters beyond this are let go and looked up anew.
const KEPT: usize = 65_536;

/// The worker's own.
pub(crate) struct Worker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) shared: Arc<Shared>,
    /// A worker-local handle, so that a request takes no shared reference count.
    #[expect(
        clippy::redundant_allocation,
        reason = "the inner count is shared between threads"
    )]
    pub(crate) state: RefCell<Option<Rc<Arc<State>>>>,
    pub(crate) sweeper: Sweeper,
    /// Also held by connections that are being made for it.
    pub(crate) pool: Rc<Pool>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) ids: Ids,
    pub(crate) sink: Sink,
    /// Where sockets are read into before the bytes are judged.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// The present request of each connection is its last.
    pub(crate) draining: Cell<bool>,
    /// Connections without a request are closed.
    pub(crate) leaving: Cell<bool>,
    /// What is still under way is cut off.
    pub(crate) over: Rc<Over>,
    /// Each connection that is open holds it as well, for the drain to count, however it ends.
    open: Rc<()>,
    cells: RefCell<HashMap<CellKey, Arc<limiter::Cell>>>,
    counters: RefCell<HashMap<CellKey, Arc<Counter>>>,
    /// Tokens that are known to be good.
    pub(crate) seen: RefCell<Seen>,
    pub(crate) proof_nonces: ProofNonces,
    /// Bodies that policies look into.
    pub(crate) holdings: Holdings,
    pub(crate) waiting: Waiting,
    /// Whose callers may lose what they were let in by.
    pub(crate) lasting: Lasting,
    /// Its requests were sent by nobody: what they show is not used up.
    pub(crate) explains: bool,
}

impl Worker {
    pub(crate) fn new(
        settings: Arc<Settings>,
        shared: Arc<Shared>,
        metrics: Arc<WorkerMetrics>,
        sink: Sink,
    ) -> Self {
        // A deadline that is set before the first sweep must not count from zero.
        let sweeper = Sweeper::default();
        sweeper.advance(settings.clock.micros() / 1000);
        let random = (RandomState::new(), RandomState::new());
        Self {
            pool: Rc::new(Pool::new(&settings)),
            holdings: Holdings::new(metrics.clone()),
            proof_nonces: ProofNonces::new(settings.gateway_key.as_ref()),
            settings,
            shared,
            state: RefCell::new(None),
            sweeper,
            metrics,
            ids: Ids::new(random.0.hash_one(0), random.1.hash_one(1)),
            sink,
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            draining: Cell::new(false),
            leaving: Cell::new(false),
            over: Rc::default(),
            open: Rc::new(()),
            cells: RefCell::default(),
            counters: RefCell::default(),
            seen: RefCell::default(),
            waiting: Waiting::default(),
            lasting: Lasting::default(),
            explains: false,
        }
    }

    pub(crate) fn peer(&self, address: IpAddr) -> Peer {
        let address = address.to_canonical();
        let trusted = self
            .settings
            .trusted_proxies
            .iter()
            .any(|net| net.contains(&address));
        let header = HeaderValue::try_from(address.to_string());
        Peer {
            address,
            header: header.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            trusted,
            secure: None,
        }
    }

    /// The cell of `key`, looked up by `find` where this worker does not hold it.
    pub(crate) fn cell(
        &self,
        key: CellKey,
        find: impl Fn() -> Arc<limiter::Cell>,
    ) -> Arc<limiter::Cell> {
        let mut cells = self.cells.borrow_mut();
        if let Some(cell) = cells.get(&key) {
            return cell.clone();
        }
        let cell = find();
        if cells.len() >= KEPT {
            cells.clear();
            self.metrics.cells_let_go.add(1);
        }
        cells.insert(key, cell.clone());
        cell
    }

    /// The same for a counter; one of another period or zone is not the one that is meant.
    pub(crate) fn counter(
        &self,
        key: CellKey,
        period: Period,
        zone: Tz,
        find: impl Fn() -> Arc<Counter>,
    ) -> Arc<Counter> {
        let mut counters = self.counters.borrow_mut();
        if let Some(counter) = counters.get(&key)
            && counter.counts(period, zone)
        {
            return counter.clone();
        }
        let counter = find();
        if counters.len() >= KEPT {
            counters.clear();
            self.metrics.cells_let_go.add(1);
        }
        counters.insert(key, counter.clone());
        counter
    }

    /// Several subjects as one; keyed, so that nobody can make two tuples meet.
    pub(crate) fn tuple(&self, parts: impl Iterator<Item = u128>) -> u128 {
        // All workers must agree on it: the keys are the process's, not the worker's.
        let (mut low, mut high) = self.shared.cells.hashers();
        for part in parts {
            part.hash(&mut low);
            part.hash(&mut high);
        }
        use std::hash::Hasher;
        u128::from(high.finish()) << 64 | u128::from(low.finish())
    }

    /// Looks whether callers whose exchanges last may still call.
    fn look(&self, is_due: bool) {
        if let Some(state) = self.state.borrow().clone() {
            let clock = &self.settings.clock;
            self.lasting
                .look(&state, clock.wall(clock.micros()), is_due);
        }
    }

    /// Lets go of idle upstream connections, and of cells, so that cells nobody uses can go.
    fn tidy(&self, second: u64) {
        self.pool.tidy(self.sweeper.now());
        if self.pool.is_time_over(self.sweeper.now()) {
            self.sweeper.wake_all();
        }
        if second.is_multiple_of(30) {
            self.cells.borrow_mut().clear();
            self.counters.borrow_mut().clear();
        }
    }
}

/// What tells a worker what to do.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) state: watch::Receiver<Option<Arc<State>>>,
    pub(crate) duty: watch::Receiver<Duty>,
}

/// Runs until it has drained.
pub(crate) async fn run(
    worker: Rc<Worker>,
    listeners: Vec<(TcpListener, Door)>,
    mut orders: Orders,
) {
    follow_state(&worker, &mut orders.state);
    tokio::task::spawn_local(watch_state(worker.clone(), orders.state.clone()));
    tokio::task::spawn_local(tick(worker.clone()));
    let listening = listeners.into_iter().map(|(listener, door)| {
        let listening = take_in(worker.clone(), listener, door, orders.duty.clone());
        tokio::task::spawn_local(listening)
    });
    for listening in listening.collect::<Vec<_>>() {
        let _ = listening.await;
    }
    drain(&worker, orders.duty).await;
}

/// Accepts from when the gateway serves until it is relieved or leaves.
async fn take_in(
    worker: Rc<Worker>,
    listener: TcpListener,
    door: Door,
    mut duty: watch::Receiver<Duty>,
) {
    reached(&mut duty, Duty::Serving).await;
    loop {
        let accepted = tokio::select! {
            biased;
            () = reached(&mut duty, Duty::Relieved) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => accept(&worker, stream, address, door),
            // Out of descriptors, or a client that is gone already: go on, but not in a circle.
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted.");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    // Whoever takes over accepts from the same queue. Where nobody does, closing it would reset
    // those in it, whatever they have sent already.
    if *duty.borrow() == Duty::Leaving {
        for (stream, address) in listen::queued(listener) {
            accept(&worker, stream, address, door);
        }
    }
}

fn accept(
    worker: &Rc<Worker>,
    stream: tokio::net::TcpStream,
    address: std::net::SocketAddr,
    door: Door,
) {
    let Some(place) = worker.shared.connections.enter(address.ip()) else {
        worker.metrics.refuse_connection();
        turn_away(&stream, door);
        return;
    };
    worker.metrics.accept();
    let held = (worker.open.clone(), place);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        client::serve(worker, stream, address, door).await;
        drop(held);
    });
}

/// Says why a connection is closed, to a client that it can be said to without waiting: what was
/// not sent and read at once would cost what the limit protects.
fn turn_away(stream: &tokio::net::TcpStream, door: Door) {
    const WORDS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    if door == Door::Plain {
        let socket = socket2::SockRef::from(stream);
        // Closing with something unread would reset the answer off the wire.
        let _ = socket.recv(&mut [std::mem::MaybeUninit::uninit(); 4096]);
        let _ = socket.send_with_flags(WORDS, libc::MSG_NOSIGNAL);
    }
}

fn follow_state(worker: &Worker, state: &mut watch::Receiver<Option<Arc<State>>>) {
    let now = state.borrow_and_update().clone();
    let number = now.as_ref().map(|state| state.number);
    if let Some(state) = &now {
        worker.pool.follow(&state.gone);
    }
    *worker.state.borrow_mut() = now.map(Rc::new);
    worker.metrics.serve(number);
}

async fn watch_state(worker: Rc<Worker>, mut state: watch::Receiver<Option<Arc<State>>>) {
    while state.changed().await.is_ok() {
        follow_state(&worker, &mut state);
    }
}

async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(Duration::from_millis(SWEEP_MS));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let per_second = 1000 / SWEEP_MS;
    let mut count = 0;
    loop {
        interval.tick().await;
        worker.sweeper.sweep(worker.settings.clock.micros() / 1000);
        count += 1;
        let is_second = count % per_second == 0;
        worker.look(is_second);
        if is_second {
            worker.tidy(count / per_second);
        }
    }
}

/// Tells every connection to end with its present request, and waits for them.
///
/// Where another process has taken over, one without a request may still send it, for half of the
/// time: a client that is just writing would otherwise find its connection closed, and cannot know
/// whether it was heard (RFC 9112 §9.3.1).
async fn drain(worker: &Worker, mut duty: watch::Receiver<Duty>) {
    let mut patience = worker.settings.drain;
    worker.draining.set(true);
    if *duty.borrow() == Duty::Relieved {
        patience /= 2;
        worker.sweeper.wake_all();
        tokio::select! {
            () = all_gone(worker) => {}
            () = tokio::time::sleep(patience) => {}
            () = reached(&mut duty, Duty::Leaving) => {}
        }
    }
    // What has come already is told to those who wait for it before they look whether to leave.
    tokio::time::sleep(Duration::from_millis(1)).await;
    worker.leaving.set(true);
    worker.sweeper.wake_all();
    let gone = tokio::time::timeout(patience, all_gone(worker)).await;
    if gone.is_err() {
        worker.over.come();
        tracing::warn!(
            connections = open(worker),
            "Requests in flight were cut off at the end of the drain."
        );
    }
}

async fn all_gone(worker: &Worker) {
    while open(worker) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn open(worker: &Worker) -> usize {
    Rc::strong_count(&worker.open) - 1
}
