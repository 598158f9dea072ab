//! Between rows and domain: reading texts that a row must hold, and times as both databases
//! keep them.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sea_orm::{DbBackend, DbErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A row holds something that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the column {column} holds something unreadable: {reason}")]
pub struct RowError {
    /// `table.column`
    pub column: &'static str,
    pub reason: String,
}

impl From<RowError> for DbErr {
    fn from(error: RowError) -> Self {
        Self::Type(error.to_string())
    }
}

/// Reads JSON of a TEXT column.
pub fn read_json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, RowError> {
    serde_json::from_str(text).map_err(|error| RowError {
        column,
        reason: error.to_string(),
    })
}

/// JSON of a TEXT column as it is written, whatever it says; a text where it is no JSON.
pub fn as_written(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Writes JSON for a TEXT column.
pub fn write_json<T: Serialize>(column: &'static str, value: &T) -> Result<String, RowError> {
    serde_json::to_string(value).map_err(|error| RowError {
        column,
        reason: error.to_string(),
    })
}

/// The value that a word of a closed list stands for.
pub fn read_word<T>(
    column: &'static str,
    word: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RowError> {
    parse(word).ok_or_else(|| RowError {
        column,
        reason: format!("unknown word {word:?}"),
    })
}

/// Cuts a time to what both databases keep: PostgreSQL has microseconds, SQLite would keep more,
/// and what was written must equal what is read.
pub fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at)
}

/// A number that is never negative, from a column that could hold one.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number into a column: what does not fit is held at the highest.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Places of parameters for rows of values: `($1, $2), ($3, $4)`. On SQLite `(?, ?), (?, ?)`: it
/// looks up each numbered parameter in a list of all, which made thousands of them a matter of
/// seconds.
pub(crate) fn tuples(backend: DbBackend, rows: usize, columns: usize) -> String {
    use std::fmt::Write;
    if backend != DbBackend::Postgres {
        let row = format!("({})", vec!["?"; columns].join(", "));
        return vec![row.as_str(); rows].join(", ");
    }
    let mut text = String::with_capacity(rows * columns * 8);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}${}", row * columns + column);
        }
        text.push(')');
    }
    text
}

/// `rows` in pieces of `most` (a power of two), halved for what is left over: so a few statements
/// serve any number of rows, and the connection keeps them prepared. One of another length each time
/// would be parsed anew, which costs nearly as much as it does.
pub(crate) fn pieces<T>(rows: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let largest = 1_usize << rest.len().checked_ilog2()?;
        let (now, later) = rest.split_at(most.min(largest));
        rest = later;
        Some(now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_parameters() {
        assert_eq!(tuples(DbBackend::Postgres, 2, 2), "($1, $2), ($3, $4)");
        assert_eq!(tuples(DbBackend::Sqlite, 2, 2), "(?, ?), (?, ?)");
    }

    #[test]
    fn pieces_are_of_few_lengths_and_leave_nothing_out() {
        for (rows, lengths) in [
            (0, &[][..]),
            (1, &[1]),
            (7, &[4, 2, 1]),
            (8, &[8]),
            (29, &[8, 8, 8, 4, 1]),
        ] {
            let rows: Vec<usize> = (0..rows).collect();
            let found: Vec<usize> = pieces(&rows, 8).map(<[usize]>::len).collect();
            assert_eq!(found, lengths);
            assert_eq!(pieces(&rows, 8).collect::<Vec<_>>().concat(), rows);
        }
    }

    #[test]
    fn times_are_cut_not_rounded() {
        let at: DateTime<Utc> = "2026-11-21T01:02:03.123456999Z".parse().unwrap();
        assert_eq!(
            to_micros(at).to_rfc3339(),
            "2026-11-21T01:02:03.123456+00:00"
        );
    }
}
