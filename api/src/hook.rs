//! The webhook worker: takes what waits in the outbox to the addresses of organizations.
//!
//! Several processes may run it: a message is claimed by moving its next try, compare-and-set. It
//! may come twice where a process dies between sending and noting that; its id is the same then.

mod send;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Duration;
use domain::snapshot;
use domain::wire::webhooks::DeliveryState;
use entity::{webhook, webhook_delivery};
use futures::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::plane::Plane;
use send::{Failed, Message, post};

/// Messages looked at in one turn.
const BATCH: u64 = 200;
/// Of these, to one address: one that is slow takes no more of a turn.
const OF_ONE: usize = 5;
/// Sent at a time.
const AT_ONCE: usize = 8;
/// A claimed message is anyone's again after this.
const CLAIM: Duration = Duration::minutes(5);
const LONGEST_WAIT: Duration = Duration::hours(4);
/// Tries before a message is given up: about a day and a half.
const MOST_TRIES: i32 = 16;

/// What an address answers that wants no more messages.
const GONE: u16 = 410;

/// Sends what is due. Says how many were delivered.
pub async fn deliver(plane: &Arc<Plane>) -> Result<u64> {
    let ctx = Ctx::job(plane, "webhooks");
    let due = webhook_delivery::Entity::due(DeliveryState::Waiting.as_str(), ctx.now)
        .limit(BATCH)
        .all(ctx.db())
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let rules = entity::setting::for_gateways(ctx.db()).await?;
    let mut of_each: HashMap<Uuid, usize> = HashMap::new();
    let due: Vec<_> = due
        .into_iter()
        .filter(|row| {
            let count = of_each.entry(row.webhook_id).or_default();
            *count += 1;
            *count <= OF_ONE
        })
        .collect();
    let mut delivered = 0;
    for some in due.chunks(AT_ONCE) {
        for outcome in join_all(some.iter().map(|row| one(&ctx, &rules, row))).await {
            delivered += u64::from(outcome?);
        }
    }
    Ok(delivered)
}

/// Whether it was delivered.
async fn one(ctx: &Ctx, rules: &snapshot::Settings, row: &webhook_delivery::Model) -> Result<bool> {
    let hook = webhook::Entity::find_by_id(row.webhook_id)
        .one(ctx.db())
        .await?;
    let Some(hook) = hook else { return Ok(false) };
    if !claim(ctx, row).await? {
        return Ok(false);
    }
    if !hook.enabled {
        let why = "The webhook is switched off.".to_owned();
        end(ctx, row, DeliveryState::GivenUp, why).await?;
        return Ok(false);
    }
    let outcome = match ctx
        .portal_ring()
        .open(&hook.secret, hook.organization_id, hook.id)
    {
        Ok(secret) => {
            let message = Message {
                url: &hook.url,
                id: row.id,
                at: ctx.plane.clock.now(),
                body: &row.body,
                secret: &secret,
            };
            post(&message, rules, &ctx.settings().own_addresses).await
        }
        Err(_) => Err(Failed::Secret),
    };
    match outcome {
        Ok(200..=299) => {
            end(ctx, row, DeliveryState::Delivered, String::new()).await?;
            Ok(true)
        }
        Ok(GONE) => {
            switch_off(ctx, &hook).await?;
            let why = "It answered 410 and was switched off.".to_owned();
            end(ctx, row, DeliveryState::GivenUp, why).await?;
            Ok(false)
        }
        Ok(status) => {
            postpone(ctx, row, format!("It answered {status}.")).await?;
            Ok(false)
        }
        Err(failed) => {
            postpone(ctx, row, failed.to_string()).await?;
            Ok(false)
        }
    }
}

async fn claim(ctx: &Ctx, row: &webhook_delivery::Model) -> Result<bool> {
    let claimed = webhook_delivery::Entity::update_many()
        .col_expr(
            webhook_delivery::Column::NextTryAt,
            (ctx.plane.clock.now() + CLAIM).into(),
        )
        .filter(webhook_delivery::Column::Id.eq(row.id))
        .filter(webhook_delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
        .filter(webhook_delivery::Column::NextTryAt.eq(row.next_try_at))
        .exec(ctx.db())
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// It waits no more.
async fn end(
    ctx: &Ctx,
    row: &webhook_delivery::Model,
    state: DeliveryState,
    why: String,
) -> Result<()> {
    webhook_delivery::Entity::update_many()
        .col_expr(webhook_delivery::Column::State, state.as_str().into())
        .col_expr(webhook_delivery::Column::LastError, why.into())
        .filter(webhook_delivery::Column::Id.eq(row.id))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// 1 minute, doubling to 4 hours, until it was tried often enough.
async fn postpone(ctx: &Ctx, row: &webhook_delivery::Model, why: String) -> Result<()> {
    let tries = row.tries + 1;
    tracing::debug!(webhook.id = %row.webhook_id, delivery.id = %row.id, tries, error = why, "a webhook could not be told");
    let doublings = u32::try_from(row.tries.clamp(0, 10)).unwrap_or(0);
    let wait = Duration::minutes(1_i64 << doublings).min(LONGEST_WAIT);
    let state = match tries {
        MOST_TRIES.. => DeliveryState::GivenUp,
        _ => DeliveryState::Waiting,
    };
    webhook_delivery::Entity::update_many()
        .col_expr(webhook_delivery::Column::State, state.as_str().into())
        .col_expr(webhook_delivery::Column::Tries, tries.into())
        .col_expr(
            webhook_delivery::Column::NextTryAt,
            (ctx.plane.clock.now() + wait).into(),
        )
        .col_expr(webhook_delivery::Column::LastError, why.into())
        .filter(webhook_delivery::Column::Id.eq(row.id))
        .exec(ctx.db())
        .await?;
    Ok(())
}

async fn switch_off(ctx: &Ctx, hook: &webhook::Model) -> Result<()> {
    tracing::info!(webhook.id = %hook.id, "a webhook was switched off, as its address is gone");
    webhook::Entity::update_many()
        .col_expr(webhook::Column::Enabled, false.into())
        .col_expr(webhook::Column::Etag, (hook.etag + 1).into())
        .filter(webhook::Column::Id.eq(hook.id))
        .filter(webhook::Column::Etag.eq(hook.etag))
        .exec(ctx.db())
        .await?;
    Ok(())
}
