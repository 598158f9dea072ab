//! Plans of a product: limits, approval, terms and shown prices. They change in place: who is
//! subscribed meets the new limits with the next call.

mod written;

use std::collections::HashMap;

use domain::actor::Action;
use domain::bound::Bound;
use domain::id::{PlanId, ProductId};
use domain::lifecycle::{PlanState, PlanStep};
use domain::policy::{AttachPoint, Policy};
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::Named;
use domain::wire::plans::{CreatePlan, EditPlan, LimitBound, Plan, Price, Terms};
use entity::row::{as_written, read_json};
use entity::{plan, product, subscription};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use written::Written;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::subscriptions::nodes_told;
use crate::service::{apis, named, names, products};
use crate::write::{Audit, Write, expect};

const SLUG_TAKEN: &str = "Another plan of the product has this address.";
const MAX_PLANS: usize = 50;

/// Of a product, in the order in which they are offered.
pub async fn list(ctx: &Ctx, product: ProductId) -> Result<Vec<Plan>> {
    let row = products::load(ctx, ctx.db(), product, Action::ReadProduct).await?;
    of_product(ctx, &row).await
}

pub async fn get(ctx: &Ctx, id: PlanId) -> Result<Plan> {
    let (row, product) = load(ctx, ctx.db(), id, Action::ReadProduct).await?;
    show(ctx, row, &product).await
}

/// What is wrong with a plan as written, without making or changing one: for a form of which a part
/// could not be read.
pub async fn check(ctx: &Ctx, input: EditPlan) -> Result<()> {
    Written::check(ctx.db(), input).await.map(drop)
}

pub async fn create(ctx: &Ctx, product: ProductId, input: CreatePlan) -> Result<Plan> {
    let slug = input.slug.clone().filter(|slug| !slug.is_empty());
    let policies = input.policies.clone();
    let written = Written::check(ctx.db(), written::as_edit(input)).await?;
    let slug = slug.as_deref().map(written::slug).transpose()?;
    let mut write = Write::begin(ctx).await?;
    let product = products::load(ctx, write.tx(), product, Action::EditProduct).await?;
    named::refuse(write.tx(), product.organization_id.into(), &policies, &[]).await?;
    let others = rows_of(write.tx(), product.id).await?;
    if others.len() >= MAX_PLANS {
        return Err(Error::new(
            Code::LimitReached,
            format!("A product has at most {MAX_PLANS} plans."),
        ));
    }
    let slug = match slug {
        Some(slug) => slug,
        None => apis::propose(&written.name, "plan", |slug| {
            others.iter().any(|plan| plan.slug == slug)
        })?,
    };
    let row = plan::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: product.organization_id,
        product_id: product.id,
        slug: slug.to_string(),
        name: written.name,
        description: written.description,
        state: PlanState::Draft.as_str().to_owned(),
        approval: written.approval.as_str().to_owned(),
        terms_revision: i32::from(!written.terms.is_empty()),
        terms: written.terms,
        price: written.price,
        policies: written.policies,
        scopes: written.scopes,
        max_per_application: written.max_per_application,
        max_subscriptions: written.max_subscriptions,
        organizations: written.organizations,
        priority: written.priority.into(),
        position: i32::try_from(others.len()).unwrap_or(i32::MAX),
        created_at: ctx.now,
        published_at: None,
        etag: 1,
    };
    let active: plan::ActiveModel = row.clone().into();
    let inserted = plan::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    write
        .audit(
            Audit::new("plan.create", "plan", row.id)
                .of(row.organization_id.into())
                .after(summary(&row)?),
        )
        .await?;
    write.changed(Kind::Plan, row.id).await?;
    write.commit().await?;
    show(ctx, row, &product).await
}

