//! One request asks the upstream while others wait for what it gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// What became of the one that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landed {
    /// Nothing yet; where nothing follows, it was given up.
    No,
    /// Its answer is kept.
    Kept,
}

/// Those under way: as many as requests, at most.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<u128, watch::Receiver<Landed>>>);

/// The one that asks, until it is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    key: u128,
    flights: Arc<Flights>,
    sender: watch::Sender<Landed>,
}

pub(super) enum Joined {
    Leads(Flight),
    Waits(watch::Receiver<Landed>),
}

impl Flights {
    pub(super) fn join(self: &Arc<Self>, key: u128) -> Joined {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = flights.get(&key) {
            return Joined::Waits(waits.clone());
        }
        let (sender, receiver) = watch::channel(Landed::No);
        flights.insert(key, receiver);
        Joined::Leads(Flight {
            key,
            flights: self.clone(),
            sender,
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Flight {
    pub(super) fn land(self) {
        self.sender.send_replace(Landed::Kept);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

/// Waits for the one that asks: whether its answer is kept.
pub(super) async fn wait(mut waits: watch::Receiver<Landed>) -> bool {
    waits
        .wait_for(|landed| *landed == Landed::Kept)
        .await
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_hear_of_the_end() {
        for lands in [true, false] {
            let flights = Arc::<Flights>::default();
            let Joined::Leads(flight) = flights.join(1) else {
                panic!("nobody asks yet")
            };
            let Joined::Waits(waits) = flights.join(1) else {
                panic!("somebody asks")
            };
            assert!(matches!(flights.join(2), Joined::Leads(_)));
            let waiting = tokio::spawn(wait(waits));
            if lands {
                flight.land();
            } else {
                drop(flight);
            }
            assert_eq!(waiting.await.unwrap(), lands);
            assert_eq!(flights.len(), 0);
        }
    }
}
