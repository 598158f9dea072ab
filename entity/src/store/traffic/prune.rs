//! Retention: what is older than it is kept goes, in steps short enough to let writers through.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use super::partition;
use super::scope::Resolution;

/// Rows of one step on SQLite, where nobody else writes meanwhile.
const STEP: u64 = 5000;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub requests: TimeDelta,
    /// What `log_detail` kept beside them.
    pub details: TimeDelta,
    pub minutes: TimeDelta,
    pub hours: TimeDelta,
    /// Ids of batches: at least as long as a gateway's spool may hold one back.
    pub batches: TimeDelta,
}

impl Default for Kept {
    /// 7 days, 3 days, 48 hours, 25 months, 30 days.
    fn default() -> Self {
        Self {
            requests: TimeDelta::days(7),
            details: TimeDelta::days(3),
            minutes: TimeDelta::hours(48),
            hours: TimeDelta::days(25 * 31),
            batches: TimeDelta::days(30),
        }
    }
}

/// What went; minutes and hours with those of variants and of what was observed. On PostgreSQL `requests` counts days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    pub requests: u64,
    pub details: u64,
    pub minutes: u64,
    pub hours: u64,
    pub batches: u64,
}

pub async fn prune(
    db: &DatabaseConnection,
    kept: &Kept,
    now: DateTime<Utc>,
) -> Result<Pruned, DbErr> {
    let before = |kept: TimeDelta| (now - kept).timestamp_micros();
    Ok(Pruned {
        requests: requests(db, now - kept.requests).await?,
        // Of a request that is gone nothing is left.
        details: older(
            db,
            "request_detail",
            before(kept.details.min(kept.requests)),
        )
        .await?,
        minutes: rollups(db, Resolution::Minute, before(kept.minutes)).await?,
        hours: rollups(db, Resolution::Hour, before(kept.hours)).await?,
        batches: older(db, "traffic_batch", before(kept.batches)).await?,
    })
}

async fn requests(db: &DatabaseConnection, before: DateTime<Utc>) -> Result<u64, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        return partition::drop_before(db, before).await;
    }
    // An index by time alone would cost every insert. The one by provider and time finds what is old
    // of each, wherever it lies: behind newer rows, as a spool that waited has left it, or behind
    // those of a clock that was ahead. From one provider to the next it leads without the rows
    // between; a plan that began with all requests would not.
    let sql = format!(
        "DELETE FROM request WHERE id IN (WITH RECURSIVE whose (provider) AS \
         (SELECT min(provider) FROM request UNION ALL \
         SELECT (SELECT min(provider) FROM request WHERE provider > whose.provider) \
         FROM whose WHERE provider IS NOT NULL) \
         SELECT id FROM whose CROSS JOIN request \
         ON request.provider = whose.provider AND at < $1 LIMIT {STEP})"
    );
    in_steps(db, &sql, before.timestamp_micros()).await
}

async fn rollups(db: &DatabaseConnection, of: Resolution, before: i64) -> Result<u64, DbErr> {
    let mut gone = older(db, of.observed(), before).await?;
    gone += older(db, of.variants(), before).await?;
    for table in of.usage() {
        gone += older(db, table, before).await?;
    }
    // What waits in `rollup_minute` may be old and new to all others: it is moved on, and so goes.
    if of == Resolution::Hour {
        gone += older(db, of.table(), before).await?;
    }
    Ok(gone)
}

async fn older(db: &DatabaseConnection, table: &str, before: i64) -> Result<u64, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        return delete(db, &format!("DELETE FROM {table} WHERE at < $1"), before).await;
    }
    // The oldest times that exist, a few at once: tables without rowid know no other handle.
    let sql = format!(
        "DELETE FROM {table} WHERE at < $1 AND at <= (SELECT max(at) FROM \
         (SELECT at FROM {table} ORDER BY at LIMIT {STEP}))"
    );
    in_steps(db, &sql, before).await
}

async fn in_steps(db: &DatabaseConnection, sql: &str, before: i64) -> Result<u64, DbErr> {
    let mut gone = 0;
    loop {
        let step = delete(db, sql, before).await?;
        gone += step;
        if step == 0 {
            return Ok(gone);
        }
        tokio::task::yield_now().await;
    }
}

async fn delete(db: &DatabaseConnection, sql: &str, before: i64) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [before.into()]);
    Ok(db.execute_raw(statement).await?.rows_affected())
}
