//! Dashboards: sums, series, the busiest operations and applications. From sums only.

use chrono::{DateTime, TimeDelta, Utc};
use domain::key::Environment;
use domain::wire::traffic::{
    ApplicationUsage, CacheTotals, OperationUsage, Point, Range, Totals, Usage,
};
use entity::store::traffic::{self as store, Resolution, Side, Stretch};

use super::{Subject, title};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::names;

/// How many operations and applications are named.
const TOP: usize = 10;

/// What a dashboard shows of `subject`; of one environment, if given.
pub async fn usage(
    ctx: &Ctx,
    subject: Subject,
    range: Range,
    environment: Option<Environment>,
) -> Result<Usage> {
    let whose = subject.whose(ctx).await?;
    let db = &ctx.plane.databases.traffic;
    let stretch = stretch(range, ctx.now);
    let found = store::usage(db, &whose, environment, &stretch, TOP).await?;
    // Minutes are gone after two days: yesterday's day is read from hours.
    let resolution = if range == Range::Hour {
        Resolution::Minute
    } else {
        Resolution::Hour
    };
    let earlier = stretch.before(resolution);
    let before = store::totals(db, &whose, environment, &earlier).await?;
    Ok(Usage {
        range,
        from: stretch.from,
        to: stretch.to,
        step_seconds: range.step_seconds(),
        totals: totals(&found.totals),
        before: (before.count > 0).then(|| totals(&before)),
        series: found
            .series
            .iter()
            .map(|point| Point {
                at: point.at,
                totals: totals(&point.totals),
            })
            .collect(),
        operations: operations(ctx, &found.operations).await?,
        applications: applications(ctx, whose.side(), &found.applications).await?,
    })
}

/// Ends with the step that `now` lies in, so that points do not move while one looks.
pub(super) fn stretch(range: Range, now: DateTime<Utc>) -> Stretch {
    let step = range.step_seconds();
    let end = (now.timestamp().div_euclid(step) + 1) * step;
    let to = DateTime::from_timestamp(end, 0).unwrap_or(now);
    Stretch {
        from: to - TimeDelta::seconds(range.seconds()),
        to,
        step: TimeDelta::seconds(step),
        resolution: if range.from_minutes() {
            Resolution::Minute
        } else {
            Resolution::Hour
        },
    }
}

pub(super) fn totals(sums: &store::Totals) -> Totals {
    let quantile = |q| {
        sums.latency
            .quantile(q)
            .map(|micros| (micros / 10.0).round() / 100.0)
    };
    Totals {
        requests: sums.count,
        errors: sums.client_errors + sums.server_errors,
        client_errors: sums.client_errors,
        server_errors: sums.server_errors,
        bytes_in: sums.bytes_in,
        bytes_out: sums.bytes_out,
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        cache: sums.cache.is_any().then(|| CacheTotals {
            hits: sums.cache.hits,
            stale: sums.cache.stale,
            misses: sums.cache.misses,
            passes: sums.cache.passes,
            hit_ratio: sums.cache.hit_ratio(),
        }),
    }
}

async fn operations(ctx: &Ctx, found: &[store::OperationUsage]) -> Result<Vec<OperationUsage>> {
    let versions = title::Versions::of(ctx, found.iter().map(|row| row.version.uuid())).await?;
    let named = title::operations(ctx, found.iter().map(|row| row.operation.uuid())).await?;
    let shown = found.iter().map(|row| {
        let (method, template) = named
            .get(&row.operation.uuid())
            .cloned()
            .unwrap_or_default();
        OperationUsage {
            id: row.operation,
            method,
            template,
            api: versions.api(row.version.uuid()),
            version: versions.slug(row.version.uuid()),
            totals: totals(&row.totals),
        }
    });
    Ok(shown.collect())
}

async fn applications(
    ctx: &Ctx,
    side: Side,
    found: &[store::ApplicationUsage],
) -> Result<Vec<ApplicationUsage>> {
    let named =
        title::applications(ctx, side, found.iter().map(|row| row.application.uuid())).await?;
    let organizations =
        names::organizations(ctx.db(), found.iter().map(|row| row.consumer.uuid())).await?;
    let shown = found.iter().map(|row| {
        let name = named.get(row.application.uuid()).name;
        // Whose application it is, is told only with its name.
        let organization = if name.is_empty() {
            String::new()
        } else {
            organizations.get(row.consumer.uuid()).name
        };
        ApplicationUsage {
            id: row.application,
            name,
            organization,
            totals: totals(&row.totals),
        }
    });
    Ok(shown.collect())
}
