//! Places of requests in flight, by limit and subject, and the lines of those who wait for one. What
//! is neither in flight nor waits is not here: there are never more entries than requests are worked
//! on at a time.
//!
//! A place that comes free goes to the first of its line at once, under the lock that counting takes
//! anyhow; whoever does not wait does nothing more than that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};

use crate::limiter::CellKey;
use crate::line::{Line, Lost, Said, Ticket};

const SHARDS: usize = 64;

type Shard = HashMap<CellKey, Subject>;

/// What is known of one subject of one limit.
#[derive(Debug, Default)]
struct Subject {
    taken: u32,
    /// As the policy last said.
    limit: u32,
    /// Who waits, since somebody did.
    line: Option<Box<Line<()>>>,
}

impl Subject {
    /// Gives what is free to those who wait.
    fn serve(&mut self) {
        if let Some(line) = &mut self.line {
            while self.taken < self.limit && line.grant(()) {
                self.taken += 1;
            }
        }
    }

    fn waiting(&self) -> usize {
        self.line.as_ref().map_or(0, |line| line.len())
    }

    /// Takes a place, if there is one that nobody waits for.
    fn enter(&mut self, limit: u32) -> bool {
        self.limit = limit;
        self.serve();
        let enters = self.taken < limit;
        if enters {
            self.taken += 1;
        }
        enters
    }

    fn is_unused(&self) -> bool {
        self.taken == 0 && self.waiting() == 0
    }
}

#[derive(Debug)]
pub(crate) struct Places {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

/// One place; dropping it, once, is what gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    key: CellKey,
}

/// What became of a request that may wait.
#[derive(Debug)]
pub(crate) enum Joined {
    In(Place),
    Waits(Waiting),
    Full,
}

/// Stands in the line of its subject until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    places: Arc<Places>,
    key: CellKey,
    ticket: Ticket<()>,
    /// What was said to it is taken care of.
    is_over: bool,
}

impl Places {
    fn shard(&self, key: &CellKey) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards[index].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// Counting and taking are one step: two that come together never get the last place both.
    pub(crate) fn enter(self: &Arc<Self>, key: CellKey, limit: u32) -> Option<Place> {
        // An entry of none in flight was not there before; a limit is at least 1.
        let enters = self.shard(&key).entry(key).or_default().enter(limit);
        enters.then(|| self.place(key))
    }

    fn place(self: &Arc<Self>, key: CellKey) -> Place {
        Place {
            places: self.clone(),
            key,
        }
    }

    /// Whether one of this priority would be let in or could wait, where at most so many do.
    pub(crate) fn may_join(&self, key: &CellKey, limit: u32, priority: i8, most: usize) -> bool {
        let shard = self.shard(key);
        let Some(subject) = shard.get(key) else {
            return true;
        };
        let has_room = subject.taken < limit || subject.waiting() < most;
        has_room
            || subject
                .line
                .as_ref()
                .is_some_and(|line| line.may_displace(priority))
    }

    /// Enters, or waits where at most `most` do; in a line that is full, in the place of one of a
    /// lower priority.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: CellKey,
        limit: u32,
        priority: i8,
        most: usize,
    ) -> Joined {
        let mut shard = self.shard(&key);
        let subject = shard.entry(key).or_default();
        if subject.enter(limit) {
            drop(shard);
            return Joined::In(self.place(key));
        }
        if most == 0 {
            return Joined::Full;
        }
        let line = subject.line.get_or_insert_default();
        if line.len() >= most && !line.displace(priority) {
            return Joined::Full;
        }
        let ticket = line.join(priority);
        drop(shard);
        Joined::Waits(Waiting {
            places: self.clone(),
            key,
            ticket,
            is_over: false,
        })
    }

    /// One place less is taken.
    fn leave(shard: &mut Shard, key: CellKey) {
        if let Entry::Occupied(mut entry) = shard.entry(key) {
            let subject = entry.get_mut();
            subject.taken -= 1;
            subject.serve();
            if subject.is_unused() {
                entry.remove();
            }
        }
    }

    /// Requests in flight, and requests that wait.
    pub(crate) fn taken(&self, key: &CellKey) -> (u32, usize) {
        let shard = self.shard(key);
        let subject = shard.get(key);
        subject.map_or((0, 0), |subject| (subject.taken, subject.waiting()))
    }

    /// Subjects that have requests in flight.
    pub(crate) fn len(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.len()
        });
        lengths.sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        Places::leave(&mut self.places.shard(&self.key), self.key);
    }
}

impl Waiting {
    /// Until there is a place, or it is too late. When it is dropped meanwhile it has left the line,
    /// and a place that it was given goes to the next.
    pub(crate) async fn place(mut self, until: Instant) -> Result<Place, Lost> {
        let said = loop {
            if let Some(said) = self.ticket.said() {
                break said;
            }
            tokio::select! {
                biased;
                () = self.ticket.called() => {}
                () = sleep_until(until) => return Err(Lost::Late),
            }
        };
        self.is_over = true;
        match said {
            Said::Granted(()) => Ok(self.places.place(self.key)),
            Said::Displaced => Err(Lost::Displaced),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut shard = self.places.shard(&self.key);
        let line = shard.get_mut(&self.key).and_then(|one| one.line.as_mut());
        if line.is_some_and(|line| line.leave(&self.ticket)) {
            if shard.get(&self.key).is_some_and(Subject::is_unused) {
                shard.remove(&self.key);
            }
        } else if self.ticket.said() == Some(Said::Granted(())) {
            Places::leave(&mut shard, self.key);
        }
    }
}

#[cfg(test)]
mod tests;
