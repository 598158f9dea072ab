//! By what an answer that is on its way may be kept in the second level.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::figures::count;
use super::{Job, KEPT_S, LONGEST, MOST_WAITING, Names, Second, WITHIN_S};
use crate::cache::stored::Stored;

/// The generations that a request's answers belong to, as they were when it was asked for, and when
/// that was, in microseconds of the gateway's clock. One is missing where Redis had no room for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) everything: Option<u64>,
    pub(super) version: Option<u64>,
    pub(super) tagged: Option<u64>,
    pub(super) address: Option<u64>,
    pub(super) at: u64,
}

/// An answer that is to be kept, its bytes counted until this is dropped.
#[derive(Debug)]
pub(super) struct Keep {
    pub(super) names: Arc<Names>,
    pub(super) seen: Seen,
    pub(super) stored: Arc<Stored>,
    pub(super) seconds: u64,
    _weight: Weight,
}

#[derive(Debug)]
struct Weight(Arc<Second>, usize);

impl Drop for Weight {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(self.1, Relaxed);
    }
}

/// What an answer that is on its way may be kept by.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    second: Arc<Second>,
    names: Arc<Names>,
    seen: Seen,
}

impl Share {
    pub(super) const fn new(second: Arc<Second>, names: Arc<Names>, seen: Seen) -> Self {
        Self {
            second,
            names,
            seen,
        }
    }

    /// Keeps it in the background, where it is of use to others. Where it is not, what is there is
    /// older than this, and goes.
    pub(crate) fn keep(&self, stored: &Arc<Stored>) {
        let second = &self.second;
        let now = second.clock.micros();
        let seconds = stored.usage.useful_for(now / 1_000_000).min(KEPT_S);
        let is_late = now.saturating_sub(self.seen.at) > WITHIN_S * 1_000_000;
        let bytes = stored.weight();
        if is_late || bytes > LONGEST {
            count(&second.figures.skipped);
            return self.forget(stored);
        }
        if seconds == 0 || !second.is_there() {
            return self.forget(stored);
        }
        let weight = Weight(second.clone(), bytes);
        let waiting = second.waiting.fetch_add(bytes, Relaxed) + bytes;
        let keep = Keep {
            names: self.names.clone(),
            seen: self.seen,
            stored: stored.clone(),
            seconds,
            _weight: weight,
        };
        if waiting > MOST_WAITING || second.jobs.try_send(Job::Keep(keep)).is_err() {
            count(&second.figures.skipped);
        }
    }

    /// What is kept there in the place of this answer is not given any more. To be called before it
    /// is taken out here: who asks in between must not find it there.
    pub(crate) fn forget(&self, stored: &Stored) {
        let (names, secret) = (&self.names, &self.second.secret);
        let slot = names.slot(secret, stored.owner);
        let variant = match stored.vary.is_empty() {
            true => None,
            false => names.variant(secret, stored.owner, &stored.vary),
        };
        let places = slot.into_iter().chain(variant);
        self.second.renew(names.version, places);
    }
}
