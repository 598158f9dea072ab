//! Quota counters that nodes share: each node adds to rows of its own, and reads the sums.
//!
//! A flush is one statement and carries a number that only grows on its node; a row that has a
//! number already takes no other with it or below it, so a flush that is repeated adds nothing.
//!
//! Readers ask for what changed since a cursor. On SQLite there is one writer, and the change
//! number is a count. On PostgreSQL writers do not wait for each other, so the change number is the
//! id of the writing transaction and the cursor the oldest one that was still running: whatever
//! commits late has a number at or above it. What is read twice does no harm, totals are absolute.

use std::collections::BTreeMap;

use domain::id::NodeId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use crate::row::{signed, tuples, unsigned, write_json};

/// Most rows of one flush.
pub const MAX_FLUSH: usize = 10_000;

/// Keys asked for at once: four parameters each, far below what a database takes.
const CHUNK: usize = 500;

/// What is counted: a policy where it is attached, for one subject, in one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Id of the organization, API, version, operation or plan.
    pub attach: Uuid,
    /// The policy's name.
    pub name: String,
    /// The subscription, or the application outside of plans.
    pub subject: Uuid,
    /// Start of the period, in seconds since 1970.
    pub period: i64,
}

/// What a node used since its last flush.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    pub key: Key,
    /// End of the period, in seconds since 1970; the row may go after it.
    pub until: i64,
    pub by: u64,
}

/// The sum over all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub key: Key,
    pub until: i64,
    pub total: u64,
}

/// Up to where a reader has read. Starts with that of [`load`], or at the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor(i64);

#[derive(Serialize)]
struct Row<'a> {
    subject: String,
    attach: String,
    name: &'a str,
    period: i64,
    until: i64,
    count: i64,
}

/// Adds what `node` used, at most [`MAX_FLUSH`] counters, in one statement. `number` is above that
/// of the flush before; the same flush may be sent again under the same number.
pub async fn flush<C: ConnectionTrait>(
    db: &C,
    node: NodeId,
    number: i64,
    used: &[Used],
) -> Result<(), DbErr> {
    if used.is_empty() {
        return Ok(());
    }
    // One row a key: a statement may not touch a row twice.
    let mut sums: BTreeMap<&Key, (i64, u64)> = BTreeMap::new();
    for Used { key, until, by } in used {
        let sum = sums.entry(key).or_insert((*until, 0));
        sum.1 = sum.1.saturating_add(*by);
    }
    let rows: Vec<Row<'_>> = sums
        .into_iter()
        .map(|(key, (until, by))| Row {
            subject: key.subject.simple().to_string(),
            attach: key.attach.simple().to_string(),
            name: &key.name,
            period: key.period,
            until,
            count: signed(by),
        })
        .collect();
    let rows = write_json("quota", &rows)?;
    let select = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT subject, attach, name, period, $2, until, count, $3, \
             pg_current_xact_id()::text::bigint \
             FROM json_to_recordset($1::text::json) \
             AS used(subject uuid, attach uuid, name text, period bigint, until bigint, count bigint)"
        }
        _ => {
            "SELECT unhex(value->>'subject'), unhex(value->>'attach'), value->>'name', \
             value->>'period', $2, value->>'until', value->>'count', $3, \
             (SELECT coalesce(max(change), 0) + 1 FROM quota) \
             FROM json_each($1) WHERE true"
        }
    };
    let sql = format!(
        "INSERT INTO quota (subject, attach, name, period, node, until, count, flush, change) {select} \
         ON CONFLICT (subject, attach, name, period, node) DO UPDATE SET \
         count = quota.count + excluded.count, until = excluded.until, \
         flush = excluded.flush, change = excluded.change \
         WHERE quota.flush < excluded.flush"
    );
    let values = [rows.into(), node.uuid().into(), number.into()];
    db.execute_raw(statement(db, &sql, values)).await?;
    Ok(())
}

/// The highest number that a flush of `node` has had; 0 before the first. A node whose own memory
/// of it is lost goes on from here.
pub async fn last_flush<C: ConnectionTrait>(db: &C, node: NodeId) -> Result<i64, DbErr> {
    let sql = "SELECT max(flush) AS flush FROM quota WHERE node = $1";
    let row = db
        .query_one_raw(statement(db, sql, [node.uuid().into()]))
        .await?;
    Ok(row
        .map(|row| row.try_get::<Option<i64>>("", "flush"))
        .transpose()?
        .flatten()
        .unwrap_or(0))
}

/// The totals of all periods that are not over at `now` (seconds since 1970), in one pass: for a
/// node that starts.
pub async fn load<C: ConnectionTrait>(db: &C, now: i64) -> Result<(Vec<Total>, Cursor), DbErr> {
    let cursor = cursor(db).await?;
    let sql =
        format!("SELECT {SUM} FROM quota WHERE until > $1 GROUP BY subject, attach, name, period");
    let rows = db.query_all_raw(statement(db, &sql, [now.into()])).await?;
    Ok((totals(rows)?, cursor))
}

