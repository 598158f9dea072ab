//! Rows of sums by minute and hour: those of a batch are added up by themselves, and then to what is
//! stored, many rows in one statement.
//!
//! SQL adds counts and bytes. Histograms it cannot add, so they are read, merged and written back; the
//! caller holds what keeps others from doing the same at once.

use std::collections::BTreeMap;

use domain::traffic::{CacheSums, Histogram, Record, Sums};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use super::scope::Resolution;
use crate::row::{pieces, signed, tuples};

/// Rows of one statement, each with at most seventeen parameters.
const MOST_ROWS: usize = 256;

/// What SQL adds, in the order of [`added`].
const ALL: &[&str] = &[
    "count",
    "bytes_in",
    "bytes_out",
    "cache_hits",
    "cache_stale",
    "cache_misses",
    "cache_passes",
    "client_errors",
    "server_errors",
];

/// Rows that tell neither what caches did nor, but by their class, what was an error.
pub(super) const PLAIN: &[&str] = ALL.split_at(3).0;
/// Rows that tell what caches did, too.
pub(super) const WITH_CACHES: &[&str] = ALL.split_at(7).0;
/// Rows of all classes together, which count errors beside them.
pub(super) const WITH_ERRORS: &[&str] = ALL;

/// What a row sums up, beside the minute or hour that it is of.
pub(super) trait Subject: Clone + Ord {
    /// Columns of the row's key: `at`, then those of [`Subject::push`].
    const KEY: &'static [&'static str];
    /// What such rows have beside times: [`PLAIN`], [`WITH_CACHES`] or [`WITH_ERRORS`].
    const SUMS: &'static [&'static str];

    fn push(self, out: &mut Vec<Value>);
}

/// What is added to the rows of one table, by the start of the minute or hour and by subject.
pub(super) type Rows<S> = BTreeMap<(i64, S), Sums>;

/// What records add to minutes, and to hours. `None` is for what is in no row.
pub(super) fn of_records<S: Subject>(
    records: &[Record],
    subject: impl Fn(&Record) -> Option<S>,
) -> [(Resolution, Rows<S>); 2] {
    let mut minutes = Rows::<S>::new();
    for record in records {
        let Some(subject) = subject(record) else {
            continue;
        };
        let at = Resolution::Minute.floor(record.at.timestamp_micros());
        minutes.entry((at, subject)).or_default().add(record);
    }
    let mut hours = Rows::<S>::new();
    for ((minute, subject), sums) in &minutes {
        let at = Resolution::Hour.floor(*minute);
        hours.entry((at, subject.clone())).or_default().merge(sums);
    }
    [(Resolution::Minute, minutes), (Resolution::Hour, hours)]
}

/// Adds `rows` to those of `table`; fastest in the order of its key. None may come twice.
pub(super) async fn add<S: Subject>(
    tx: &DatabaseTransaction,
    table: &str,
    rows: impl IntoIterator<Item = ((i64, S), Sums)>,
) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let rows: Vec<((i64, S), Sums)> = rows.into_iter().collect();
    for rows in pieces(&rows, MOST_ROWS) {
        let stored = latencies(tx, table, rows).await?;
        let mut values = Vec::with_capacity(rows.len() * places::<S>());
        for ((key, sums), mut latency) in rows.iter().zip(stored) {
            push_key(key, &mut values);
            latency.merge(&sums.latency);
            values.push(latency.to_bytes().into());
            let more = added(sums).map(|sum| Value::from(signed(sum)));
            values.extend(more.into_iter().take(S::SUMS.len()));
        }
        let sql = upsert::<S>(backend, table, rows.len());
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
    }
    Ok(())
}

/// The times that are stored for these keys, in their order; none where there is no row yet.
async fn latencies<S: Subject>(
    tx: &DatabaseTransaction,
    table: &str,
    rows: &[((i64, S), Sums)],
) -> Result<Vec<Histogram>, DbErr> {
    let backend = tx.get_database_backend();
    let mut values = Vec::with_capacity(rows.len() * (S::KEY.len() + 1));
    for (place, (key, _)) in (0_i64..).zip(rows) {
        values.push(place.into());
        push_key(key, &mut values);
    }
    let sql = select::<S>(backend, table, rows.len());
    let read = Statement::from_sql_and_values(backend, sql, values);
    let mut stored = vec![Histogram::default(); rows.len()];
    for row in tx.query_all_raw(read).await? {
        let place: i64 = row.try_get_by_index(0)?;
        let latency: Vec<u8> = row.try_get_by_index(1)?;
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(stored) = stored.get_mut(place) {
            *stored = histogram(&latency);
        }
    }
    Ok(stored)
}

/// Finds each row by its whole key. SQLite keeps to the order of a CROSS JOIN, so that it can only
/// look up each key, and never reads the table.
fn select<S: Subject>(backend: DbBackend, table: &str, rows: usize) -> String {
    let same: Vec<String> = (2..)
        .zip(S::KEY)
        .map(|(place, name)| format!("{table}.{name} = wanted.column{place}"))
        .collect();
    format!(
        "SELECT wanted.column1, {table}.latency FROM (VALUES {}) AS wanted CROSS JOIN {table} WHERE {}",
        tuples(backend, rows, S::KEY.len() + 1),
        same.join(" AND ")
    )
}

/// What does not fit is held at the highest, as [`signed`] does.
fn upsert<S: Subject>(backend: DbBackend, table: &str, rows: usize) -> String {
    let (key, sums) = (S::KEY.join(", "), S::SUMS);
    let sum = |name: &&str| {
        let most = i64::MAX;
        format!(
            "{name} = CASE WHEN {table}.{name} > {most} - excluded.{name} THEN {most} \
             ELSE {table}.{name} + excluded.{name} END"
        )
    };
    format!(
        "INSERT INTO {table} ({key}, latency, {}) VALUES {} \
         ON CONFLICT ({key}) DO UPDATE SET latency = excluded.latency, {}",
        sums.join(", "),
        tuples(backend, rows, places::<S>()),
        sums.iter().map(sum).collect::<Vec<_>>().join(", "),
    )
}

/// Parameters of a row that is written.
fn places<S: Subject>() -> usize {
    S::KEY.len() + 1 + S::SUMS.len()
}

fn added(sums: &Sums) -> [u64; ALL.len()] {
    let Sums {
        count,
        client_errors,
        server_errors,
        bytes_in,
        bytes_out,
        // Merged outside of the database.
        latency: _,
        cache,
    } = sums;
    let CacheSums {
        hits,
        stale,
        misses,
        passes,
    } = *cache;
    [
        *count,
        *bytes_in,
        *bytes_out,
        hits,
        stale,
        misses,
        passes,
        *client_errors,
        *server_errors,
    ]
}

fn push_key<S: Subject>((at, subject): &(i64, S), out: &mut Vec<Value>) {
    out.push((*at).into());
    subject.clone().push(out);
}

/// A stored histogram. One that cannot be read counts as empty: refusing it would stop all traffic
/// from being stored for the sake of one row's quantiles.
pub(super) fn histogram(bytes: &[u8]) -> Histogram {
    let mut read = Histogram::default();
    merge(&mut read, bytes);
    read
}

/// Adds a stored histogram to `sum`; one that cannot be read adds nothing.
pub(super) fn merge(sum: &mut Histogram, bytes: &[u8]) {
    if let Err(error) = sum.merge_bytes(bytes) {
        tracing::error!(%error, "a rollup's histogram is skipped");
    }
}
