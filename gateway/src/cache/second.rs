//! The second level: a Redis that all nodes have in common, asked where this node keeps nothing
//! that may be given. What is kept there goes to those who would get it here (`names`), nothing of it
//! is believed before it was looked at (`frame`), and what is taken out here is taken out there.
//!
//! A request waits for it for [`PATIENCE`] at most; everything else is done on the operations
//! runtime (`run`). Where Redis is away, slow, full or takes no writes, nodes go on by themselves.

mod figures;
mod frame;
mod link;
mod look;
mod names;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use domain::api::Purge;
use domain::id::{ApiId, VersionId};
use domain::snapshot::Purged;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::stored::{Owner, Stored};
use super::vary::{self, Vary};
use crate::clock::Clock;
use crate::fields::Fields;
use crate::node::MoreMetrics;
use crate::settings::{Settings, StartError};
use figures::Figures;

pub(crate) use names::{Digest, Name, Names, Secret};
pub(crate) use run::{Keeper, run};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// Questions under way, of all workers.
const MOST_ASKED: usize = 256;
/// What waits for its turn to be said.
const MOST_QUEUED: usize = 1024;
/// Bytes of answers that wait to be kept there.
const MOST_WAITING: usize = 16 * 1024 * 1024;
/// Longest answer that is kept there, with its head, in bytes.
const LONGEST: usize = 1024 * 1024;
/// Seconds that an answer may take from its question on, to be kept there.
const WITHIN_S: u64 = 600;
/// Longest that something is kept there, in seconds.
const KEPT_S: u64 = 30 * 24 * 3600;

/// The workers' end.
#[derive(Debug)]
pub(crate) struct Second {
    pub(crate) secret: Secret,
    clock: Clock,
    jobs: mpsc::Sender<Job>,
    /// Redis answers, and knows of all that was taken out here.
    up: AtomicBool,
    /// Somebody has asked for it: before that nothing is connected.
    used: AtomicBool,
    wake: Notify,
    asked: AtomicUsize,
    waiting: AtomicUsize,
    /// Something that was taken out could not be told: everything is.
    lost: AtomicBool,
    figures: Figures,
}

/// What is to be done by who talks to Redis.
#[derive(Debug)]
enum Job {
    Find(Ask, oneshot::Sender<Reply>),
    Keep(Keep),
    /// What belongs to these is not to be given any more.
    Renew(Vec<Name>),
    /// What stands there is not.
    Forget(Vec<Name>),
    Purged(ApiId, Purges),
}

/// The purges of an API that are known of, and its versions.
#[derive(Debug, Clone)]
struct Purges {
    versions: Vec<VersionId>,
    /// The newest last; never none.
    all: Vec<Purged>,
}

/// A question, counted until it is dropped.
#[derive(Debug)]
struct Ask {
    names: Arc<Names>,
    /// Whose answer is asked for, by the values of which fields; none before it is known that they
    /// are told apart.
    apart: Option<(Owner, Vary)>,
    _place: Place,
}

#[derive(Debug)]
struct Place(Arc<Second>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug)]
struct Reply {
    seen: Seen,
    found: Answered,
}

#[derive(Debug)]
enum Answered {
    Nothing,
    Found(Arc<Stored>),
    Apart(Owner, Vec<Box<str>>),
}

/// The generations that a request's answers belong to, as they were when it was asked for, and when
/// that was, in microseconds of the gateway's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    everything: Option<u64>,
    version: Option<u64>,
    tagged: Option<u64>,
    address: Option<u64>,
    at: u64,
}

/// An answer that is to be kept, its bytes counted until this is dropped.
#[derive(Debug)]
struct Keep {
    names: Arc<Names>,
    seen: Seen,
    stored: Arc<Stored>,
    seconds: u64,
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

/// A gateway's second level and who talks to it, where it has a Redis.
pub(crate) fn prepare(settings: &Settings) -> Result<Option<(Arc<Second>, Keeper)>, StartError> {
    let Some(url) = &settings.redis_url else {
        return Ok(None);
    };
    let client = redis::Client::open(url.as_str()).map_err(|_| StartError::Redis)?;
    let (jobs, received) = mpsc::channel(MOST_QUEUED);
    let second = Arc::new(Second {
        secret: Secret::new(settings.gateway_key.as_ref()),
        clock: settings.clock.clone(),
        jobs,
        up: AtomicBool::new(false),
        used: AtomicBool::new(false),
        wake: Notify::new(),
        asked: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        lost: AtomicBool::new(false),
        figures: Figures::default(),
    });
    let keeper = Keeper::new(second.clone(), client, received);
    Ok(Some((second, keeper)))
}

/// What `/metrics` says of it.
pub(crate) fn metrics(second: Arc<Second>) -> MoreMetrics {
    Box::new(move |out| second.write(out))
}

impl Second {
    fn is_there(&self) -> bool {
        self.up.load(Relaxed) && !self.lost.load(Relaxed)
    }

    /// Whether it can be asked now. The first who wants to has it connected.
    pub(crate) fn is_up(&self) -> bool {
        if !self.used.load(Relaxed) {
            self.want();
        }
        self.is_there()
    }

