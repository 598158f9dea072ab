//! Variants of upstreams side by side: their sums by version, environment and class, merged with
//! every batch into rows of their own. Variants are few, so these rows are.

use std::collections::BTreeMap;

use domain::id::VersionId;
use domain::traffic::{CacheSums, Record, Sums, VariantKey};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::raw::environment_code;
use super::rollup::histogram;
use super::scope::{Resolution, Scope, Side, Stretch};
use super::usage::{SLICE, Totals, bounded};
use crate::row::{signed, tuples, unsigned};

const KEY: &str = "provider, at, version, environment, variant, class";

/// Start of the minute or hour, and what is counted.
type Key = (i64, VariantKey);

/// What went to a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantUsage {
    pub version: VersionId,
    pub variant: String,
    pub totals: Totals,
}

/// The caller holds what keeps others from merging at once.
pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    let mut minutes: BTreeMap<Key, Sums> = BTreeMap::new();
    for record in records {
        let Some(key) = VariantKey::of(record) else {
            continue;
        };
        let at = Resolution::Minute.floor(record.at.timestamp_micros());
        minutes.entry((at, key)).or_default().add(record);
    }
    let mut hours: BTreeMap<Key, Sums> = BTreeMap::new();
    for ((minute, key), sums) in &minutes {
        let at = Resolution::Hour.floor(*minute);
        hours.entry((at, key.clone())).or_default().merge(sums);
    }
    for (resolution, sums) in [(Resolution::Minute, minutes), (Resolution::Hour, hours)] {
        for (key, sums) in sums {
            write(tx, resolution, key, sums).await?;
        }
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Stored {
    count: i64,
    bytes_in: i64,
    bytes_out: i64,
    latency: Vec<u8>,
}

/// Reads the row, adds to it and writes it back: histograms cannot be added by SQL.
async fn write(
    tx: &DatabaseTransaction,
    resolution: Resolution,
    (at, key): Key,
    mut sums: Sums,
) -> Result<(), DbErr> {
    let (backend, table) = (tx.get_database_backend(), resolution.variants());
    let VariantKey {
        provider,
        version,
        environment,
        variant,
        class,
    } = key;
    let mut values: Vec<Value> = vec![
        provider.uuid().into(),
        at.into(),
        version.uuid().into(),
        environment_code(environment).into(),
        variant.into(),
        i16::from(class.0).into(),
    ];
    let row = tuples(backend, 1, values.len());
    let sql =
        format!("SELECT count, bytes_in, bytes_out, latency FROM {table} WHERE ({KEY}) = {row}");
    let read = Statement::from_sql_and_values(backend, sql, values.clone());
    if let Some(found) = tx.query_one_raw(read).await? {
        let Stored {
            count,
            bytes_in,
            bytes_out,
            latency,
        } = Stored::from_query_result(&found, "")?;
        sums.merge(&Sums {
            count: unsigned(count),
            bytes_in: unsigned(bytes_in),
            bytes_out: unsigned(bytes_out),
            latency: histogram(&latency),
            cache: CacheSums::default(),
        });
    }
    let Sums {
        count,
        bytes_in,
        bytes_out,
        latency,
        // What a cache gave reached no variant.
        cache: _,
    } = sums;
    values.extend([count, bytes_in, bytes_out].map(|sum| Value::from(signed(sum))));
    values.push(latency.to_bytes().into());
    let sql = format!(
        "INSERT INTO {table} ({KEY}, count, bytes_in, bytes_out, latency) VALUES {} \
         ON CONFLICT ({KEY}) DO UPDATE SET count = excluded.count, bytes_in = excluded.bytes_in, \
         bytes_out = excluded.bytes_out, latency = excluded.latency",
        tuples(backend, 1, values.len()),
    );
    let write = Statement::from_sql_and_values(backend, sql, values);
    tx.execute_raw(write).await.map(drop)
}

#[derive(FromQueryResult)]
struct Row {
    version: Uuid,
    variant: String,
    class: i16,
    count: i64,
    bytes_in: i64,
    bytes_out: i64,
    latency: Vec<u8>,
}

/// What went to each variant, by version and name; at most `most`. Nothing for what these rows do
/// not tell: a consumer's side, a plan, an application, an operation.
pub async fn variants<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
    most: usize,
) -> Result<Vec<VariantUsage>, DbErr> {
    let Some(condition) = condition(scope) else {
        return Ok(Vec::new());
    };
    let (from, to, step) = bounded(stretch);
    let mut found: BTreeMap<(Uuid, String), Totals> = BTreeMap::new();
    let mut slice = from;
    while slice < to {
        let end = std::cmp::min(slice + SLICE * step, to);
        let query = Query::select()
            .columns([
                "version",
                "variant",
                "class",
                "count",
                "bytes_in",
                "bytes_out",
                "latency",
            ])
            .from(stretch.resolution.variants())
            .cond_where(condition.clone())
            .and_where(Expr::col("at").gte(slice))
            .and_where(Expr::col("at").lt(end))
            .to_owned();
        for row in db.query_all(&query).await? {
            let Row {
                version,
                variant,
                class,
                count,
                bytes_in,
                bytes_out,
                latency,
            } = Row::from_query_result(&row, "")?;
            let totals = found.entry((version, variant)).or_default();
            totals.count(class, [count, bytes_in, bytes_out], &histogram(&latency));
        }
        slice = end;
    }
    let found = found.into_iter().take(most);
    Ok(found
        .map(|((version, variant), totals)| VariantUsage {
            version: version.into(),
            variant,
            totals,
        })
        .collect())
}

fn condition(scope: &Scope) -> Option<Condition> {
    let Scope {
        side: Side::Provider(provider),
        versions,
        applications: None,
        operation: None,
        plan: None,
        environment,
    } = scope
    else {
        return None;
    };
    let mut all = Condition::all().add(Expr::col("provider").eq(provider.uuid()));
    if let Some(versions) = versions {
        all = all.add(Expr::col("version").is_in(versions.iter().map(|id| id.uuid())));
    }
    if let Some(environment) = environment {
        all = all.add(Expr::col("environment").eq(environment_code(*environment)));
    }
    Some(all)
}
