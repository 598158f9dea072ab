//! What may be used once: remembered for as long as it would be good.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::id::{CredentialId, OrganizationId};

const SHARDS: usize = 16;
/// Nonces of signatures and proofs in a process.
const PROOFS: u32 = 1_000_000;
/// Tokens that are good once.
const TOKENS: u32 = 500_000;
/// The part that all callers of one organization's APIs may take together, where there are others:
/// an organization may have tokens made in whoever's name it likes.
const OF_PROVIDER: u32 = 4;
/// The part of one credential there.
const OF_ONE: u32 = 10;
/// Between two times that a shard without room is looked through.
const APART: Duration = Duration::from_secs(1);

/// Each has room of its own, so that what is remembered for long takes none from what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A signature's nonce, or a proof: good for minutes.
    Proof,
    /// A token that is good once: for an hour at most.
    Token,
}

/// Whose room something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Room {
    /// Of the API.
    pub(crate) provider: OrganizationId,
    pub(crate) of: CredentialId,
}

/// What may be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Once {
    pub(crate) kind: Kind,
    /// Also of whose it is.
    pub(crate) digest: [u8; 32],
    /// For how long it must be remembered.
    pub(crate) left: Duration,
}

/// What a request has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    kind: Kind,
    digest: [u8; 32],
    until: Instant,
}

impl Used {
    fn is(&self, once: &Once) -> bool {
        self.kind == once.kind && self.digest == once.digest
    }
}

/// Why something cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It was used before: of several at once, one is the first.
    Known,
    /// There is no room, and what is not remembered could be used again.
    Full,
}

/// How many there may be: of all, and of one organization's APIs.
#[derive(Debug, Clone, Copy)]
struct Most {
    all: u32,
    of_provider: u32,
}

/// How many are whose.
#[derive(Debug, Default)]
struct Counts {
    rooms: HashMap<Room, u32>,
    providers: HashMap<OrganizationId, u32>,
}

impl Counts {
    fn enter(&mut self, room: Room) {
        *self.rooms.entry(room).or_default() += 1;
        *self.providers.entry(room.provider).or_default() += 1;
    }

    fn leave(&mut self, room: &Room) {
        one_less(&mut self.rooms, room);
        one_less(&mut self.providers, &room.provider);
    }

    fn is_full(&self, room: &Room, most: Most) -> bool {
        let has = |count: Option<&u32>, most: u32| count.is_some_and(|count| *count >= most);
        has(self.rooms.get(room), most.all / OF_ONE)
            || has(self.providers.get(&room.provider), most.of_provider)
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, u32>, whose: &K) {
    if let Some(count) = counts.get_mut(whose) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(whose);
        }
    }
}

#[derive(Debug, Default)]
struct Shard {
    /// By digest: until when, and whose.
    known: HashMap<[u8; 32], (Instant, Room)>,
    counts: Counts,
    swept: Option<Instant>,
}

impl Shard {
    fn take(&mut self, digest: &[u8; 32]) {
        if let Some((_, room)) = self.known.remove(digest) {
            self.counts.leave(&room);
        }
    }

    fn is_full(&self, room: &Room, most: Most) -> bool {
        self.known.len() >= most.all as usize || self.counts.is_full(room, most)
    }

    /// Lets those go whose time is over, once in a while.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|last| now < last + APART) {
            return;
        }
        self.swept = Some(now);
        let counts = &mut self.counts;
        self.known.retain(|_, (until, room)| {
            let stays = *until > now;
            if !stays {
                counts.leave(room);
            }
            stays
        });
    }
}

/// Those of one kind.
#[derive(Debug, Default)]
struct Shards([Mutex<Shard>; SHARDS]);

impl Shards {
    fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, digest: &[u8; 32]) -> MutexGuard<'_, Shard> {
        Self::lock(&self.0[usize::from(digest[0]) % SHARDS])
    }

    /// `most` in this shard.
    fn note(&self, room: Room, once: &Once, most: Most) -> Result<Used, Unusable> {
        let mut shard = self.of(&once.digest);
        let now = Instant::now();
        if let Some((until, _)) = shard.known.get(&once.digest) {
            if *until > now {
                return Err(Unusable::Known);
            }
            // It may have been another's.
            shard.take(&once.digest);
        }
        if shard.is_full(&room, most) {
            shard.sweep(now);
            if shard.is_full(&room, most) {
                return Err(Unusable::Full);
            }
        }
        let until = now + once.left;
        shard.known.insert(once.digest, (until, room));
        shard.counts.enter(room);
        Ok(Used {
            kind: once.kind,
            digest: once.digest,
            until,
        })
    }

    fn forget(&self, used: &Used) {
        let mut shard = self.of(&used.digest);
        // After its time somebody else may have noted the same.
        let known = shard.known.get(&used.digest);
        if known.is_some_and(|(until, _)| *until == used.until) {
            shard.take(&used.digest);
        }
    }

    fn len(&self) -> u64 {
        let sizes = self.0.iter();
        sizes
            .map(|shard| Self::lock(shard).known.len() as u64)
            .sum()
    }
}

/// Of all workers.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    proofs: Shards,
    tokens: Shards,
    /// All APIs are of one organization.
    is_lone: AtomicBool,
    /// Not taken for want of room.
    full: AtomicU64,
}

impl Nonces {
    const fn shards(&self, kind: Kind) -> (&Shards, u32) {
        match kind {
            Kind::Proof => (&self.proofs, PROOFS),
            Kind::Token => (&self.tokens, TOKENS),
        }
    }

    /// Whether all APIs are of one organization: then it has all of the room. Where others come, what
    /// it has taken beyond its part goes with its time.
    pub(crate) fn note_lone(&self, is_lone: bool) {
        self.is_lone.store(is_lone, Relaxed);
    }

    /// Of one shard.
    fn most(&self, of_all: u32) -> Most {
        let all = of_all / SHARDS as u32;
        let part = if self.is_lone.load(Relaxed) {
            1
        } else {
            OF_PROVIDER
        };
        Most {
            all,
            of_provider: all / part,
        }
    }

    /// Notes all of them or none. What the request has `used` already is its own: several policies
    /// may look at the same.
    ///
    /// # Errors
    /// Of what kind the first is that cannot be used, and why.
    pub(crate) fn use_up(
        &self,
        room: Room,
        all: &[Option<Once>],
        used: &mut Vec<Used>,
    ) -> Result<(), (Kind, Unusable)> {
        let before = used.len();
        for once in all.iter().flatten() {
            if used.iter().any(|known| known.is(once)) {
                continue;
            }
            let (shards, most) = self.shards(once.kind);
            match shards.note(room, once, self.most(most)) {
                Ok(noted) => used.push(noted),
                Err(why) => {
                    if why == Unusable::Full {
                        self.full.fetch_add(1, Relaxed);
                    }
                    used.drain(before..).for_each(|noted| self.forget(&noted));
                    return Err((once.kind, why));
                }
            }
        }
        Ok(())
    }

    /// Whoever had it may use it once more, as nothing came of it.
    pub(crate) fn give_back(&self, used: &mut Vec<Used>) {
        used.drain(..).for_each(|noted| self.forget(&noted));
    }

    fn forget(&self, used: &Used) {
        self.shards(used.kind).0.forget(used);
    }

    /// How many there are, and how many were not taken for want of room.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let count = self.proofs.len() + self.tokens.len();
        (count, self.full.load(Relaxed))
    }
}

#[cfg(test)]
mod tests;
