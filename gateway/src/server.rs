//! Start and stop of a gateway: listeners, workers on threads of their own, everything else on
//! the runtime of whoever starts it.

mod threads;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use domain::explain::Counted;
use tokio::sync::{mpsc, watch};

use crate::admin;
use crate::cache::{Cache, second};
use crate::compile::Compiler;
use crate::connections::Connections;
use crate::control::{self, Told};
use crate::duty::Duty;
use crate::explain::Counts;
use crate::in_flight::InFlight;
use crate::lease;
use crate::limiter::Cells;
use crate::listen::{self, Inherited};
use crate::metrics::WorkerMetrics;
use crate::node::{MoreMetrics, Node};
use crate::quota::Quotas;
use crate::record::{Names, Rings};
use crate::settings::{Settings, StartError};
use crate::source::{Change, disk::Disk};
use crate::token::keep_loaded;
use crate::upstream::keep_up;
use crate::waiting::WaitingOnNode;
use crate::watched::{Users, Watched};
use crate::worker::{Orders, Shared, Worker};
use threads::{cores, shares, thread};

/// A running gateway. Dropping it does not stop it; [`Handle::shutdown`] does.
pub struct Handle {
    /// The bound address of the data plane, its port filled in.
    pub gateway: SocketAddr,
    /// The bound address for TLS.
    pub gateway_tls: Option<SocketAddr>,
    /// The bound address of health and metrics.
    pub admin: Option<SocketAddr>,
    /// The records, to be drained by one traffic writer.
    pub rings: Arc<Rings>,
    /// The quota counters: to be shared with other nodes, or kept in a file ([`crate::quota::file`]).
    pub quotas: Arc<Quotas>,
    /// The number of the state that is served; 0 before the first.
    pub state: watch::Receiver<u64>,
    /// True while changes are missing and the source should send a whole state.
    pub needs_full: watch::Receiver<bool>,
    node: Arc<Node>,
    counts: Counts,
    duty: watch::Sender<Duty>,
    /// To be handed over; gone once nothing more is accepted.
    listeners: Mutex<Inherited>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// Starts a gateway that takes its configuration from `changes`. Call it on a tokio runtime, which
/// runs everything but the data plane. Nothing runs when it fails.
pub fn start(settings: Settings, changes: mpsc::Receiver<Change>) -> Result<Handle, StartError> {
    let handle = prepare(settings, changes, Inherited::default())?;
    handle.begin();
    Ok(handle)
}

/// The same, on listeners of another process where there are any, and nothing is accepted before
/// [`Handle::begin`].
pub fn prepare(
    mut settings: Settings,
    changes: mpsc::Receiver<Change>,
    inherited: Inherited,
) -> Result<Handle, StartError> {
    let count = settings.workers.unwrap_or_else(cores).max(1);
    let listeners = listen::listeners(settings.listen, count, inherited.plain)?;
    let gateway = listeners[0]
        .local_addr()
        .map_err(|error| StartError::Listen(settings.listen, error))?;
    let secure = match settings.listen_tls {
        None => Vec::new(),
        Some(address) => listen::listeners(address, count, inherited.tls)?,
    };
    let gateway_tls = secure
        .first()
        .and_then(|listener| listener.local_addr().ok());
    let admin_listener = match (settings.admin, inherited.admin) {
        (None, _) => None,
        (Some(_), Some(inherited)) => Some(inherited),
        (Some(address), None) => {
            Some(admin::listen(address).map_err(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse => StartError::Taken(address),
                _ => StartError::Listen(address, error),
            })?)
        }
    };
    let admin_address = admin_listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    settings.own_addresses.push(gateway);
    settings.own_addresses.extend(admin_address);
    settings.own_addresses.extend(gateway_tls);
    // Where plain requests are sent on to, its port filled in.
    settings.listen_tls = gateway_tls;
    // Names are asked for here and not on the workers, whichever request is the first to need one.
    settings.resolver = settings.resolver.on(tokio::runtime::Handle::current());
    let settings = Arc::new(settings);
    let (leases, ledger) = lease::prepare(&settings)?;
    let (shared_answers, keeper) = second::prepare(&settings)?.unzip();
    let quotas = Arc::new(Quotas::default());
    let names = Arc::new(Names::default());
    let rings = Arc::new(Rings::new(count, names.clone()));
    let shared = Arc::new(Shared {
        cells: Cells::new(settings.limits.cells),
        leases: leases.clone(),
        quotas: quotas.clone(),
        in_flight: InFlight::new(settings.limits.requests),
        places: Arc::default(),
        waiting: WaitingOnNode::default(),
        watched: Watched::new(settings.limits.cells.min(100_000)),
        users: Users::new(settings.limits.cells.min(100_000)),
        cache: Arc::new(Cache::new(settings.limits.cache).beside(shared_answers.clone())),
        answers: Arc::default(),
        nonces: Arc::default(),
        connections: Connections::new(&settings.limits, !settings.trusted_proxies.is_empty()),
    });

