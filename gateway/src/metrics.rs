//! Counters of the data plane: arrays per worker, written by that worker alone and summed up when
//! somebody asks. Counting costs a load and a store; no label is looked up on a request's way.

mod names;
mod text;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::policy::PolicyKind;
use domain::problem::Code;

use crate::record::Record;

pub(crate) use names::RouteNames;
pub(crate) use text::{Ends, Gauges, page};

/// A number that one thread writes and others read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, by: u64) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now.wrapping_add(by), Ordering::Relaxed);
    }

    /// For a number that goes down again.
    pub(crate) fn take(&self, by: u64) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now.wrapping_sub(by), Ordering::Relaxed);
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the latency buckets in microseconds; one more bucket is above all.
const BOUNDS: [u32; 15] = [
    250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// Counters of one route on one worker. A request writes to two lines of the processor's cache: to the
/// first, and to that of its latency.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Lane {
    latency_sum: Count,
    /// By class of status: index 0 is none of 1xx to 5xx.
    classes: [Count; 6],
    latency: [Count; BOUNDS.len() + 1],
}

impl Lane {
    fn count(&self, record: &Record) {
        let class = usize::from(record.status / 100);
        self.classes[if class < 6 { class } else { 0 }].add(1);
        let bucket = BOUNDS.partition_point(|bound| *bound < record.total_us);
        self.latency[bucket].add(1);
        self.latency_sum.add(u64::from(record.total_us));
    }
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// A client's head, its first included.
    Head,
    /// A TLS handshake.
    Handshake,
    /// A request's body, below the least rate.
    Body,
    /// A connection that rests between two requests.
    Idle,
    /// A client that does not read its answer.
    Write,
    /// An answer's body, between two reads.
    Upstream,
}

impl Late {
    const ALL: [Self; 6] = [
        Self::Head,
        Self::Handshake,
        Self::Body,
        Self::Idle,
        Self::Write,
        Self::Upstream,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Handshake => "tls_handshake",
            Self::Body => "body",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::Upstream => "upstream",
        }
    }
}

