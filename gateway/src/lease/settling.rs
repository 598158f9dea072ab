//! What is said to Redis of one subject, and what its answer means for the subject's cell.

use std::sync::atomic::Ordering;

use super::{Lease, Leases};
use crate::limiter::{Cell, Rate};

const MILLI: u64 = 1_000_000;

/// A subject that nobody asks for gives back what it holds after this long.
pub(super) const HOLD: u64 = 500 * MILLI;

/// What is held is settled anew at least this often, so that no grant gets old.
pub(super) const RENEW: u64 = 300 * MILLI;

/// Refused requests ask again after this long, though nothing is refilled before.
pub(super) const ASK: u64 = 1000 * MILLI;

/// What a node says of a subject. Times are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) bucket: [u8; 16],
    pub(crate) rate: Rate,
    /// Requests admitted so far.
    pub(crate) spent: u64,
    /// What Redis knew of them, should it have forgotten this node: granted then.
    pub(crate) known: u64,
    /// How many more it would like to admit before the next settlement.
    pub(crate) wanted: u64,
    /// How full the bucket was last, less what was refilled: should Redis have forgotten it.
    pub(crate) level: u64,
    /// Nobody asks for it at present.
    pub(crate) done: bool,
}

/// What Redis said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Requests granted so far.
    pub(crate) taken: u64,
    /// How full the bucket is, with what nodes hold: nanoseconds until it is empty.
    pub(crate) level: u64,
    /// Requests that nodes hold, this one among them.
    pub(crate) held: u64,
    /// Requests above the limit that this node has just told of.
    pub(crate) over: u64,
}

/// Which settlements are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Of subjects that have little left.
    Urgent,
    /// Of all that changed.
    Regular,
    /// Of everything, as Redis is back: each request has counted for so many.
    Back(u32),
    /// Of everything, as Redis has forgotten it.
    Forgotten,
    /// Of everything: the node leaves.
    Last,
}

/// An [`Ask`] on its way.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) ask: Ask,
    /// Where the cell's arrival was.
    arrival: u64,
}

impl Lease {
    /// What is to be said at `now`, if something is.
    pub(super) fn open(&self, cell: &Cell, round: Round, now: u64, nodes: u32) -> Option<Open> {
        let mut settled = self.settled();
        let is_urgent = self.urgent.swap(false, Ordering::AcqRel);
        let mut spent = self.spent.load(Ordering::Acquire);
        let is_changed = spent != settled.spent;
        if is_changed || is_urgent {
            settled.active_at = now;
        }
        let is_idle = now.saturating_sub(settled.active_at) >= HOLD;
        let is_due = match round {
            Round::Urgent => is_urgent,
            Round::Regular if is_idle => now >= settled.next_at,
            Round::Regular => {
                let is_old = now.saturating_sub(settled.at) >= RENEW;
                is_changed || is_urgent || (settled.held > 0 && is_old)
            }
            Round::Back(_) | Round::Forgotten | Round::Last => true,
        };
        if !is_due {
            return None;
        }
        let rate = self.rate();
        let arrival = cell.arrival();
        let level = settled.arrival.saturating_sub(now);
        if let Round::Back(parts) = round {
            // What was refilled meanwhile is not to be paid for.
            let own = arrival.saturating_sub(now).saturating_sub(level);
            let owed = own.div_ceil(rate.interval.saturating_mul(u64::from(parts.max(1))));
            let paid = spent.saturating_sub(settled.spent).saturating_sub(owed);
            // A request may have given back meanwhile.
            let less = |spent: u64| Some(spent.saturating_sub(paid));
            let _ = self
                .spent
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
            spent -= paid;
        }
        let done = match round {
            Round::Forgotten => false,
            Round::Urgent | Round::Regular | Round::Back(_) => is_idle,
            Round::Last => true,
        };
        let wanted = if is_idle || done || nodes <= 1 {
            0
        } else {
            let ahead = rate.ahead(nodes);
            let recent = spent.saturating_sub(settled.spent).saturating_mul(2);
            let most = rate.tolerance / rate.interval / (2 * u64::from(nodes));
            recent.clamp(ahead, most.max(ahead))
        };
        if done || nodes > 1 {
            // What goes back must not be spent while it is on its way.
            let ceiling = spent
                .saturating_add(wanted)
                .saturating_add(rate.ahead(nodes));
            self.ceiling.fetch_min(ceiling, Ordering::AcqRel);
        }
        let ask = Ask {
            bucket: self.bucket,
            rate,
            spent,
            known: settled.spent,
            wanted,
            level,
            done,
        };
        Some(Open { ask, arrival })
    }