    fn want(&self) {
        self.used.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// What there is for a request with these fields, and by what its answer may be kept. Nothing of
    /// either where Redis does not say in time.
    pub(crate) async fn find(
        self: &Arc<Self>,
        names: Names,
        request: &Fields,
    ) -> (Option<Arc<Stored>>, Option<Share>) {
        let names = Arc::new(names);
        let Some(Reply { seen, found }) = self.ask(&names, None).await else {
            return (None, None);
        };
        let found = match found {
            Answered::Apart(owner, fields) => {
                let vary = vary::values(&fields, request);
                let reply = self.ask(&names, Some((owner, vary))).await;
                reply.map_or(Answered::Nothing, |reply| reply.found)
            }
            found => found,
        };
        let share = Share {
            second: self.clone(),
            names,
            seen,
        };
        match found {
            Answered::Found(stored) => {
                self.figures.found.fetch_add(1, Relaxed);
                (Some(stored), Some(share))
            }
            Answered::Nothing | Answered::Apart(..) => (None, Some(share)),
        }
    }

    async fn ask(
        self: &Arc<Self>,
        names: &Arc<Names>,
        apart: Option<(Owner, Vary)>,
    ) -> Option<Reply> {
        let place = Place(self.clone());
        if self.asked.fetch_add(1, Relaxed) >= MOST_ASKED {
            self.figures.skipped.fetch_add(1, Relaxed);
            return None;
        }
        let ask = Ask {
            names: names.clone(),
            apart,
            _place: place,
        };
        let (reply, replied) = oneshot::channel();
        if self.jobs.try_send(Job::Find(ask, reply)).is_err() {
            self.figures.skipped.fetch_add(1, Relaxed);
            return None;
        }
        self.figures.asked.fetch_add(1, Relaxed);
        timeout(PATIENCE, replied).await.ok()?.ok()
    }

    /// What belongs to these is not given any more, by nobody.
    pub(crate) fn renew(&self, names: Vec<Name>) {
        if !names.is_empty() && self.jobs.try_send(Job::Renew(names)).is_err() {
            self.lost.store(true, Relaxed);
            self.wake.notify_one();
        }
    }

    /// Nothing that is kept there is given any more.
    pub(crate) fn renew_everything(&self) {
        self.want();
        self.renew(vec![self.secret.everything()]);
    }

    /// Tells of purges that were asked for in the management plane. All nodes do; what was done
    /// already is not done again.
    pub(crate) async fn purged(&self, api: ApiId, versions: Vec<VersionId>, all: Vec<Purged>) {
        let purges = Purges { versions, all };
        // Its end is the process's.
        let _ = self.jobs.send(Job::Purged(api, purges)).await;
    }
}

impl Share {
    /// Keeps it in the background, where it is of use to others.
    pub(crate) fn keep(&self, stored: &Arc<Stored>) {
        let second = &self.second;
        let now = second.clock.micros();
        let seconds = stored.usage.useful_for(now / 1_000_000).min(KEPT_S);
        let is_late = now.saturating_sub(self.seen.at) > WITHIN_S * 1_000_000;
        if seconds == 0 || is_late || !second.is_there() {
            return;
        }
        let bytes = stored.weight();
        let weight = Weight(second.clone(), bytes);
        let waiting = second.waiting.fetch_add(bytes, Relaxed) + bytes;
        let keep = Keep {
            names: self.names.clone(),
            seen: self.seen,
            stored: stored.clone(),
            seconds,
            _weight: weight,
        };
        let fits = bytes <= LONGEST && waiting <= MOST_WAITING;
        if !fits || second.jobs.try_send(Job::Keep(keep)).is_err() {
            second.figures.skipped.fetch_add(1, Relaxed);
        }
    }

    /// What is kept there for an owner is not given any more.
    pub(crate) fn forget(&self, owner: Owner) {
        let secret = &self.second.secret;
        if let Some(slot) = self.names.slot(secret, owner) {
            // Should it not be heard of, it goes when its time is over, which it mostly is.
            let _ = self.second.jobs.try_send(Job::Forget(vec![slot]));
        }
    }
}

/// The purges that are newer than `done`; all of the versions, where some are not known any more.
fn undone(all: &[Purged], done: u64) -> Vec<Purge> {
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Vec::new();
    };
    // Of a database that was restored to an earlier moment nobody knows what is missing.
    if last.number < done || first.number > done + 1 {
        return vec![Purge::All(true)];
    }
    let new = all.iter().filter(|one| one.number > done);
    new.map(|one| one.what.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purges_are_done_once() {
        let all = |numbers: std::ops::RangeInclusive<u64>| -> Vec<Purged> {
            let purged = numbers.map(|number| Purged {
                number,
                what: Purge::Tag(number.to_string()),
            });
            purged.collect()
        };
        for (numbers, done, due) in [
            (1..=3, 0, &["1", "2", "3"][..]),
            (1..=3, 2, &["3"]),
            (1..=3, 3, &[]),
            (5..=7, 4, &["5", "6", "7"]),
            (5..=7, 3, &["all"]),
            (1..=3, 4, &["all"]),
            (5..=7, 0, &["all"]),
        ] {
            let told = undone(&all(numbers.clone()), done)
                .into_iter()
                .map(|what| match what {
                    Purge::Tag(tag) => tag,
                    _ => "all".to_owned(),
                });
            assert_eq!(told.collect::<Vec<_>>(), due, "{numbers:?} {done}");
        }
        assert!(undone(&[], 3).is_empty());
    }
}
