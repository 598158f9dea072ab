//! What requests cost, as their answers say: something is taken beforehand, and the difference is
//! settled when the head of the answer is there.

use std::sync::Arc;

use domain::policy::rate_limit::CostFrom;

use super::{RateLimit, seconds};
use crate::call::Call;
use crate::fields::Fields;
use crate::limiter::{Cell, Hit, Rate};

/// Where an answer says it.
#[derive(Debug)]
pub(super) struct Told {
    header: Box<str>,
    /// At most so much; and so much is owed at most.
    max: u32,
    keep: bool,
}

/// What was taken beforehand, and where.
#[derive(Debug)]
pub(crate) struct Owed<'a> {
    limit: &'a RateLimit,
    cell: Arc<Cell>,
    taken: Taken,
}

#[derive(Debug)]
enum Taken {
    Cost(Rate),
    Hit(Hit),
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
    pub(super) const fn cost(limit: &'a RateLimit, cell: Arc<Cell>, cost: Rate) -> Self {
        Self {
            limit,
            cell,
            taken: Taken::Cost(cost),
        }
    }

    pub(super) const fn hit(limit: &'a RateLimit, cell: Arc<Cell>, hit: Hit) -> Self {
        Self {
            limit,
            cell,
            taken: Taken::Hit(hit),
        }
    }

    /// It cost `cost` instead of what was taken.
    fn settle(&self, call: &mut Call<'a>, cost: u32, most: u32) {
        let limit = self.limit;
        let difference = i64::from(cost) - i64::from(limit.cost);
        let reset = match (&self.taken, &limit.window) {
            (Taken::Cost(rate), _) => {
                let unit = rate.interval / u64::from(limit.cost.max(1));
                let nanos = i64::try_from(unit).unwrap_or(i64::MAX);
                let nanos = nanos.saturating_mul(difference);
                let most = unit.saturating_mul(u64::from(most));
                let (counted, full_in) = self.cell.settle(call.now_ns(), *rate, nanos, most);
                if let Some(lease) = self.cell.lease() {
                    call.leases().settle(&self.cell, lease, *rate, counted);
                }
                Some(seconds(full_in))
            }
            (Taken::Hit(hit), Some(window)) => {
                window.settle(&self.cell, *hit, call.wall_ms(), difference, most);
                None
            }
            (Taken::Hit(_), None) => None,
        };
        call.shown.correct(&limit.name, difference, reset);
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
            one.settle(call, cost, told.max);
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