/// The totals that other nodes changed since `from`, only of keys that `node` has used itself.
pub async fn changed<C: ConnectionTrait>(
    db: &C,
    node: NodeId,
    from: Cursor,
) -> Result<(Vec<Total>, Cursor), DbErr> {
    // Read before the rows, so that what is written between is read again next time.
    let next = cursor(db).await?;
    // A database that was restored counts from below.
    let from = if next.0 < from.0 { 0 } else { from.0 };
    let sql = format!(
        "WITH changed AS (SELECT DISTINCT subject, attach, name, period FROM quota \
         WHERE change >= $1 AND node <> $2) \
         SELECT {SUM} FROM changed JOIN quota USING (subject, attach, name, period) \
         GROUP BY subject, attach, name, period \
         HAVING max(CASE WHEN node = $2 THEN 1 ELSE 0 END) = 1"
    );
    let rows = db
        .query_all_raw(statement(db, &sql, [from.into(), node.uuid().into()]))
        .await?;
    Ok((totals(rows)?, next))
}

/// The totals of certain keys: those that a node begins to hold. Keys that nobody used are absent.
pub async fn of<C: ConnectionTrait>(db: &C, keys: &[Key]) -> Result<Vec<Total>, DbErr> {
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(CHUNK) {
        let sql = format!(
            "SELECT {SUM} FROM quota WHERE (subject, attach, name, period) IN (VALUES {}) \
             GROUP BY subject, attach, name, period",
            tuples(db.get_database_backend(), keys.len(), 4)
        );
        let values = keys.iter().flat_map(|key| -> [Value; 4] {
            [
                key.subject.into(),
                key.attach.into(),
                key.name.clone().into(),
                key.period.into(),
            ]
        });
        found.extend(totals(
            db.query_all_raw(statement(db, &sql, values)).await?,
        )?);
    }
    Ok(found)
}

/// Of one policy at one place, in periods that are not over at `now`: who has used `least` or more,
/// by subject, behind `after`; at most `most`.
pub async fn above<C: ConnectionTrait>(
    db: &C,
    (attach, name): (Uuid, &str),
    least: u64,
    now: i64,
    after: Uuid,
    most: u64,
) -> Result<Vec<Total>, DbErr> {
    let sql = format!(
        "SELECT {SUM} FROM quota WHERE attach = $1 AND name = $2 AND until > $3 AND subject > $4 \
         GROUP BY subject, attach, name, period HAVING sum(count) >= $5 ORDER BY subject LIMIT $6"
    );
    let values: [Value; 6] = [
        attach.into(),
        name.to_owned().into(),
        now.into(),
        after.into(),
        signed(least).into(),
        signed(most).into(),
    ];
    totals(db.query_all_raw(statement(db, &sql, values)).await?)
}

/// What something was counted at, each once: plans, organizations, APIs, versions and operations.
pub async fn attached<C: ConnectionTrait>(db: &C) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT DISTINCT attach FROM quota";
    let rows = db.query_all_raw(statement(db, sql, [])).await?;
    let ids = rows.iter().map(|row| row.try_get("", "attach"));
    ids.collect()
}

/// Removes the rows of periods that were over at `before` (seconds since 1970). The newest row
/// stays, because SQLite's next change number comes from it.
pub async fn prune<C: ConnectionTrait>(db: &C, before: i64) -> Result<u64, DbErr> {
    let sql = "DELETE FROM quota WHERE until <= $1 AND change < (SELECT max(change) FROM quota)";
    let done = db.execute_raw(statement(db, sql, [before.into()])).await?;
    Ok(done.rows_affected())
}

/// Where a reader that reads now will have to go on.
async fn cursor<C: ConnectionTrait>(db: &C) -> Result<Cursor, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS next"
        }
        _ => "SELECT coalesce(max(change), 0) + 1 AS next FROM quota",
    };
    let row = db.query_one_raw(statement(db, sql, [])).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("quota cursor".to_owned()))?;
    Ok(Cursor(row.try_get("", "next")?))
}

/// The columns of a total. PostgreSQL sums bigint to numeric.
const SUM: &str =
    "subject, attach, name, period, max(until) AS until, CAST(sum(count) AS bigint) AS total";

fn totals(rows: Vec<QueryResult>) -> Result<Vec<Total>, DbErr> {
    #[derive(FromQueryResult)]
    struct Sum {
        subject: Uuid,
        attach: Uuid,
        name: String,
        period: i64,
        until: i64,
        total: i64,
    }
    let sums = rows.iter().map(|row| {
        let Sum {
            subject,
            attach,
            name,
            period,
            until,
            total,
        } = Sum::from_query_result(row, "")?;
        Ok(Total {
            key: Key {
                attach,
                name,
                subject,
                period,
            },
            until,
            total: unsigned(total),
        })
    });
    sums.collect()
}

fn statement<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}
