//! Passwords that people chose, compared with their argon2id hashes: off the workers, few at a time,
//! and what came of it is remembered by a keyed digest, so that only new ones cost anything.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordVerifier};
use domain::id::CredentialId;
use moka::Expiry;
use moka::future::Cache;
use moka::notification::RemovalCause;
use tokio::sync::Semaphore;

use crate::asking::{Key, Parts};

/// What is remembered, by process.
const MOST_KEPT: u64 = 10_000;
/// How long a right password is remembered.
const RIGHT: Duration = Duration::from_secs(600);
/// How long a wrong one is.
const WRONG: Duration = Duration::from_secs(60);
/// How many are compared at a time: each takes a core and up to 64 MiB.
const AT_ONCE: usize = 2;
/// How many may wait for that.
pub(crate) const QUEUE: usize = 32;
/// The same for those whose application was there lately: strangers do not fill their places.
pub(crate) const QUEUE_OF_KNOWN: usize = 64;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a password is compared with whose user name nobody has, so that it takes as long as if
/// somebody had. No password is known that makes it.
pub(crate) const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                                  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// As many as may be wait already.
    Crowded,
    /// Its user name or its address is not heard for so many milliseconds, as too many were wrong.
    Guessed(u64),
}

struct AsLongAsItCounts;

impl Expiry<Key, bool> for AsLongAsItCounts {
    fn expire_after_create(&self, _: &Key, right: &bool, _: Instant) -> Option<Duration> {
        Some(if *right { RIGHT } else { WRONG })
    }
}

