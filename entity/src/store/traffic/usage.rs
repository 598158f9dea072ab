//! Dashboards: sums, series and the busiest operations and applications.
//!
//! A row of usage sums up one thing that a dashboard asks, so that it reads few of them. They lag
//! behind: what was stored stands in `rollup_minute` until it is moved into all rows that it counts
//! in, and is read from there until then.

mod kind;
mod moving;
mod part;
mod span;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OperationId, OrganizationId, VersionId};
use domain::key::Environment;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

use super::scope::{Stretch, Whose};
use crate::database::begin_read;
use kind::By;
use part::{Line, Part, add};
use span::{Segment, Span, segments};

/// Sums of requests. Latencies are microseconds.
pub use domain::traffic::Sums as Totals;
pub use moving::{SummedUp, sum_up};

/// Steps of the series that are read at once, so that a busy month does not fill the memory.
pub(super) const SLICE: i64 = 16;

/// More points than this are refused by making the step wider: it bounds the answer.
const MOST_POINTS: i64 = 2000;

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

/// Everything that a dashboard shows, at one moment. `top`: how many operations and applications at
/// most.
pub async fn usage(
    db: &DatabaseConnection,
    whose: &Whose,
    environment: Option<Environment>,
    stretch: &Stretch,
    top: usize,
) -> Result<Usage, DbErr> {
    let part = Part::new(whose, environment);
    let (from, to, _) = bounded(stretch);
    let tx = begin_read(db).await?;
    let series = series(&tx, &part, stretch).await?;
    let segments = of_lists(&tx, &part, from, to).await?;
    let operations = busiest(&tx, &part, By::Operation, &segments, top).await?;
    let applications = busiest(&tx, &part, By::Application, &segments, top).await?;
    tx.commit().await?;
    let mut totals = Totals::default();
    for point in &series {
        totals.merge(&point.totals);
    }
    let operation = |((version, operation), totals): (Line, Totals)| OperationUsage {
        version: version.into(),
        operation: operation.into(),
        totals,
    };
    let application = |((application, consumer), totals): (Line, Totals)| ApplicationUsage {
        application: application.into(),
        consumer: consumer.into(),
        totals,
    };
    Ok(Usage {
        totals,
        series,
        operations: operations.into_iter().map(operation).collect(),
        applications: applications.into_iter().map(application).collect(),
    })
}

/// Only the sums: for the stretch before, and for small figures beside lists.
pub async fn totals(
    db: &DatabaseConnection,
    whose: &Whose,
    environment: Option<Environment>,
    stretch: &Stretch,
) -> Result<Totals, DbErr> {
    let (from, to, _) = bounded(stretch);
    let tx = begin_read(db).await?;
    let rows = Part::new(whose, environment)
        .whole(&tx, &segments(from, to))
        .await?;
    tx.commit().await?;
    let mut all = Totals::default();
    for row in rows {
        add(&mut all, &row, 1)?;
    }
    Ok(all)
}

/// How many requests were asked by each application, and by nobody known.
pub(super) async fn by_application<C: ConnectionTrait>(
    db: &C,
    whose: &Whose,
    environment: Option<Environment>,
    stretch: &Stretch,
) -> Result<HashMap<ApplicationId, u64>, DbErr> {
    let (from, to, _) = bounded(stretch);
    let part = Part::new(whose, environment);
    let lines = part
        .counts(db, By::Application, &segments(from, to))
        .await?;
    let mut found: HashMap<ApplicationId, u64> = HashMap::new();
    for ((application, _), count) in lines {
        *found.entry(application.into()).or_default() += count;
    }
    Ok(found)
}

/// In microseconds: from, to, step.
pub(super) fn bounded(stretch: &Stretch) -> (i64, i64, i64) {
    let (from, to, step) = stretch.micros();
    let widest = ((to - from) / step).div_euclid(MOST_POINTS) + 1;
    (from, to, step * widest)
}

/// The points of a stretch, from rows of its resolution; the last one may be shorter.
async fn series<C: ConnectionTrait>(
    db: &C,
    part: &Part,
    stretch: &Stretch,
) -> Result<Vec<Point>, DbErr> {
    let (from, to, step) = bounded(stretch);
    let points = (to - from + step - 1) / step;
    let mut series: Vec<Point> = (0..points)
        .map(|index| Point {
            at: DateTime::from_timestamp_micros(from + index * step).unwrap_or_default(),
            totals: Totals::default(),
        })
        .collect();
    let mut slice = from;
    while slice < to {
        let segment = Segment {
            span: stretch.resolution.into(),
            from: slice,
            to: std::cmp::min(slice + SLICE * step, to),
        };
        for row in part.whole(db, &[segment]).await? {
            let at: i64 = row.try_get_by_index(0)?;
            let point = usize::try_from((at - from) / step).unwrap_or(usize::MAX);
            if let Some(point) = series.get_mut(point) {
                add(&mut point.totals, &row, 1)?;
            }
        }
        slice = segment.to;
    }
    Ok(series)
}

/// What lists are read from. As a rule nothing is later than now: then the day is taken to its end,
/// where one row tells what else many would.
async fn of_lists<C: ConnectionTrait>(
    db: &C,
    part: &Part,
    from: i64,
    to: i64,
) -> Result<Vec<Segment>, DbErr> {
    let end = Span::Day.ceil(to);
    let later = part.whole(db, &segments(to, end)).await?;
    Ok(segments(from, if later.is_empty() { end } else { to }))
}

/// The lines with most requests, the first of them first. Counts alone decide, so that times are
/// read of these few.
async fn busiest<C: ConnectionTrait>(
    db: &C,
    part: &Part,
    by: By,
    segments: &[Segment],
    top: usize,
) -> Result<Vec<(Line, Totals)>, DbErr> {
    let counts = part.counts(db, by, segments).await?;
    let mut counts: Vec<(Line, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    let lines: Vec<Line> = counts.into_iter().take(top).map(|(line, _)| line).collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let mut sums = part.lines(db, by, segments, &lines).await?;
    let line = |line: Line| (line, sums.remove(&line).unwrap_or_default());
    Ok(lines.into_iter().map(line).collect())
}