    let state = watch::Sender::new(None);
    let (duty, on_duty) = watch::channel(Duty::Waiting);
    let (stop, stopping) = watch::channel(false);
    let mut threads = Vec::new();
    let mut workers = Vec::new();
    let bound = Inherited {
        plain: listeners,
        tls: secure,
        admin: admin_listener,
    };
    let kept = bound
        .try_clone()
        .map_err(|error| StartError::Listen(settings.listen, error))?;
    let Inherited {
        plain,
        tls,
        admin: admin_listener,
    } = bound;
    for (index, listeners) in shares(plain, tls, count).into_iter().enumerate() {
        let metrics = Arc::<WorkerMetrics>::default();
        workers.push(metrics.clone());
        let orders = Orders {
            state: state.subscribe(),
            duty: on_duty.clone(),
        };
        let (settings, shared, sink) = (settings.clone(), shared.clone(), rings.sink(index));
        let make = move || Rc::new(Worker::new(settings, shared, metrics, sink));
        match thread(index, listeners, orders, make) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                duty.send_replace(Duty::Relieved);
                return Err(StartError::Thread(error));
            }
        }
    }

    let told = Told {
        number: watch::Sender::new(0),
        needs_full: watch::Sender::new(false),
        not_taken: Arc::default(),
        has_state: watch::Sender::new(false),
        shared: shared.clone(),
        clock: settings.clock.clone(),
        state,
    };
    let disk = settings
        .data
        .as_deref()
        .zip(settings.gateway_key.as_ref())
        .map(|(data, ring)| Disk::new(data, ring));
    let limits = Arc::default();
    let compiler =
        Compiler::new(names, Arc::clone(&limits), settings.gateway_key.clone()).on(&settings);
    let key_sets = compiler.key_sets();
    let mut more = vec![lease::metrics(leases.clone())];
    more.extend(shared_answers.map(second::metrics));
    let node = Arc::new(Node {
        key_sets: key_sets.clone(),
        workers,
        shared,
        rings: rings.clone(),
        number: told.number.subscribe(),
        has_state: told.has_state.subscribe(),
        routes: compiler.route_names(),
        state: told.state.subscribe(),
        not_taken: told.not_taken.clone(),
        duty: on_duty,
        disk,
        upkeep: Arc::default(),
        more: Mutex::new(more),
    });
    let (number, needs_full) = (told.number.subscribe(), told.needs_full.subscribe());
    let counts = Counts {
        shared: node.shared.clone(),
        limits,
        clock: settings.clock.clone(),
        rates: Counted::Node,
        quotas: Counted::Node,
    };
    let upkeep = keep_up(
        settings.clone(),
        told.state.subscribe(),
        node.upkeep.clone(),
        stopping.clone(),
    );
    let fresh_keys = keep_loaded(
        settings.clone(),
        key_sets,
        told.state.subscribe(),
        stopping.clone(),
    );
    // The first one ends with its source of changes, the others with `stop`.
    let mut tasks = vec![
        tokio::spawn(control::run(changes, compiler, told)),
        tokio::spawn(fresh_keys),
        tokio::spawn(upkeep),
        tokio::spawn(follow_clock(settings.clock.clone(), stopping.clone())),
    ];
    if let Some(ledger) = ledger {
        let settling = lease::run(leases, ledger, settings.clock.clone(), stopping.clone());
        tasks.push(tokio::spawn(settling));
    }
    if let Some(keeper) = keeper {
        tasks.push(tokio::spawn(second::run(keeper, stopping.clone())));
    }
    if let Some(listener) = admin_listener {
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(|error| StartError::Listen(settings.listen, error))?;
        tasks.push(tokio::spawn(admin::run(listener, node.clone(), stopping)));
    }
    Ok(Handle {
        gateway,
        gateway_tls,
        admin: admin_address,
        rings,
        quotas,
        state: number,
        needs_full,
        node,
        counts,
        duty,
        listeners: Mutex::new(kept),
        stop,
        threads,
        tasks,
    })
}

