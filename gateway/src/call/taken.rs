//! What was counted for a request, to be put back if a later step refuses it.

use std::sync::Arc;

use crate::limiter::{Cell, Hit, Portion};
use crate::quota::Counter;

/// Something counted for this request, to be put back if a later step refuses it.
#[derive(Debug)]
pub(crate) enum Taken {
    Cell(Arc<Cell>, Portion),
    Hit(Arc<Cell>, Hit),
    /// In the period that began then.
    Counter(Arc<Counter>, i64),
}

impl Taken {
    /// At a time in nanoseconds of the gateway's clock.
    fn give_back(self, now: u64) {
        match self {
            Self::Cell(cell, portion) => cell.put_back(now, portion),
            Self::Hit(cell, hit) => hit.give_back(&cell),
            Self::Counter(counter, period) => counter.give_back(period),
        }
    }
}

/// What was taken, in place for the usual few.
#[derive(Debug, Default)]
pub(crate) struct TakenList {
    first: [Option<Taken>; 2],
    more: Vec<Taken>,
}

impl TakenList {
    pub(crate) fn push(&mut self, taken: Taken) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(taken),
            None => self.more.push(taken),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first[0].is_none()
    }

    pub(super) fn give_back(&mut self, now: u64) {
        let first = self.first.iter_mut().filter_map(Option::take);
        for taken in first.chain(self.more.drain(..)) {
            taken.give_back(now);
        }
    }
}