/// Counters of one worker.
#[derive(Debug)]
pub(crate) struct WorkerMetrics {
    state: Count,
    serves: Count,
    accepted: Count,
    refused_connections: Count,
    framing: Count,
    late: [Count; Late::ALL.len()],
    codes: Vec<Count>,
    /// Requests that found no route.
    unrouted: Lane,
    observed: Count,
    /// By kind of policy: how often it decided, and how often it would have.
    policies: Vec<[Count; 2]>,
    bytes_in: Count,
    bytes_out: Count,
    pub(crate) tls_handshakes: Count,
    pub(crate) tls_failed: Count,
    pub(crate) http2_connections: Count,
    pub(crate) http2_flooded: Count,
    /// Heads of HTTP/2 of which no request came.
    pub(crate) http2_heads_refused: Count,
    /// Rests of bodies that were not read, and with which their connections ended.
    pub(crate) bodies_unread: Count,
    /// Client certificates with more names than are looked at.
    pub(crate) names_passed_over: Count,
    /// Large bodies that were not looked into, as their turn did not come.
    pub(crate) bodies_crowded: Count,
    /// Answers that cost more than a subject may owe.
    pub(crate) costs_forgotten: Count,
    /// Times that the cells or counters which are at hand had to go, for want of room.
    pub(crate) cells_let_go: Count,
    pub(crate) upstream_dialled: Count,
    pub(crate) upstream_reused: Count,
    /// Requests over a connection that more share than have room on it.
    pub(crate) upstream_crowded: Count,
    pub(crate) upstream_retried: Count,
    pub(crate) upstream_failed: Count,
    pub(crate) upstream_budget_spent: Count,
    pub(crate) upstream_ejected: Count,
    pub(crate) upstream_panicked: Count,
    pub(crate) upstream_circuit_opened: Count,
    pub(crate) upstream_circuit_refused: Count,
    pub(crate) upstream_fell_back: Count,
    pub(crate) upstream_rolled_back: Count,
    /// Bytes of request bodies that are kept at present.
    pub(crate) upstream_kept_bytes: Count,
    pub(crate) upstream_not_kept: Count,
    /// Bytes of request bodies that policies look into at present.
    pub(crate) held_bytes: Count,
    pub(crate) not_held: Count,
    pub(crate) upstream_removed: Count,
    /// Tunnels and answers under way whose callers may not call any more.
    pub(crate) streams_revoked: Count,
    pub(crate) upstream_mirrored: Count,
    pub(crate) upstream_mirror_dropped: Count,
    pub(crate) upstream_mirror_failed: Count,
    pub(crate) upstream_mirror_cut: Count,
    /// Requests that wait on purpose, now.
    pub(crate) waiting: Count,
    /// Those that were refused because it took too long, or because one of a higher priority came.
    pub(crate) waited_too_long: Count,
    pub(crate) displaced: Count,
    /// Answers that say what their request cost in no way that is understood.
    pub(crate) costs_unread: Count,
    /// Times that the tokens which were verified had to go, for want of room.
    pub(crate) tokens_forgotten: Count,
    /// That policies put to other servers.
    pub(crate) questions: Count,
    pub(crate) questions_failed: Count,
    /// Those that were not put, as too many were under way.
    pub(crate) questions_crowded: Count,
    /// Passwords that were compared with a hash, that found no place for it, and that were not heard.
    pub(crate) passwords_compared: Count,
    pub(crate) passwords_crowded: Count,
    pub(crate) passwords_guessed: Count,
    /// Let through because nobody decided.
    pub(crate) undecided_passed: Count,
    pub(crate) upstream_hedged: Count,
    pub(crate) upstream_hedges_won: Count,
    /// Answers that `validate` or `transform` was to look at and could not, requests that the latter
    /// was, and answers that the former took members out of.
    pub(crate) answers_unchecked: Count,
    pub(crate) requests_unchecked: Count,
    pub(crate) answers_stripped: Count,
    /// Answers that are encoded at present.
    pub(crate) compressing: Count,
    pub(crate) compress_skipped: Count,
    pub(crate) cache_hits: Count,
    pub(crate) cache_stale: Count,
    pub(crate) cache_misses: Count,
    pub(crate) cache_validated: Count,
    pub(crate) cache_bypassed: Count,
    pub(crate) cache_collapsed: Count,
    /// Kept answers that are asked for anew in the background at present.
    pub(crate) cache_refreshing: Count,
    /// By the route's number.
    routes: Mutex<HashMap<u32, Arc<Lane>>>,
}

