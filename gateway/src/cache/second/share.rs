//! By what an answer that is on its way may be kept in the second level, and how it is taken out
//! there: also where Redis did not say what it has.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::figures::count;
use super::{Job, KEPT_S, LONGEST, MOST_WAITING, Name, Names, Second, WITHIN_S};
use crate::cache::stored::{Asker, Stored};

/// The generations that a request's answers belong to, as they were when it was asked for, and when
/// that was, in microseconds of the gateway's clock. One is missing where Redis had no room for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) everything: Option<u64>,
    pub(super) version: Option<u64>,
    pub(super) tagged: Option<u64>,
    /// Of the part of its version's addresses.
    pub(super) changed: Option<u64>,
    pub(super) at: u64,
    /// They are of an earlier question: Redis did not say what it has.
    pub(super) is_remembered: bool,
}

impl Seen {
    pub(super) const fn is_whole(&self) -> bool {
        self.everything.is_some()
            && self.version.is_some()
            && self.tagged.is_some()
            && self.changed.is_some()
    }
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

/// What becomes of an answer that is on its way, in the second level.
#[derive(Debug)]
pub(crate) struct Share {
    second: Arc<Second>,
    /// What it is called; nothing where Redis was away.
    names: Option<Arc<Names>>,
    /// By what it may be kept; nothing where Redis did not say in time.
    seen: Option<Seen>,
}

impl Share {
    pub(super) const fn new(second: Arc<Second>, names: Arc<Names>, seen: Option<Seen>) -> Self {
        Self {
            second,
            names: Some(names),
            seen,
        }
    }

    /// Of one that is away: nothing is kept there, and what is taken out is told when it is back.
    pub(crate) const fn away(second: Arc<Second>) -> Self {
        Self {
            second,
            names: None,
            seen: None,
        }
    }

    /// Keeps it in the background, where it is of use to others. Where it is not, what is there is
    /// older than this, and goes.
    pub(crate) fn keep(&self, stored: &Arc<Stored>) {
        let Some(names) = &self.names else {
            // While Redis is away that may be all that a node gets. What is older there ends by
            // itself; to take all of it out would cost the other nodes the whole version.
            return;
        };
        let Some(seen) = self.seen else {
            return self.forget(stored);
        };
        let second = &self.second;
        let now = second.clock.micros();
        let seconds = stored.usage.useful_for(now / 1_000_000).min(KEPT_S);
        let is_late = now.saturating_sub(seen.at) > WITHIN_S * 1_000_000;
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
            names: names.clone(),
            seen,
            stored: stored.clone(),
            seconds,
            _weight: weight,
        };
        if waiting > MOST_WAITING || second.jobs.try_send(Job::Keep(keep)).is_err() {
            count(&second.figures.skipped);
            self.forget(stored);
        }
    }

    /// What is kept there in the place of this answer is not given any more. To be called before it
    /// is taken out here: who asks in between must not find it there.
    pub(crate) fn forget(&self, stored: &Stored) {
        match &self.names {
            Some(names) => self.second.forget(names, stored),
            None => {
                let secret = &self.second.secret;
                let address = secret.of_address(stored.version, &stored.target);
                self.second.renew(stored.version, [address]);
            }
        }
    }

    /// Where an older answer to this asker may stand that nobody has seen, as Redis was not asked
    /// for one or did not say. Whatever it said that there is, is known here. Where it is away, what
    /// is older there ends by itself, as beside one that is kept.
    pub(crate) fn unseen(&self, asker: &Asker) -> Option<Name> {
        let names = self.names.as_ref()?;
        let has_said = self.seen.is_some_and(|seen| !seen.is_remembered);
        let owner = asker.owner.filter(|_| !asker.has_cookie && !has_said)?;
        names.slot(&self.second.secret, owner)
    }

    /// Takes that out.
    pub(crate) fn forget_unseen(&self, version: Uuid, name: Name) {
        self.second.renew(version, [name]);
    }
}

impl Second {
    /// Takes out what is kept in the place of this answer.
    pub(super) fn forget(&self, names: &Names, stored: &Stored) {
        let slot = names.slot(&self.secret, stored.owner);
        let variant = match stored.vary.is_empty() {
            true => None,
            false => names.variant(&self.secret, stored.owner, &stored.vary),
        };
        self.renew(names.version, slot.into_iter().chain(variant));
    }
}
