//! Requests that wait for the same thing, in their order: by the priority of their plans, then as
//! they came. Pure: whoever holds the lock around a line says when its first may go.
//!
//! Only the one that may go is woken, on whichever worker it waits.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

/// What became of one who waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<G> {
    /// It may go, with what it was given.
    Granted(G),
    /// One of a higher priority has its place in the line.
    Displaced,
}

/// Why a request that waited does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Late,
    Displaced,
}

#[derive(Debug)]
struct Waiter<G> {
    said: OnceLock<Said<G>>,
    wake: Notify,
}

/// Where one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    priority: Reverse<i8>,
    number: u64,
}

/// One's place in a line. Whoever holds it leaves the line when it goes.
#[derive(Debug)]
pub(crate) struct Ticket<G> {
    standing: Standing,
    waiter: Arc<Waiter<G>>,
}

impl<G: Copy> Ticket<G> {
    pub(crate) fn said(&self) -> Option<Said<G>> {
        self.waiter.said.get().copied()
    }

    /// Resolves when something was said, or when it has become the first of the line; once for each.
    pub(crate) async fn called(&self) {
        self.waiter.wake.notified().await;
    }
}

#[derive(Debug)]
pub(crate) struct Line<G> {
    waiting: BTreeMap<Standing, Arc<Waiter<G>>>,
    next: u64,
}

impl<G> Default for Line<G> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<G> Line<G> {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one of this priority has a place in a line that is full: the last has a lower one.
    pub(crate) fn may_displace(&self, priority: i8) -> bool {
        let last = self.waiting.last_key_value();
        last.is_some_and(|(standing, _)| standing.priority.0 < priority)
    }

    /// Takes the last, which came last of those with the lowest priority, out for one of this
    /// priority; whether it did.
    pub(crate) fn displace(&mut self, priority: i8) -> bool {
        if !self.may_displace(priority) {
            return false;
        }
        match self.waiting.pop_last() {
            Some((_, waiter)) => {
                say(&waiter, Said::Displaced);
                true
            }
            None => false,
        }
    }

    pub(crate) fn join(&mut self, priority: i8) -> Ticket<G> {
        let standing = Standing {
            priority: Reverse(priority),
            number: self.next,
        };
        self.next += 1;
        let waiter = Arc::new(Waiter {
            said: OnceLock::new(),
            wake: Notify::new(),
        });
        self.waiting.insert(standing, waiter.clone());
        Ticket { standing, waiter }
    }

    pub(crate) fn is_first(&self, ticket: &Ticket<G>) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|(_, waiter)| Arc::ptr_eq(waiter, &ticket.waiter))
    }

    /// Lets the first go; whether there was one.
    pub(crate) fn grant(&mut self, with: G) -> bool {
        match self.waiting.pop_first() {
            Some((_, waiter)) => {
                say(&waiter, Said::Granted(with));
                true
            }
            None => false,
        }
    }

    /// Tells the first that it is the first.
    pub(crate) fn call_first(&self) {
        if let Some((_, waiter)) = self.waiting.first_key_value() {
            waiter.wake.notify_one();
        }
    }

    /// Whether it was still in the line. In one that was made anew since, somebody else may stand
    /// where it stood.
    pub(crate) fn leave(&mut self, ticket: &Ticket<G>) -> bool {
        let here = self.waiting.get(&ticket.standing);
        let is_it = here.is_some_and(|waiter| Arc::ptr_eq(waiter, &ticket.waiter));
        is_it && self.waiting.remove(&ticket.standing).is_some()
    }
}

fn say<G>(waiter: &Waiter<G>, said: Said<G>) {
    // It has left the line: nothing was said before, and nothing is said after.
    let _ = waiter.said.set(said);
    waiter.wake.notify_one();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_highest_priority_goes_first_and_the_last_of_the_lowest_is_displaced() {
        let mut line = Line::default();
        let tickets: Vec<_> = [0, 5, 0, -3, -3, 5]
            .into_iter()
            .map(|priority| line.join(priority))
            .collect();
        for (priority, displaces) in [(-3, false), (-4, false), (0, true)] {
            assert_eq!(line.displace(priority), displaces, "{priority}");
        }
        assert_eq!(tickets[4].said(), Some(Said::Displaced), "the younger");
        assert!(!line.leave(&tickets[4]));
        let mut order = Vec::new();
        let mut turn = 0;
        while line.grant(turn) {
            turn += 1;
        }
        for (index, ticket) in tickets.iter().enumerate() {
            if let Some(Said::Granted(turn)) = ticket.said() {
                order.push((turn, index));
            }
        }
        order.sort_unstable();
        assert_eq!(order, [(0, 1), (1, 5), (2, 0), (3, 2), (4, 3)]);
    }

    #[test]
    fn who_leaves_is_passed_over() {
        let mut line = Line::default();
        let (first, second) = (line.join(0), line.join(0));
        assert!(line.is_first(&first) && !line.is_first(&second));
        assert!(line.leave(&first));
        assert!(line.is_first(&second));
        assert!(line.grant(()));
        assert_eq!(
            (first.said(), second.said()),
            (None, Some(Said::Granted(())))
        );
        assert!(line.is_empty() && !line.grant(()));
    }

    #[test]
    fn a_ticket_of_a_line_that_is_no_more_removes_nobody() {
        let (mut old, mut new) = (Line::<()>::default(), Line::default());
        let (stale, stands) = (old.join(0), new.join(0));
        assert!(!new.is_first(&stale) && !new.leave(&stale));
        assert!(new.is_first(&stands) && new.leave(&stands));
    }

    proptest! {
        /// Whatever comes and goes: each is told once at most, and those who go do so by priority.
        #[test]
        fn nobody_is_lost(steps in proptest::collection::vec((0_u8..5, -2_i8..3), 1..200)) {
            let mut line = Line::default();
            let mut inside: Vec<(i8, Ticket<()>)> = Vec::new();
            for (step, priority) in steps {
                match step {
                    0..=2 => {
                        let displaces = line.len() >= 8 && line.displace(priority);
                        if line.len() < 8 || displaces {
                            inside.push((priority, line.join(priority)));
                        }
                    }
                    3 => {
                        let highest = inside.iter().map(|(priority, _)| *priority).max();
                        prop_assert_eq!(line.grant(()), highest.is_some());
                        for (priority, ticket) in &inside {
                            if let Some(Said::Granted(())) = ticket.said() {
                                prop_assert_eq!(Some(*priority), highest);
                            }
                        }
                    }
                    _ => {
                        if !inside.is_empty() {
                            let (_, ticket) = inside.remove(0);
                            prop_assert_eq!(line.leave(&ticket), ticket.said().is_none());
                        }
                    }
                }
                inside.retain(|(_, ticket)| ticket.said().is_none());
                prop_assert_eq!(line.len(), inside.len());
            }
        }
    }
}
