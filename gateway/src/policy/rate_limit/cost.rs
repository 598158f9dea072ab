//! What requests cost, as their answers say: something is taken beforehand, and the difference is
//! settled when the head of the answer is there.

use std::sync::Arc;

use domain::policy::rate_limit::CostFrom;

use super::{RateLimit, seconds};
use crate::call::Call;
use crate::fields::Fields;
use crate::limiter::{Cell, Hit, Mark};

/// Where an answer says it.
#[derive(Debug)]
pub(super) struct Told {
    header: Box<str>,
    /// A request costs at most so much.
    max: u32,
    keep: bool,
}

/// What was taken beforehand, and where.
#[derive(Debug)]
pub(crate) struct Owed<'a> {
    limit: &'a RateLimit,
    taken: Taken,
}

#[derive(Debug)]
enum Taken {
    Cost(Arc<Cell>, Mark),
    Hit(Arc<Cell>, Hit),
    /// The limit only observes, and had none: the field is not for the client all the same.
    Nothing,
}

impl Told {
    pub(super) fn compile(from: &CostFrom) -> Self {
        Self {
            header: from.header.as_str().into(),
            max: from.max,
            keep: from.keep,
        }
    }

    /// What the fields of an answer say, and whether they say something that is none.
    fn read(&self, fields: &Fields) -> (Option<u32>, bool) {
        let mut lines = fields.named(&self.header);
        match (lines.next(), lines.next()) {
            (None, _) => (None, false),
            (Some(line), None) => {
                let cost = number(line, self.max);
                (cost, cost.is_none())
            }
            (Some(_), Some(_)) => (None, true),
        }
    }
}

/// A whole number in decimal digits and nothing else, not above `max`; however large it is.
fn number(line: &[u8], max: u32) -> Option<u32> {
    let line = line.trim_ascii();
    if line.is_empty() || !line.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u32, digit: &u8| {
        let sum = sum.saturating_mul(10);
        sum.saturating_add(u32::from(digit - b'0'))
    };
    Some(line.iter().fold(0, add).min(max))
}

impl<'a> Owed<'a> {
    pub(super) fn cost(limit: &'a RateLimit, cell: &Arc<Cell>, full_at: u64) -> Self {
        Self {
            limit,
            taken: Taken::Cost(cell.clone(), cell.mark(full_at)),
        }
    }

    pub(super) fn hit(limit: &'a RateLimit, cell: &Arc<Cell>, hit: Hit) -> Self {
        Self {
            limit,
            taken: Taken::Hit(cell.clone(), hit),
        }
    }

    pub(super) const fn nothing(limit: &'a RateLimit) -> Self {
        Self {
            limit,
            taken: Taken::Nothing,
        }
    }

    /// The field that is not for the client.
    pub(crate) fn hides(&self) -> Option<&'a str> {
        let told = self.limit.told.as_ref().filter(|told| !told.keep)?;
        Some(&told.header)
    }

    /// It cost `cost` instead of what was taken.
    fn settle(&self, call: &mut Call<'a>, cost: u32) {
        let limit = self.limit;
        let difference = i64::from(cost) - i64::from(limit.cost);
        let (counted, reset) = match (&self.taken, &limit.window) {
            (Taken::Cost(cell, mark), _) => {
                let now = call.now_ns();
                // As the node counts now: it may have lost the others since, or found them.
                let rate = match cell.lease() {
                    None => limit.rate,
                    Some(_) => call.leases().effective(limit.rate),
                };
                let unit = (rate.interval / u64::from(limit.cost.max(1))).max(1);
                let unit = i64::try_from(unit).unwrap_or(i64::MAX);
                let unfilled = i64::try_from(cell.unfilled(now, *mark)).unwrap_or(i64::MAX);
                let nanos = unit.saturating_mul(difference).max(-unfilled);
                let (counted, full_in) = cell.settle(now, rate, nanos);
                if counted < nanos {
                    call.worker.metrics.costs_forgotten.add(1);
                }
                if let Some(lease) = cell.lease() {
                    call.leases().settle(cell, lease, rate, counted);
                }
                (counted / unit, Some(seconds(full_in)))
            }
            (Taken::Hit(cell, hit), Some(window)) => {
                window.settle(cell, *hit, limit.wall_ms(call), difference);
                (difference, None)
            }
            (Taken::Hit(..), None) | (Taken::Nothing, _) => return,
        };
        call.shown.correct(&limit.name, counted, reset);
    }
}

/// Settles what an upstream's answer says that its request cost, and takes that out of it.
#[cold]
pub(crate) fn settle(call: &mut Call<'_>, fields: &mut Fields) {
    let owed = std::mem::take(&mut call.owed);
    // Answers come later than their requests.
    call.look_at_clock();
    for one in &owed {
        let Some(told) = &one.limit.told else {
            continue;
        };
        let (cost, is_unread) = told.read(fields);
        if is_unread {
            call.worker.metrics.costs_unread.add(1);
        }
        if let Some(cost) = cost.filter(|cost| *cost != one.limit.cost) {
            one.settle(call, cost);
        }
    }
    for told in owed.iter().filter_map(|one| one.limit.told.as_ref()) {
        if !told.keep {
            fields.remove_named(told.header.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_say_something() {
        for (line, cost) in [
            ("7", Some(7)),
            (" 7\t", Some(7)),
            ("0", Some(0)),
            ("0000000000000000000000009", Some(9)),
            ("100", Some(100)),
            ("101", Some(100)),
            ("99999999999999999999999999999999", Some(100)),
            ("", None),
            (" ", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("0x10", None),
            ("1,2", None),
            ("1 2", None),
            ("many", None),
            ("\u{661}", None),
        ] {
            assert_eq!(number(line.as_bytes(), 100), cost, "{line:?}");
        }
    }

    #[test]
    fn what_comes_twice_says_nothing() {
        let told = Told {
            header: "X-Cost".into(),
            max: 100,
            keep: false,
        };
        let mut fields = Fields::new(b"");
        assert_eq!(told.read(&fields), (None, false));
        fields.push("x-cost", b"5");
        assert_eq!(told.read(&fields), (Some(5), false));
        fields.push("x-cost", b"5");
        assert_eq!(told.read(&fields), (None, true));
    }
}