/// What is known of passwords; of all workers.
pub(crate) struct Passwords {
    known: Cache<Key, bool>,
    /// Taken out for want of room.
    evicted: Arc<AtomicU64>,
    /// Without it what is remembered says nothing about a password.
    secret: [u8; 32],
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Default for Passwords {
    fn default() -> Self {
        let mut secret = [0; 32];
        // Without chance nothing is remembered, and all are compared.
        let room = match getrandom::fill(&mut secret) {
            Ok(()) => MOST_KEPT,
            Err(_) => 0,
        };
        let evicted = Arc::new(AtomicU64::new(0));
        let counter = evicted.clone();
        let known = Cache::builder()
            .max_capacity(room)
            .expire_after(AsLongAsItCounts)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counter.fetch_add(1, Relaxed);
                }
            })
            .build();
        Self {
            known,
            evicted,
            secret,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Passwords {
    /// By what is found again what came of user name and password. The hash is in it: what is known
    /// of another one does not count.
    pub(crate) fn key(&self, credential: CredentialId, hash: &str, pair: &[u8]) -> Key {
        Parts::new("password")
            .and(&self.secret)
            .and(credential.uuid().as_bytes())
            .and(hash.as_bytes())
            .and(pair)
            .key()
    }

    /// What is remembered.
    pub(crate) async fn known(&self, key: &Key) -> Option<bool> {
        self.known.get(key).await
    }

    /// Compares a password: once, for all who show the same at the same time. `may` is asked before
    /// and after it has waited for its turn, among at most `room`; `compared` counts what it has cost.
    pub(crate) async fn compare(
        &self,
        key: Key,
        hash: &str,
        password: &[u8],
        room: usize,
        may: impl Fn() -> Result<(), Unheard>,
        compared: &Cell<u64>,
    ) -> Result<bool, Unheard> {
        let compare = async {
            may()?;
            let queued = Queued::enter(&self.waiting, room).ok_or(Unheard::Crowded)?;
            let place = self.places.clone().acquire_owned();
            let place = tokio::time::timeout(PATIENCE, place).await;
            let place = place.ok().and_then(Result::ok).ok_or(Unheard::Crowded)?;
            drop(queued);
            may()?;
            compared.set(compared.get() + 1);
            let (hash, password) = (hash.to_owned(), password.to_owned());
            // Whoever asks may go away: the place is given back when the work is done.
            let work = tokio::task::spawn_blocking(move || {
                let right = Argon2::default().verify_password(&password, hash.as_str());
                drop(place);
                right.is_ok()
            });
            work.await.map_err(|_| Unheard::Crowded)
        };
        let known = self.known.try_get_with(key, compare).await;
        known.map_err(|why: Arc<Unheard>| *why)
    }

    /// Taken out early for want of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }
}

/// A place in the queue, given back when dropped, also when the caller goes away.
struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a AtomicUsize, room: usize) -> Option<Self> {
        let queued = Self(waiting);
        (waiting.fetch_add(1, Relaxed) < room).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Algorithm, Params, PasswordHasher, Version};

    use super::*;

    fn hash(password: &str) -> String {
        let params = Params::new(8, 1, 1, Some(32)).unwrap();
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash = hasher
            .hash_password_with_salt(password.as_bytes(), &[1; 16])
            .unwrap();
        hash.to_string()
    }

    const fn always() -> Result<(), Unheard> {
        Ok(())
    }

    #[tokio::test]
    async fn a_password_is_compared_once_while_it_is_remembered() {
        let passwords = Passwords::default();
        let hash = hash("right");
        let cost = Cell::new(0);
        let id = CredentialId::from_name("credential", "c");
        for (hash, password, right, costs) in [
            (hash.as_str(), "right", true, 1),
            (hash.as_str(), "right", true, 1),
            (hash.as_str(), "wrong", false, 2),
            (hash.as_str(), "wrong", false, 2),
            ("no hash at all", "right", false, 3),
            (NOBODYS, "right", false, 4),
        ] {
            let pair = format!("u:{password}");
            let key = passwords.key(id, hash, pair.as_bytes());
            let found = passwords
                .compare(key, hash, password.as_bytes(), 1, always, &cost)
                .await;
            assert_eq!((found, cost.get()), (Ok(right), costs), "{hash} {password}");
            assert_eq!(passwords.known(&key).await, Some(right));
        }
        let other = CredentialId::from_name("credential", "d");
        let key = passwords.key(other, &hash, b"u:right");
        assert_eq!(passwords.known(&key).await, None, "another's is not known");
    }

    #[tokio::test]
    async fn all_who_show_the_same_wait_for_one() {
        let passwords = Passwords::default();
        let (hash, cost) = (hash("right"), Cell::new(0));
        let key = passwords.key(
            CredentialId::from_name("credential", "c"),
            &hash,
            b"u:right",
        );
        let ask = || passwords.compare(key, &hash, b"right", 1, always, &cost);
        let found = tokio::join!(ask(), ask(), ask());
        assert_eq!(found, (Ok(true), Ok(true), Ok(true)));
        assert_eq!(cost.get(), 1);
    }

    #[tokio::test]
    async fn what_is_not_heard_costs_nothing_and_is_not_remembered() {
        let passwords = Passwords::default();
        let (hash, cost) = (hash("right"), Cell::new(0));
        let key = passwords.key(
            CredentialId::from_name("credential", "c"),
            &hash,
            b"u:right",
        );
        let full = passwords
            .compare(key, &hash, b"right", 0, always, &cost)
            .await;
        assert_eq!(full, Err(Unheard::Crowded));
        let guessed = || Err(Unheard::Guessed(7));
        let found = passwords
            .compare(key, &hash, b"right", 1, guessed, &cost)
            .await;
        assert_eq!(found, Err(Unheard::Guessed(7)));
        assert_eq!((passwords.known(&key).await, cost.get()), (None, 0));
        let found = passwords
            .compare(key, &hash, b"right", 1, always, &cost)
            .await;
        assert_eq!(
            (found, cost.get()),
            (Ok(true), 1),
            "its place was given back"
        );
    }

    #[test]
    fn nobodys_hash_costs_what_ours_cost() {
        let hash = PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&hash).unwrap();
        let costs = (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(costs, (19_456, 2, 1));
    }
}
