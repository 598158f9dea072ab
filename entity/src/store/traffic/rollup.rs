//! Rollups: the sums of a batch merged into the rows of their minute and hour.
//!
//! Histograms cannot be added by SQL, so rows are read, merged and written back; the caller holds
//! what keeps others from doing the same at once.

use std::collections::BTreeMap;

use domain::traffic::{CacheSums, Histogram, Record, RollupKey, StatusClass, Sums};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::raw::{environment, environment_code};
use super::scope::Resolution;
use crate::row::{signed, tuples, unsigned};

/// Rows of one statement: nine parameters of a key to read, seventeen to write.
const CHUNK: usize = 200;

const KEY: &str =
    "provider, at, consumer, version, operation, plan, application, environment, class";

const SUMS: [&str; 8] = [
    "count",
    "bytes_in",
    "bytes_out",
    "latency",
    "cache_hits",
    "cache_stale",
    "cache_misses",
    "cache_passes",
];
const PLACES: usize = 9 + SUMS.len();

/// Start of the minute or hour, and what is counted.
type Key = (i64, RollupKey);

#[derive(FromQueryResult)]
struct Row {
    provider: Uuid,
    at: i64,
    consumer: Uuid,
    version: Uuid,
    operation: Uuid,
    plan: Uuid,
    application: Uuid,
    environment: i16,
    class: i16,
    count: i64,
    bytes_in: i64,
    bytes_out: i64,
    latency: Vec<u8>,
    cache_hits: i64,
    cache_stale: i64,
    cache_misses: i64,
    cache_passes: i64,
}

pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    let mut minutes: BTreeMap<Key, Sums> = BTreeMap::new();
    for record in records {
        let at = Resolution::Minute.floor(record.at.timestamp_micros());
        minutes
            .entry((at, RollupKey::of(record)))
            .or_default()
            .add(record);
    }
    let mut hours: BTreeMap<Key, Sums> = BTreeMap::new();
    for ((minute, key), sums) in &minutes {
        let at = Resolution::Hour.floor(*minute);
        hours.entry((at, *key)).or_default().merge(sums);
    }
    write(tx, Resolution::Minute, minutes).await?;
    write(tx, Resolution::Hour, hours).await
}

async fn write(
    tx: &DatabaseTransaction,
    resolution: Resolution,
    sums: BTreeMap<Key, Sums>,
) -> Result<(), DbErr> {
    let mut sums: Vec<(Key, Sums)> = sums.into_iter().collect();
    for sums in sums.chunks_mut(CHUNK) {
        let mut stored = read(tx, resolution, sums).await?;
        for (key, sums) in sums.iter_mut() {
            if let Some(stored) = stored.remove(key) {
                sums.merge(&stored);
            }
        }
        let sql = format!(
            "INSERT INTO {} ({KEY}, {}) VALUES {} ON CONFLICT ({KEY}) DO UPDATE SET {}",
            resolution.table(),
            SUMS.join(", "),
            tuples(tx.get_database_backend(), sums.len(), PLACES),
            SUMS.map(|name| format!("{name} = excluded.{name}"))
                .join(", "),
        );
        let mut values = Vec::with_capacity(sums.len() * PLACES);
        for (key, sums) in sums.iter() {
            push_key(key, &mut values);
            let Sums {
                count,
                bytes_in,
                bytes_out,
                latency,
                cache,
            } = sums;
            values.extend([*count, *bytes_in, *bytes_out].map(|sum| Value::from(signed(sum))));
            values.push(latency.to_bytes().into());
            let CacheSums {
                hits,
                stale,
                misses,
                passes,
            } = *cache;
            values.extend([hits, stale, misses, passes].map(|sum| Value::from(signed(sum))));
        }
        execute(tx, &sql, values).await?;
    }
    Ok(())
}

/// What is stored already for these keys.
async fn read(
    tx: &DatabaseTransaction,
    resolution: Resolution,
    sums: &[(Key, Sums)],
) -> Result<BTreeMap<Key, Sums>, DbErr> {
    let sql = format!(
        "SELECT {KEY}, {} FROM {} WHERE ({KEY}) IN (VALUES {})",
        SUMS.join(", "),
        resolution.table(),
        tuples(tx.get_database_backend(), sums.len(), 9),
    );
    let mut values = Vec::with_capacity(sums.len() * 9);
    for (key, _) in sums {
        push_key(key, &mut values);
    }
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let rows = tx.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(parse(Row::from_query_result(row, "")?)))
        .collect()
}

fn parse(row: Row) -> (Key, Sums) {
    let Row {
        provider,
        at,
        consumer,
        version,
        operation,
        plan,
        application,
        environment: environment_code,
        class,
        count,
        bytes_in,
        bytes_out,
        latency,
        cache_hits,
        cache_stale,
        cache_misses,
        cache_passes,
    } = row;
    let key = RollupKey {
        provider: provider.into(),
        consumer: consumer.into(),
        version: version.into(),
        operation: operation.into(),
        plan: plan.into(),
        application: application.into(),
        environment: environment(environment_code),
        class: StatusClass(u8::try_from(class).unwrap_or(0)),
    };
    let sums = Sums {
        count: unsigned(count),
        bytes_in: unsigned(bytes_in),
        bytes_out: unsigned(bytes_out),
        latency: histogram(&latency),
        cache: CacheSums {
            hits: unsigned(cache_hits),
            stale: unsigned(cache_stale),
            misses: unsigned(cache_misses),
            passes: unsigned(cache_passes),
        },
    };
    ((at, key), sums)
}

/// A stored histogram. One that cannot be read counts as empty: refusing it would stop all traffic
/// from being stored for the sake of one row's quantiles.
pub(super) fn histogram(bytes: &[u8]) -> Histogram {
    Histogram::from_bytes(bytes).unwrap_or_else(|error| {
        tracing::error!(%error, "a rollup's histogram is skipped");
        Histogram::default()
    })
}

fn push_key((at, key): &Key, out: &mut Vec<Value>) {
    let RollupKey {
        provider,
        consumer,
        version,
        operation,
        plan,
        application,
        environment,
        class,
    } = *key;
    out.extend([
        provider.uuid().into(),
        (*at).into(),
        consumer.uuid().into(),
        version.uuid().into(),
        operation.uuid().into(),
        plan.uuid().into(),
        application.uuid().into(),
        environment_code(environment).into(),
        i16::from(class.0).into(),
    ]);
}

async fn execute(tx: &DatabaseTransaction, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        sql,
        values,
    ))
    .await?;
    Ok(())
}
