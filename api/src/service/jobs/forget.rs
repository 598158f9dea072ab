//! What is kept for a time only, and is forgotten after it.

use chrono::{DateTime, Duration, Utc};
use domain::wire::webhooks::DeliveryState;
use entity::{
    change, event, first_run, idempotency, invitation, mail, mail_token, refusal_count, session,
    store::traffic::{self, Kept},
    webhook, webhook_delivery,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{outbox, settings, webhooks};

/// Readers of changes that are further behind load everything.
const CHANGES: Duration = Duration::days(7);
const EVENTS: Duration = Duration::days(90);
const REFUSALS: Duration = Duration::days(30);
/// How long an answered or expired invitation can still be looked at by us.
const INVITATIONS: Duration = Duration::days(90);

/// Forgets what is old. Says how many rows.
pub async fn forget(ctx: &Ctx) -> Result<u64> {
    let (db, now) = (ctx.db(), ctx.now);
    let mut count = change::prune(db, now - CHANGES).await?;
    let kept = Kept {
        requests: Duration::days(settings::retention_days(ctx).await?.into()),
        ..Kept::default()
    };
    let traffic = traffic::prune(&ctx.plane.databases.traffic, &kept, now).await?;
    count += traffic.requests + traffic.details;
    count += traffic.minutes + traffic.hours + traffic.batches;
    // A secret that signs nothing any more is not kept for anything.
    let former = webhook::Entity::update_many()
        .col_expr(webhook::Column::FormerSecret, None::<String>.into())
        .col_expr(webhook::Column::FormerUntil, None::<DateTime<Utc>>.into())
        .filter(webhook::Column::FormerUntil.lte(now))
        .exec(db)
        .await?;
    count += former.rows_affected;
    let results = [
        mail::Entity::delete_many()
            .filter(mail::Column::CreatedAt.lt(now - outbox::KEPT))
            .exec(db)
            .await?,
        webhook_delivery::Entity::delete_many()
            .filter(webhook_delivery::Column::CreatedAt.lt(now - webhooks::KEPT))
            // One that was sent again late has its tries first.
            .filter(
                Condition::any()
                    .add(webhook_delivery::Column::State.ne(DeliveryState::Waiting.as_str()))
                    .add(webhook_delivery::Column::CreatedAt.lt(now - webhooks::KEPT * 2)),
            )
            .exec(db)
            .await?,
        mail_token::Entity::delete_many()
            .filter(mail_token::Column::ExpiresAt.lt(now))
            .exec(db)
            .await?,
        session::Entity::delete_many()
            .filter(session::Column::ExpiresAt.lt(now))
            .exec(db)
            .await?,
        idempotency::Entity::delete_many()
            .filter(idempotency::Column::ExpiresAt.lt(now))
            .exec(db)
            .await?,
        first_run::Entity::delete_many()
            .filter(first_run::Column::ExpiresAt.lt(now))
            .exec(db)
            .await?,
        refusal_count::Entity::delete_many()
            .filter(refusal_count::Column::Minute.lt(now - REFUSALS))
            .exec(db)
            .await?,
        invitation::Entity::delete_many()
            .filter(invitation::Column::ExpiresAt.lt(now - INVITATIONS))
            .exec(db)
            .await?,
        event::Entity::delete_many()
            .filter(event::Column::At.lt(now - EVENTS))
            .exec(db)
            .await?,
    ];
    count += results
        .iter()
        .map(|result| result.rows_affected)
        .sum::<u64>();
    Ok(count)
}
