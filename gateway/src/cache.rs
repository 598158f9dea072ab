//! Answers that are kept and given again (RFC 9111): one store for all workers of the process,
//! bounded in bytes. What it does with a request is in `exchange`; what is kept, and for how long,
//! in `stored` and `freshness`.

mod aside;
mod ask;
mod conditions;
mod directives;
mod exchange;
mod flight;
mod freshness;
mod give;
mod invalidate;
mod keeping;
mod key;
mod look;
mod purge;
mod refresh;
pub(crate) mod second;
mod shard;
mod stored;
mod tags;
mod vary;
mod wishes;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use siphasher::sip128::SipHasher13;
use uuid::Uuid;

use flight::Flights;
use second::Second;
use shard::Shard;
use stored::{Owner, Stored};
use vary::Vary;

pub(crate) use conditions::entity_tags;
pub(crate) use directives::members;
pub(crate) use exchange::exchange;
pub(crate) use freshness::Usual;
pub(crate) use give::Given;
pub(crate) use keeping::Keeping;
pub(crate) use stored::Rules;

const SHARDS: usize = 16;
/// Of the table of versions: each has one, that it may share with others.
const VERSIONS: usize = 4096;

/// The store.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// How often things of a cell's versions were taken out by what they have in common.
    removals: Box<[AtomicU32]>,
    flights: Arc<Flights>,
    /// Names places, as nobody outside can foresee.
    hasher: SipHasher13,
    /// Bytes of all shards.
    held: AtomicUsize,
    /// Bytes of bodies that are on their way in.
    filling: AtomicUsize,
    bound: usize,
    /// Where room is made next.
    turn: AtomicUsize,
    pub(crate) counts: Counts,
    /// What nodes keep in common, where there is such.
    second: Option<Arc<Second>>,
    /// Somebody was told that there is none.
    warned: AtomicBool,
}

/// What happened in the store.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) stored: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) invalidated: AtomicU64,
    /// Not kept, as they were too long or too much was on its way in.
    pub(crate) unkept: AtomicU64,
    /// Places of which it was not known any more that their answers are not kept.
    pub(crate) forgotten: AtomicU64,
}

/// What is at a place.
struct Found {
    /// The newest that may answer.
    stored: Option<Arc<Stored>>,
    /// There is something, be it for others.
    has_others: bool,
    moment: Moment,
}

/// How often things of a place, and of its version, had been taken out when a request looked for it:
/// what was asked for before that is not kept after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    place: u32,
    version: u32,
}

/// The system's, another one each time.
fn secret(number: u64) -> u64 {
    RandomState::new().hash_one(number)
}

