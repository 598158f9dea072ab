//! Where a limit keeps its count for a subscription, and the numbers by which limits are known.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use domain::policy::PolicyKind;
use uuid::Uuid;

use crate::limiter::Cell;
use crate::quota::Counter;

/// A subscription's counts, one place per allowance step of its plan, filled at first use: so
/// that a subscriber's request looks nothing up.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) cells: Box<[OnceLock<Arc<Cell>>]>,
    pub(crate) counters: Box<[OnceLock<Arc<Counter>>]>,
}

impl Slots {
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            cells: (0..steps).map(|_| OnceLock::new()).collect(),
            counters: (0..steps).map(|_| OnceLock::new()).collect(),
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
