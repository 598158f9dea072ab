//! The chain of policies that a call meets, and where each part of it comes from.

use domain::actor::Action;
use domain::bound::Bound;
use domain::effective;
use domain::id::{OperationId, PlanId, VersionId};
use domain::policy::{AttachPoint, Kept, Policy};
use domain::wire::versions::{EffectivePolicies, EffectivePolicy, UnreadablePolicies};
use entity::{organization, plan, revision};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::revisions::{current_row, readable};
use super::{DraftSettings, load};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::subscriptions::nodes_told;

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
    let of_organization = organization.kept();
    let of_api = loaded.api.kept();
    let served = match draft {
        true => None,
        false => current_row(db, loaded.version.current_revision_id).await?,
    };
    let (of_version, of_operation) = match served {
        Some(row) => of_revision(&row, operation),
        None => of_draft(DraftSettings::read(&loaded.draft), operation),
    };
    let (of_plan, plan_slug) = match plan {
        Some(plan) => policies_of_plan(ctx, db, plan).await?,
        None => (Kept::default(), String::new()),
    };
    let chain = effective::chain(
        &of_organization.policies,
        &of_api.policies,
        &of_version.policies,
        &of_operation,
        &of_plan.policies,
    );
    let place = |from: AttachPoint| match from {
        AttachPoint::Organization => organization.slug.clone(),
        AttachPoint::Api => loaded.api.slug.clone(),
        AttachPoint::Version => loaded.version.slug.clone(),
        AttachPoint::Operation => operation.map(|id| id.to_string()).unwrap_or_default(),
        AttachPoint::Plan => plan_slug.clone(),
    };
    let unreadable: Vec<UnreadablePolicies> = [
        (AttachPoint::Organization, &of_organization),
        (AttachPoint::Api, &of_api),
        (AttachPoint::Version, &of_version),
        (AttachPoint::Plan, &of_plan),
    ]
    .into_iter()
    .flat_map(|(from, kept)| kept.unreadable.iter().map(move |one| (from, one)))
    .map(|(from, one)| UnreadablePolicies {
        from,
        place: place(from),
        pointer: one.pointer.clone(),
        message: one.message.clone(),
    })
    .collect();
    let nodes = nodes_told(ctx).await?;
    let bound = |from: AttachPoint, policy: &Policy| {
        let beside = match from {
            AttachPoint::Organization => &of_organization.policies,
            AttachPoint::Api => &of_api.policies,
            AttachPoint::Version => &of_version.policies,
            AttachPoint::Operation => &of_operation,
            AttachPoint::Plan => &of_plan.policies,
        };
        Bound::of(policy, beside, from, nodes).map(|bound| bound.to_string())
    };
    Ok(EffectivePolicies {
        version: id,
        operation,
        // What cannot be read may ask who calls.
        open: unreadable.is_empty() && !effective::asks_for_identity(&chain),
        unreadable,
        chain: chain
            .into_iter()
            .map(|effective| EffectivePolicy {
                from: effective.from,
                place: place(effective.from),
                policy: effective.policy.clone(),
                overshoot: bound(effective.from, effective.policy),
            })
            .collect(),
    })
}

/// The policies of a revision, and of one of its operations. What of the version cannot be read is told
/// with the former, of whichever operation it is: gateways refuse all of its calls.
fn of_revision(row: &revision::Model, operation: Option<OperationId>) -> (Kept, Vec<Policy>) {
    let (made, unreadable) = readable(row);
    let mut operations = made.operations.into_iter();
    let found = operations.find(|known| Some(known.id) == operation);
    let version = Kept {
        policies: made.policies,
        unreadable,
    };
    (version, found.map(|one| one.policies).unwrap_or_default())
}

/// The same of a draft.
fn of_draft(settings: DraftSettings, operation: Option<OperationId>) -> (Kept, Vec<Policy>) {
    let found = operation.map(|id| settings.of_operation(id));
    let version = Kept {
        policies: settings.policies,
        unreadable: settings.unreadable,
    };
    (version, found.unwrap_or_default())
}

async fn policies_of_plan<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: PlanId,
) -> Result<(Kept, String)> {
    let row = plan::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let product =
        crate::service::products::load(ctx, db, row.product_id.into(), Action::ReadProduct).await?;
    debug_assert_eq!(product.id, row.product_id);
    Ok((row.kept(), row.slug))
}
