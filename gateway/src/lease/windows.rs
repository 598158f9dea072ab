//! Windows that all nodes share. A cell counts what this node has let through, as it does for the
//! node alone; its [`Share`] says up to where that may go, and what the others have counted.
//!
//! Windows are those of Redis' clock, which nodes learn from its answers. All that is said of one
//! bears its number: what was lent of a window is never spent in the next, and what a node has
//! counted in one is an absolute number, which can be told at any time and as often as need be.

mod settling;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::policy::rate_limit::ahead;

use super::Leases;
use crate::limiter::{Cell, Counts, Hit, Verdict, Window};

pub(super) use settling::Settler;
#[cfg(test)]
pub(super) use settling::{Answer, Question};

/// This node's share of the windows of one subject.
#[derive(Debug)]
pub(crate) struct Share {
    /// What the subject is called in Redis.
    bucket: [u8; 16],
    slides: bool,
    length: u64,
    /// As the policy last said it, for who settles.
    limit: AtomicU32,
    cost: AtomicU32,
    /// Up to where this node may count: the number of the window in the upper half.
    ceiling: AtomicU64,
    /// With less than this below the ceiling, who settles is woken.
    low: AtomicU32,
    /// What the others have counted, as a cell says it.
    others: AtomicU64,
    /// Nothing is there before, in milliseconds of Redis' clock: refused requests do not ask.
    empty_until: AtomicU64,
    /// It is in the queue of those that have something to settle.
    queued: AtomicBool,
    /// A request was refused, or soon would be.
    urgent: AtomicBool,
    /// Of who settles; no request asks for it.
    settled: Mutex<Settled>,
}

/// What is known since the last settlement.
#[derive(Debug, Default)]
struct Settled {
    /// It is among those that are looked at each time.
    listed: bool,
    /// What Redis knows of this node.
    told: Counts,
    /// What it has granted on top of that.
    held: u32,
    /// When it was settled, and when something was asked for last: nanoseconds.
    at: u64,
    active_at: u64,
}

/// Of no window.
const NONE: u64 = (u32::MAX as u64) << 32;

impl Share {
    fn new(bucket: [u8; 16], window: Window) -> Self {
        Self {
            bucket,
            slides: window.slides,
            length: window.length,
            limit: AtomicU32::new(window.limit),
            cost: AtomicU32::new(window.cost),
            ceiling: AtomicU64::new(NONE),
            low: AtomicU32::new(0),
            others: AtomicU64::new(0),
            empty_until: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            settled: Mutex::default(),
        }
    }

    fn settled(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> Window {
        Window {
            slides: self.slides,
            length: self.length,
            limit: self.limit.load(Ordering::Relaxed),
            cost: self.cost.load(Ordering::Relaxed),
        }
    }

    /// A policy may have changed under its subjects.
    fn follow(&self, window: Window) {
        if self.window() != window {
            self.limit.store(window.limit, Ordering::Relaxed);
            self.cost.store(window.cost, Ordering::Relaxed);
        }
    }

    /// Up to where this node may count in a window, and whether Redis was asked for it. Of one that
    /// is over, late requests get nothing.
    fn ceiling(&self, window: Window, number: u32, nodes: u32) -> (u32, bool) {
        let packed = self.ceiling.load(Ordering::Acquire);
        let granted_in = (packed >> 32) as u32;
        if granted_in == number {
            (packed as u32, true)
        } else if granted_in == window.next(number) {
            (0, true)
        } else {
            (window.ahead(nodes), false)
        }
    }

    fn others(&self, number: u32) -> Counts {
        let packed = self.others.load(Ordering::Relaxed);
        Counts::unpack(packed, self.slides).at(number, self.slides)
    }
}

impl Window {
    /// What a node counts before the cluster has said yes to it.
    fn ahead(self, nodes: u32) -> u32 {
        let cost = self.cost.max(1);
        ahead(self.limit / cost, nodes).saturating_mul(cost)
    }

