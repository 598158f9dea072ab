//! Limits that all nodes share: a node takes leases on the cluster's bucket ahead of its requests,
//! spends them here, and settles in the background. No request waits for Redis.
//!
//! A subject's cell holds the bucket as this node knows it; its [`Lease`] says how many requests
//! may pass before the next settlement. What is said to Redis is absolute ("so many were spent so
//! far"), so that an answer that was lost and a settlement that comes twice count nothing twice.
//! Without Redis, each request counts for as many as there were nodes: the node goes on with its
//! part of the limit.

mod figures;
mod ledger;
mod settler;
mod settling;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_queue::SegQueue;
use domain::policy::rate_limit::ahead;
use tokio::sync::Notify;

use crate::limiter::{Cell, Rate, Verdict};
use crate::node::MoreMetrics;
use crate::settings::{Settings, StartError};
use figures::Figures;

pub(crate) use ledger::Ledger;
pub(crate) use settler::run;
pub(crate) use windows::Share;

/// What a gateway with these settings shares limits by.
pub(crate) fn prepare(settings: &Settings) -> Result<(Arc<Leases>, Option<Ledger>), StartError> {
    let ledger = match &settings.redis_url {
        None => None,
        Some(url) => Some(Ledger::new(url.as_str()).map_err(|_| StartError::Redis)?),
    };
    Ok((Arc::new(Leases::new(ledger.is_some())), ledger))
}

/// What `/metrics` says of it.
pub(crate) fn metrics(leases: Arc<Leases>) -> MoreMetrics {
    Box::new(move |out| leases.write(out))
}

/// The share of one subject on this node.
#[derive(Debug)]
pub(crate) struct Lease {
    /// What the bucket is called in Redis.
    bucket: [u8; 16],
    /// The rate as the policy last said it, for who settles.
    interval: AtomicU64,
    tolerance: AtomicU64,
    owed: AtomicU64,
    /// Requests admitted since the cell was made, without those that were given back.
    spent: AtomicU64,
    /// What requests cost more or less than was taken, as far as it is no whole request yet:
    /// nanoseconds of the bucket.
    rest: AtomicI64,
    /// Up to where `spent` may go before the next settlement.
    ceiling: AtomicU64,
    /// With less than this below the ceiling, who settles is woken.
    low: AtomicU64,
    /// Nothing is there before: refused requests do not ask.
    empty_until: AtomicU64,
    /// It is in the queue of those that have something to settle.
    queued: AtomicBool,
    /// A request was refused, or soon would be.
    urgent: AtomicBool,
    /// Of who settles; no request asks for it.
    settled: Mutex<Settled>,
}

/// [`Lease::low`] before the first settlement: the first request already asks for more.
const NEVER: u64 = u64::MAX;

/// What is known since the last settlement.
#[derive(Debug, Default)]
struct Settled {
    /// It is among those that are looked at each time.
    listed: bool,
    /// What Redis knows to be spent.
    spent: u64,
    /// What it has granted on top of that.
    held: u64,
    /// Where the cell's arrival was.
    arrival: u64,
    /// When it was settled; 0 for never.
    at: u64,
    /// When something was asked for last.
    active_at: u64,
    /// A subject that nobody asks for is not looked at before.
    next_at: u64,
}

impl Lease {
    pub(crate) fn new(bucket: [u8; 16], rate: Rate, nodes: u32) -> Self {
        let first = rate.ahead(nodes);
        Self {
            bucket,
            interval: AtomicU64::new(rate.interval),
            tolerance: AtomicU64::new(rate.tolerance),
            owed: AtomicU64::new(rate.owed),
            spent: AtomicU64::new(0),
            rest: AtomicI64::new(0),
            ceiling: AtomicU64::new(first),
            low: AtomicU64::new(NEVER),
            empty_until: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            settled: Mutex::default(),
        }
    }