pub async fn edit(ctx: &Ctx, id: PlanId, if_match: Option<i64>, input: EditPlan) -> Result<Plan> {
    let policies = input.policies.clone();
    let written = Written::check(ctx.db(), input).await?;
    let mut write = Write::begin(ctx).await?;
    let (row, product) = load(ctx, write.tx(), id, Action::EditProduct).await?;
    expect(if_match, row.etag)?;
    let already = row.kept().policies;
    named::refuse(write.tx(), row.organization_id.into(), &policies, &already).await?;
    if row.state()? == PlanState::Closed {
        return Err(Error::new(
            Code::Conflict,
            "A plan that is closed does not change any more.",
        ));
    }
    let before = summary(&row)?;
    // Whoever accepted the old text has not accepted this one.
    let raised =
        row.terms_revision + i32::from(!written.terms.is_empty() && written.terms != row.terms);
    let etag = row.etag + 1;
    let mut active: plan::ActiveModel = row.into();
    active.name = Set(written.name);
    active.description = Set(written.description);
    active.approval = Set(written.approval.as_str().to_owned());
    active.terms = Set(written.terms);
    active.terms_revision = Set(raised);
    active.price = Set(written.price);
    active.policies = Set(written.policies);
    active.scopes = Set(written.scopes);
    active.max_per_application = Set(written.max_per_application);
    active.max_subscriptions = Set(written.max_subscriptions);
    active.organizations = Set(written.organizations);
    active.priority = Set(written.priority.into());
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("plan.edit", "plan", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(before).after(summary(&row)?))
        .await?;
    write.changed(Kind::Plan, row.id).await?;
    write.commit().await?;
    show(ctx, row, &product).await
}

/// Publishes, deprecates or closes it. Closing makes every subscription to it ineffective.
pub async fn step(ctx: &Ctx, id: PlanId, step: PlanStep, if_match: Option<i64>) -> Result<Plan> {
    let mut write = Write::begin(ctx).await?;
    let (row, product) = load(ctx, write.tx(), id, Action::EditProduct).await?;
    expect(if_match, row.etag)?;
    let before = row.state()?;
    let after = before.step(step)?;
    let etag = row.etag + 1;
    let published_at = row
        .published_at
        .or_else(|| (after == PlanState::Published).then_some(ctx.now));
    let mut active: plan::ActiveModel = row.into();
    active.state = Set(after.as_str().to_owned());
    active.published_at = Set(published_at);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let action = match step {
        PlanStep::Publish => "plan.publish",
        PlanStep::Deprecate => "plan.deprecate",
        PlanStep::Close => "plan.close",
    };
    let audit = Audit::new(action, "plan", row.id).of(row.organization_id.into());
    write
        .audit(
            audit
                .before(json!({ "state": before }))
                .after(json!({ "state": after })),
        )
        .await?;
    write.changed(Kind::Plan, row.id).await?;
    write.commit().await?;
    show(ctx, row, &product).await
}

