//! Moving what was stored on into the rows that dashboards read: it is always in one of the two
//! places, so nothing has to be remembered of how far this came, and what arrives late is moved late.
//!
//! Before these rows were there, all was summed by hour alone. What `usage_past` says of that time is
//! copied hour by hour; the minutes that lie in it are not moved, as their hours have them.

use chrono::{DateTime, Utc};
use domain::traffic::Sums;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    Statement, Value,
};

use super::kind::{Call, UsageKey};
use super::part::{OF_ROLLUP, add};
use super::span::Span;
use crate::store::traffic::raw::environment;
use crate::store::traffic::{alone, begin, sums};

/// Most rows that are moved at once: those of a busy minute, and writers wait a second at most.
const PIECE: usize = 8192;

/// What a row is known by.
const KEY: &str =
    "provider, at, consumer, version, operation, plan, application, environment, class";

/// What of a rollup is read, before its sums.
const CALL: &str = "at, provider, consumer, version, operation, application, environment";
const CALL_COLUMNS: usize = 7;

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SummedUp {
    /// Rows that are among those that dashboards read now.
    pub rows: u64,
    /// There is more to do at once.
    pub more: bool,
}

/// One step: moves what is older than the present minute, or copies an hour of the past. Others may
/// do the same, and write, meanwhile.
pub async fn sum_up(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<SummedUp, DbErr> {
    let tx = begin(db).await?;
    alone(&tx).await?;
    let past = Past::load(&tx).await?;
    let present = Span::Minute.floor(now.timestamp_micros());
    let minutes = take(&tx, past, present).await?;
    let done = match past {
        Some(past) if minutes.is_empty() => past.copy(&tx).await?,
        _ => {
            let rows = minutes.len();
            put(&tx, Span::Minute, minutes).await?;
            SummedUp {
                rows: rows as u64,
                more: rows == PIECE || past.is_some(),
            }
        }
    };
    tx.commit().await?;
    Ok(done)
}

/// A row of a rollup: when, who called what, and how much.
type Row = (i64, Call, Sums);

/// Takes rows away that are in no row of usage yet, the oldest first.
async fn take(
    tx: &DatabaseTransaction,
    past: Option<Past>,
    present: i64,
) -> Result<Vec<Row>, DbErr> {
    let backend = tx.get_database_backend();
    // Without a past none of these lies in it.
    let past = past.unwrap_or(Past {
        next: present,
        until: present,
    });
    let oldest = |what: &str| {
        format!(
            "SELECT {what} FROM rollup_minute WHERE at < $1 AND (at < $2 OR at >= $3) \
             ORDER BY at LIMIT {PIECE}"
        )
    };
    let these = match backend {
        DbBackend::Postgres => format!("ctid = ANY (ARRAY({}))", oldest("ctid")),
        _ => format!("({KEY}) IN ({})", oldest(KEY)),
    };
    let sql = format!(
        "DELETE FROM rollup_minute WHERE {these} RETURNING {CALL}, {}",
        OF_ROLLUP.join(", ")
    );
    let values = [present, past.next, past.until].map(Value::from);
    let taken = Statement::from_sql_and_values(backend, sql, values);
    tx.query_all_raw(taken).await?.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Row, DbErr> {
    let call = Call {
        provider: row.try_get_by_index(1)?,
        consumer: row.try_get_by_index(2)?,
        version: row.try_get_by_index(3)?,
        operation: row.try_get_by_index(4)?,
        application: row.try_get_by_index(5)?,
        environment: environment(row.try_get_by_index(6)?),
    };
    let mut sums = Sums::default();
    add(&mut sums, row, CALL_COLUMNS)?;
    Ok((row.try_get_by_index(0)?, call, sums))
}

/// Adds rows, which are of such spans, to all rows of usage that they count in.
async fn put(tx: &DatabaseTransaction, mut span: Span, rows: Vec<Row>) -> Result<(), DbErr> {
    let mut added = sums::Rows::<UsageKey>::new();
    for (at, call, sums) in rows {
        for key in UsageKey::of(call) {
            added.entry((at, key)).or_default().merge(&sums);
        }
    }
    loop {
        let wider = span.wider().map(|wider| (wider, floored(&added, wider)));
        let mut rows: Vec<((i64, UsageKey), Sums)> = added.into_iter().collect();
        // In the order of the table, where times of the same thing follow each other.
        rows.sort_unstable_by_key(|((at, key), _)| {
            let UsageKey {
                scope,
                kind,
                member,
                part,
                environment,
            } = *key;
            (scope, kind, *at, member, part, environment)
        });
        sums::add(tx, span.table(), rows).await?;
        let Some(next) = wider else {
            return Ok(());
        };
        (span, added) = next;
    }
}

fn floored(rows: &sums::Rows<UsageKey>, span: Span) -> sums::Rows<UsageKey> {
    let mut wider = sums::Rows::new();
    for ((at, key), sums) in rows {
        let sum: &mut Sums = wider.entry((span.floor(*at), *key)).or_default();
        sum.merge(sums);
    }
    wider
}

/// What is still to be copied of the time before there were rows of usage: the hours from `next` to
/// `until`.
#[derive(Debug, Clone, Copy)]
struct Past {
    next: i64,
    until: i64,
}

impl Past {
    async fn load(tx: &DatabaseTransaction) -> Result<Option<Self>, DbErr> {
        let sql = "SELECT next, until FROM usage_past";
        let read = Statement::from_string(tx.get_database_backend(), sql);
        let Some(row) = tx.query_one_raw(read).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            next: row.try_get_by_index(0)?,
            until: row.try_get_by_index(1)?,
        }))
    }

    /// Copies an hour; none are left, and the past is over.
    async fn copy(self, tx: &DatabaseTransaction) -> Result<SummedUp, DbErr> {
        let statement = |sql: &str, values: &[i64]| {
            let values = values.iter().map(|value| Value::from(*value));
            Statement::from_sql_and_values(tx.get_database_backend(), sql, values)
        };
        let first = "SELECT MIN(at) FROM rollup_hour WHERE at >= $1 AND at < $2";
        let first = statement(first, &[self.next, self.until]);
        let first = tx.query_one_raw(first).await?;
        let hour = first.map(|row| row.try_get_by_index::<Option<i64>>(0));
        let hour = hour.transpose()?.flatten();
        let Some(hour) = hour else {
            tx.execute_unprepared("DELETE FROM usage_past").await?;
            return Ok(SummedUp {
                rows: 0,
                more: true,
            });
        };
        let all = format!(
            "SELECT {CALL}, {} FROM rollup_hour WHERE at = $1",
            OF_ROLLUP.join(", ")
        );
        let all = tx.query_all_raw(statement(&all, &[hour])).await?;
        let rows = all.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let count = rows.len() as u64;
        put(tx, Span::Hour, rows).await?;
        // What came late, or was stored before the upgrade, is in the hour that was copied just now.
        let next = Span::Hour.floor(hour) + Span::Hour.micros();
        let gone = "DELETE FROM rollup_minute WHERE at >= $1 AND at < $2";
        tx.execute_raw(statement(gone, &[self.next, next])).await?;
        let done = statement("UPDATE usage_past SET next = $1", &[next]);
        tx.execute_raw(done).await?;
        Ok(SummedUp {
            rows: count,
            more: true,
        })
    }
}
