//! What one webhook is told in its turn: its next messages, one after another, until one of them does
//! not get through.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use domain::snapshot;
use domain::wire::webhooks::DeliveryState;
use entity::webhook_delivery::DueWebhook;
use entity::{webhook, webhook_delivery};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    UpdateMany,
};
use tokio::time::Instant;

use super::send::{Failed, Message, PATIENCE, post};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::webhooks::summary;
use crate::write::{Audit, Write};

/// Messages of one turn.
const MOST: u64 = 5;
/// A claimed message is anyone's again after this.
const CLAIM: Duration = Duration::minutes(5);
/// After a message that did not get through, and how long its webhook is told nothing else.
const AGAIN: Duration = Duration::minutes(1);
const LONGEST_WAIT: Duration = Duration::hours(4);
/// Tries before a message is given up: about a day and a half.
const MOST_TRIES: i32 = 16;

/// What an address answers that wants no more messages.
const GONE: u16 = 410;
/// What it answers to a message that it does not take, whatever it thinks of others.
const UNWANTED: [u16; 4] = [400, 413, 415, 422];

/// Tells a webhook its next messages. Says how many were delivered.
pub(super) async fn tell(
    ctx: Ctx,
    rules: Arc<snapshot::Settings>,
    hook: DueWebhook,
) -> (DueWebhook, Result<u64>) {
    (hook, try_tell(&ctx, &rules, hook).await)
}

async fn try_tell(ctx: &Ctx, rules: &snapshot::Settings, hook: DueWebhook) -> Result<u64> {
    let begun = Instant::now();
    let (state, now) = (DeliveryState::Waiting.as_str(), ctx.plane.clock.now());
    let due = webhook_delivery::Entity::due(hook.id.into(), state, now, MOST);
    let mut delivered = 0;
    for row in due.all(ctx.db()).await? {
        match one(ctx, rules, &row).await? {
            Outcome::Delivered => delivered += 1,
            Outcome::Settled => {}
            Outcome::Failed => {
                rest(ctx, hook).await?;
                break;
            }
        }
        if begun.elapsed() >= PATIENCE {
            break;
        }
    }
    Ok(delivered)
}

/// An address that does not take one message is spared the others for a while: they are not tried,
/// and do not stand in line.
async fn rest(ctx: &Ctx, hook: DueWebhook) -> Result<()> {
    let now = ctx.plane.clock.now();
    webhook_delivery::Entity::update_many()
        .col_expr(webhook_delivery::Column::NextTryAt, (now + AGAIN).into())
        .filter(webhook_delivery::Column::WebhookId.eq(hook.id))
        .filter(webhook_delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
        .filter(webhook_delivery::Column::NextTryAt.lte(now))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// What became of a message.
enum Outcome {
    Delivered,
    /// It is another process's, or is not to be sent any more.
    Settled,
    Failed,
}

async fn one(
    ctx: &Ctx,
    rules: &snapshot::Settings,
    row: &webhook_delivery::Model,
) -> Result<Outcome> {
    let hook = webhook::Entity::find_by_id(row.webhook_id)
        .one(ctx.db())
        .await?;
    let Some(hook) = hook else {
        return Ok(Outcome::Settled);
    };
    let Some(claimed) = Claimed::claim(ctx, row).await? else {
        return Ok(Outcome::Settled);
    };
    if !hook.enabled {
        let told = Told::new(None, "The webhook is switched off.");
        claimed.end(ctx.db(), DeliveryState::GivenUp, told).await?;
        return Ok(Outcome::Settled);
    }
    let told = match send(ctx, rules, row, &hook).await {
        Ok(status @ 200..=299) => {
            let told = Told::new(Some(status), "");
            claimed
                .end(ctx.db(), DeliveryState::Delivered, told)
                .await?;
            return Ok(Outcome::Delivered);
        }
        Ok(GONE) => {
            switch_off(ctx, &claimed, &hook).await?;
            return Ok(Outcome::Settled);
        }
        // It is there, and does not want this one: the others go on.
        Ok(status) if UNWANTED.contains(&status) => {
            let told = Told::new(Some(status), format!("It answered {status}."));
            claimed.postpone(ctx, ctx.db(), told).await?;
            return Ok(Outcome::Settled);
        }
        Ok(status) => Told::new(Some(status), format!("It answered {status}.")),
        Err(failed) => Told::new(None, failed.to_string()),
    };
    claimed.postpone(ctx, ctx.db(), told).await?;
    Ok(Outcome::Failed)
}

async fn send(
    ctx: &Ctx,
    rules: &snapshot::Settings,
    row: &webhook_delivery::Model,
    hook: &webhook::Model,
) -> std::result::Result<u16, Failed> {
    let at = ctx.plane.clock.now();
    let former = hook.former_secret.as_ref();
    let former = former.filter(|_| hook.former_until.is_some_and(|until| at < until));
    let ring = ctx.portal_ring();
    let open = |sealed: &str| ring.open(sealed, hook.organization_id, hook.id);
    let mut secrets = vec![open(&hook.secret).map_err(|_| Failed::Secret)?];
    // A former one that cannot be opened any more signs nothing: the present one is enough.
    secrets.extend(former.and_then(|sealed| open(sealed).ok()));
    let message = Message {
        url: &hook.url,
        id: row.id,
        at,
        body: &row.body,
        secrets: &secrets,
    };
    post(ctx, rules, &message).await
}

/// What there is to say of a try.
struct Told {
    status: Option<u16>,
    why: String,
}

impl Told {
    fn new(status: Option<u16>, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
        }
    }
}

/// A message that is this process's until some time. Whoever comes too late changes nothing.
struct Claimed<'a> {
    row: &'a webhook_delivery::Model,
    until: DateTime<Utc>,
}