impl Cache {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            removals: (0..VERSIONS).map(|_| AtomicU32::new(0)).collect(),
            flights: Arc::default(),
            hasher: SipHasher13::new_with_keys(secret(0), secret(1)),
            held: AtomicUsize::new(0),
            filling: AtomicUsize::new(0),
            bound,
            turn: AtomicUsize::new(0),
            counts: Counts::default(),
            second: None,
            warned: AtomicBool::new(false),
        }
    }

    /// With a second level.
    #[must_use]
    pub(crate) fn beside(mut self, second: Option<Arc<Second>>) -> Self {
        self.second = second;
        self
    }

    /// The second level, where it is wanted and there is one.
    fn second(&self, is_wanted: bool) -> Option<&Arc<Second>> {
        if is_wanted && self.second.is_none() && !self.warned.swap(true, Relaxed) {
            tracing::warn!(
                "A cache has a second level, and redis_url is not set: each node keeps its own answers alone."
            );
        }
        self.second.as_ref().filter(|_| is_wanted)
    }

    /// A number that stands for these bytes.
    fn number(&self, bytes: &[u8]) -> u128 {
        self.hasher.hash(bytes).into()
    }

    fn shard(&self, place: u128) -> MutexGuard<'_, Shard> {
        self.lock(place as usize % SHARDS)
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[index];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often things of a version were taken out.
    fn removals_of(&self, version: Uuid) -> &AtomicU32 {
        // Those who name versions do not choose these bits.
        &self.removals[version.as_u128() as usize % VERSIONS]
    }

    /// What there is for a request to a version; `is_like` says whether what is told apart by
    /// something is for it.
    fn find(
        &self,
        version: Uuid,
        place: u128,
        owner: Option<Owner>,
        is_like: impl FnMut(&Vary) -> bool,
    ) -> Found {
        let mut shard = self.shard(place);
        let (stored, has_others) = shard.find(place, owner, is_like);
        Found {
            stored,
            has_others,
            moment: Moment {
                place: shard.removals(place),
                version: self.removals_of(version).load(Relaxed),
            },
        }
    }

    /// Runs `change`, and accounts for what it did to the bytes.
    fn change<T>(&self, index: usize, change: impl FnOnce(&mut Shard) -> T) -> T {
        let mut shard = self.lock(index);
        let before = shard.bytes;
        let result = change(&mut shard);
        let after = shard.bytes;
        if after >= before {
            self.held.fetch_add(after - before, Relaxed);
        } else {
            self.held.fetch_sub(before - after, Relaxed);
        }
        result
    }

    /// Keeps what another node kept, unless something newer stands in its place, at `now` of the
    /// gateway's own clock: then it is of no use. Whether it is.
    fn adopt(&self, place: u128, moment: Moment, stored: &Arc<Stored>, now: u64) -> bool {
        let mut is_newest = true;
        self.insert_if(place, moment, stored.clone(), |shard| {
            is_newest = !shard.has_newer(place, stored, now);
            is_newest
        });
        is_newest
    }

    /// Keeps it, unless its place or things of its version were taken out since `moment`.
    fn insert(&self, place: u128, moment: Moment, stored: Arc<Stored>) -> bool {
        self.insert_if(place, moment, stored, |_| true)
    }

    fn insert_if(
        &self,
        place: u128,
        moment: Moment,
        stored: Arc<Stored>,
        is_wanted: impl FnOnce(&Shard) -> bool,
    ) -> bool {
        if stored.weight() > self.bound / 2 {
            self.counts.unkept.fetch_add(1, Relaxed);
            return false;
        }
        let of_version = self.removals_of(stored.version);
        let is_in = self.change(place as usize % SHARDS, |shard| {
            // Whoever takes out counts first and looks through the shards then: either this sees
            // the count, or it is found.
            let is_current = shard.is_untouched(place, moment.place)
                && of_version.load(Relaxed) == moment.version;
            let is_in = is_wanted(shard) && is_current;
            if is_in {
                shard.insert(place, stored);
            }
            is_in
        });
        if is_in {
            self.counts.stored.fetch_add(1, Relaxed);
            self.make_room();
        }
        is_in
    }

    /// Puts a newer form in the place of one that is still there.
    fn replace(&self, place: u128, old: &Arc<Stored>, new: Arc<Stored>) {
        self.change(place as usize % SHARDS, |shard| {
            shard.replace(place, old, new);
        });
        self.make_room();
    }

    fn remove(&self, place: u128, old: &Arc<Stored>) {
        self.change(place as usize % SHARDS, |shard| {
            shard.remove_where(place, |other| std::ptr::eq(other, &raw const **old))
        });
    }

    /// Takes out by turns: each shard gives about as much.
    fn make_room(&self) {
        let mut empty = 0;
        while self.held.load(Relaxed) > self.bound && empty < SHARDS {
            let index = self.turn.fetch_add(1, Relaxed) % SHARDS;
            if self.change(index, Shard::evict) {
                self.counts.evicted.fetch_add(1, Relaxed);
                empty = 0;
            } else {
                empty += 1;
            }
        }
    }

    /// Takes out all of a place (RFC 9111 §4.4).
    fn invalidate(&self, place: u128) {
        let count = self.change(place as usize % SHARDS, |shard| shard.invalidate(place));
        self.counts.invalidated.fetch_add(count as u64, Relaxed);
    }

    fn each_shard(&self, mut change: impl FnMut(&mut Shard) -> usize) -> usize {
        let counts = (0..SHARDS).map(|index| self.change(index, &mut change));
        let count = counts.sum();
        self.counts.invalidated.fetch_add(count as u64, Relaxed);
        count
    }

    /// Takes out what of a version has one of the tags, or more than are counted. What is under way
    /// to other versions is kept.
    fn remove_tags(&self, version: Uuid, tags: &[u64]) -> usize {
        if tags.is_empty() {
            return 0;
        }
        self.removals_of(version).fetch_add(1, Relaxed);
        let beyond = tags::beyond(version);
        self.each_shard(|shard| {
            let tags = tags.iter().chain([&beyond]);
            tags.map(|tag| shard.remove_tag(*tag)).sum()
        })
    }

    /// Room for more of a body that is on its way in: a quarter of the bound, for all of them.
    fn begin_fill(&self, bytes: usize) -> bool {
        let before = self.filling.fetch_add(bytes, Relaxed);
        let fits = before + bytes <= self.bound / 4;
        if !fits {
            self.filling.fetch_sub(bytes, Relaxed);
            self.counts.unkept.fetch_add(1, Relaxed);
        }
        fits
    }

    fn end_fill(&self, bytes: usize) {
        self.filling.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    pub(crate) const fn bound(&self) -> usize {
        self.bound
    }

    pub(crate) fn len(&self) -> usize {
        (0..SHARDS).map(|index| self.lock(index).len()).sum()
    }
}

#[cfg(test)]
mod tests;
