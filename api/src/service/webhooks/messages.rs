//! Messages to webhooks: what is put into the outbox, what became of it, and once more.

use chrono::Duration;
use domain::actor::Action;
use domain::id::{DeliveryId, OrganizationId, WebhookId};
use domain::problem::Code;
use domain::wire::webhooks as wire;
use domain::wire::{Page, Paging};
use entity::{event, webhook, webhook_delivery};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::load;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::service::notifications;
use crate::write::{Audit, Write};

/// How long messages are kept, whatever became of them.
pub const KEPT: Duration = Duration::days(7);

/// Messages to one that wait; it is told of nothing more until some of them are through.
const MOST_WAITING: u64 = 1000;

/// Members of an event's payload that are told: things, and no people.
const TOLD: [&str; 25] = [
    "subscription",
    "application",
    "application_id",
    "product",
    "product_id",
    "plan",
    "place",
    "place_id",
    "place_name",
    "provider",
    "provider_id",
    "consumer",
    "consumer_id",
    "percent",
    "used",
    "limit",
    "version",
    "version_id",
    "sunset_at",
    "credential",
    "credential_name",
    "credential_kind",
    "display_id",
    "environment",
    "ends_at",
];

/// Sends a message of the kind `webhook.test`.
pub async fn test(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<wire::Delivery> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    let row = takes(&write, organization, id).await?;
    let data = json!({ "organization_id": organization });
    let message = message("webhook.test", ctx.now, data);
    let delivery = insert(&write, row.id, None, "webhook.test", message).await?;
    let audit = Audit::new("webhook.test", "webhook", id).of(organization);
    write.audit(audit).await?;
    write.commit().await?;
    shown_delivery(delivery)
}

/// Sends a message that was delivered or given up once more, as often as it takes. It keeps its id,
/// and is signed anew.
pub async fn redeliver(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
    delivery: DeliveryId,
) -> Result<wire::Delivery> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let write = Write::begin(ctx).await?;
    load(write.tx(), organization, id).await?;
    let row = webhook_delivery::Entity::of_webhook(id)
        .filter(webhook_delivery::Column::Id.eq(delivery.uuid()))
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    if state(&row)? == wire::DeliveryState::Waiting {
        let detail = "This message waits to be sent already.";
        return Err(Error::new(Code::Conflict, detail));
    }
    takes(&write, organization, id).await?;
    let after = json!({ "delivery": delivery, "kind": row.kind });
    let mut active: webhook_delivery::ActiveModel = row.into();
    active.state = Set(wire::DeliveryState::Waiting.as_str().to_owned());
    active.tries = Set(0);
    active.next_try_at = Set(ctx.now);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("webhook.redeliver", "webhook", id).of(organization);
    write.audit(audit.after(after)).await?;
    write.commit().await?;
    shown_delivery(row)
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
            write.ctx().plane.webhooks.count_full();
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

/// The webhook, if one more message may wait for it.
async fn takes(
    write: &Write<'_>,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<webhook::Model> {
    let row = load(write.tx(), organization, id).await?;
    if !row.enabled {
        let detail = "It is switched off. Switch it on before you send something to it.";
        return Err(Error::new(Code::Conflict, detail));
    }
    if waiting(write.tx(), row.id).await? >= MOST_WAITING {
        let detail = format!("{MOST_WAITING} messages wait for this address already.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    Ok(row)
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
        last_status: None,
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

fn state(row: &webhook_delivery::Model) -> Result<wire::DeliveryState> {
    wire::DeliveryState::parse(&row.state)
        .ok_or_else(|| Error::internal("an unknown state of a delivery"))
}

fn shown_delivery(row: webhook_delivery::Model) -> Result<wire::Delivery> {
    let state = state(&row)?;
    Ok(wire::Delivery {
        id: row.id.into(),
        kind: row.kind,
        state,
        tries: row.tries,
        last_error: row.last_error,
        last_status: row.last_status.and_then(|status| status.try_into().ok()),
        created_at: row.created_at,
        next_try_at: (state == wire::DeliveryState::Waiting).then_some(row.next_try_at),
    })
}
