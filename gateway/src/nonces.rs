//! What may be used once: remembered for as long as it would be good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SHARDS: usize = 16;
/// Nonces of a process.
const MOST: usize = 1_000_000;

/// By digest, until when.
type Shard = Mutex<HashMap<[u8; 32], Instant>>;

/// Of all workers.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    shards: [Shard; SHARDS],
    /// Not taken for want of room.
    full: AtomicU64,
}

impl Nonces {
    /// Notes it for so long. False when it was noted before: of several at once, one is the first;
    /// and when there is no room, as it could be used again.
    pub(crate) fn is_new(&self, nonce: [u8; 32], left: Duration) -> bool {
        let shard = &self.shards[usize::from(nonce[0]) % SHARDS];
        let mut known = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if known.get(&nonce).is_some_and(|until| *until > now) {
            return false;
        }
        if known.len() >= MOST / SHARDS {
            known.retain(|_, until| *until > now);
            if known.len() >= MOST / SHARDS {
                self.full.fetch_add(1, Relaxed);
                return false;
            }
        }
        known.insert(nonce, now + left);
        true
    }

    /// How many there are, and how many were not taken for want of room.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let sizes = self.shards.iter().map(|shard| {
            let known = shard.lock().unwrap_or_else(PoisonError::into_inner);
            known.len() as u64
        });
        (sizes.sum(), self.full.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once() {
        let nonces = Nonces::default();
        let long = Duration::from_secs(60);
        assert!(nonces.is_new([1; 32], long));
        assert!(nonces.is_new([2; 32], long));
        assert!(!nonces.is_new([1; 32], long));
        let all: usize = std::thread::scope(|scope| {
            let count = || (3..100).filter(|n| nonces.is_new([*n; 32], long)).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(all, 97);
        // One whose time is over is let go.
        assert!(nonces.is_new([200; 32], Duration::ZERO));
        assert!(nonces.is_new([200; 32], long));
        assert_eq!(nonces.figures(), (100, 0));
    }
}
