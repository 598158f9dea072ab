//! The webhook worker: takes what waits in the outbox to the addresses of organizations.
//!
//! Several processes may run it: a message is claimed by moving its next try, compare-and-set. It
//! may come twice where a process dies between sending and noting that; its id is the same then.

mod send;

use std::sync::Arc;

use chrono::Duration;
use domain::snapshot;
use domain::wire::webhooks::DeliveryState;
use entity::webhook_delivery::Share;
use entity::{webhook, webhook_delivery};
use futures::stream::{FuturesUnordered, StreamExt};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};

use crate::ctx::Ctx;
use crate::error::Result;
use crate::plane::Plane;
use crate::service::webhooks::summary;
use crate::write::{Audit, Write};
use send::{Failed, Message, post};

/// Messages of one turn: addresses that are slow take no more of it.
const SHARE: Share = Share {
    of_webhook: 5,
    of_organization: 20,
    of_all: 200,
};
/// Sent at a time.
const AT_ONCE: usize = 8;
/// A claimed message is anyone's again after this.
const CLAIM: Duration = Duration::minutes(5);
const LONGEST_WAIT: Duration = Duration::hours(4);
/// Tries before a message is given up: about a day and a half.
const MOST_TRIES: i32 = 16;

/// What an address answers that wants no more messages.
const GONE: u16 = 410;

/// Sends what is due, until `ends` says that it is to end; what is under way then is finished. Says
/// how many were delivered.
pub async fn deliver(plane: &Arc<Plane>, ends: impl Fn() -> bool) -> Result<u64> {
    let ctx = Ctx::job(plane, "webhooks");
    let waiting = DeliveryState::Waiting.as_str();
    let due = webhook_delivery::Entity::due(ctx.db(), waiting, ctx.now, SHARE).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let rules = entity::setting::for_gateways(ctx.db()).await?;
    let mut due = due.into_iter();
    let mut under_way = FuturesUnordered::new();
    let (mut delivered, mut failed) = (0, None);
    loop {
        while under_way.len() < AT_ONCE && failed.is_none() && !ends() {
            let Some(row) = due.next() else { break };
            under_way.push(one(&ctx, &rules, row));
        }
        match under_way.next().await {
            Some(Ok(is_delivered)) => delivered += u64::from(is_delivered),
            Some(Err(error)) => failed = failed.or(Some(error)),
            None => return failed.map_or(Ok(delivered), Err),
        }
    }
}

/// Whether it was delivered.
async fn one(ctx: &Ctx, rules: &snapshot::Settings, row: webhook_delivery::Model) -> Result<bool> {
    let row = &row;
    let hook = webhook::Entity::find_by_id(row.webhook_id)
        .one(ctx.db())
        .await?;
    let Some(hook) = hook else { return Ok(false) };
    if !claim(ctx, row).await? {
        return Ok(false);
    }
    if !hook.enabled {
        let why = "The webhook is switched off.".to_owned();
        end(ctx.db(), row, DeliveryState::GivenUp, why).await?;
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
            end(ctx.db(), row, DeliveryState::Delivered, String::new()).await?;
            Ok(true)
        }
        Ok(GONE) => {
            switch_off(ctx, row, &hook).await?;
            Ok(false)
        }
        Ok(status) => {
            postpone(ctx, ctx.db(), row, format!("It answered {status}.")).await?;
            Ok(false)
        }
        Err(failed) => {
            postpone(ctx, ctx.db(), row, failed.to_string()).await?;
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
async fn end<C: ConnectionTrait>(
    db: &C,
    row: &webhook_delivery::Model,
    state: DeliveryState,
    why: String,
) -> Result<()> {
    webhook_delivery::Entity::update_many()
        .col_expr(webhook_delivery::Column::State, state.as_str().into())
        .col_expr(webhook_delivery::Column::LastError, why.into())
        .filter(webhook_delivery::Column::Id.eq(row.id))
        .exec(db)
        .await?;
    Ok(())
}

/// 1 minute, doubling to 4 hours, until it was tried often enough.
async fn postpone<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    row: &webhook_delivery::Model,
    why: String,
) -> Result<()> {
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
        .exec(db)
        .await?;
    Ok(())
}

/// The address that it was `sent` to wants no more messages. Where it is another one by now, that
/// one is tried.
async fn switch_off(ctx: &Ctx, row: &webhook_delivery::Model, sent: &webhook::Model) -> Result<()> {
    let write = Write::begin(ctx).await?;
    let hook = webhook::Entity::find_by_id(sent.id).one(write.tx()).await?;
    // One that was deleted took its messages with it.
    let Some(hook) = hook else { return Ok(()) };
    if hook.url != sent.url {
        let why = "It answered 410, and has another address now.".to_owned();
        postpone(ctx, write.tx(), row, why).await?;
        return write.commit().await;
    }
    let why = if hook.enabled {
        off(&write, hook).await?;
        "It answered 410 and was switched off."
    } else {
        "It answered 410, and was switched off before."
    };
    end(write.tx(), row, DeliveryState::GivenUp, why.to_owned()).await?;
    write.commit().await
}

async fn off(write: &Write<'_>, hook: webhook::Model) -> Result<()> {
    let (id, organization, etag) = (hook.id, hook.organization_id, hook.etag + 1);
    let before = summary(&hook);
    let mut active: webhook::ActiveModel = hook.into();
    active.enabled = Set(false);
    active.etag = Set(etag);
    let hook = active.update(write.tx()).await?;
    tracing::info!(webhook.id = %id, "a webhook is switched off, as its address is gone");
    let audit = Audit::new("webhook.switch_off", "webhook", id).of(organization.into());
    write
        .audit(audit.before(before).after(summary(&hook)))
        .await
}
