//! The second level: a Redis that all nodes have in common, asked where this node keeps nothing
//! that may be given. What is kept there goes to those who would get it here (`names`), nothing of it
//! is believed before it was looked at (`frame`), and what is taken out here is taken out there.
//!
//! A request waits for it for `redis_patience` of the settings at most, and only where it may be
//! given what is there; everything else is done on the operations runtime (`run`). Where Redis is
//! away, slow, full or takes no writes, nodes go on by themselves.

mod figures;
mod frame;
mod known;
mod link;
mod look;
mod names;
mod owed;
mod run;
mod share;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::api::Purge;
use domain::id::{ApiId, VersionId};
use domain::snapshot::Purged;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::stored::{Owner, Stored};
use super::vary::{self, Vary};
use crate::clock::Clock;
use crate::fields::Fields;
use crate::node::MoreMetrics;
use crate::settings::{Settings, StartError};
use figures::{Figures, count};
use known::Known;
use owed::News;
use share::{Keep, Seen};

pub(crate) use names::{Digest, Name, Names, Secret};
pub(crate) use run::{Keeper, run};
pub(crate) use share::Share;

/// Questions under way, of all workers.
const MOST_ASKED: usize = 256;
/// KiB of long answers that come from there at a time, of all workers.
const MOST_COMING_KIB: usize = 32 * 1024;
/// What waits for its turn to be asked or kept.
const MOST_QUEUED: usize = 1024;
/// Bytes of answers that wait to be kept there.
const MOST_WAITING: usize = 16 * 1024 * 1024;
/// Longest answer that is kept there, with its head, in bytes.
const LONGEST: usize = 1024 * 1024;
/// Seconds that an answer may take from its question on, to be kept there.
const WITHIN_S: u64 = 600;
/// Longest that something is kept there, in seconds: also what nobody asks for any more, as Redis was
/// started anew.
const KEPT_S: u64 = 24 * 3600;

/// The workers' end.
#[derive(Debug)]
pub(crate) struct Second {
    pub(crate) secret: Secret,
    clock: Clock,
    /// How long a request waits for it, in all.
    patience: Duration,
    jobs: mpsc::Sender<Job>,
    /// What was taken out here. It is told before anything that is asked later.
    news: Mutex<News>,
    /// Generations that were seen lately.
    known: Known,
    /// Redis answers, and knows of all that was taken out here.
    up: AtomicBool,
    /// The number of the present connection.
    connection: AtomicUsize,
    /// Somebody has asked for it, or taken something out: before that nothing is connected.
    used: AtomicBool,
    wake: Notify,
    asked: AtomicUsize,
    waiting: AtomicUsize,
    /// For long answers that come from there, in KiB.
    room: Arc<Semaphore>,
    /// Questions in a row that were not answered in time.
    late: AtomicUsize,
    /// One was answered since it was connected to.
    answered: AtomicBool,
    figures: Figures,
}

/// What is to be done by who talks to Redis.
#[derive(Debug)]
enum Job {
    Find(Ask, oneshot::Sender<Reply>),
    Keep(Keep),
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
    what: What,
    /// Bytes of a body that may be given.
    longest: usize,
    _place: Place,
}

