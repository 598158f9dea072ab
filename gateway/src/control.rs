//! The task that turns changes into states and hands them to the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::snapshot::Kind;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::clock::Clock;
use crate::compile::{Compiler, NotTaken};
use crate::source::Change;
use crate::state::State;
use crate::tls::{self, ClientEnd, Last, Tls};
use crate::worker::Shared;

/// What the control task tells the rest of the process.
pub(crate) struct Told {
    pub(crate) state: watch::Sender<Option<Arc<State>>>,
    pub(crate) number: watch::Sender<u64>,
    /// Also true for a state with number 0.
    pub(crate) has_state: watch::Sender<bool>,
    pub(crate) needs_full: watch::Sender<bool>,
    pub(crate) not_taken: Arc<NotTakenCounts>,
    pub(crate) shared: Arc<Shared>,
    /// To tell which certificates have ended.
    pub(crate) clock: Clock,
}

/// How often a change was not taken, by why; and how many objects of what was cannot be read.
#[derive(Debug, Default)]
pub(crate) struct NotTakenCounts {
    newer: AtomicU64,
    gap: AtomicU64,
    half_done: AtomicU64,
    /// By [`Kind::ALL`].
    unread: [AtomicU64; Kind::ALL.len()],
}

impl NotTakenCounts {
    fn count(&self, why: &NotTaken) {
        let count = match why {
            NotTaken::Newer(_) => &self.newer,
            NotTaken::Gap { .. } => &self.gap,
            NotTaken::HalfDone => &self.half_done,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> [u64; 3] {
        [&self.newer, &self.gap, &self.half_done].map(|count| count.load(Ordering::Relaxed))
    }

    fn note_unread(&self, counts: [u64; Kind::ALL.len()]) {
        for (kept, count) in self.unread.iter().zip(counts) {
            kept.store(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn unread(&self) -> [u64; Kind::ALL.len()] {
        self.unread
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// How often states that nobody uses any more are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// Replaced states that are kept back at most, while long requests still use them.
const MOST_RETIRED: usize = 64;

/// States that were replaced. A whole one takes long to take apart: it must not be a worker that
/// happens to let go of it last.
#[derive(Default)]
struct Retired(Vec<Arc<State>>);

impl Retired {
    /// Lets go of those that nobody else holds. Call it where time may pass.
    fn sweep(&mut self) {
        self.0.retain(|state| Arc::strong_count(state) > 1);
        let over = self.0.len().saturating_sub(MOST_RETIRED);
        self.0.drain(..over);
    }
}

/// How often it is looked which certificates and lists have come to their end.
const LOOK: Duration = Duration::from_secs(3600);

/// What was looked at when it was told which certificates and lists are not good.
struct Looked {
    tls: Arc<Tls>,
    client_ends: Arc<[ClientEnd]>,
    at: DateTime<Utc>,
}

impl Looked {
    /// At nothing.
    fn none(now: DateTime<Utc>) -> Self {
        Self {
            tls: Arc::default(),
            client_ends: Arc::default(),
            at: now,
        }
    }

    /// Whether all is what it was.
    fn is_of(&self, state: &State) -> bool {
        Arc::ptr_eq(&self.tls, &state.tls) && Arc::ptr_eq(&self.client_ends, &state.client_ends)
    }

    const fn last<'e, E>(&self, ends: &'e [E]) -> Last<'e, E> {
        Last { ends, at: self.at }
    }

    /// Tells what was not to be told at the look before.
    fn look(&mut self, state: &State, now: DateTime<Utc>) {
        let tls = &state.tls;
        tls::warn(&tls.ends, self.last(&self.tls.ends), now);
        tls::warn_of_lists(&tls.lists, self.last(&self.tls.lists), now);
        tls::warn_of_clients(&state.client_ends, self.last(&self.client_ends), now);
        *self = Self {
            tls: state.tls.clone(),
            client_ends: state.client_ends.clone(),
            at: now,
        };
    }
}

/// Takes changes until their sender is gone.
pub(crate) async fn run(mut changes: mpsc::Receiver<Change>, mut compiler: Compiler, told: Told) {
    let mut retired = Retired::default();
    let mut looked = Looked::none(told.clock.utc());
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let change = tokio::select! {
            biased;
            _ = looks.tick() => {
                let state = told.state.borrow().clone();
                if let Some(state) = state {
                    looked.look(&state, told.clock.utc());
                }
                continue;
            }
            change = changes.recv() => match change {
                Some(change) => Some(change),
                None => return,
            },
            () = tokio::time::sleep(SWEEP), if !retired.0.is_empty() => None,
        };
        // Compiling a million keys takes time that is not this runtime's to give.
        let compiled = tokio::task::spawn_blocking(move || {
            let result = change.map(|change| compiler.take(change));
            retired.sweep();
            (compiler, retired, result)
        });
        let result;
        (compiler, retired, result) = match compiled.await {
            Ok(compiled) => compiled,
            Err(error) => {
                tracing::error!(%error, "Compiling a configuration ended abnormally; the last state stays for good.");
                return;
            }
        };
        match result {
            None => {}
            Some(Ok(state)) => {
                tracing::debug!(state = state.number, "A configuration state is served.");
                compiler.unread().tell();
                told.not_taken.note_unread(compiler.unread().counts());
                told.number.send_replace(state.number);
                told.needs_full.send_if_modified(std::mem::take);
                if !looked.is_of(&state) {
                    looked.look(&state, told.clock.utc());
                }
                let before = told.state.send_replace(Some(state));
                retired.0.extend(before);
                told.has_state.send_replace(true);
                told.shared.nonces.note_lone(compiler.has_one_provider());
                // The second level hears of it first: from there it would come back here.
                for api in compiler.gone() {
                    told.shared.cache.gone(api);
                }
                told.shared.cache.left(&compiler.left());
                for (api, versions, all) in compiler.purged() {
                    told.shared.cache.purged(api, versions, all);
                }
                for (versions, what) in compiler.purges() {
                    let count = told.shared.cache.purge_of(&versions, what);
                    tracing::debug!(count, "Kept answers were taken out.");
                }
            }
            Some(Err(error)) => {
                tracing::error!(%error, "A configuration change was not taken; the last state stays.");
                told.not_taken.count(&error);
                match error {
                    NotTaken::Gap { .. } | NotTaken::HalfDone => {
                        told.needs_full.send_replace(true);
                    }
                    NotTaken::Newer(_) => {}
                }
            }
        }
    }
}
