//! What this node counted and the database does not have yet, in a file: so that neither a
//! restart nor an answer that got lost changes a count.
//!
//! A flush is written here, with its number, before it is sent. Sent again under that number it
//! adds nothing, so it does no harm that nobody knows whether the first try arrived.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk_file;
use crate::quota::{QuotaKey, Used};

/// Name of the file inside of the data directory.
const NAME: &str = "quota.flush";

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
    path: Option<PathBuf>,
    pub(super) flushes: VecDeque<Flush>,
    rest: HashMap<(QuotaKey, i64), (u64, i64)>,
    last: i64,
    dirty: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    flushes: &'a VecDeque<Flush>,
    rest: Vec<Row>,
    last: i64,
}

#[derive(Deserialize)]
struct Read {
    flushes: VecDeque<Flush>,
    rest: Vec<Row>,
    last: i64,
}

impl Journal {
    /// Reads what an earlier process left in `data`; without a directory nothing is kept. A damaged
    /// file counts as none: it is replaced by rename, so only a failing disk can have done it.
    pub(super) fn open(data: Option<&Path>) -> Self {
        let Some(path) = data.map(|data| data.join(NAME)) else {
            return Self::default();
        };
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Read>(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Read {
                flushes: VecDeque::new(),
                rest: Vec::new(),
                last: 0,
            }),
            Err(error) => Err(error),
        };
        let mut journal = Self {
            path: Some(path),
            ..Self::default()
        };
        match read {
            Ok(read) => {
                journal.flushes = read.flushes;
                journal.last = read.last;
                if !read.rest.is_empty() {
                    journal.last += 1;
                    let number = journal.last;
                    journal.flushes.push_back(Flush {
                        number,
                        rows: read.rest,
                        former: true,
                    });
                    journal.dirty = true;
                }
            }
            Err(error) => tracing::error!(%error, "Quota counts of the last run cannot be read."),
        }
        journal
    }

    /// Those with the number `from` or above it are this process's own.
    pub(super) fn own(&mut self, from: i64) {
        for flush in &mut self.flushes {
            flush.former = flush.number < from;
        }
    }

    /// Adds what was counted since the last time.
    pub(super) fn add(&mut self, used: Vec<Used>) {
        self.dirty |= !used.is_empty();
        for used in used {
            let sum = self
                .rest
                .entry((used.key, used.period))
                .or_insert((0, used.until));
            sum.0 += used.by;
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

    /// Writes the file if it would differ. Blocks on the disk, for a short time: it holds no more
    /// than the changes of a second, or of the time that the database was away.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let Some(path) = self.path.as_ref().filter(|_| self.dirty) else {
            return Ok(());
        };
        let rest = self.rest.iter().map(|((key, period), (by, until))| Row {
            key: key.clone(),
            period: *period,
            until: *until,
            by: *by,
        });
        let written = Written {
            flushes: &self.flushes,
            rest: rest.collect(),
            last: self.last,
        };
        let bytes = serde_json::to_vec(&written)?;
        disk_file::replace(path, |file| io::Write::write_all(file, &bytes))?;
        self.dirty = false;
        Ok(())
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

    fn used(subject: u128, by: u64) -> Used {
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
        let data = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(Some(data.path()));
        journal.add(vec![used(1, 2), used(2, 1)]);
        journal.next(10_000, 1_000);
        journal.add(vec![used(1, 3), used(1, 4)]);
        journal.save().unwrap();
        let sent = journal.flushes[0].clone();
        assert_eq!(
            (sent.number, sent.rows.len(), sent.former),
            (1_000, 2, false)
        );
        drop(journal);

        let mut again = Journal::open(Some(data.path()));
        assert_eq!(again.flushes.len(), 2);
        assert_eq!(
            (again.flushes[0].number, &again.flushes[0].rows),
            (sent.number, &sent.rows)
        );
        assert!(again.flushes.iter().all(|flush| flush.former));
        assert_eq!(
            (again.flushes[1].number, again.flushes[1].rows[0].by),
            (1_001, 7)
        );
        again.own(1_001);
        let former: Vec<bool> = again.flushes.iter().map(|flush| flush.former).collect();
        assert_eq!(former, [true, false]);
        again.arrived(2);
        again.add(vec![used(5, 1)]);
        again.next(10_000, 0);
        assert_eq!(
            again.flushes[0].number, 1_002,
            "numbers grow though the clock went back"
        );
        again.arrived(1);
        again.save().unwrap();
        assert_eq!(Journal::open(Some(data.path())).waiting(), 0);
    }

    #[test]
    fn a_flush_is_bounded() {
        let mut journal = Journal::open(None);
        journal.add((0..25).map(|subject| used(subject, 1)).collect());
        journal.next(10, 1);
        assert_eq!((journal.flushes[0].rows.len(), journal.waiting()), (10, 25));
        journal.save().unwrap();
    }
}