/// Only one that nobody ever subscribed to; others are closed.
pub async fn delete(ctx: &Ctx, id: PlanId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let (row, _) = load(ctx, write.tx(), id, Action::EditProduct).await?;
    expect(if_match, row.etag)?;
    let ever = subscription::Entity::find()
        .filter(subscription::Column::PlanId.eq(row.id))
        .count(write.tx())
        .await?;
    if ever > 0 {
        return Err(Error::new(
            Code::Conflict,
            "Applications have subscribed to it. Deprecate and close it instead.",
        ));
    }
    write
        .audit(
            Audit::new("plan.delete", "plan", row.id)
                .of(row.organization_id.into())
                .before(summary(&row)?),
        )
        .await?;
    write.changed(Kind::Plan, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row with its product, if the caller may do `action` to that.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: PlanId,
    action: Action,
) -> Result<(plan::Model, product::Model)> {
    let row = plan::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let product = products::load(ctx, db, row.product_id.into(), action).await?;
    Ok((row, product))
}

pub(crate) fn price(row: &plan::Model) -> Result<Option<Price>> {
    if row.price.is_empty() {
        return Ok(None);
    }
    Ok(Some(read_json("plan.price", &row.price)?))
}

pub(crate) fn terms(row: &plan::Model) -> Option<Terms> {
    let revision = u32::try_from(row.terms_revision).unwrap_or(0);
    (!row.terms.is_empty()).then(|| Terms {
        text: row.terms.clone(),
        revision,
    })
}

/// Whether the plan is for this organization.
pub(crate) fn is_for(row: &plan::Model, organization: Uuid) -> Result<bool> {
    let only: Vec<Uuid> = read_json("plan.organizations", &row.organizations)?;
    Ok(only.is_empty() || only.contains(&organization))
}

pub(crate) async fn rows_of<C: ConnectionTrait>(db: &C, product: Uuid) -> Result<Vec<plan::Model>> {
    let of_it = plan::Entity::find().filter(plan::Column::ProductId.eq(product));
    Ok(of_it
        .order_by_asc(plan::Column::Position)
        .order_by_asc(plan::Column::Id)
        .all(db)
        .await?)
}

fn summary(row: &plan::Model) -> Result<serde_json::Value> {
    Ok(json!({
        "name": row.name,
        "slug": row.slug,
        "approval": row.approval,
        "terms_revision": row.terms_revision,
        "priority": row.priority,
        "policies": as_written(&row.policies),
        "scopes": row.scopes()?,
        "price": price(row)?,
        "max_per_application": row.max_per_application,
        "max_subscriptions": row.max_subscriptions,
        "organizations": read_json::<Vec<Uuid>>("plan.organizations", &row.organizations)?,
    }))
}

pub(crate) async fn of_product(ctx: &Ctx, product: &product::Model) -> Result<Vec<Plan>> {
    let rows = rows_of(ctx.db(), product.id).await?;
    show_all(ctx, rows, product).await
}

async fn show(ctx: &Ctx, row: plan::Model, product: &product::Model) -> Result<Plan> {
    show_all(ctx, vec![row], product)
        .await?
        .pop()
        .ok_or_else(Error::not_found)
}

async fn show_all(
    ctx: &Ctx,
    rows: Vec<plan::Model>,
    product: &product::Model,
) -> Result<Vec<Plan>> {
    let db = ctx.db();
    let counted: Vec<(Uuid, i64)> = subscription::Entity::find()
        .select_only()
        .column(subscription::Column::PlanId)
        .column_as(subscription::Column::Id.count(), "open")
        .filter(subscription::Column::ProductId.eq(product.id))
        .filter(subscription::Column::State.is_in(products::OPEN))
        .group_by(subscription::Column::PlanId)
        .into_tuple()
        .all(db)
        .await?;
    let counted: HashMap<Uuid, i64> = counted.into_iter().collect();
    let nodes = nodes_told(ctx).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let only: Vec<Uuid> = read_json("plan.organizations", &row.organizations)?;
        let organizations = names::organizations(db, only.iter().copied()).await?;
        let limits = row.kept();
        shown.push(Plan {
            id: row.id.into(),
            product: Named {
                id: product.id.into(),
                name: product.name.clone(),
                slug: product.slug.clone(),
            },
            state: row.state()?,
            approval: row.approval()?,
            terms: terms(&row),
            price: price(&row)?,
            overshoot: quota_bound(&limits.policies, nodes),
            bounds: bounds(&limits.policies, nodes),
            policies: limits.policies,
            unreadable: limits.unreadable,
            scopes: row.scopes()?,
            priority: row.priority.clamp(-100, 100) as i8,
            max_per_application: row
                .max_per_application
                .and_then(|most| u32::try_from(most).ok()),
            max_subscriptions: row
                .max_subscriptions
                .and_then(|most| u32::try_from(most).ok()),
            organizations: only
                .into_iter()
                .map(|id| organizations.get(id).slug)
                .collect(),
            subscriptions: counted
                .get(&row.id)
                .and_then(|count| u64::try_from(*count).ok())
                .unwrap_or(0),
            name: row.name,
            slug: row.slug,
            description: row.description,
            created_at: row.created_at,
            etag: row.etag,
        });
    }
    Ok(shown)
}

/// Of the first quota that it enforces.
pub(crate) fn quota_bound(policies: &[Policy], nodes: u32) -> Option<String> {
    let quotas = policies
        .iter()
        .filter(|one| matches!(one, Policy::Quota(_)));
    let mut bounds =
        quotas.filter_map(|quota| Bound::of(quota, policies, AttachPoint::Plan, nodes));
    bounds.next().map(|bound| bound.to_string())
}

fn bounds(policies: &[Policy], nodes: u32) -> Vec<LimitBound> {
    let told = policies.iter().filter_map(|policy| {
        let bound = Bound::of(policy, policies, AttachPoint::Plan, nodes)?;
        Some(LimitBound {
            policy: format!("{}/{}", policy.kind().as_str(), policy.name()),
            overshoot: bound.to_string(),
        })
    });
    told.collect()
}
