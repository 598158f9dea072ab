//! What is done for upstreams off the way of requests, on the runtime of whoever started the
//! gateway: targets are probed, and names are resolved anew.

mod grpc;
mod names;
mod probe;
mod targets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::watch;

use crate::settings::Settings;
use crate::state::State;

/// What came of it, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    probed: AtomicU64,
    probes_failed: AtomicU64,
    /// Targets that take nothing because of probes, at present.
    down: AtomicU64,
    resolved: AtomicU64,
    resolves_failed: AtomicU64,
}

impl Upkeep {
    pub(crate) fn probed(&self) -> u64 {
        self.probed.load(Relaxed)
    }

    pub(crate) fn probes_failed(&self) -> u64 {
        self.probes_failed.load(Relaxed)
    }

    pub(crate) fn down(&self) -> u64 {
        self.down.load(Relaxed)
    }

    pub(crate) fn resolved(&self) -> u64 {
        self.resolved.load(Relaxed)
    }

    pub(crate) fn resolves_failed(&self) -> u64 {
        self.resolves_failed.load(Relaxed)
    }
}

/// Runs until `stop`.
pub(crate) async fn keep_up(
    settings: Arc<Settings>,
    state: watch::Receiver<Option<Arc<State>>>,
    upkeep: Arc<Upkeep>,
    mut stop: watch::Receiver<bool>,
) {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = targets::probe_all(settings.clone(), state.clone(), upkeep.clone()) => {}
        () = names::resolve_all(&settings.resolver, state, &upkeep) => {}
    }
}