impl<'a> Claimed<'a> {
    async fn claim(ctx: &Ctx, row: &'a webhook_delivery::Model) -> Result<Option<Self>> {
        let until = ctx.plane.clock.now() + CLAIM;
        let claimed = webhook_delivery::Entity::update_many()
            .col_expr(webhook_delivery::Column::NextTryAt, until.into())
            .filter(webhook_delivery::Column::Id.eq(row.id))
            .filter(webhook_delivery::Column::State.eq(DeliveryState::Waiting.as_str()))
            .filter(webhook_delivery::Column::NextTryAt.eq(row.next_try_at))
            .exec(ctx.db())
            .await?;
        Ok((claimed.rows_affected == 1).then_some(Self { row, until }))
    }

    fn update(&self, state: DeliveryState, told: Told) -> UpdateMany<webhook_delivery::Entity> {
        let status = told.status.map(i32::from);
        webhook_delivery::Entity::update_many()
            .col_expr(webhook_delivery::Column::State, state.as_str().into())
            .col_expr(webhook_delivery::Column::LastStatus, status.into())
            .col_expr(webhook_delivery::Column::LastError, told.why.into())
            .filter(webhook_delivery::Column::Id.eq(self.row.id))
            .filter(webhook_delivery::Column::NextTryAt.eq(self.until))
    }

    /// It waits no more.
    async fn end<C: ConnectionTrait>(
        &self,
        db: &C,
        state: DeliveryState,
        told: Told,
    ) -> Result<()> {
        self.update(state, told).exec(db).await?;
        Ok(())
    }

    /// 1 minute, doubling to 4 hours, until it was tried often enough.
    async fn postpone<C: ConnectionTrait>(&self, ctx: &Ctx, db: &C, told: Told) -> Result<()> {
        let row = self.row;
        let tries = row.tries + 1;
        tracing::debug!(webhook.id = %row.webhook_id, delivery.id = %row.id, tries, error = told.why, "a webhook could not be told");
        let doublings = u32::try_from(row.tries.clamp(0, 10)).unwrap_or(0);
        let wait = (AGAIN * (1 << doublings)).min(LONGEST_WAIT);
        let state = match tries {
            MOST_TRIES.. => DeliveryState::GivenUp,
            _ => DeliveryState::Waiting,
        };
        self.update(state, told)
            .col_expr(webhook_delivery::Column::Tries, tries.into())
            .col_expr(
                webhook_delivery::Column::NextTryAt,
                (ctx.plane.clock.now() + wait).into(),
            )
            .exec(db)
            .await?;
        Ok(())
    }
}

/// The address that it was `sent` to wants no more messages. Where it is another one by now, that
/// one is tried.
async fn switch_off(ctx: &Ctx, claimed: &Claimed<'_>, sent: &webhook::Model) -> Result<()> {
    // The worker may have been at it for long.
    let ctx = &Ctx {
        now: ctx.plane.clock.now(),
        ..ctx.clone()
    };
    let write = Write::begin(ctx).await?;
    let hook = webhook::Entity::find_by_id(sent.id).one(write.tx()).await?;
    // One that was deleted took its messages with it.
    let Some(hook) = hook else { return Ok(()) };
    let told = |why: &str| Told::new(Some(GONE), why);
    if hook.url != sent.url {
        let told = told("It answered 410, and has another address now.");
        claimed.postpone(ctx, write.tx(), told).await?;
        return write.commit().await;
    }
    let told = if hook.enabled {
        off(&write, hook).await?;
        told("It answered 410 and was switched off.")
    } else {
        told("It answered 410, and was switched off before.")
    };
    claimed
        .end(write.tx(), DeliveryState::GivenUp, told)
        .await?;
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
