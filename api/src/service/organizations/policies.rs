//! The policies of an organization, which every call of all its APIs meets. What is edited here is
//! live at once; each change is audited.

use domain::actor::Action;
use domain::id::OrganizationId;
use domain::policy::{AttachPoint, check_all};
use domain::snapshot::Kind;
use domain::wire::organizations as wire;
use entity::row::{as_written, write_json};
use entity::{organization, version};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel};
use serde_json::json;

use super::load;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{documents, named};
use crate::write::{Audit, Write, expect};

/// Most bytes of all of them as JSON: the row is read with each page of the organization.
const MOST_BYTES: usize = 256 * 1024;

/// Every member reads them: they are part of what each API of the organization does.
pub async fn policies(ctx: &Ctx, id: OrganizationId) -> Result<wire::OrganizationPolicies> {
    ctx.may(Action::ReadOrganization, id, None)?;
    let row = organization::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?;
    Ok(shown(row.ok_or_else(Error::not_found)?))
}

/// Puts these in the place of all that there are.
pub async fn set_policies(
    ctx: &Ctx,
    id: OrganizationId,
    if_match: Option<i64>,
    input: wire::SetOrganizationPolicies,
) -> Result<wire::OrganizationPolicies> {
    ctx.may(Action::EditOrganization, id, None)?;
    let found: Vec<_> = check_all(&input.policies, AttachPoint::Organization)
        .into_iter()
        .map(|found| found.under("/policies"))
        .collect();
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    let stored = write_json("organization.policies", &input.policies)?;
    if stored.len() > MOST_BYTES {
        let message = "All policies of an organization have at most 256 KiB together.";
        return Err(Error::field("/policies", message));
    }
    let seen = organization::Entity::find_by_id(id.uuid()).one(ctx.db());
    let seen = seen.await?.ok_or_else(Error::not_found)?;
    // What costs little is told first.
    expect(if_match, seen.etag)?;
    let below = version::Column::OrganizationId.eq(id.uuid());
    documents::fit_below(ctx.db(), below, &seen.kept().policies, &input.policies).await?;
    let mut write = Write::begin(ctx).await?;
    let row = load(&write, id).await?;
    expect(if_match, row.etag)?;
    let (before, etag) = (as_written(&row.policies), row.etag);
    let already = row.kept().policies;
    named::refuse(write.tx(), id, &input.policies, &already).await?;
    let mut changed = row.into_active_model();
    changed.policies = Set(stored);
    changed.etag = Set(etag + 1);
    let row = changed.update(write.tx()).await?;
    let audit = Audit::new("organization.edit_policies", "organization", id).of(id);
    write
        .audit(
            audit
                .before(json!({ "policies": before }))
                .after(json!({ "policies": input.policies })),
        )
        .await?;
    write.changed(Kind::Organization, id).await?;
    write.commit().await?;
    Ok(shown(row))
}

fn shown(row: organization::Model) -> wire::OrganizationPolicies {
    let kept = row.kept();
    wire::OrganizationPolicies {
        organization: row.organization_id(),
        policies: kept.policies,
        unreadable: kept.unreadable,
        etag: row.etag,
    }
}