async fn follow_clock(clock: crate::clock::Clock, mut stop: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = interval.tick() => clock.adjust(),
        }
    }
}

impl Handle {
    /// Accepts connections from now on.
    pub fn begin(&self) {
        self.duty.send_replace(Duty::Serving);
    }

    /// The listening sockets, for a process that takes over. Connections in their queues wait there
    /// for whoever accepts.
    pub fn listeners(&self) -> std::io::Result<Inherited> {
        self.kept().try_clone()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Inherited> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts nothing more, as another process does. Connections end with their next answer; what
    /// is left is for [`Handle::shutdown`].
    pub fn relieve(&self) {
        self.duty.send_replace(Duty::Relieved);
        *self.kept() = Inherited::default();
    }

    /// Whose turn it is.
    pub(crate) fn duty(&self) -> watch::Receiver<Duty> {
        self.duty.subscribe()
    }

    /// Resolves when a configuration state is served by every worker.
    pub async fn ready(&self) {
        let mut has_state = self.node.has_state.clone();
        // The sender lives as long as the control task; without it there is nothing to wait for.
        let _ = has_state.wait_for(|has| *has).await;
        while self
            .served()
            .is_none_or(|served| served < *self.state.borrow())
        {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// The number of the state that every worker has; `None` before the first.
    pub fn served(&self) -> Option<u64> {
        // `None` is the least of all.
        self.node
            .workers
            .iter()
            .map(|worker| worker.served())
            .min()
            .flatten()
    }

    /// Whether `/readyz` says yes.
    pub fn is_ready(&self) -> bool {
        self.node.is_ready()
    }

    /// What this gateway has counted, to explain by. `shared`: quotas are those of all nodes.
    pub fn counts(&self, shared: bool) -> Counts {
        let quotas = if shared {
            Counted::Platform
        } else {
            Counted::Node
        };
        Counts {
            quotas,
            ..self.counts.clone()
        }
    }

    /// Open client connections.
    pub fn connections(&self) -> u64 {
        self.node.shared.connections.open() as u64
    }

    /// Asks for [`Node::load`] later, from elsewhere.
    pub(crate) fn load(&self) -> impl Fn() -> (u64, u64) + Send + 'static + use<> {
        let node = self.node.clone();
        move || node.load()
    }

    /// Adds figures of another part of the process to `/metrics`.
    pub fn add_metrics(&self, more: MoreMetrics) {
        let mut all = self
            .node
            .more
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.push(more);
    }

    /// Stops accepting, lets requests in flight end (at most [`Settings::drain`]), then stops the
    /// rest. Stop the traffic writer afterwards: the last records are in the rings then.
    pub async fn shutdown(self) {
        *self.kept() = Inherited::default();
        self.duty.send_modify(|duty| *duty = duty.at_the_end());
        let threads = self.threads;
        let join = move || {
            threads
                .into_iter()
                .map(JoinHandle::join)
                .filter(Result::is_err)
                .count()
        };
        match tokio::task::spawn_blocking(join).await {
            Ok(0) => {}
            Ok(panicked) => {
                tracing::error!(panicked, "Threads of the data plane ended abnormally.")
            }
            Err(error) => {
                tracing::error!(%error, "The end of the data plane could not be awaited.")
            }
        }
        self.stop.send_replace(true);
        let [control, rest @ ..] = self.tasks.as_slice() else {
            return;
        };
        control.abort();
        for task in rest {
            while !task.is_finished() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
    }
}
