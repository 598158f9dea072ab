//! Places of requests in flight, by limit and subject. What is not in flight is not here: there are
//! never more entries than requests are worked on at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limiter::CellKey;

const SHARDS: usize = 64;

#[derive(Debug)]
pub(crate) struct Places {
    shards: Box<[Mutex<HashMap<CellKey, u32>>]>,
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

impl Places {
    fn shard(&self, key: &CellKey) -> MutexGuard<'_, HashMap<CellKey, u32>> {
        let index = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards[index].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// Counting and taking are one step: two that come together never get the last place both.
    pub(crate) fn enter(self: &Arc<Self>, key: CellKey, limit: u32) -> Option<Place> {
        let mut shard = self.shard(&key);
        let taken = shard.entry(key).or_default();
        if *taken >= limit {
            // An entry of none in flight was not there before; a limit is at least 1.
            return None;
        }
        *taken += 1;
        drop(shard);
        Some(Place {
            places: self.clone(),
            key,
        })
    }

    /// Requests in flight.
    pub(crate) fn taken(&self, key: &CellKey) -> u32 {
        self.shard(key).get(key).copied().unwrap_or(0)
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
        if let Entry::Occupied(mut taken) = self.places.shard(&self.key).entry(self.key) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_leave_nothing() {
        let places = Arc::<Places>::default();
        let key = |subject| CellKey { limit: 1, subject };
        let first = places.enter(key(1), 2);
        let second = places.enter(key(1), 2);
        assert!(first.is_some() && second.is_some());
        assert!(places.enter(key(1), 2).is_none());
        assert!(places.enter(key(2), 1).is_some(), "another subject");
        drop(first);
        assert_eq!(places.taken(&key(1)), 1);
        assert!(places.enter(key(1), 2).is_some());
        drop(second);
        assert_eq!(places.len(), 0);
    }

    #[test]
    fn many_threads_never_have_more_than_there_are() {
        let places = Arc::<Places>::default();
        let most = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let now = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (places, most, now) = (places.clone(), most.clone(), now.clone());
                std::thread::spawn(move || {
                    use std::sync::atomic::Ordering::SeqCst;
                    for _ in 0..2000 {
                        let key = CellKey {
                            limit: 1,
                            subject: 7,
                        };
                        if let Some(place) = places.enter(key, 2) {
                            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                            now.fetch_sub(1, SeqCst);
                            drop(place);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(most.load(std::sync::atomic::Ordering::SeqCst) <= 2);
        assert_eq!(places.len(), 0);
    }
}
