//! What there is to say about a running gateway, for health, metrics and reports.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::control::NotTakenCounts;
use crate::duty::Duty;
use crate::metrics::{Ends, Gauges, RouteNames, WorkerMetrics};
use crate::record::Rings;
use crate::source::disk::Disk;
use crate::state::State;
use crate::token::KeySets;
use crate::upstream::Upkeep;
use crate::worker::Shared;

/// Adds figures of other parts of the process to `/metrics`, in Prometheus's text form.
pub type MoreMetrics = Box<dyn Fn(&mut String) + Send + Sync>;

pub(crate) struct Node {
    pub(crate) workers: Vec<Arc<WorkerMetrics>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) number: watch::Receiver<u64>,
    pub(crate) has_state: watch::Receiver<bool>,
    pub(crate) routes: Arc<RouteNames>,
    pub(crate) state: watch::Receiver<Option<Arc<State>>>,
    pub(crate) not_taken: Arc<NotTakenCounts>,
    pub(crate) duty: watch::Receiver<Duty>,
    /// For the age of the last good state.
    pub(crate) disk: Option<Disk>,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) key_sets: Arc<KeySets>,
    pub(crate) more: Mutex<Vec<MoreMetrics>>,
}

impl Node {
    /// Has a configuration state and is not on its way out.
    pub(crate) fn is_ready(&self) -> bool {
        *self.has_state.borrow() && !self.duty.borrow().is_over()
    }

    pub(crate) fn why_not_ready(&self) -> &'static str {
        if self.duty.borrow().is_over() {
            "The gateway is draining.\n"
        } else {
            "The gateway has no configuration state yet.\n"
        }
    }

    /// Open client connections, and objects of the state that cannot be read.
    pub(crate) fn load(&self) -> (u64, u64) {
        let connections = self.shared.connections.open() as u64;
        (connections, self.not_taken.unread().iter().sum())
    }

    pub(crate) fn gauges(&self) -> Gauges {
        Gauges {
            state: *self.number.borrow(),
            connections: self.shared.connections.open(),
            in_flight: self.shared.in_flight.now(),
            records_dropped: self.rings.dropped(),
            cells: self.shared.cells.len(),
            cells_overflowed: self.shared.cells.overflowed(),
            concurrency_subjects: self.shared.places.len(),
            guarded: self.shared.watched.len(),
            guard_overflowed: self.shared.watched.overflowed(),
            guarded_users: self.shared.users.watched.len(),
            guard_users_overflowed: self.shared.users.watched.overflowed(),
            guard_pairs_displaced: self.shared.users.displaced(),
            quota_counters: self.shared.quotas.count(),
            details: self.rings.details(),
            state_file_age: self
                .disk
                .as_ref()
                .and_then(Disk::age)
                .map(|age| age.as_secs()),
            routes: self.routes.all(),
            not_taken: self.not_taken.read(),
            unread: self.not_taken.unread(),
            ends: self.state.borrow().as_ref().map(|state| Ends {
                tls: state.tls.clone(),
                clients: state.client_ends.clone(),
            }),
            upkeep: self.upkeep.clone(),
            key_sets: self.key_sets.clone(),
            cache: Some(self.shared.cache.clone()),
            answers: Some(self.shared.answers.clone()),
            nonces: Some(self.shared.nonces.clone()),
        }
    }

    pub(crate) fn more_metrics(&self, text: &mut String) {
        let more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        for add in more.iter() {
            add(text);
        }
    }
}
