//! Turns under a bucket that is empty: who waits for one, and when the next is.
//!
//! A bucket of one node gives turns beforehand: each who joins takes the next of them, so that
//! there are as many as wait, and whoever is first in the line has the earliest. What several nodes
//! share cannot be promised: there the first of the line asks for it when it may be there, and
//! whoever settles asks on its behalf.
//!
//! Only the first of a line has a timer; it wakes the one behind it when it goes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Cell, Rate, Verdict};
use crate::clock::Clock;
use crate::lease::Leases;
use crate::line::{Line, Lost, Said, Ticket};

/// The first of a line asks again after this long at least, where whoever settles does not do so
/// before.
const AGAIN: Duration = Duration::from_millis(50);

/// The line of a cell.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queue: Mutex<Queue>,
    /// How many are in it, for those who only want to know that nobody is.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    line: Line<Rate>,
    /// The turns that were given beforehand, the earliest first.
    at: VecDeque<Instant>,
}

/// What a request asks of a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) rate: Rate,
    /// Nanoseconds that it may wait.
    pub(crate) delay: u64,
    /// How many may wait for the bucket at a time.
    pub(crate) most: usize,
    /// Of its plan.
    pub(crate) priority: i8,
}

impl Wish {
    /// The bucket with the turns that may be waited for.
    fn patient(&self) -> Rate {
        Rate {
            interval: self.rate.interval,
            tolerance: self.rate.tolerance.saturating_add(self.delay),
            ..self.rate
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Joined {
    /// It goes at once; what it cost, for whoever gives it back.
    Now(Rate),
    Waits(Turn),
    Full(Verdict),
}

/// Where turns that were not given beforehand come from.
#[derive(Debug, Clone)]
struct Source {
    leases: Arc<Leases>,
    clock: Clock,
}

/// Stands in the line of a bucket until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    cell: Arc<Cell>,
    ticket: Ticket<Rate>,
    rate: Rate,
    /// `None`: the bucket is this node's.
    source: Option<Source>,
    until: Instant,
    is_over: bool,
}

impl Turns {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn note(&self, queue: &Queue) {
        self.waiting.store(queue.line.len(), Ordering::Relaxed);
    }
}

impl Queue {
    /// Lets those go whose turns have come.
    fn serve(&mut self, now: Instant, rate: Rate) -> bool {
        let mut went = false;
        while self.at.front().is_some_and(|at| *at <= now) {
            self.at.pop_front();
            went |= self.line.grant(rate);
        }
        went
    }

    /// Lets those go for whom the nodes' bucket has something. Nanoseconds until it may have more.
    fn serve_shared(&mut self, cell: &Arc<Cell>, source: &Source, rate: Rate) -> (bool, u64) {
        let Some(lease) = cell.lease() else {
            return (false, 0);
        };
        let now = source.clock.micros() * 1000;
        let mut went = false;
        while !self.line.is_empty() {
            let (verdict, cost) = source.leases.admit(cell, lease, now, rate);
            if !verdict.admitted {
                return (went, verdict.retry_in);
            }
            went |= self.line.grant(cost);
        }
        (went, 0)
    }
}

impl Cell {
    /// How many wait for it.
    pub(crate) fn waiting(&self) -> usize {
        let beside = self.beside.get();
        beside.map_or(0, |beside| beside.turns.waiting())
    }

    fn turns(&self) -> &Turns {
        &self.beside.get_or_init(Box::default).turns
    }

    /// What [`join`] would say to one that cannot go at once: not for sure, as others may come
    /// before.
    pub(crate) fn may_join(&self, verdict: Verdict, wish: &Wish) -> bool {
        let Some(beside) = self.beside.get() else {
            return verdict.retry_in <= wish.delay;
        };
        let queue = beside.turns.queue();
        let waiting = queue.line.len();
        let ahead = match self.lease() {
            // Their turns are taken already.
            None => 0,
            Some(_) => (waiting as u64).saturating_mul(wish.rate.interval),
        };
        let fits = verdict.retry_in.saturating_add(ahead) <= wish.delay && waiting < wish.most;
        fits || queue.line.may_displace(wish.priority)
    }
}

/// Takes the next turn of a bucket of this node; in a line that is full, or too long, that of one of
/// a lower priority.
pub(crate) fn join(cell: &Arc<Cell>, now: u64, wish: &Wish) -> Joined {
    let turns = cell.turns();
    let mut queue = turns.queue();
    let verdict = if queue.line.len() < wish.most {
        cell.admit(now, wish.patient())
    } else {
        cell.peek(now, wish.patient()).refused()
    };
    if verdict.admitted {
        let turn = verdict.full_in.saturating_sub(wish.rate.tolerance);
        if turn == 0 {
            return Joined::Now(wish.rate);
        }
        let at = Instant::now() + Duration::from_nanos(turn);
        let place = queue.at.partition_point(|one| *one <= at);
        queue.at.insert(place, at);
    } else if !queue.line.displace(wish.priority) {
        return Joined::Full(verdict);
    }
    let ticket = queue.line.join(wish.priority);
    turns.note(&queue);
    drop(queue);
    Joined::Waits(Turn::new(cell, ticket, wish, None))
}

/// The same where the bucket is that of all nodes.
pub(crate) fn join_shared(
    cell: &Arc<Cell>,
    leases: &Arc<Leases>,
    clock: &Clock,
    wish: &Wish,
) -> Joined {
    let turns = cell.turns();
    let mut queue = turns.queue();
    let Some(lease) = cell.lease() else {
        drop(queue);
        return join(cell, clock.micros() * 1000, wish);
    };
    let now = clock.micros() * 1000;
    let waiting = queue.line.len();
    let mut verdict = leases.peek(cell, lease, now, wish.rate);
    if waiting == 0 {
        let (said, cost) = leases.admit(cell, lease, now, wish.rate);
        if said.admitted {
            return Joined::Now(cost);
        }
        verdict = said;
    }
    let ahead = (waiting as u64).saturating_mul(wish.rate.interval);
    let fits = verdict.retry_in.saturating_add(ahead) <= wish.delay && waiting < wish.most;
    if !fits && !queue.line.displace(wish.priority) {
        return Joined::Full(verdict.refused());
    }
    let ticket = queue.line.join(wish.priority);
    turns.note(&queue);
    drop(queue);
    let source = Source {
        leases: leases.clone(),
        clock: clock.clone(),
    };
    Joined::Waits(Turn::new(cell, ticket, wish, Some(source)))
}

/// Lets those go for whom a settlement has brought something.
pub(crate) fn serve(cell: &Arc<Cell>, leases: &Arc<Leases>, clock: &Clock, rate: Rate) {
    if cell.waiting() == 0 {
        return;
    }
    let source = Source {
        leases: leases.clone(),
        clock: clock.clone(),
    };
    let turns = cell.turns();
    let mut queue = turns.queue();
    if queue.serve_shared(cell, &source, rate).0 {
        queue.line.call_first();
        turns.note(&queue);
    }
}

impl Turn {
    fn new(cell: &Arc<Cell>, ticket: Ticket<Rate>, wish: &Wish, source: Option<Source>) -> Self {
        Self {
            cell: cell.clone(),
            ticket,
            rate: wish.rate,
            source,
            until: Instant::now() + Duration::from_nanos(wish.delay),
            is_over: false,
        }
    }

    /// Until its turn has come, or it is too late: then what it cost. When it is dropped meanwhile
    /// it has left the line, and a turn that it was given goes to the next.
    pub(crate) async fn come(mut self) -> Result<Rate, Lost> {
        let said = loop {
            let now = Instant::now();
            let next = self.look(now);
            if let Some(said) = self.ticket.said() {
                break said;
            }
            if now >= self.until {
                return Err(Lost::Late);
            }
            let next = next.map_or(self.until, |next| next.min(self.until));
            tokio::select! {
                biased;
                () = self.ticket.called() => {}
                () = sleep_until(next) => {}
            }
        };
        self.is_over = true;
        match said {
            Said::Granted(cost) => Ok(cost),
            Said::Displaced => Err(Lost::Displaced),
        }
    }

    /// Lets those go who may; when to look again, where this is the first.
    fn look(&self, now: Instant) -> Option<Instant> {
        let turns = self.cell.turns();
        let mut queue = turns.queue();
        let (went, retry) = match &self.source {
            None => (queue.serve(now, self.rate), None),
            Some(source) if queue.line.is_first(&self.ticket) => {
                let (went, retry) = queue.serve_shared(&self.cell, source, self.rate);
                (went, Some(now + Duration::from_nanos(retry).max(AGAIN)))
            }
            Some(_) => (false, None),
        };
        turns.note(&queue);
        let is_first = queue.line.is_first(&self.ticket);
        if went && !is_first {
            queue.line.call_first();
        }
        let next = retry.or_else(|| queue.at.front().copied());
        next.filter(|_| is_first)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let turns = self.cell.turns();
        let mut queue = turns.queue();
        if queue.line.leave(&self.ticket) {
            if self.source.is_none() && queue.at.pop_back().is_some() {
                // The others go earlier; the last turn is nobody's.
                self.cell.give_back(self.rate);
            }
            queue.line.call_first();
        } else if let Some(Said::Granted(cost)) = self.ticket.said() {
            // It is gone before it knew.
            if self.source.is_none() && queue.line.grant(cost) {
                queue.at.pop_back();
                queue.line.call_first();
            }
            self.cell.give_back(cost);
            if self.source.is_some() {
                queue.line.call_first();
            }
        }
        turns.note(&queue);
    }
}

#[cfg(test)]
mod tests;