#[derive(Debug)]
enum What {
    /// By what an answer may be kept, and nothing else.
    Generations,
    /// That, and an answer.
    Answers,
    /// The one of an owner for these values, where such carry this stamp.
    Variant(Owner, Vary, u64),
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
    /// What a long answer takes, until somebody has it.
    _room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Answered {
    Nothing,
    Found(Arc<Stored>),
    /// Those of an owner are told apart by these fields, and carry this stamp.
    Apart(Owner, Vec<Box<str>>, u64),
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
        patience: settings.redis_patience,
        jobs,
        news: Mutex::default(),
        known: Known::default(),
        up: AtomicBool::new(false),
        connection: AtomicUsize::new(0),
        used: AtomicBool::new(false),
        wake: Notify::new(),
        asked: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        room: Arc::new(Semaphore::new(MOST_COMING_KIB)),
        late: AtomicUsize::new(0),
        answered: AtomicBool::new(false),
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
        self.up.load(Relaxed)
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

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is for a request with these fields, with a body of `longest` bytes at most, and by
    /// what its answer may be kept: neither where Redis does not say in time.
    pub(crate) async fn find(
        self: &Arc<Self>,
        names: Names,
        request: &Fields,
        longest: usize,
    ) -> (Option<Arc<Stored>>, Share) {
        let (names, until) = (Arc::new(names), Instant::now() + self.patience);
        let asked = self.ask(&names, What::Answers, longest, until).await;
        let Some(Reply { seen, found, .. }) = asked else {
            return (None, Share::new(self.clone(), names, None));
        };
        let found = match found {
            Answered::Apart(owner, fields, stamp) => {
                let vary = vary::values(&fields, request);
                let what = What::Variant(owner, vary, stamp);
                let reply = self.ask(&names, what, longest, until).await;
                reply.map_or(Answered::Nothing, |reply| reply.found)
            }
            found => found,
        };
        let share = Share::new(self.clone(), names, Some(seen));
        match found {
            Answered::Found(stored) => {
                count(&self.figures.found);
                (Some(stored), share)
            }
            Answered::Nothing | Answered::Apart(..) => (None, share),
        }
    }

    /// By what the answer may be kept to a request that is not for what is there, and waits for
    /// nobody: by what was seen earlier. Where nothing was, Redis is asked for those that come next.
    pub(crate) fn share(self: &Arc<Self>, names: Names) -> Share {
        let part = names.changed(&self.secret);
        let seen = self.known.get(&part, self.clock.micros());
        let names = Arc::new(names);
        if seen.is_none() {
            // Not for this one: they may be of after a change that its answer does not know of.
            drop(self.begin(&names, What::Generations, 0));
        }
        Share::new(self.clone(), names, seen)
    }

    async fn ask(
        self: &Arc<Self>,
        names: &Arc<Names>,
        what: What,
        longest: usize,
        until: Instant,
    ) -> Option<Reply> {
        let replied = self.begin(names, what, longest)?;
        timeout_at(until, replied).await.ok()?.ok()
    }

    /// Asks; nothing where too much is asked already.
    fn begin(
        self: &Arc<Self>,
        names: &Arc<Names>,
        what: What,
        longest: usize,
    ) -> Option<oneshot::Receiver<Reply>> {
        let place = Place(self.clone());
        if self.asked.fetch_add(1, Relaxed) >= MOST_ASKED {
            count(&self.figures.skipped);
            return None;
        }
        let ask = Ask {
            names: names.clone(),
            what,
            longest,
            _place: place,
        };
        let (reply, replied) = oneshot::channel();
        if self.jobs.try_send(Job::Find(ask, reply)).is_err() {
            count(&self.figures.skipped);
            return None;
        }
        count(&self.figures.asked);
        Some(replied)
    }

    /// These of a version are not given any more, nor what belongs to them, by nobody. To be called
    /// before they are taken out here: who asks in between must not find them there.
    pub(crate) fn renew(&self, version: Uuid, names: impl IntoIterator<Item = Name>) {
        self.news().owed.add(version, names);
        // Also of a node that keeps nothing itself: others do.
        self.want();
    }

    /// Nothing that is kept there is given any more.
    pub(crate) fn renew_everything(&self) {
        self.news().owed.add_everything();
        self.want();
    }

    /// Nothing of versions that are not served any more is given.
    pub(crate) fn left(&self, versions: &HashSet<VersionId>) {
        let mut news = self.news();
        for version in versions {
            news.owed.add_all(version.uuid());
        }
        drop(news);
        self.wake.notify_one();
    }

    /// Tells of purges that were asked for in the management plane. All nodes do; what was done
    /// already is not done again.
    pub(crate) fn purged(&self, api: ApiId, versions: Vec<VersionId>, all: Vec<Purged>) {
        let newest = all.last().map_or(0, |last| last.number);
        let note = self.secret.purges(api);
        let mut news = self.news();
        let before = news.newest.insert(api, newest);
        // Of a database that was restored to an earlier moment nobody knows what is missing, and its
        // numbers are given once more: what the note says is of others.
        if before.is_some_and(|before| before > newest) {
            for version in &versions {
                news.owed.add_all(version.uuid());
            }
            news.owed.add(api.uuid(), [note]);
        }
        news.purged.insert(api, Purges { versions, all });
        drop(news);
        self.wake.notify_one();
    }

    /// Tells of an API that is no more: nobody need know which of its purges were done.
    pub(crate) fn gone(&self, api: ApiId) {
        let note = self.secret.purges(api);
        let mut news = self.news();
        news.purged.remove(&api);
        news.newest.remove(&api);
        news.gone.insert(api);
        news.owed.add(api.uuid(), [note]);
        drop(news);
        self.wake.notify_one();
    }
}

/// The purges that are newer than `done`; all of the versions, where some are not known any more.
/// None where others have done more than is known here: they know better.
fn undone(all: &[Purged], done: u64) -> Vec<Purge> {
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Vec::new();
    };
    if last.number <= done {
        return Vec::new();
    }
    if first.number > done + 1 {
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
            (1..=3, 4, &[]),
            (1..=3, u64::MAX, &[]),
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