    /// One of so many equal parts of it; a small one still has a request.
    fn part(self, nodes: u32) -> Self {
        Self {
            limit: self.limit.div_ceil(nodes.max(1)).max(self.cost),
            ..self
        }
    }
}

impl Counts {
    /// With what others have counted in the same window.
    fn and(self, others: Self) -> Self {
        Self {
            number: self.number,
            before: self.before.saturating_add(others.before),
            count: self.count.saturating_add(others.count),
        }
    }
}

impl Leases {
    /// The time of Redis' clock at a time of this node's, in milliseconds since 1970.
    pub(crate) fn wall_ms(&self, wall_ms: u64) -> u64 {
        wall_ms.saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }

    /// Redis has said what time it is, at some time between two of this node's. What may come of
    /// the way is no reason to shift it.
    pub(super) fn align(&self, told_ms: u64, sent_ms: u64, heard_ms: u64) {
        let doubt = heard_ms.saturating_sub(sent_ms) / 2;
        let here = sent_ms.saturating_add(doubt);
        let skew = (told_ms as i64).saturating_sub(here as i64);
        let known = self.skew_ms.load(Ordering::Relaxed);
        if skew.saturating_sub(known).unsigned_abs() > doubt + 1 {
            self.skew_ms.store(skew, Ordering::Relaxed);
        }
    }

    /// A cell of a subject that is new here.
    pub(crate) fn window_cell(&self, bucket: [u8; 16], window: Window) -> Cell {
        self.warn();
        Cell::sharing(Share::new(bucket, window))
    }

    /// Takes one request at a time of Redis' clock, if this node's share has one. Exact on this
    /// node, and without a lock.
    pub(crate) fn admit_window(
        &self,
        cell: &Arc<Cell>,
        share: &Share,
        wall_ms: u64,
        window: Window,
    ) -> (Verdict, Hit) {
        share.follow(window);
        let mut is_low = false;
        let (verdict, hit) = window.admit_by(cell, wall_ms, |counts, into| {
            let (verdict, left) = self.judge(share, window, counts, into);
            // One node by itself counts exactly, and asks for nothing.
            let low = |left: u32| self.nodes() > 1 && left <= share.low.load(Ordering::Relaxed);
            is_low = left.is_none_or(low);
            verdict
        });
        if verdict.admitted {
            self.note_window(cell, share, is_low);
        } else if !self.is_apart() && wall_ms >= share.empty_until.load(Ordering::Relaxed) {
            self.note_window(cell, share, true);
        }
        (verdict, hit)
    }

    /// What [`Leases::admit_window`] would say, and nothing is taken.
    pub(crate) fn peek_window(
        &self,
        cell: &Cell,
        share: &Share,
        wall_ms: u64,
        window: Window,
    ) -> Verdict {
        let (counts, into) = window.counts(cell, wall_ms);
        self.judge(share, window, counts, into).0
    }

    /// Whether a request is admitted where this node has counted so much; and what the node may
    /// count after it, where Redis was asked for this window.
    fn judge(
        &self,
        share: &Share,
        window: Window,
        own: Counts,
        into: u64,
    ) -> (Verdict, Option<u32>) {
        let verdict = window.judge(own.and(share.others(own.number)), into);
        let nodes = self.nodes();
        let after = own.count.saturating_add(window.cost);
        let (ceiling, is_asked) = share.ceiling(window, own.number, nodes);
        let left = is_asked.then(|| ceiling.saturating_sub(after));
        let has_one = if self.is_apart() {
            window.part(nodes).judge(own, into).admitted
        } else {
            nodes <= 1 || after <= ceiling
        };
        if has_one {
            (verdict, left)
        } else {
            (verdict.refused(), left)
        }
    }

    fn note_window(&self, cell: &Arc<Cell>, share: &Share, is_urgent: bool) {
        if !self.configured {
            return;
        }
        let mut wakes = false;
        if is_urgent && !share.urgent.load(Ordering::Relaxed) {
            wakes = !share.urgent.swap(true, Ordering::Relaxed);
        }
        if !share.queued.load(Ordering::Relaxed) && !share.queued.swap(true, Ordering::AcqRel) {
            self.windows.push(cell.clone());
        }
        if wakes {
            self.wake.notify_one();
        }
    }
}
