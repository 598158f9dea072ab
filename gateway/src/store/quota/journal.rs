//! What this node counted and the database does not have yet: so that neither a restart nor an
//! answer that got lost changes a count.
//!
//! A flush is on the [`disk`], with its number, before it is sent. Sent again under that number it
//! adds nothing, so it does no harm that nobody knows whether the first try arrived.

pub(super) mod disk;

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::quota::{QuotaKey, Used};

/// Rows that add to the counters, once, under their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flush {
    pub(super) number: i64,
    pub(super) rows: Vec<Row>,
    /// Counted by an earlier process: this one's counters hold it as the others' use.
    #[serde(skip, default = "yes")]
    pub(super) former: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) key: QuotaKey,
    pub(super) period: i64,
    pub(super) until: i64,
    pub(super) by: u64,
}

impl Row {
    pub(super) fn used(&self) -> Used {
        Used {
            key: self.key.clone(),
            period: self.period,
            by: self.by,
            until: self.until,
        }
    }
}

/// Flushes under way, in order, and what is to be flushed after them.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) flushes: VecDeque<Flush>,
    rest: HashMap<(QuotaKey, i64), (u64, i64)>,
    last: i64,
    dirty: bool,
}

/// The same as it lies on the disk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    flushes: VecDeque<Flush>,
    rest: Vec<Row>,
    last: i64,
    /// Above that of the state before; 0 of none, and of one that was written without a number.
    #[serde(default)]
    number: u64,
}

impl Journal {
    /// Goes on from what an earlier process left, and what it counted since it wrote that. All of it
    /// is in flushes of at most `max` rows, as of [`Journal::next`].
    pub(super) fn of(left: State, since: Vec<Used>, max: usize, now: i64) -> Self {
        let mut journal = Self {
            flushes: left.flushes,
            last: left.last,
            ..Self::default()
        };
        journal.add(left.rest.iter().map(Row::used));
        journal.add(since);
        while !journal.rest.is_empty() {
            journal.next(max, now);
        }
        for flush in &mut journal.flushes {
            flush.former = true;
        }
        // Nothing can be added to a state of another process.
        journal.dirty = true;
        journal
    }

    /// Those with the number `from` or above it are this process's own.
    pub(super) fn own(&mut self, from: i64) {
        for flush in &mut self.flushes {
            flush.former = flush.number < from;
        }
    }

    /// Adds what was counted since the last time.
    pub(super) fn add(&mut self, used: impl IntoIterator<Item = Used>) {
        for used in used {
            let sum = self
                .rest
                .entry((used.key, used.period))
                .or_insert((0, used.until));
            sum.0 += used.by;
            self.dirty = true;
        }
    }

    /// Makes the next flush, of at most `max` rows, of what is not in one. Numbers grow, also over
    /// restarts without a file: they begin at `now` (microseconds since 1970).
    pub(super) fn next(&mut self, max: usize, now: i64) {
        if self.rest.is_empty() {
            return;
        }
        let keys: Vec<_> = self.rest.keys().take(max).cloned().collect();
        let rows = keys.into_iter().filter_map(|key| {
            let (by, until) = self.rest.remove(&key)?;
            let (key, period) = key;
            Some(Row {
                key,
                period,
                until,
                by,
            })
        });
        let rows = rows.collect();
        self.last = now.max(self.last + 1);
        self.flushes.push_back(Flush {
            number: self.last,
            rows,
            former: false,
        });
        self.dirty = true;
    }

    /// So many of the oldest flushes have arrived.
    pub(super) fn arrived(&mut self, count: usize) {
        let count = count.min(self.flushes.len());
        self.flushes.drain(..count);
        self.dirty |= count > 0;
    }

    /// What the disk is to have, if that is something else than it has. It holds no more than the
    /// changes of a second, or of the time that the database was away.
    pub(super) fn changed(&mut self) -> Option<State> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let rest = self.rest.iter().map(|((key, period), (by, until))| Row {
            key: key.clone(),
            period: *period,
            until: *until,
            by: *by,
        });
        Some(State {
            flushes: self.flushes.clone(),
            rest: rest.collect(),
            last: self.last,
            number: 0,
        })
    }

    /// The disk did not take what changed.
    pub(super) fn failed(&mut self) {
        self.dirty = true;
    }

    /// Rows that the database does not have.
    pub(super) fn waiting(&self) -> usize {
        self.rest.len()
            + self
                .flushes
                .iter()
                .map(|flush| flush.rows.len())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    pub(super) fn used(subject: u128, by: u64) -> Used {
        let key = QuotaKey {
            attach: Uuid::from_u128(9),
            name: "quota".into(),
            subject: Uuid::from_u128(subject),
        };
        Used {
            key,
            period: 0,
            by,
            until: 86_400,
        }
    }

    #[test]
    fn what_did_not_arrive_comes_again_under_its_number() {
        let mut journal = Journal::default();
        journal.add([used(1, 2), used(2, 1)]);
        journal.next(10_000, 1_000);
        journal.add([used(1, 3), used(1, 4)]);
        let left = journal.changed().unwrap();
        assert!(journal.changed().is_none());
        let sent = journal.flushes[0].clone();
        assert_eq!(
            (sent.number, sent.rows.len(), sent.former),
            (1_000, 2, false)
        );

        let mut again = Journal::of(left, vec![used(1, 1)], 10_000, 0);
        assert_eq!(again.flushes.len(), 2);
        assert_eq!(
            (again.flushes[0].number, &again.flushes[0].rows),
            (sent.number, &sent.rows)
        );
        assert!(again.flushes.iter().all(|flush| flush.former));
        assert_eq!(
            (again.flushes[1].number, again.flushes[1].rows[0].by),
            (1_001, 8)
        );
        again.own(1_001);
        let former: Vec<bool> = again.flushes.iter().map(|flush| flush.former).collect();
        assert_eq!(former, [true, false]);
        again.arrived(2);
        again.add([used(5, 1)]);
        again.next(10_000, 0);
        assert_eq!(
            again.flushes[0].number, 1_002,
            "numbers grow though the clock went back"
        );
        again.arrived(1);
        let left = again.changed().unwrap();
        assert_eq!(Journal::of(left, Vec::new(), 10_000, 0).waiting(), 0);
    }

    #[test]
    fn a_flush_is_bounded() {
        let mut journal = Journal::default();
        journal.add((0..25).map(|subject| used(subject, 1)));
        let left = journal.changed().unwrap();
        journal.next(10, 1);
        assert_eq!((journal.flushes[0].rows.len(), journal.waiting()), (10, 25));

        let again = Journal::of(left, Vec::new(), 10, 0);
        let of = |flush: &Flush| (flush.number, flush.rows.len());
        let flushes: Vec<_> = again.flushes.iter().map(of).collect();
        assert_eq!(flushes, [(1, 10), (2, 10), (3, 5)]);
    }
}