    fn settled(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rate(&self) -> Rate {
        Rate {
            interval: self.interval.load(Ordering::Relaxed),
            tolerance: self.tolerance.load(Ordering::Relaxed),
            owed: self.owed.load(Ordering::Relaxed),
        }
    }

    /// A policy may have changed under its subjects.
    fn follow(&self, rate: Rate) {
        if self.rate() != rate {
            self.interval.store(rate.interval, Ordering::Relaxed);
            self.tolerance.store(rate.tolerance, Ordering::Relaxed);
            self.owed.store(rate.owed, Ordering::Relaxed);
        }
    }

    /// One of those that were admitted just now did not go on.
    pub(crate) fn give_back(&self) {
        // What Redis being away has written off may have been this one.
        let less = |spent: u64| Some(spent.saturating_sub(1));
        let _ = self
            .spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

impl Lease {
    /// Of one of those that were admitted, which took so many nanoseconds, as many come `back`.
    pub(crate) fn put_back(&self, taken: u64, back: u64) {
        let back = i64::try_from(back).unwrap_or(i64::MAX);
        self.settle(taken, -back);
    }

    /// One of those that were admitted, each of which takes so many nanoseconds, costs so many more,
    /// or less. Redis is told of whole requests. Whether more is spent now than was granted.
    fn settle(&self, taken: u64, nanos: i64) -> bool {
        let interval = i64::try_from(self.interval.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let interval = interval.max(1);
        // The node's own part of a bucket takes longer for each.
        let own = i128::from(nanos) * i128::from(interval) / i128::from(taken.max(1));
        let own = i64::try_from(own).unwrap_or(0);
        self.rest.fetch_add(own, Ordering::Relaxed);
        let part = |rest: i64| {
            let is_whole = rest.div_euclid(interval) != 0;
            is_whole.then(|| rest.rem_euclid(interval))
        };
        let rest = self
            .rest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, part);
        let Ok(rest) = rest else { return false };
        let requests = rest.div_euclid(interval);
        let shift = |spent: u64| Some(spent.saturating_add_signed(requests));
        let _ = self
            .spent
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, shift);
        self.spent.load(Ordering::Relaxed) > self.ceiling.load(Ordering::Relaxed)
    }
}

impl Rate {
    /// Requests that a node lets through before the cluster has said yes to them.
    fn ahead(self, nodes: u32) -> u64 {
        let burst = u32::try_from(self.tolerance / self.interval).unwrap_or(u32::MAX);
        u64::from(ahead(burst, nodes))
    }

    /// One of so many equal parts of it.
    fn part(self, nodes: u32) -> Self {
        Self {
            interval: self.interval.saturating_mul(u64::from(nodes.max(1))),
            // A small burst still has one request for each.
            tolerance: self
                .tolerance
                .max(self.interval.saturating_mul(u64::from(nodes.max(1)))),
            ..self
        }
    }
}

/// What requests and who settles have in common.
#[derive(Debug)]
pub(crate) struct Leases {
    /// There is a Redis to share by.
    configured: bool,
    /// The node goes on by itself: Redis is away, or there is none.
    apart: AtomicBool,
    /// How many nodes there are, as far as is known.
    nodes: AtomicU32,
    /// Cells with something to settle; each is in it once.
    queue: SegQueue<Arc<Cell>>,
    /// The same of windows.
    windows: SegQueue<Arc<Cell>>,
    /// By how many milliseconds the clock of Redis is ahead of this node's.
    skew_ms: AtomicI64,
    wake: Notify,
    warned: AtomicBool,
    pub(crate) figures: Figures,
}

impl Leases {
    pub(crate) fn new(configured: bool) -> Self {
        Self {
            configured,
            apart: AtomicBool::new(!configured),
            // Until it is known, a node takes itself for one of two.
            nodes: AtomicU32::new(if configured { 2 } else { 1 }),
            queue: SegQueue::new(),
            windows: SegQueue::new(),
            skew_ms: AtomicI64::new(0),
            wake: Notify::new(),
            warned: AtomicBool::new(false),
            figures: Figures::default(),
        }
    }

    pub(crate) fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }

    pub(crate) const fn is_configured(&self) -> bool {
        self.configured
    }

    /// A cell of a subject that is new here.
    pub(crate) fn cell(&self, bucket: [u8; 16], rate: Rate) -> Cell {
        self.warn();
        Cell::leased(Lease::new(bucket, rate, self.nodes()))
    }

    /// Says once that there is nothing to share by.
    fn warn(&self) {
        if !self.configured && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "A rate limit has the scope of the cluster, and redis_url is not set: each node counts by itself."
            );
        }
    }

    /// What requests take of this node's cell at present: by itself, it has its part of the bucket.
    pub(crate) fn effective(&self, rate: Rate) -> Rate {
        if self.is_apart() {
            rate.part(self.nodes())
        } else {
            rate
        }
    }

    /// Takes one request out at `now`, if this node's share has one. What it cost is the other
    /// half of the answer, for whoever gives it back. Exact on this node, and without a lock.
    pub(crate) fn admit(
        &self,
        cell: &Arc<Cell>,
        lease: &Lease,
        now: u64,
        rate: Rate,
    ) -> (Verdict, Rate) {
        lease.follow(rate);
        let nodes = self.nodes();
        if self.is_apart() || nodes <= 1 {
            let rate = self.effective(rate);
            let verdict = cell.admit(now, rate);
            if verdict.admitted {
                lease.spent.fetch_add(1, Ordering::Relaxed);
                self.note(cell, lease, lease.low.load(Ordering::Relaxed) == NEVER);
            }
            return (verdict, rate);
        }
        let ceiling = lease.ceiling.load(Ordering::Acquire);
        let within = |spent: u64| (spent < ceiling).then_some(spent + 1);
        let taken = lease
            .spent
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, within);
        let verdict = match taken {
            Ok(spent) => {
                let is_low = ceiling - spent - 1 <= lease.low.load(Ordering::Relaxed);
                let verdict = cell.charge(now, rate);
                self.note(cell, lease, is_low);
                verdict
            }
            Err(_) => {
                if now >= lease.empty_until.load(Ordering::Relaxed) {
                    self.note(cell, lease, true);
                }
                cell.peek(now, rate).refused()
            }
        };
        (verdict, rate)
    }

    /// What a request costs turned out to be more or less, by what its cell counted at `rate`: the
    /// other nodes hear of it.
    pub(crate) fn settle(&self, cell: &Arc<Cell>, lease: &Lease, rate: Rate, nanos: i64) {
        let is_over = lease.settle(rate.interval, nanos);
        self.note(cell, lease, is_over);
    }

    /// What [`Leases::admit`] would say, and nothing is taken.
    pub(crate) fn peek(&self, cell: &Cell, lease: &Lease, now: u64, rate: Rate) -> Verdict {
        let nodes = self.nodes();
        if self.is_apart() {
            return cell.peek(now, rate.part(nodes));
        }
        let verdict = cell.peek(now, rate);
        let spent = lease.spent.load(Ordering::Relaxed);
        if nodes <= 1 || spent < lease.ceiling.load(Ordering::Relaxed) {
            verdict
        } else {
            verdict.refused()
        }
    }

    fn note(&self, cell: &Arc<Cell>, lease: &Lease, is_urgent: bool) {
        if !self.configured {
            return;
        }
        let mut wakes = false;
        if is_urgent && !lease.urgent.load(Ordering::Relaxed) {
            wakes = !lease.urgent.swap(true, Ordering::Relaxed);
        }
        if !lease.queued.load(Ordering::Relaxed) && !lease.queued.swap(true, Ordering::AcqRel) {
            self.queue.push(cell.clone());
        }
        if wakes {
            self.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
