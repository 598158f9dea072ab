//! Subscriptions whose end has come: told once, by the process that claims the row.

use domain::problem::Code;
use domain::snapshot::Kind;
use domain::subscription::{SubscriptionState, SubscriptionStep};
use entity::{application, organization, plan, product, subscription, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value, json};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Event, Write};

const BATCH: u64 = 200;

/// Ends what is over. Gateways judge by the date itself and do not wait for this. Says how many.
pub async fn expire(ctx: &Ctx) -> Result<u64> {
    let due = subscription::Entity::overdue(ctx.now)
        .limit(BATCH)
        .all(ctx.db())
        .await?;
    let mut ended = 0;
    for row in due {
        let mut write = Write::begin(ctx).await?;
        if !claim(&write, &row).await? {
            continue;
        }
        let audit =
            Audit::new("subscription.expire", "subscription", row.id).of(row.provider_id.into());
        write
            .audit(
                audit
                    .before(json!({ "state": row.state }))
                    .after(json!({ "state": "expired" })),
            )
            .await?;
        let payload = payload(write.tx(), &row).await?;
        let event = Event {
            kind: "subscription.expired",
            organization: Some(row.consumer_id.into()),
            object_kind: "subscription",
            object: row.id,
            payload,
        };
        write.event(event).await?;
        write.changed(Kind::Subscription, row.id).await?;
        write.commit().await?;
        ended += 1;
    }
    Ok(ended)
}

/// Moves the row on, unless somebody else did since it was read.
async fn claim(write: &Write<'_>, row: &subscription::Model) -> Result<bool> {
    let state = SubscriptionState::parse(&row.state)
        .ok_or_else(|| Error::new(Code::Internal, "An unknown state of a subscription."))?;
    let Ok(next) = state.step(SubscriptionStep::Expire) else {
        return Ok(false);
    };
    let claimed = subscription::Entity::update_many()
        .col_expr(subscription::Column::State, next.as_str().into())
        .col_expr(subscription::Column::UpdatedAt, write.ctx().now.into())
        .col_expr(subscription::Column::Etag, (row.etag + 1).into())
        .filter(subscription::Column::Id.eq(row.id))
        .filter(subscription::Column::Etag.eq(row.etag))
        .exec(write.tx())
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// The same members as every event of a subscription.
pub(crate) async fn payload<C: ConnectionTrait>(
    db: &C,
    row: &subscription::Model,
) -> Result<Value> {
    let application = application::Entity::find_by_id(row.application_id)
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let product = product::Entity::find_by_id(row.product_id)
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let plan = plan::Entity::find_by_id(row.plan_id)
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let name = async |id| {
        Ok::<_, Error>(
            organization::Entity::find_by_id(id)
                .one(db)
                .await?
                .map(|row| row.name),
        )
    };
    let requester = match row.requested_by {
        Some(id) => user::Entity::find_by_id(id)
            .one(db)
            .await?
            .map(|user| user.name),
        None => None,
    };
    Ok(json!({
        "subscription": row.id,
        "application": application.name,
        "application_id": application.id,
        "product": product.name,
        "product_id": product.id,
        "plan": plan.name,
        "provider": name(row.provider_id).await?.unwrap_or_default(),
        "provider_id": row.provider_id,
        "provider_team_id": product.team_id,
        "consumer": name(row.consumer_id).await?.unwrap_or_default(),
        "consumer_id": row.consumer_id,
        "consumer_team_id": application.team_id,
        "requested_by": row.requested_by,
        "requester": requester.unwrap_or_default(),
        "reason": row.reason,
        "note": "",
    }))
}
