//! Subscriptions: the contract between an application and a plan. It has two sides, and each
//! sees and does only what is its own (design.md §1).

mod decide;
mod lists;
mod request;
mod sync;
mod view;

use domain::actor::Action;
use domain::id::SubscriptionId;
use domain::subscription::{SubscriptionState, Terms};
use domain::wire::subscriptions::Subscription;
use entity::{application, plan, product, subscription};
use sea_orm::{ConnectionTrait, EntityTrait};

pub use decide::decide;
pub use lists::{
    SubscriberFilter, allowed, approvals, mine, of_application, pending_count, subscribers,
};
pub use request::{grant, request};
pub(crate) use sync::nodes_told;

use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// A subscription with what decides who may see it.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) row: subscription::Model,
    pub(crate) application: application::Model,
    pub(crate) product: product::Model,
    pub(crate) plan: plan::Model,
}

impl Loaded {
    pub(crate) fn state(&self) -> Result<SubscriptionState> {
        Ok(self.row.state()?)
    }

    /// `Err` unless the actor may do `action` for the provider.
    fn as_provider(&self, ctx: &Ctx, action: Action) -> Result<()> {
        ctx.may(
            action,
            self.row.provider_id.into(),
            Some(self.product.team_id.into()),
        )
    }

    /// `Err` unless the actor may do `action` for the consumer.
    fn as_consumer(&self, ctx: &Ctx, action: Action) -> Result<()> {
        ctx.may(
            action,
            self.row.consumer_id.into(),
            Some(self.application.team_id.into()),
        )
    }
}

/// What decides whether it lets a call through.
pub(crate) fn terms(row: &subscription::Model, plan: &plan::Model) -> Result<Terms> {
    Ok(Terms {
        state: row.state()?,
        paused: row.paused,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        plan: plan.state()?,
    })
}

pub async fn get(ctx: &Ctx, id: SubscriptionId) -> Result<Subscription> {
    let loaded = load(ctx, ctx.db(), id).await?;
    view::show(ctx, loaded).await
}

/// The subscription, if the caller may read it on either side.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: SubscriptionId,
) -> Result<Loaded> {
    let row = subscription::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let gone = || Error::internal("a subscription without its other half");
    let loaded = Loaded {
        application: application::Entity::find_by_id(row.application_id)
            .one(db)
            .await?
            .ok_or_else(gone)?,
        product: product::Entity::find_by_id(row.product_id)
            .one(db)
            .await?
            .ok_or_else(gone)?,
        plan: plan::Entity::find_by_id(row.plan_id)
            .one(db)
            .await?
            .ok_or_else(gone)?,
        row,
    };
    let as_provider = loaded.as_provider(ctx, Action::ReadProduct);
    match loaded.as_consumer(ctx, Action::ReadApplication) {
        Ok(()) => Ok(loaded),
        Err(_) if as_provider.is_ok() => Ok(loaded),
        // A member of the provider whose role is too small hears that; a stranger to both, nothing.
        Err(refused)
            if ctx
                .actor
                .membership(loaded.row.consumer_id.into())
                .is_some() =>
        {
            Err(refused)
        }
        Err(refused) => Err(as_provider.err().unwrap_or(refused)),
    }
}
