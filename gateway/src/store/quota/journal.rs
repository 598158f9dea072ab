//! What this node counted and the database does not have yet: so that neither a restart nor an
//! answer that got lost changes a count.
//!
//! A flush is on the [`disk`], with its number, before it is sent. Sent again under that number it
//! adds nothing, so it does no harm that nobody knows whether the first try arrived. Where the disk
//! took nothing, or was put back to what it had been, the database has a higher number than the disk
//! knows of: what the disk has without a number is in the database then ([`Journal::settle`]).

pub(super) mod disk;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use domain::id::NodeId;
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
    /// Made of what a process left without a number, behind this one, and [`Journal::settle`] has not
    /// looked at it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<i64>,
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
    rest: BTreeMap<(QuotaKey, i64), (u64, i64)>,
    /// The last one of the flush before: the next begins behind it, so that of very many none starves.
    behind: Option<(QuotaKey, i64)>,
    last: i64,
    dirty: bool,
    /// Other flushes than the disk has: what is added there does not tell of them.
    has_turned: bool,
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
    /// Whose counts these are; `None` of a state that was written without it.
    #[serde(default)]
    node: Option<NodeId>,
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
        let numbered = journal.flushes.len();
        journal.add(left.rest.iter().map(Row::used));
        journal.add(since);
        while !journal.rest.is_empty() {
            journal.next(max, now);
        }
        for (index, flush) in journal.flushes.iter_mut().enumerate() {
            flush.former = true;
            flush.after = flush.after.or((index >= numbered).then_some(left.last));
        }
        // Nothing can be added to a state of another process.
        (journal.dirty, journal.has_turned) = (true, true);
        journal
    }

    /// The highest number that the database has of this node is `stored`. Where an earlier process
    /// has sent something that the disk does not know of, what it left without a number was part of
    /// that: sent under another one it would count twice. How many rows are left out for that.
    pub(super) fn settle(&mut self, stored: i64) -> usize {
        let before = self.waiting();
        self.flushes
            .retain(|flush| flush.after.is_none_or(|after| stored <= after));
        for flush in &mut self.flushes {
            flush.after = None;
        }
        self.last = self.last.max(stored);
        (self.dirty, self.has_turned) = (true, true);
        before - self.waiting()
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
            sum.0 = sum.0.saturating_add(used.by);
            self.dirty = true;
        }
    }

    /// Makes the next flush, of at most `max` rows, of what is not in one. Numbers grow, also over
    /// restarts without a file: they begin at `now` (microseconds since 1970), or behind what the
    /// database has.
    pub(super) fn next(&mut self, max: usize, now: i64) {
        if self.rest.is_empty() {
            return;
        }
        let behind = self.behind.take().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.rest.range((behind, Bound::Unbounded));
        let keys = behind.chain(&self.rest).map(|(key, _)| key.clone());
        let keys: Vec<_> = keys.take(max.min(self.rest.len())).collect();
        self.behind = keys.last().cloned();
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
        self.last = now.max(self.last.saturating_add(1));
        self.flushes.push_back(Flush {
            number: self.last,
            rows,
            former: false,
            after: None,
        });
        (self.dirty, self.has_turned) = (true, true);
    }

    /// So many of the oldest flushes have arrived.
    pub(super) fn arrived(&mut self, count: usize) {
        let count = count.min(self.flushes.len());
        self.flushes.drain(..count);
        self.dirty |= count > 0;
        self.has_turned |= count > 0;
    }

    /// Whether what is added beside the state on the disk is not enough to tell of all this.
    pub(super) const fn has_turned(&self) -> bool {
        self.has_turned
    }

    /// What the disk is to have, if that is something else than it has. It holds no more than the
    /// changes of a second, or of the time that the database was away.
    pub(super) fn changed(&mut self) -> Option<State> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        self.has_turned = false;
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
            node: None,
        })
    }

    /// The disk did not take what changed.
    pub(super) fn failed(&mut self) {
        (self.dirty, self.has_turned) = (true, true);
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

    /// What is on the disk without a number may have been sent by a process whose disk failed, or that
    /// ran before the disk was put back.
    #[test]
    fn what_the_disk_knows_less_of_than_the_database_is_not_sent_again() {
        let mut journal = Journal::default();
        journal.add([used(1, 2)]);
        journal.next(10, 1_000);
        journal.add([used(2, 3)]);
        let left = journal.changed().unwrap();
        let open = |left: &State| {
            let bytes = serde_json::to_vec(left).unwrap();
            Journal::of(serde_json::from_slice(&bytes).unwrap(), Vec::new(), 10, 500)
        };
        for (stored, expected, next) in [
            (0, vec![1_000, 1_001], 1_002),
            (999, vec![1_000, 1_001], 1_002),
            (1_000, vec![1_000, 1_001], 1_002),
            (1_001, vec![1_000], 1_002),
            (i64::from(u32::MAX), vec![1_000], i64::from(u32::MAX) + 1),
        ] {
            // Also where the process in between heard nothing of the database.
            let between = open(&left).changed().unwrap();
            for left in [&left, &between] {
                let mut again = open(left);
                let lost = again.settle(stored);
                let of = |flush: &Flush| flush.number;
                let numbers: Vec<_> = again.flushes.iter().map(of).collect();
                assert_eq!((numbers.len() + lost, &numbers), (2, &expected), "{stored}");
                again.add([used(3, 1)]);
                again.next(10, 500);
                assert_eq!(again.flushes.back().unwrap().number, next, "{stored}");
                // What was looked at once is sent, whatever the database has got since.
                assert_eq!(open(&again.changed().unwrap()).settle(next), 0);
            }
        }
    }

    #[test]
    fn of_very_many_that_count_on_none_starves() {
        let mut journal = Journal::default();
        let mut sent = std::collections::HashSet::new();
        for turn in 0..5 {
            journal.add((0..25).map(|subject| used(subject, 1)));
            journal.next(10, turn);
            let rows = &journal.flushes.back().unwrap().rows;
            assert_eq!(rows.len(), 10);
            sent.extend(rows.iter().map(|row| row.key.subject));
            let least = 25_usize.min(10 * (turn as usize + 1));
            assert_eq!(sent.len(), least, "turn {turn}");
        }
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
