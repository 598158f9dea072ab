//! How much of requests and answers a worker has copied for `log_detail`, until it is written. One
//! side is the worker, the other whoever drains its ring: so it is under a lock, which is taken only
//! for requests of which something is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::OrganizationId;

use crate::record::MOST_CAUGHT;

/// Bytes of one worker.
const MOST: u64 = 16 * 1024 * 1024;
/// What each request is counted with at least: so the places of those that wait to be written are
/// shared as the bytes are.
const LEAST: u64 = MOST / MOST_CAUGHT as u64;
/// The same while it lasts: something is held of each, also where nothing was copied yet.
const LEAST_LASTING: u64 = 512;
/// In how much of that one organization's requests have no rivals: beyond it they get only what lies
/// below half of all.
const OF_ONE: u64 = MOST / 8;

/// What a worker holds.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    all: u64,
    of: HashMap<OrganizationId, u64>,
    /// Requests of which nothing is kept, as there was no room.
    refused: u64,
}

impl Budget {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether so many bytes more may be held; then they are.
    fn add(&self, of: OrganizationId, bytes: u64) -> bool {
        let mut held = self.held();
        let own = held.of.get(&of).copied().unwrap_or(0) + bytes;
        let all = held.all + bytes;
        let fits = all <= MOST && (own <= OF_ONE || all <= MOST / 2);
        if fits {
            held.all = all;
            held.of.insert(of, own);
        } else {
            held.refused += 1;
        }
        fits
    }

    fn take(&self, of: OrganizationId, bytes: u64) {
        let mut held = self.held();
        held.all = held.all.saturating_sub(bytes);
        if let Some(own) = held.of.get_mut(&of) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                held.of.remove(&of);
            }
        }
    }

    /// Counts one that had no room elsewhere.
    pub(crate) fn refuse(&self) {
        self.held().refused += 1;
    }

    /// Bytes that are held, and requests of which nothing was kept for want of room.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let held = self.held();
        (held.all, held.refused)
    }
}

/// What one request is counted with, until it is gone.
pub(crate) struct Charge {
    budget: Arc<Budget>,
    of: OrganizationId,
    bytes: u64,
    /// How much of it is for what is still to come.
    spare: u64,
}

impl Charge {
    pub(crate) const fn new(budget: Arc<Budget>, of: OrganizationId) -> Self {
        Self {
            budget,
            of,
            bytes: 0,
            spare: 0,
        }
    }

    /// Whether there is room for one more request.
    pub(super) fn begin(&mut self) -> bool {
        let fits = self.add(LEAST);
        if fits {
            self.spare = LEAST;
        }
        fits
    }

    /// Of one that lasts only what it holds is counted: a stream that trickles would keep the room of
    /// many others.
    pub(super) fn lasts(&mut self) {
        let used = self.bytes - self.spare;
        let free = self
            .spare
            .saturating_sub(LEAST_LASTING.saturating_sub(used));
        if free > 0 {
            self.budget.take(self.of, free);
            self.spare -= free;
            self.bytes -= free;
        }
    }

    /// Whether there is a place for it among those that wait to be written.
    pub(super) fn ends(&mut self) -> bool {
        // Nothing is still to come.
        self.spare = 0;
        self.add(LEAST.saturating_sub(self.bytes))
    }

    /// Whether there is room for so many more.
    pub(super) fn add(&mut self, bytes: u64) -> bool {
        let spared = bytes.min(self.spare);
        let more = bytes - spared;
        let fits = more == 0 || self.budget.add(self.of, more);
        if fits {
            self.spare -= spared;
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.take(self.of, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(organization: u8) -> OrganizationId {
        OrganizationId::from_name("o", &organization.to_string())
    }

    #[test]
    fn nobody_takes_all_of_it() {
        const MIB: u64 = 1024 * 1024;
        for (own, others, more, fits) in [
            (0, 0, MIB, true),
            (7 * MIB, 0, MIB, true),
            (8 * MIB, 0, 1, false),
            (0, 8 * MIB, 2 * MIB, true),
            (0, 8 * MIB, 2 * MIB + 1, false),
            (2 * MIB, 6 * MIB, 1, false),
        ] {
            let budget = Arc::<Budget>::default();
            let mut mine = Charge::new(budget.clone(), of(1));
            let mut theirs = Charge::new(budget.clone(), of(2));
            assert!(mine.add(own) && theirs.add(others));
            assert_eq!(mine.add(more), fits, "{own} {others} {more}");
            assert_eq!(budget.figures().1, u64::from(!fits));
            drop((mine, theirs));
            assert_eq!(budget.figures().0, 0);
            assert!(budget.held().of.is_empty());
        }
        let budget = Arc::<Budget>::default();
        let mut all: Vec<Charge> = (0..8)
            .map(|one| Charge::new(budget.clone(), of(one)))
            .collect();
        assert!(all.iter_mut().all(|one| one.add(2 * MIB)));
        assert!(!Charge::new(budget.clone(), of(9)).add(1));
    }

    #[test]
    fn small_requests_take_places_as_well() {
        let budget = Arc::<Budget>::default();
        let many = |of: OrganizationId| {
            let all = std::iter::repeat_with(|| Charge::new(budget.clone(), of));
            let all = all.map_while(|mut one| one.begin().then_some(one));
            all.collect::<Vec<Charge>>()
        };
        let mine = many(of(1));
        assert_eq!(mine.len(), MOST_CAUGHT / 2, "the other half is for others");
        let theirs: Vec<Vec<Charge>> = (2..9).map(|one| many(of(one))).collect();
        let counts: Vec<usize> = theirs.iter().map(Vec::len).collect();
        assert_eq!(counts, [128, 128, 128, 128, 0, 0, 0]);
        drop((mine, theirs));
        let mut one = Charge::new(budget.clone(), of(1));
        assert!(one.begin() && one.add(LEAST - 1));
        assert_eq!(budget.figures().0, LEAST);
        assert!(one.add(3));
        assert_eq!(budget.figures().0, LEAST + 2);
    }

    #[test]
    fn of_those_that_last_only_what_they_hold_is_counted() {
        let budget = Arc::<Budget>::default();
        let held = || budget.figures().0;
        let mut one = Charge::new(budget.clone(), of(1));
        assert!(one.begin() && one.add(100));
        for _ in 0..2 {
            one.lasts();
            assert_eq!(held(), LEAST_LASTING);
        }
        assert!(one.add(500) && held() == 600);
        one.lasts();
        assert_eq!(held(), 600);
        // At its end it takes a place as any other.
        assert!(one.ends() && held() == LEAST);
        let mut long = Charge::new(budget.clone(), of(1));
        assert!(long.begin() && long.add(LEAST + 1));
        long.lasts();
        assert!(long.ends());
        assert_eq!(held(), 2 * LEAST + 1);
        // Where there is none left it is dropped, and counted.
        let mut late = Charge::new(budget.clone(), of(2));
        assert!(late.begin());
        late.lasts();
        let others: Vec<Charge> = (3..11)
            .map(|other| {
                let mut other = Charge::new(budget.clone(), of(other));
                while other.add(LEAST) {}
                other
            })
            .collect();
        let refused = budget.figures().1;
        assert!(!late.ends());
        assert_eq!(budget.figures().1, refused + 1);
        drop((one, long, late, others));
        assert_eq!(held(), 0);
    }
}
