//! How many clients may be connected, in all and from one address.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::settings::Limits;

const SHARDS: usize = 16;

#[derive(Debug)]
struct Counts {
    all: AtomicUsize,
    by_address: Vec<Mutex<HashMap<IpAddr, usize>>>,
    hasher: RandomState,
}

/// The doors of a node, shared by its workers. Asked once per connection.
#[derive(Debug)]
pub(crate) struct Connections {
    counts: Arc<Counts>,
    most: usize,
    /// `None` behind trusted proxies, which connect for everybody.
    most_per_address: Option<usize>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<Counts>,
    address: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits, behind_proxies: bool) -> Self {
        Self {
            counts: Arc::new(Counts {
                all: AtomicUsize::new(0),
                by_address: (0..SHARDS).map(|_| Mutex::default()).collect(),
                hasher: RandomState::new(),
            }),
            most: limits.connections.min(half_of_file_limit()),
            most_per_address: (!behind_proxies).then_some(limits.connections_per_address),
        }
    }

    /// `None` when there is no room.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        if self.counts.all.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.counts.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut place = Place {
            counts: self.counts.clone(),
            address: None,
        };
        if let Some(most) = self.most_per_address {
            // IPv6 by /64: one subscriber has that much.
            let address = match address.to_canonical() {
                IpAddr::V4(ip) => IpAddr::V4(ip),
                IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
            };
            let mut shard = self.counts.shard(address);
            let count = shard.entry(address).or_insert(0);
            if *count >= most {
                return None;
            }
            *count += 1;
            place.address = Some(address);
        }
        Some(place)
    }

    pub(crate) fn open(&self) -> usize {
        self.counts.all.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn shard(&self, address: IpAddr) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        let index = self.hasher.hash_one(address) as usize % SHARDS;
        self.by_address[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            let mut shard = self.counts.shard(address);
            if let Some(count) = shard.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    shard.remove(&address);
                }
            }
        }
    }
}

/// The other half is for upstream connections and files.
fn half_of_file_limit() -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(usize::MAX, |files| (files / 2).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share() {
        let limits = Limits {
            connections: 3,
            connections_per_address: 2,
            ..Limits::default()
        };
        let doors = Connections::new(&limits, false);
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = doors.enter(a).unwrap();
        let _second = doors.enter(a).unwrap();
        assert!(doors.enter(a).is_none());
        let _third = doors.enter(b).unwrap();
        assert!(doors.enter(b).is_none(), "all are taken");
        drop(first);
        assert!(doors.enter("::ffff:10.0.0.1".parse().unwrap()).is_some());
        assert_eq!(doors.open(), 2);
    }
}
