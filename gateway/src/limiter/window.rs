//! Counts by windows of the calendar: fixed ones, which start anew at each border, and sliding ones,
//! which count what is left of the window before as if it had come evenly.
//!
//! Either is one number in a [`Cell`], changed as a whole: number of the window and what it counted,
//! of a sliding one also what the one before it had.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::{Beside, Cell, Verdict};
use crate::lease::Share;

/// Bits of a count of a sliding window: two have to fit beside the window's number.
const COUNT: u32 = 20;
const _: () = assert!(domain::policy::rate_limit::MAX_SLIDING < 1 << COUNT);
/// Bits of its number: it comes back after 194 days of windows of one second.
const NUMBER: u32 = u64::BITS - 2 * COUNT;

/// A limit by windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) slides: bool,
    /// Milliseconds, at least 1.
    pub(crate) length: u64,
    pub(crate) limit: u32,
    /// Of a request, at least 1.
    pub(crate) cost: u32,
}

/// What was counted for a request, to be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    number: u32,
    cost: u32,
    slides: bool,
}

/// A cell's number, read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) number: u32,
    pub(crate) before: u32,
    pub(crate) count: u32,
}

impl Counts {
    pub(crate) const fn unpack(packed: u64, slides: bool) -> Self {
        if slides {
            let mask = (1 << COUNT) - 1;
            Self {
                number: (packed >> (2 * COUNT)) as u32,
                before: ((packed >> COUNT) & mask) as u32,
                count: (packed & mask) as u32,
            }
        } else {
            Self {
                number: (packed >> 32) as u32,
                before: 0,
                count: packed as u32,
            }
        }
    }

    pub(crate) const fn pack(self, slides: bool) -> u64 {
        if slides {
            (self.number as u64) << (2 * COUNT) | (self.before as u64) << COUNT | self.count as u64
        } else {
            (self.number as u64) << 32 | self.count as u64
        }
    }

    /// The same in the window `number`, a later one.
    pub(crate) const fn at(self, number: u32, slides: bool) -> Self {
        if self.number == number {
            return self;
        }
        let follows = slides && next(self.number) == number;
        Self {
            number,
            before: if follows { self.count } else { 0 },
            count: 0,
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        (self.before, self.count) == (0, 0)
    }
}

/// Of the sliding window behind one.
const fn next(number: u32) -> u32 {
    (number + 1) & ((1 << NUMBER) - 1)
}

const MILLI: u64 = 1_000_000;

impl Window {
    const fn number(&self, wall_ms: u64) -> u32 {
        let number = wall_ms / self.length;
        if self.slides {
            (number & ((1 << NUMBER) - 1)) as u32
        } else {
            number as u32
        }
    }

    /// The number of the window behind one.
    pub(crate) const fn next(&self, number: u32) -> u32 {
        if self.slides {
            next(number)
        } else {
            number.wrapping_add(1)
        }
    }

    /// The number of the window before one.
    pub(crate) const fn prior(&self, number: u32) -> u32 {
        if self.slides {
            number.wrapping_sub(1) & ((1 << NUMBER) - 1)
        } else {
            number.wrapping_sub(1)
        }
    }

    /// No count goes beyond.
    pub(crate) const fn largest(&self) -> u32 {
        if self.slides {
            (1 << COUNT) - 1
        } else {
            u32::MAX
        }
    }

    /// What a cell counts at a time, and how far into its window that is.
    pub(crate) fn counts(&self, cell: &Cell, wall_ms: u64) -> (Counts, u64) {
        self.settled(cell.arrival.load(Ordering::Relaxed), wall_ms)
    }

    /// What a cell counts at a time, and how far into its window that is. Requests do not come in the
    /// order of their times, and clocks are set back: a window that has just begun is not begun
    /// again for one of the window before.
    fn settled(&self, packed: u64, wall_ms: u64) -> (Counts, u64) {
        const LATE_MS: u64 = 60_000;
        let counts = Counts::unpack(packed, self.slides);
        let number = self.number(wall_ms);
        let ahead = counts.number.wrapping_sub(number);
        let ahead = u64::from(if self.slides {
            ahead & ((1 << NUMBER) - 1)
        } else {
            ahead
        });
        if ahead == 1 || ahead > 0 && ahead.saturating_mul(self.length) <= LATE_MS {
            return (counts, 0);
        }
        (counts.at(number, self.slides), wall_ms % self.length)
    }

