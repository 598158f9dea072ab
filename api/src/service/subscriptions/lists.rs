//! Lists of subscriptions: the consumer's own, the provider's subscribers, and the inbox of those
//! that wait.

use std::collections::HashMap;

use domain::actor::Action;
use domain::id::{ApplicationId, OrganizationId, PlanId, ProductId, TeamId};
use domain::policy::Policy;
use domain::subscription::SubscriptionState;
use domain::wire::subscriptions::{Approvals, Subscription};
use domain::wire::{Page, Paging, TeamPaging};
use entity::{application, plan, product, subscription};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect, RelationTrait,
    Select,
};
use uuid::Uuid;

use super::{Loaded, view};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::applications;
use crate::service::reach::Reach;

type Rows = Select<subscription::Entity>;

/// Of one application, newest first.
pub async fn of_application(
    ctx: &Ctx,
    id: ApplicationId,
    paging: &Paging,
) -> Result<Page<Subscription>> {
    let application = applications::load(ctx, ctx.db(), id, Action::ReadApplication).await?;
    let query =
        subscription::Entity::find().filter(subscription::Column::ApplicationId.eq(application.id));
    load_page(ctx, query, paging).await
}

/// What the plans of `subscriptions` allow. Whoever was given these may know it: the plan was
/// offered with it.
pub async fn allowed(
    ctx: &Ctx,
    subscriptions: &[Subscription],
) -> Result<HashMap<PlanId, Vec<Policy>>> {
    let plans = subscriptions
        .iter()
        .map(|subscription| subscription.plan.id.uuid());
    let rows = plan::Entity::find()
        .filter(plan::Column::Id.is_in(plans))
        .all(ctx.db())
        .await?;
    let allowed = rows.into_iter();
    Ok(allowed
        .map(|row| (row.id.into(), row.kept().policies))
        .collect())
}

/// Of the applications that the caller's teams own.
pub async fn mine(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Page<Subscription>> {
    let reach = Reach::of(ctx, Action::ReadApplication, organization, paging.team)?;
    let query = subscription::Entity::find()
        .join(
            JoinType::InnerJoin,
            subscription::Relation::Application.def(),
        )
        .filter(subscription::Column::ConsumerId.eq(organization.uuid()));
    load_page(
        ctx,
        reach.narrow_by(query, application::Column::TeamId),
        &paging.paging(),
    )
    .await
}

/// Which of a provider's subscribers to list.
#[derive(Debug, Clone, Default)]
pub struct SubscriberFilter {
    pub team: Option<TeamId>,
    pub product: Option<ProductId>,
    pub state: Option<SubscriptionState>,
}

/// To the products that the caller's teams own.
pub async fn subscribers(
    ctx: &Ctx,
    organization: OrganizationId,
    filter: &SubscriberFilter,
    paging: &Paging,
) -> Result<Page<Subscription>> {
    let reach = Reach::of(ctx, Action::ReadProduct, organization, filter.team)?;
    let query = reach.narrow_by(provided(organization), product::Column::TeamId);
    let query = match filter.product {
        Some(product) => query.filter(subscription::Column::ProductId.eq(product.uuid())),
        None => query,
    };
    let query = match filter.state {
        Some(state) => query.filter(subscription::Column::State.eq(state.as_str())),
        None => query,
    };
    load_page(ctx, query, paging).await
}

fn provided(organization: OrganizationId) -> Rows {
    subscription::Entity::find()
        .join(JoinType::InnerJoin, subscription::Relation::Product.def())
        .filter(subscription::Column::ProviderId.eq(organization.uuid()))
}

/// Those that wait for somebody with the caller's rights.
pub async fn approvals(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Approvals> {
    let query = waiting(ctx, organization, paging.team)?;
    let pending = query.clone().count(ctx.db()).await?;
    let page = load_page(ctx, query, &paging.paging()).await?;
    Ok(Approvals {
        pending,
        items: page.items,
        next: page.next,
    })
}

/// How many wait: for the title of every page.
pub async fn pending_count(
    ctx: &Ctx,
    organization: OrganizationId,
    team: Option<TeamId>,
) -> Result<u64> {
    Ok(waiting(ctx, organization, team)?.count(ctx.db()).await?)
}

fn waiting(ctx: &Ctx, organization: OrganizationId, team: Option<TeamId>) -> Result<Rows> {
    let reach = Reach::of(ctx, Action::DecideSubscription, organization, team)?;
    let pending = subscription::Column::State.eq(SubscriptionState::Pending.as_str());
    Ok(reach.narrow_by(
        provided(organization).filter(pending),
        product::Column::TeamId,
    ))
}

async fn load_page(ctx: &Ctx, query: Rows, paging: &Paging) -> Result<Page<Subscription>> {
    let window = Window::<Uuid>::new(paging)?;
    let rows = window
        .newest_first(query, subscription::Column::Id)
        .all(ctx.db())
        .await?;
    let page = window.page(rows, |row| row.id);
    let items = view::show_all(ctx, beside(ctx, page.items).await?).await?;
    Ok(Page {
        items,
        next: page.next,
    })
}

/// The rows with what they belong to, one query per kind.
async fn beside(ctx: &Ctx, rows: Vec<subscription::Model>) -> Result<Vec<Loaded>> {
    let db = ctx.db();
    let applications = application::Entity::find()
        .filter(application::Column::Id.is_in(rows.iter().map(|row| row.application_id)))
        .all(db)
        .await?;
    let applications: HashMap<Uuid, application::Model> =
        applications.into_iter().map(|row| (row.id, row)).collect();
    let products = product::Entity::find()
        .filter(product::Column::Id.is_in(rows.iter().map(|row| row.product_id)))
        .all(db)
        .await?;
    let products: HashMap<Uuid, product::Model> =
        products.into_iter().map(|row| (row.id, row)).collect();
    let plans = plan::Entity::find()
        .filter(plan::Column::Id.is_in(rows.iter().map(|row| row.plan_id)))
        .all(db)
        .await?;
    let plans: HashMap<Uuid, plan::Model> = plans.into_iter().map(|row| (row.id, row)).collect();
    let gone = || Error::internal("a subscription without its other half");
    let whole = rows.into_iter().map(|row| {
        Ok(Loaded {
            application: applications
                .get(&row.application_id)
                .cloned()
                .ok_or_else(gone)?,
            product: products.get(&row.product_id).cloned().ok_or_else(gone)?,
            plan: plans.get(&row.plan_id).cloned().ok_or_else(gone)?,
            row,
        })
    });
    whole.collect()
}
