//! Webhooks: addresses that an organization is told of its events at. Their messages lie in an
//! outbox of their own until [`crate::hook`] has sent them.

mod written;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::actor::Action;
use domain::id::{DeliveryId, OrganizationId, WebhookId};
use domain::problem::Code;
use domain::wire::webhooks as wire;
use domain::wire::{Page, Paging};
use entity::{event, webhook, webhook_delivery};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::service::notifications;
use crate::write::{Audit, Write, expect};

/// How long messages are kept, whatever became of them.
pub const KEPT: Duration = Duration::days(7);

/// Webhooks of an organization.
const MOST: usize = 10;
/// Messages to one that wait; it is told of nothing more until some of them are through.
const MOST_WAITING: u64 = 1000;

/// What stands before a secret, as Standard Webhooks writes it.
const PREFIX: &str = "whsec_";

/// Members of an event's payload that are told: things, and no people.
const TOLD: [&str; 13] = [
    "subscription",
    "application",
    "application_id",
    "product",
    "product_id",
    "plan",
    "provider",
    "provider_id",
    "consumer",
    "consumer_id",
    "percent",
    "used",
    "limit",
];

/// All of an organization: there are few.
pub async fn list(ctx: &Ctx, organization: OrganizationId) -> Result<Page<wire::Webhook>> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let rows = webhook::Entity::in_org(organization).all(ctx.db()).await?;
    Ok(Page {
        items: rows.into_iter().map(shown).collect(),
        next: None,
    })
}

/// Makes one; its secret is shown this once.
pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: wire::CreateWebhook,
) -> Result<wire::MadeWebhook> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let url = written::url(ctx, &input.url).await?;
    let id: WebhookId = ctx.id()?;
    let (secret, sealed) = new_secret(ctx, organization, id)?;
    let write = Write::begin(ctx).await?;
    if webhook::Entity::in_org(organization)
        .count(write.tx())
        .await?
        >= MOST as u64
    {
        let detail = format!("An organization has at most {MOST} webhooks.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    let row = webhook::Model {
        id: id.uuid(),
        organization_id: organization.uuid(),
        url,
        secret: sealed,
        enabled: true,
        created_at: ctx.now,
        etag: 1,
    };
    let active: webhook::ActiveModel = row.clone().into();
    webhook::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    let audit = Audit::new("webhook.create", "webhook", id).of(organization);
    write.audit(audit.after(summary(&row))).await?;
    write.commit().await?;
    Ok(wire::MadeWebhook {
        webhook: shown(row),
        secret,
    })
}

/// Another address, or on and off.
pub async fn edit(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
    if_match: Option<i64>,
    input: wire::EditWebhook,
) -> Result<wire::Webhook> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let row = load(ctx.db(), organization, id).await?;
    // One that is switched off is told nothing: it may keep an address that is not good any more.
    let url = if input.enabled || input.url != row.url {
        written::url(ctx, &input.url).await?
    } else {
        row.url
    };
    let write = Write::begin(ctx).await?;
    let row = load(write.tx(), organization, id).await?;
    expect(if_match, row.etag)?;
    let (before, etag) = (summary(&row), row.etag + 1);
    let mut active: webhook::ActiveModel = row.into();
    active.url = Set(url);
    active.enabled = Set(input.enabled);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("webhook.edit", "webhook", id).of(organization);
    let audit = audit.before(before).after(summary(&row));
    write.audit(audit).await?;
    write.commit().await?;
    Ok(shown(row))
}

/// A new secret in the place of the old one, which signs nothing from then on.
pub async fn renew(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<wire::MadeWebhook> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let (secret, sealed) = new_secret(ctx, organization, id)?;
    let write = Write::begin(ctx).await?;
    let row = load(write.tx(), organization, id).await?;
    let etag = row.etag + 1;
    let mut active: webhook::ActiveModel = row.into();
    active.secret = Set(sealed);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("webhook.renew_secret", "webhook", id).of(organization);
    write.audit(audit).await?;
    write.commit().await?;
    Ok(wire::MadeWebhook {
        webhook: shown(row),
        secret,
    })
}

/// With the messages that wait for it.
pub async fn delete(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
    if_match: Option<i64>,
) -> Result<()> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    let row = load(write.tx(), organization, id).await?;
    expect(if_match, row.etag)?;
    let audit = Audit::new("webhook.delete", "webhook", id).of(organization);
    write.audit(audit.before(summary(&row))).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// Sends a message of the kind `webhook.test`.