    pub(crate) fn judge(&self, counts: Counts, into: u64) -> Verdict {
        let rest = self.length - into;
        let weighed = |before: u32, rest: u64| (u64::from(before) * rest).div_ceil(self.length);
        let used = weighed(counts.before, rest) + u64::from(counts.count);
        let (limit, cost) = (u64::from(self.limit), u64::from(self.cost));
        let admitted = used + cost <= limit;
        let used = used + if admitted { cost } else { 0 };
        let count = u64::from(counts.count) + if admitted { cost } else { 0 };
        let full_in = match (self.slides, count) {
            (true, 1..) => rest + self.length,
            _ => rest,
        };
        let retry_in = match admitted {
            true => 0,
            false if !self.slides => rest,
            // The rest of a window at which a count weighs no more than what may be.
            false => {
                let spare = limit.saturating_sub(cost);
                let until =
                    |count: u64, of: u64| (of * self.length / count.max(1)).min(self.length);
                if count <= spare {
                    let least = until(counts.before.into(), spare - count);
                    rest.saturating_sub(least).max(1)
                } else {
                    rest + self.length - until(count, spare)
                }
            }
        };
        Verdict {
            admitted,
            left: limit.saturating_sub(used) / cost,
            full_in: full_in * MILLI,
            retry_in: retry_in * MILLI,
        }
    }

    /// Takes one request, if there is one. A refused request costs nothing.
    pub(crate) fn admit(&self, cell: &Cell, wall_ms: u64) -> (Verdict, Hit) {
        self.admit_by(cell, wall_ms, |counts, into| self.judge(counts, into))
    }

    /// The same as another one judges of what the cell counts, and how far into its window that is.
    pub(crate) fn admit_by(
        &self,
        cell: &Cell,
        wall_ms: u64,
        mut judge: impl FnMut(Counts, u64) -> Verdict,
    ) -> (Verdict, Hit) {
        let mut packed = cell.arrival.load(Ordering::Relaxed);
        loop {
            let (mut counts, into) = self.settled(packed, wall_ms);
            let verdict = judge(counts, into);
            let hit = Hit {
                number: counts.number,
                cost: self.cost,
                slides: self.slides,
            };
            if !verdict.admitted {
                return (verdict, hit);
            }
            counts.count += self.cost;
            let changed = cell.arrival.compare_exchange_weak(
                packed,
                counts.pack(self.slides),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match changed {
                Ok(_) => return (verdict, hit),
                Err(now) => packed = now,
            }
        }
    }

    /// What [`Window::admit`] would say, and nothing is taken.
    pub(crate) fn peek(&self, cell: &Cell, wall_ms: u64) -> Verdict {
        let (counts, into) = self.counts(cell, wall_ms);
        self.judge(counts, into)
    }

    /// What a request that was admitted costs turned out to be more, or less. More counts from now
    /// on, up to what there is room for in a count; less is put back where it was counted.
    pub(crate) fn settle(&self, cell: &Cell, hit: Hit, wall_ms: u64, difference: i64) {
        let Ok(more) = u32::try_from(difference.min(i64::from(u32::MAX))) else {
            let less = u32::try_from(difference.unsigned_abs()).unwrap_or(u32::MAX);
            let cost = less.min(hit.cost);
            return Hit { cost, ..hit }.give_back(cell);
        };
        let largest = self.largest();
        let owe = |packed: u64| {
            let (mut counts, _) = self.settled(packed, wall_ms);
            let count = counts.count;
            counts.count = count.saturating_add(more).min(largest);
            Some(counts.pack(self.slides))
        };
        let _ = cell
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, owe);
    }

    /// Whether a cell counts nothing any more: a new one would be equal.
    pub(super) fn is_over(&self, cell: &Cell, wall_ms: u64) -> bool {
        self.counts(cell, wall_ms).0.is_empty()
    }
}

impl Cell {
    /// One of a limit that all nodes share.
    pub(crate) fn sharing(share: Share) -> Self {
        let beside = Beside {
            share: Some(Box::new(share)),
            ..Beside::default()
        };
        Self {
            beside: OnceLock::from(Box::new(beside)),
            ..Self::default()
        }
    }

    pub(crate) fn share(&self) -> Option<&Share> {
        self.beside.get()?.share.as_deref()
    }
}

impl Hit {
    /// Puts it back, into the window that it was counted in.
    pub(crate) fn give_back(self, cell: &Cell) {
        let back = |packed: u64| {
            let mut counts = Counts::unpack(packed, self.slides);
            if counts.number == self.number {
                counts.count = counts.count.saturating_sub(self.cost);
            } else if self.slides && counts.number == next(self.number) {
                counts.before = counts.before.saturating_sub(self.cost);
            } else {
                return None;
            }
            Some(counts.pack(self.slides))
        };
        let _ = cell
            .arrival
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
    }
}

#[cfg(test)]
mod tests;
