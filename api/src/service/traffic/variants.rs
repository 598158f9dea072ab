//! The variants of upstreams side by side: for who compares a canary with what it would replace.

use domain::key::Environment;
use domain::wire::traffic::{Range, VariantUsage, Variants};
use entity::store::traffic::{self as store, Scope, Side};

use super::usage::{stretch, totals};
use super::{Subject, title};
use crate::ctx::Ctx;
use crate::error::Result;

/// More than an upstream's eight for each of an API's versions.
const MOST: usize = 100;

/// What went to each variant of the upstreams behind `subject`; nothing from the caller's side,
/// which cannot tell them apart.
pub async fn variants(
    ctx: &Ctx,
    subject: Subject,
    range: Range,
    environment: Option<Environment>,
) -> Result<Variants> {
    let scope = Scope {
        environment,
        ..subject.scope(ctx).await?
    };
    let stretch = stretch(range, ctx.now);
    let found = match scope.side {
        Side::Provider(_) => {
            store::variants(&ctx.plane.databases.traffic, &scope, &stretch, MOST).await?
        }
        Side::Consumer(_) => Vec::new(),
    };
    let versions = title::Versions::of(ctx, found.iter().map(|row| row.version.uuid())).await?;
    let shown = found.iter().map(|row| VariantUsage {
        variant: row.variant.clone(),
        api: versions.api(row.version.uuid()),
        version_id: row.version,
        version: versions.slug(row.version.uuid()),
        totals: totals(&row.totals),
    });
    Ok(Variants {
        range,
        from: stretch.from,
        to: stretch.to,
        variants: shown.collect(),
    })
}
