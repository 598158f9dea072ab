//! What may be used once: remembered for as long as it would be good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::id::CredentialId;

const SHARDS: usize = 16;
/// Nonces of a process.
const MOST: usize = 1_000_000;
/// Of one credential: nobody takes all the room.
const MOST_OF_ONE: u32 = 100_000;
/// Between two times that a shard without room is looked through.
const APART: Duration = Duration::from_secs(1);

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    New,
    /// It was noted before: of several at once, one is the first.
    Known,
    /// There is no room, and what is not remembered could be used again.
    Full,
}

#[derive(Debug, Default)]
struct Shard {
    /// By digest: until when, and whose.
    known: HashMap<[u8; 32], (Instant, CredentialId)>,
    /// How many of whom.
    of: HashMap<CredentialId, u32>,
    swept: Option<Instant>,
}

impl Shard {
    /// Lets those go whose time is over, once in a while.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|last| now < last + APART) {
            return;
        }
        self.swept = Some(now);
        let of = &mut self.of;
        self.known.retain(|_, (until, whose)| {
            let stays = *until > now;
            if !stays && let Some(count) = of.get_mut(whose) {
                *count = count.saturating_sub(1);
            }
            stays
        });
        of.retain(|_, count| *count > 0);
    }
}

/// Of all workers.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    shards: [Mutex<Shard>; SHARDS],
    /// Not taken for want of room.
    full: AtomicU64,
}

impl Nonces {
    fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it for so long. The digest is of whose it is, too.
    pub(crate) fn note(&self, whose: CredentialId, nonce: [u8; 32], left: Duration) -> Noted {
        let mut shard = Self::lock(&self.shards[usize::from(nonce[0]) % SHARDS]);
        let now = Instant::now();
        let most_of_one = MOST_OF_ONE / SHARDS as u32;
        let known = shard.known.get(&nonce).copied();
        if known.is_some_and(|(until, _)| until > now) {
            return Noted::Known;
        }
        let is_full = |shard: &Shard| {
            shard.known.len() >= MOST / SHARDS
                || shard
                    .of
                    .get(&whose)
                    .is_some_and(|count| *count >= most_of_one)
        };
        if is_full(&shard) {
            shard.sweep(now);
            if is_full(&shard) {
                self.full.fetch_add(1, Relaxed);
                return Noted::Full;
            }
        }
        if shard.known.insert(nonce, (now + left, whose)).is_none() {
            *shard.of.entry(whose).or_default() += 1;
        }
        Noted::New
    }

    /// How many there are, and how many were not taken for want of room.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let sizes = self.shards.iter();
        let sizes = sizes.map(|shard| Self::lock(shard).known.len() as u64);
        (sizes.sum(), self.full.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn one(name: &str) -> CredentialId {
        CredentialId::from_name("credential", name)
    }

    #[test]
    fn each_is_new_once() {
        let nonces = Nonces::default();
        let note = |n: u8, left| nonces.note(one("a"), [n; 32], left);
        assert_eq!(note(1, LONG), Noted::New);
        assert_eq!(note(2, LONG), Noted::New);
        assert_eq!(note(1, LONG), Noted::Known);
        let all: usize = std::thread::scope(|scope| {
            let count = || (3..100).filter(|n| note(*n, LONG) == Noted::New).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(all, 97);
        // One whose time is over is as new.
        assert_eq!(note(200, Duration::ZERO), Noted::New);
        assert_eq!(note(200, LONG), Noted::New);
        assert_eq!(nonces.figures(), (100, 0));
    }

    #[test]
    fn nobody_takes_all_the_room() {
        let nonces = Nonces::default();
        let digest = |n: u32| {
            let mut digest = [0; 32];
            digest[1..5].copy_from_slice(&n.to_be_bytes());
            digest
        };
        let most = MOST_OF_ONE / SHARDS as u32;
        let taken =
            (0..most + 10).filter(|n| nonces.note(one("a"), digest(*n), LONG) == Noted::New);
        assert_eq!(taken.count() as u32, most);
        assert_eq!(nonces.note(one("b"), digest(u32::MAX), LONG), Noted::New);
        assert_eq!(nonces.figures(), (u64::from(most) + 1, 10));
    }
}
