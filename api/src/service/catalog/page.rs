//! An API's page: description, versions, products and plans, change log, and the document.

use domain::actor::Action;
use domain::id::{OperationId, VersionId};
use domain::lifecycle::PlanState;
use domain::openapi::Document;
use domain::wire::Named;
use domain::wire::catalog::{ApiPage, ChangeLogLine, OfferedPlan, OfferedProduct};
use domain::wire::versions::DraftOperation;
use entity::{api, organization, plan, product, product_version, revision, version};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use uuid::Uuid;

use super::{SERVED, entry, listed};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::versions::{self, Syntax};
use crate::service::{documents, plans, subscriptions};

/// By the slugs of its address.
pub async fn api_page(ctx: &Ctx, organization: &str, api: &str) -> Result<ApiPage> {
    let owner = organization::Entity::find()
        .filter(organization::Column::Slug.eq(organization))
        .one(ctx.db())
        .await?;
    let owner = owner.ok_or_else(Error::not_found)?;
    let row = listed(&ctx.actor)
        .filter(api::Column::OrganizationId.eq(owner.id))
        .filter(api::Column::Slug.eq(api))
        .one(ctx.db())
        .await?
        .ok_or_else(Error::not_found)?;
    let products = offered(ctx, &row).await?;
    let may_edit = ctx.can(
        Action::EditApi,
        row.organization_id.into(),
        Some(row.team_id.into()),
    );
    let description = row.description.clone();
    let entry = entry::show_all(ctx, vec![row])
        .await?
        .pop()
        .ok_or_else(Error::not_found)?;
    Ok(ApiPage {
        entry,
        description,
        products,
        may_edit,
    })
}

/// Products with one of its versions, and those of their plans that the reader may ask for.
async fn offered(ctx: &Ctx, api: &api::Model) -> Result<Vec<OfferedProduct>> {
    let rows: Vec<product::Model> = product::Entity::find()
        .distinct()
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Product.def().rev(),
        )
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def(),
        )
        .filter(version::Column::ApiId.eq(api.id))
        .filter(version::Column::State.is_in(SERVED))
        .order_by_asc(product::Column::Id)
        .all(ctx.db())
        .await?;
    let nodes = subscriptions::nodes_told(ctx).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let own = ctx.can(
            Action::ReadProduct,
            row.organization_id.into(),
            Some(row.team_id.into()),
        );
        let mut offered = Vec::new();
        for plan in plans::rows_of(ctx.db(), row.id).await? {
            if plan.state()? == PlanState::Published && (own || for_reader(ctx, &plan)?) {
                offered.push(show_plan(plan, nodes)?);
            }
        }
        shown.push(OfferedProduct {
            versions: bundled(ctx, row.id).await?,
            product: Named {
                id: row.id.into(),
                name: row.name,
                slug: row.slug,
            },
            description: row.description,
            plans: offered,
        });
    }
    Ok(shown)
}

fn for_reader(ctx: &Ctx, plan: &plan::Model) -> Result<bool> {
    let memberships = ctx
        .actor
        .person()
        .map(|person| person.memberships.as_slice())
        .unwrap_or_default();
    if plans::is_for(plan, Uuid::nil())? {
        return Ok(true);
    }
    for membership in memberships {
        if plans::is_for(plan, membership.organization.uuid())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn show_plan(plan: plan::Model, nodes: u32) -> Result<OfferedPlan> {
    let policies = plan.kept().policies;
    Ok(OfferedPlan {
        id: plan.id.into(),
        state: plan.state()?,
        approval: plan.approval()?,
        terms: plans::terms(&plan),
        price: plans::price(&plan)?,
        overshoot: plans::quota_bound(&policies, nodes),
        policies,
        scopes: plan.scopes()?,
        name: plan.name,
        slug: plan.slug,
        description: plan.description,
    })
}

/// `bookshop/v1`: only those that are served, and whose API the reader sees.
async fn bundled(ctx: &Ctx, product: Uuid) -> Result<Vec<String>> {
    let rows: Vec<(String, String)> = super::visible(&ctx.actor)
        .select_only()
        .column_as(api::Column::Slug, "api_slug")
        .column_as(version::Column::Slug, "version_slug")
        .join(JoinType::InnerJoin, version::Relation::Api.def().rev())
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def().rev(),
        )
        .filter(product_version::Column::ProductId.eq(product))
        .filter(version::Column::State.is_in(SERVED))
        .order_by_desc(version::Column::Id)
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(api, version)| format!("{api}/{version}"))
        .collect())
}

/// A served version of an API that the reader sees, with its current revision.
async fn shown_version(ctx: &Ctx, id: VersionId) -> Result<(version::Model, revision::Model)> {
    let row = version::Entity::find_by_id(id.uuid())
        .filter(version::Column::State.is_in(SERVED))
        .one(ctx.db())
        .await?;
    let row = row.ok_or_else(Error::not_found)?;
    let seen = listed(&ctx.actor)
        .filter(api::Column::Id.eq(row.api_id))
        .one(ctx.db())
        .await?;
    let revision = versions::current_revision(ctx.db(), row.current_revision_id).await?;
    match (seen, revision) {
        (Some(_), Some((revision, _))) => Ok((row, revision)),
        _ => Err(Error::not_found()),
    }
}

/// The raw document that gateways serve by, in either syntax.
pub async fn document(ctx: &Ctx, id: VersionId, syntax: Syntax) -> Result<String> {
    let (_, revision) = shown_version(ctx, id).await?;
    let document = revision.document_id.ok_or_else(Error::not_found)?;
    versions::raw_document(ctx.db(), document, syntax).await
}

/// The normalised document, for rendering the reference; `None` for a version without one.
pub async fn model(ctx: &Ctx, id: VersionId) -> Result<Option<Document>> {
    let (_, revision) = shown_version(ctx, id).await?;
    match revision.document_id {
        Some(document) => Ok(Some(documents::model(ctx.db(), document).await?)),
        None => Ok(None),
    }
}

/// The served operations with their stable ids.
pub async fn operations(ctx: &Ctx, id: VersionId) -> Result<Vec<DraftOperation>> {
    let (row, _) = shown_version(ctx, id).await?;
    let Some((_, made)) = versions::current_revision(ctx.db(), row.current_revision_id).await?
    else {
        return Ok(Vec::new());
    };
    let show = |operation: domain::snapshot::Operation| DraftOperation {
        id: OperationId::from_uuid(operation.id.uuid()),
        method: operation.method,
        template: operation.template,
        summary: String::new(),
        policies: operation.policies,
    };
    Ok(made.operations.into_iter().map(show).collect())
}

/// What publishing said, newest first, up to the current revision.
pub async fn change_log(ctx: &Ctx, id: VersionId) -> Result<Vec<ChangeLogLine>> {
    let (row, current) = shown_version(ctx, id).await?;
    let rows: Vec<(i32, String, chrono::DateTime<chrono::Utc>)> = revision::Entity::find()
        .select_only()
        .columns([
            revision::Column::Number,
            revision::Column::Note,
            revision::Column::CreatedAt,
        ])
        .filter(revision::Column::VersionId.eq(row.id))
        .filter(revision::Column::Number.lte(current.number))
        .order_by_desc(revision::Column::Number)
        .limit(50)
        .into_tuple()
        .all(ctx.db())
        .await?;
    let line = |(number, note, at)| ChangeLogLine {
        revision: u32::try_from(number).unwrap_or(0),
        note,
        at,
    };
    Ok(rows.into_iter().map(line).collect())
}
