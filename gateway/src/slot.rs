//! Where a limit keeps its count for a subscription, and the numbers by which limits are known.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use domain::policy::PolicyKind;
use uuid::Uuid;

use crate::limiter::Cell;
use crate::quota::Counter;

/// Allowance steps of a plan that have a place in a subscription; the others look their counts up.
const PLACES: usize = 4;

/// A subscription's counts, one place per allowance step of its plan, filled at first use: so
/// that a subscriber's request looks nothing up.
///
/// A plan may change under its subscriptions. A place then holds the count of another limit, and
/// the step looks its own up.
#[derive(Debug, Default)]
pub(crate) struct Slots(OnceLock<Box<[OnceLock<Slot>; PLACES]>>);

/// A count, and the number of its limit.
#[derive(Debug)]
enum Slot {
    Cell(u32, Arc<Cell>),
    Counter(u32, Arc<Counter>),
}

impl Slots {
    fn slot(&self, place: usize, find: impl FnOnce() -> Slot) -> Option<&Slot> {
        let slots = self.0.get_or_init(Box::default);
        Some(slots.get(place)?.get_or_init(find))
    }

    pub(crate) fn cell(
        &self,
        place: usize,
        limit: u32,
        find: impl FnOnce() -> Arc<Cell>,
    ) -> Option<&Arc<Cell>> {
        match self.slot(place, || Slot::Cell(limit, find()))? {
            Slot::Cell(number, cell) => (*number == limit).then_some(cell),
            Slot::Counter(..) => None,
        }
    }

    pub(crate) fn counter(
        &self,
        place: usize,
        limit: u32,
        find: impl FnOnce() -> Arc<Counter>,
    ) -> Option<&Arc<Counter>> {
        match self.slot(place, || Slot::Counter(limit, find()))? {
            Slot::Counter(number, counter) => (*number == limit).then_some(counter),
            Slot::Cell(..) => None,
        }
    }
}

/// Numbers for (attach point, kind, name), the same in every state: counts survive because of it.
#[derive(Debug, Default)]
pub(crate) struct Limits(RwLock<HashMap<Name, u32>>);

type Name = (Uuid, PolicyKind, Box<str>);

impl Limits {
    pub(crate) fn number(&self, attach: Uuid, kind: PolicyKind, name: &str) -> u32 {
        let mut numbers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.len() as u32;
        *numbers.entry((attach, kind, name.into())).or_insert(next)
    }
}