thread_local! {
    /// The worker's own handles of its lanes, by the route's number.
    static LANES: RefCell<Vec<Option<Arc<Lane>>>> = const { RefCell::new(Vec::new()) };
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        Self {
            state: Count::default(),
            serves: Count::default(),
            accepted: Count::default(),
            refused_connections: Count::default(),
            framing: Count::default(),
            late: Default::default(),
            codes: Code::ALL.iter().map(|_| Count::default()).collect(),
            unrouted: Lane::default(),
            observed: Count::default(),
            policies: PolicyKind::ALL.iter().map(|_| Default::default()).collect(),
            bytes_in: Count::default(),
            bytes_out: Count::default(),
            tls_handshakes: Count::default(),
            tls_failed: Count::default(),
            http2_connections: Count::default(),
            http2_flooded: Count::default(),
            http2_heads_refused: Count::default(),
            bodies_unread: Count::default(),
            names_passed_over: Count::default(),
            bodies_crowded: Count::default(),
            costs_forgotten: Count::default(),
            cells_let_go: Count::default(),
            upstream_dialled: Count::default(),
            upstream_reused: Count::default(),
            upstream_crowded: Count::default(),
            upstream_retried: Count::default(),
            upstream_failed: Count::default(),
            upstream_budget_spent: Count::default(),
            upstream_ejected: Count::default(),
            upstream_panicked: Count::default(),
            upstream_circuit_opened: Count::default(),
            upstream_circuit_refused: Count::default(),
            upstream_fell_back: Count::default(),
            upstream_rolled_back: Count::default(),
            upstream_kept_bytes: Count::default(),
            upstream_not_kept: Count::default(),
            held_bytes: Count::default(),
            not_held: Count::default(),
            upstream_removed: Count::default(),
            streams_revoked: Count::default(),
            upstream_mirrored: Count::default(),
            upstream_mirror_dropped: Count::default(),
            upstream_mirror_failed: Count::default(),
            upstream_mirror_cut: Count::default(),
            waiting: Count::default(),
            waited_too_long: Count::default(),
            displaced: Count::default(),
            costs_unread: Count::default(),
            tokens_forgotten: Count::default(),
            questions: Count::default(),
            questions_failed: Count::default(),
            questions_crowded: Count::default(),
            passwords_compared: Count::default(),
            passwords_crowded: Count::default(),
            passwords_guessed: Count::default(),
            undecided_passed: Count::default(),
            upstream_hedged: Count::default(),
            upstream_hedges_won: Count::default(),
            answers_unchecked: Count::default(),
            requests_unchecked: Count::default(),
            answers_stripped: Count::default(),
            compressing: Count::default(),
            compress_skipped: Count::default(),
            cache_hits: Count::default(),
            cache_stale: Count::default(),
            cache_misses: Count::default(),
            cache_validated: Count::default(),
            cache_bypassed: Count::default(),
            cache_collapsed: Count::default(),
            cache_refreshing: Count::default(),
            routes: Mutex::default(),
        }
    }
}

impl WorkerMetrics {
    /// `None` before the first state, which may have the number 0.
    pub(crate) fn serve(&self, state: Option<u64>) {
        self.state.set(state.unwrap_or(0));
        self.serves.set(u64::from(state.is_some()));
    }

    /// The number of the state that the worker serves, once it has one.
    pub(crate) fn served(&self) -> Option<u64> {
        (self.serves.get() != 0).then(|| self.state.get())
    }

    pub(crate) fn accept(&self) {
        self.accepted.add(1);
    }

    pub(crate) fn refuse_connection(&self) {
        self.refused_connections.add(1);
    }

    /// `status` 0 is a connection that was idle for too long: no fault of anybody.
    pub(crate) fn refuse_framing(&self, status: u16) {
        if status != 0 {
            self.framing.add(1);
        }
    }

    /// A policy refused a request or answered it, or would have in observe mode.
    pub(crate) fn decided(&self, kind: PolicyKind, observe: bool) {
        if let Some(counts) = self.policies.get(kind as usize) {
            counts[usize::from(observe)].add(1);
        }
    }

    pub(crate) fn late(&self, what: Late) {
        self.late[what as usize].add(1);
    }

    /// Counts a finished request. Called by the worker's own thread.
    pub(crate) fn count(&self, record: &Record, route: Option<u32>) {
        self.bytes_in.add(record.bytes_in);
        self.bytes_out.add(record.bytes_out);
        if let Some(code) = record.code {
            self.codes[code as usize].add(1);
        }
        if record.observed != 0 {
            self.observed.add(1);
        }
        let Some(route) = route else {
            self.unrouted.count(record);
            return;
        };
        LANES.with_borrow_mut(|lanes| {
            let index = route as usize;
            if lanes.len() <= index {
                lanes.resize(index + 1, None);
            }
            lanes[index]
                .get_or_insert_with(|| self.lane(route))
                .count(record);
        });
    }

    #[cold]
    fn lane(&self, route: u32) -> Arc<Lane> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route).or_default().clone()
    }

    fn lanes(&self) -> Vec<(u32, Arc<Lane>)> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes
            .iter()
            .map(|(number, lane)| (*number, lane.clone()))
            .collect()
    }
}
