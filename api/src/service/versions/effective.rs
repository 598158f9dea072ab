//! The chain of policies that a call meets, and where each part of it comes from.

use domain::actor::Action;
use domain::effective;
use domain::id::{OperationId, PlanId, VersionId};
use domain::policy::{AttachPoint, Policy};
use domain::wire::versions::{EffectivePolicies, EffectivePolicy};
use entity::{organization, plan};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{DraftSettings, current_revision, load};
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Of the draft, or of what gateways serve; for one operation and under one plan, if given.
pub async fn effective(
    ctx: &Ctx,
    id: VersionId,
    draft: bool,
    operation: Option<OperationId>,
    plan: Option<PlanId>,
) -> Result<EffectivePolicies> {
    let db = ctx.db();
    let loaded = load(ctx, db, id, Action::ReadApi).await?;
    let organization = organization::Entity::find_by_id(loaded.api.organization_id)
        .one(db)
        .await?;
    let organization = organization.ok_or_else(Error::not_found)?;
    let of_organization: Vec<Policy> = organization.policies()?;
    let of_api = loaded.api.policies()?;
    let served = if draft {
        None
    } else {
        current_revision(db, loaded.version.current_revision_id).await?
    };
    let (of_version, of_operation) = match served {
        Some((_, revision)) => {
            let found = revision
                .operations
                .into_iter()
                .find(|known| Some(known.id) == operation);
            (
                revision.policies,
                found.map(|found| found.policies).unwrap_or_default(),
            )
        }
        None => {
            let settings = DraftSettings::read(&loaded.draft)?;
            let found = operation
                .map(|id| settings.of_operation(id))
                .unwrap_or_default();
            (settings.policies, found)
        }
    };
    let (of_plan, plan_slug) = match plan {
        Some(plan) => policies_of_plan(ctx, db, plan).await?,
        None => (Vec::new(), String::new()),
    };
    let chain = effective::chain(
        &of_organization,
        &of_api,
        &of_version,
        &of_operation,
        &of_plan,
    );
    let place = |from: AttachPoint| match from {
        AttachPoint::Organization => organization.slug.clone(),
        AttachPoint::Api => loaded.api.slug.clone(),
        AttachPoint::Version => loaded.version.slug.clone(),
        AttachPoint::Operation => operation.map(|id| id.to_string()).unwrap_or_default(),
        AttachPoint::Plan => plan_slug.clone(),
    };
    Ok(EffectivePolicies {
        version: id,
        operation,
        open: !effective::asks_for_identity(&chain),
        chain: chain
            .into_iter()
            .map(|effective| EffectivePolicy {
                from: effective.from,
                place: place(effective.from),
                policy: effective.policy.clone(),
            })
            .collect(),
    })
}

async fn policies_of_plan<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: PlanId,
) -> Result<(Vec<Policy>, String)> {
    let row = plan::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let product =
        crate::service::products::load(ctx, db, row.product_id.into(), Action::ReadProduct).await?;
    debug_assert_eq!(product.id, row.product_id);
    Ok((row.policies()?, row.slug))
}
