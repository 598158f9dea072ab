//! Day partitions of PostgreSQL's request log: made before they are written to, dropped when
//! their day is over long enough.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use domain::traffic::Record;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement,
    TransactionTrait,
};

use super::IDLE;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Key of the advisory lock under which partitions come and go ("ptnpart" in ASCII).
const LOCK: i64 = 0x0070_746e_7061_7274;

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

/// Makes the partitions that `records` need. Making one locks the whole table for a moment, so it
/// has a transaction of its own and is done only for days that lack one.
pub(super) async fn ensure(db: &DatabaseConnection, records: &[Record]) -> Result<(), DbErr> {
    let days: BTreeSet<i64> = records
        .iter()
        .map(|record| record.at.timestamp_micros().div_euclid(DAY))
        .collect();
    let there: BTreeSet<String> = names(db).await?.into_iter().collect();
    let missing: Vec<i64> = days
        .into_iter()
        .filter(|day| !there.contains(&name(*day)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let tx = db.begin().await?;
    tx.execute_unprepared(&format!("{IDLE}; SELECT pg_advisory_xact_lock({LOCK})"))
        .await?;
    for day in missing {
        let (name, from, to) = (name(day), day * DAY, (day + 1) * DAY);
        tx.execute_unprepared(&format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF request FOR VALUES FROM ({from}) TO ({to})"
        ))
        .await?;
    }
    tx.commit().await
}

/// Drops the partitions of days that ended before `before`. Says how many.
pub(super) async fn drop_before(
    db: &DatabaseConnection,
    before: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let first = name(before.timestamp_micros().div_euclid(DAY));
    // Names of days sort as the days do.
    let over: Vec<String> = names(db)
        .await?
        .into_iter()
        .filter(|name| *name < first)
        .collect();
    for name in &over {
        db.execute_unprepared(&format!("DROP TABLE IF EXISTS {name}"))
            .await?;
    }
    Ok(over.len() as u64)
}

/// The partitions that there are; only names that [`name`] made.
async fn names(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
               WHERE inhparent = 'request'::regclass";
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let names = rows
        .iter()
        .map(|row| Ok(Name::from_query_result(row, "")?.name));
    let names: Vec<String> = names.collect::<Result<_, DbErr>>()?;
    Ok(names
        .into_iter()
        .filter(|name| {
            let day = name.strip_prefix("request_").unwrap_or_default();
            day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit())
        })
        .collect())
}

/// `request_20261121`
fn name(day: i64) -> String {
    let date = i32::try_from(day)
        .ok()
        .and_then(NaiveDate::from_epoch_days)
        .unwrap_or(NaiveDate::MAX);
    format!("request_{}", date.format("%Y%m%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_by_its_day() {
        let at: DateTime<Utc> = "2026-11-21T23:59:59Z".parse().unwrap();
        assert_eq!(
            name(at.timestamp_micros().div_euclid(DAY)),
            "request_20261121"
        );
    }
}