pub async fn test(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<wire::Delivery> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    let row = load(write.tx(), organization, id).await?;
    if !row.enabled {
        let detail = "It is switched off. Switch it on before you test it.";
        return Err(Error::new(Code::Conflict, detail));
    }
    if waiting(write.tx(), row.id).await? >= MOST_WAITING {
        let detail = format!("{MOST_WAITING} messages wait for this address already.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    let data = json!({ "organization_id": organization });
    let message = message("webhook.test", ctx.now, data);
    let delivery = insert(&write, row.id, None, "webhook.test", message).await?;
    let audit = Audit::new("webhook.test", "webhook", id).of(organization);
    write.audit(audit).await?;
    write.commit().await?;
    shown_delivery(delivery)
}

/// What became of its messages, the newest first.
pub async fn deliveries(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
    paging: &Paging,
) -> Result<Page<wire::Delivery>> {
    ctx.may(Action::EditOrganization, organization, None)?;
    load(ctx.db(), organization, id).await?;
    let window = Window::<Uuid>::new(paging)?;
    let query = webhook_delivery::Entity::of_webhook(id);
    let query = window.newest_first(query, webhook_delivery::Column::Id);
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, shown_delivery)
}

/// Puts what an event is to be told into the outbox, within the transaction that claims it.
pub(crate) async fn put(write: &Write<'_>, event: &event::Model) -> Result<()> {
    let Some(member) = notifications::hears(&event.kind) else {
        return Ok(());
    };
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let organization = payload[member].as_str();
    let Some(organization) = organization.and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(());
    };
    let hooks = webhook::Entity::in_org(organization.into())
        .filter(webhook::Column::Enabled.eq(true))
        .all(write.tx())
        .await?;
    for hook in hooks {
        if waiting(write.tx(), hook.id).await? >= MOST_WAITING {
            tracing::warn!(webhook.id = %hook.id, event.kind, "a webhook is not told of an event, as too many wait for it already");
            continue;
        }
        let members = TOLD.into_iter().filter(|name| !payload[*name].is_null());
        let data = members.map(|name| (name.to_owned(), payload[name].clone()));
        let message = message(&event.kind, event.at, Value::Object(data.collect()));
        insert(write, hook.id, Some(event.id), &event.kind, message).await?;
    }
    Ok(())
}

fn message(kind: &str, at: chrono::DateTime<chrono::Utc>, data: Value) -> String {
    json!({ "type": kind, "timestamp": at, "data": data }).to_string()
}

async fn insert(
    write: &Write<'_>,
    webhook: Uuid,
    event: Option<Uuid>,
    kind: &str,
    body: String,
) -> Result<webhook_delivery::Model> {
    let ctx = write.ctx();
    let id: DeliveryId = ctx.id()?;
    let row = webhook_delivery::Model {
        id: id.uuid(),
        webhook_id: webhook,
        event_id: event,
        kind: kind.to_owned(),
        body,
        state: wire::DeliveryState::Waiting.as_str().to_owned(),
        tries: 0,
        next_try_at: ctx.now,
        last_error: String::new(),
        created_at: ctx.now,
    };
    let active: webhook_delivery::ActiveModel = row.clone().into();
    webhook_delivery::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    Ok(row)
}

async fn waiting<C: ConnectionTrait>(db: &C, webhook: Uuid) -> Result<u64> {
    let state = wire::DeliveryState::Waiting.as_str();
    Ok(webhook_delivery::Entity::of_webhook(webhook.into())
        .filter(webhook_delivery::Column::State.eq(state))
        .count(db)
        .await?)
}

async fn load<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<webhook::Model> {
    webhook::Entity::one_in_org(organization, id)
        .one(db)
        .await?
        .ok_or_else(Error::not_found)
}

/// A secret as it is shown, and sealed.
fn new_secret(ctx: &Ctx, organization: OrganizationId, id: WebhookId) -> Result<(String, String)> {
    let secret: [u8; 32] = ctx.random()?;
    let ring = ctx.portal_ring();
    let sealed = ring.seal(&secret, organization.uuid(), id.uuid(), ctx.random()?)?;
    Ok((format!("{PREFIX}{}", STANDARD.encode(secret)), sealed))
}

/// What the audit says of one.
pub(crate) fn summary(row: &webhook::Model) -> Value {
    json!({ "url": row.url, "enabled": row.enabled })
}

fn shown(row: webhook::Model) -> wire::Webhook {
    let webhook::Model {
        id,
        organization_id: _,
        url,
        secret: _,
        enabled,
        created_at,
        etag,
    } = row;
    wire::Webhook {
        id: id.into(),
        url,
        enabled,
        created_at,
        etag,
    }
}

fn shown_delivery(row: webhook_delivery::Model) -> Result<wire::Delivery> {
    let state = wire::DeliveryState::parse(&row.state)
        .ok_or_else(|| Error::internal("an unknown state of a delivery"))?;
    Ok(wire::Delivery {
        id: row.id.into(),
        kind: row.kind,
        state,
        tries: row.tries,
        last_error: row.last_error,
        created_at: row.created_at,
        next_try_at: (state == wire::DeliveryState::Waiting).then_some(row.next_try_at),
    })
}
