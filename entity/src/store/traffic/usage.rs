//! Dashboards: sums, series and the busiest operations and applications, from rollups.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OperationId, OrganizationId, VersionId};
use domain::traffic::{CacheSums, Histogram};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use uuid::Uuid;

use super::scope::{Scope, Stretch};
use super::sums::histogram;
use crate::row::unsigned;

/// Steps of the series that are read at once, so that a busy month does not fill the memory.
pub(super) const SLICE: i64 = 16;

/// More points than this are refused by making the step wider: it bounds the answer.
const MOST_POINTS: i64 = 2000;

/// Sums of requests. Latencies are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    pub count: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and above.
    pub server_errors: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub latency: Histogram,
    pub cache: CacheSums,
}

impl Totals {
    fn add(&mut self, row: &Row, latency: &Histogram) {
        self.count(row.class, [row.count, row.bytes_in, row.bytes_out], latency);
        self.cache.merge(&CacheSums {
            hits: unsigned(row.cache_hits),
            stale: unsigned(row.cache_stale),
            misses: unsigned(row.cache_misses),
            passes: unsigned(row.cache_passes),
        });
    }

    /// Adds a row's count, bytes in and bytes out.
    pub(super) fn count(&mut self, class: i16, sums: [i64; 3], latency: &Histogram) {
        let [count, bytes_in, bytes_out] = sums.map(unsigned);
        self.count += count;
        match class {
            4 => self.client_errors += count,
            class if class >= 5 => self.server_errors += count,
            _ => {}
        }
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
        self.latency.merge(latency);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its beginning.
    pub at: DateTime<Utc>,
    pub totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationUsage {
    pub version: VersionId,
    /// The zero id is "other": no operation of the document.
    pub operation: OperationId,
    pub totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationUsage {
    /// The zero id is nobody: calls without a known application.
    pub application: ApplicationId,
    pub consumer: OrganizationId,
    pub totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub totals: Totals,
    /// Oldest first, without gaps.
    pub series: Vec<Point>,
    /// The busiest first.
    pub operations: Vec<OperationUsage>,
    pub applications: Vec<ApplicationUsage>,
}

#[derive(FromQueryResult)]
struct Row {
    at: i64,
    version: Uuid,
    operation: Uuid,
    application: Uuid,
    consumer: Uuid,
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

/// Everything that a dashboard shows, in one pass over the rollup. `top`: how many operations and
/// applications at most.
pub async fn usage<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
    top: usize,
) -> Result<Usage, DbErr> {
    let (from, to, step) = bounded(stretch);
    let points = usize::try_from((to - from) / step).unwrap_or(0);
    let mut all = Totals::default();
    let mut series = vec![Totals::default(); points];
    let mut operations: HashMap<(Uuid, Uuid), Totals> = HashMap::new();
    let mut applications: HashMap<(Uuid, Uuid), Totals> = HashMap::new();
    let mut slice = from;
    while slice < to {
        let end = std::cmp::min(slice + SLICE * step, to);
        for row in rows(db, scope, stretch, slice, end).await? {
            let latency = histogram(&row.latency);
            let point = usize::try_from((row.at - from) / step).unwrap_or(0);
            if let Some(totals) = series.get_mut(point) {
                totals.add(&row, &latency);
            }
            all.add(&row, &latency);
            operations
                .entry((row.version, row.operation))
                .or_default()
                .add(&row, &latency);
            applications
                .entry((row.application, row.consumer))
                .or_default()
                .add(&row, &latency);
        }
        slice = end;
    }
    let series = series.into_iter().zip(0..).map(|(totals, index)| Point {
        at: DateTime::from_timestamp_micros(from + index * step).unwrap_or_default(),
        totals,
    });
    Ok(Usage {
        totals: all,
        series: series.collect(),
        operations: busiest(operations, top)
            .map(|((version, operation), totals)| OperationUsage {
                version: version.into(),
                operation: operation.into(),
                totals,
            })
            .collect(),
        applications: busiest(applications, top)
            .map(|((application, consumer), totals)| ApplicationUsage {
                application: application.into(),
                consumer: consumer.into(),
                totals,
            })
            .collect(),
    })
}

/// Only the sums: for the stretch before, and for small figures beside lists.
pub async fn totals<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
) -> Result<Totals, DbErr> {
    let (from, to, step) = bounded(stretch);
    let mut all = Totals::default();
    let mut slice = from;
    while slice < to {
        let end = std::cmp::min(slice + SLICE * step, to);
        for row in rows(db, scope, stretch, slice, end).await? {
            all.add(&row, &histogram(&row.latency));
        }
        slice = end;
    }
    Ok(all)
}

/// In microseconds: from, to, step.
pub(super) fn bounded(stretch: &Stretch) -> (i64, i64, i64) {
    let (from, to, step) = stretch.micros();
    let widest = ((to - from) / step).div_euclid(MOST_POINTS) + 1;
    (from, to, step * widest)
}

fn busiest<K: Ord + Copy>(
    found: HashMap<K, Totals>,
    top: usize,
) -> impl Iterator<Item = (K, Totals)> {
    let mut found: Vec<(K, Totals)> = found.into_iter().collect();
    found.sort_by(|(a, one), (b, other)| other.count.cmp(&one.count).then(a.cmp(b)));
    found.into_iter().take(top)
}

async fn rows<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
    from: i64,
    to: i64,
) -> Result<Vec<Row>, DbErr> {
    let columns = [
        "at",
        "version",
        "operation",
        "application",
        "consumer",
        "class",
        "count",
        "bytes_in",
        "bytes_out",
        "latency",
        "cache_hits",
        "cache_stale",
        "cache_misses",
        "cache_passes",
    ];
    let query = Query::select()
        .columns(columns)
        .from(stretch.resolution.table())
        .cond_where(scope.condition())
        .and_where(Expr::col("at").gte(from))
        .and_where(Expr::col("at").lt(to))
        .to_owned();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| Row::from_query_result(row, ""))
        .collect()
}
