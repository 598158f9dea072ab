//! What may be used once: remembered for as long as it would be good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::notification::RemovalCause;
use moka::sync::Cache;

/// Nonces of a process.
const MOST: u64 = 1_000_000;

/// Of all workers.
#[derive(Debug)]
pub(crate) struct Nonces {
    known: Cache<[u8; 32], Duration>,
    /// Forgotten early for want of room: they could be used again.
    evicted: Arc<AtomicU64>,
}

struct AsLongAsItSays;

impl Expiry<[u8; 32], Duration> for AsLongAsItSays {
    fn expire_after_create(&self, _: &[u8; 32], left: &Duration, _: Instant) -> Option<Duration> {
        Some(*left)
    }
}

impl Default for Nonces {
    fn default() -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let counter = evicted.clone();
        let known = Cache::builder()
            .max_capacity(MOST)
            .expire_after(AsLongAsItSays)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counter.fetch_add(1, Relaxed);
                }
            })
            .build();
        Self { known, evicted }
    }
}

impl Nonces {
    /// Notes it for so long. False when it was noted before: of several at once, one is the first.
    pub(crate) fn is_new(&self, nonce: [u8; 32], left: Duration) -> bool {
        self.known.entry(nonce).or_insert(left).is_fresh()
    }

    /// How many there are, and how many were forgotten early.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.known.entry_count(), self.evicted.load(Relaxed))
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
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (3..100).filter(|n| nonces.is_new([*n; 32], long)).count()))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(all, 97);
    }
}
