//! An API as the catalog lists it, with its served versions.

use std::collections::HashMap;

use domain::effective;
use domain::plan::Approval;
use domain::policy::Kept;
use domain::wire::catalog::{CatalogEntry, CatalogVersion};
use entity::row::read_word;
use entity::{api, organization, plan, product_version, revision, version};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use uuid::Uuid;

use super::SERVED;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{first_call, names, versions};

pub(super) async fn show_all(ctx: &Ctx, rows: Vec<api::Model>) -> Result<Vec<CatalogEntry>> {
    let db = ctx.db();
    let owners = organization::Entity::find()
        .filter(organization::Column::Id.is_in(rows.iter().map(|row| row.organization_id)))
        .all(db)
        .await?;
    let owners: HashMap<Uuid, organization::Model> =
        owners.into_iter().map(|row| (row.id, row)).collect();
    let named = names::organizations(db, rows.iter().map(|row| row.organization_id)).await?;
    let teams = names::teams(db, rows.iter().map(|row| row.team_id)).await?;
    let mut versions = served(ctx, rows.iter().map(|row| row.id).collect()).await?;
    let approvals = approvals(ctx, rows.iter().map(|row| row.id).collect()).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let served = versions.remove(&row.id).unwrap_or_default();
        let owner = owners.get(&row.organization_id);
        let of_organization = owner.map(organization::Model::kept).unwrap_or_default();
        let of_api = row.kept();
        let asks = |of_version: &Kept| {
            let places = [&of_organization, &of_api, of_version];
            // What cannot be read may ask for a key.
            places.iter().any(|kept| !kept.unreadable.is_empty())
                || effective::asks_for_identity(&effective::chain(
                    &of_organization.policies,
                    &of_api.policies,
                    &of_version.policies,
                    &[],
                    &[],
                ))
        };
        shown.push(CatalogEntry {
            id: row.id.into(),
            tags: row.tags()?,
            visibility: row.visibility()?,
            owner: named.get(row.organization_id),
            team: teams.get(row.team_id).name,
            needs_key: served.first().is_some_and(|(_, kept)| asks(kept)),
            versions: served.into_iter().map(|(version, _)| version).collect(),
            approval: approvals.get(&row.id).copied(),
            updated_at: row.updated_at,
            name: row.name,
            slug: row.slug,
            summary: row.summary,
            category: row.category,
        });
    }
    Ok(shown)
}

/// Served versions by API, newest first, each with its policies.
async fn served(ctx: &Ctx, apis: Vec<Uuid>) -> Result<HashMap<Uuid, Vec<(CatalogVersion, Kept)>>> {
    let rows = version::Entity::find()
        .filter(version::Column::ApiId.is_in(apis))
        .filter(version::Column::State.is_in(SERVED))
        .order_by_desc(version::Column::Id)
        .all(ctx.db())
        .await?;
    let revisions = revision::Entity::find()
        .filter(revision::Column::Id.is_in(rows.iter().filter_map(|row| row.current_revision_id)))
        .all(ctx.db())
        .await?;
    let revisions: HashMap<Uuid, revision::Model> =
        revisions.into_iter().map(|row| (row.id, row)).collect();
    let named: HashMap<Uuid, _> = rows
        .iter()
        .map(|row| (row.id, versions::named(row)))
        .collect();
    let mut found: HashMap<Uuid, Vec<_>> = HashMap::new();
    for row in rows {
        let Some(revision) = row.current_revision_id.and_then(|id| revisions.get(&id)) else {
            continue;
        };
        // One whose place cannot be read is not there for callers either.
        let Ok((made, unreadable)) = revision.kept() else {
            continue;
        };
        let shown = CatalogVersion {
            id: row.id.into(),
            state: row.state()?,
            enabled: row.enabled,
            revision: made.number,
            operations: made.operations.len() as u64,
            address: first_call::base(ctx, &made),
            ask: first_call::ask(&made, &row.slug),
            has_document: revision.document_id.is_some(),
            // One that is not served is not told of.
            deprecation: versions::shown(&row, |id| named.get(&id.uuid()).cloned())?,
            published_at: revision.created_at,
            slug: row.slug,
        };
        let kept = Kept {
            policies: made.policies,
            unreadable,
        };
        found.entry(row.api_id).or_default().push((shown, kept));
    }
    Ok(found)
}

/// `auto` where any open plan approves at once.
async fn approvals(ctx: &Ctx, apis: Vec<Uuid>) -> Result<HashMap<Uuid, Approval>> {
    let rows: Vec<(Uuid, String)> = plan::Entity::find()
        .select_only()
        .column(version::Column::ApiId)
        .column(plan::Column::Approval)
        .join(JoinType::InnerJoin, plan::Relation::Product.def())
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Product.def().rev(),
        )
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def(),
        )
        .filter(plan::Column::State.eq("published"))
        .filter(plan::Column::Organizations.eq("[]"))
        .filter(version::Column::ApiId.is_in(apis))
        .into_tuple()
        .all(ctx.db())
        .await?;
    let mut found = HashMap::new();
    for (api, approval) in rows {
        let approval = read_word("plan.approval", &approval, Approval::parse)?;
        let kept = found.entry(api).or_insert(approval);
        if approval == Approval::Auto {
            *kept = approval;
        }
    }
    Ok(found)
}