    pub(super) fn held(&self) -> u64 {
        self.settled().held
    }

    /// The node goes on alone: what is not settled yet counts as much as what comes now.
    pub(super) fn part(&self, cell: &Cell, now: u64, nodes: u32) {
        let spent = self.spent.load(Ordering::Acquire);
        let open = spent.saturating_sub(self.settled().spent);
        let more = open.saturating_mul(u64::from(nodes.saturating_sub(1)));
        cell.weigh(now, more.saturating_mul(self.rate().interval));
    }

    /// Takes the answer to what was said at `now`: whether the subject must still be looked at
    /// when nobody asks for it. Redis may not know all yet: what the cell `keeps` is the larger.
    pub(super) fn close(
        &self,
        cell: &Cell,
        open: &Open,
        answer: Answer,
        now: u64,
        nodes: u32,
        keeps: bool,
    ) -> bool {
        let Rate {
            interval,
            tolerance,
            owed: _,
        } = open.ask.rate;
        let held = answer.taken.saturating_sub(open.ask.spent);
        let free = tolerance.saturating_sub(answer.level) / interval;
        let ahead = open.ask.rate.ahead(nodes);
        // The others may count on the same.
        let credit = ahead.min((free / u64::from(nodes.max(1))).max(free.min(1)));
        let ceiling = answer.taken.saturating_add(credit);
        self.ceiling.store(ceiling, Ordering::Release);
        let left = held.saturating_add(credit);
        self.low.store(left / 2, Ordering::Relaxed);
        let wait = answer
            .level
            .saturating_add(interval)
            .saturating_sub(tolerance);
        let empty_until = match left {
            // Another node may give something back before.
            0 => now.saturating_add(wait.min(ASK)),
            _ => 0,
        };
        self.empty_until.store(empty_until, Ordering::Relaxed);
        let used = answer
            .level
            .saturating_sub(answer.held.saturating_mul(interval));
        let level = match keeps {
            true => used.max(open.arrival.saturating_sub(now)),
            false => used,
        };
        cell.follow(open.arrival, now, level, tolerable(open.ask.rate, nodes));
        let mut settled = self.settled();
        settled.spent = open.ask.spent;
        settled.held = held;
        settled.arrival = now.saturating_add(used);
        settled.at = now;
        // It is looked at again when there is one more.
        settled.next_at = match (open.ask.done, left) {
            (false, _) => 0,
            (true, 0) => now.saturating_add(wait),
            (true, _) if credit == ahead => now.saturating_add(answer.level),
            (true, _) => now.saturating_add(interval.max(100 * MILLI)),
        };
        // What is not refilled yet is remembered, for a Redis that forgets.
        let is_cold = open.ask.done && credit == ahead && answer.level == 0;
        !is_cold
    }
}

/// How much longer than here a bucket may take in Redis to be full again, because requests are
/// counted there later: no reason to change what a node by itself counts exactly.
fn tolerable(rate: Rate, nodes: u32) -> u64 {
    let late = 250 * MILLI;
    if nodes <= 1 {
        late
    } else {
        late.min(rate.tolerance / 20)
    }
}

impl Leases {
    /// Counts what an answer tells of.
    pub(super) fn count(&self, answer: &Answer) {
        self.figures.over.fetch_add(answer.over, Ordering::Relaxed);
        self.figures
            .most_over
            .fetch_max(answer.over, Ordering::Relaxed);
    }
}
