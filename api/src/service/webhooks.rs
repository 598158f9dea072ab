//! Webhooks: addresses that an organization is told of its events at. Their messages lie in an
//! outbox of their own until [`crate::hook`] has sent them.

mod messages;
mod written;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::actor::Action;
use domain::id::{OrganizationId, WebhookId};
use domain::problem::Code;
use domain::wire::Page;
use domain::wire::webhooks as wire;
use entity::webhook;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, ModelTrait, PaginatorTrait,
};
use serde_json::{Value, json};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Write, expect};

pub(crate) use messages::put;
pub use messages::{KEPT, deliveries, redeliver, test};

/// Webhooks of an organization.
const MOST: usize = 10;
/// How long a secret signs beside the one that took its place.
const OVERLAP: Duration = Duration::hours(24);

/// What stands before a secret, as Standard Webhooks writes it.
const PREFIX: &str = "whsec_";

/// All of an organization: there are few.
pub async fn list(ctx: &Ctx, organization: OrganizationId) -> Result<Page<wire::Webhook>> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let rows = webhook::Entity::in_org(organization).all(ctx.db()).await?;
    Ok(Page {
        items: rows.into_iter().map(|row| shown(ctx, row)).collect(),
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
        former_secret: None,
        former_until: None,
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
        webhook: shown(ctx, row),
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
    Ok(shown(ctx, row))
}

/// A new secret in the place of the old one, which signs beside it for a day: whoever checks
/// signatures has that time to change over. The one before that signs nothing any more.
pub async fn renew(
    ctx: &Ctx,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<wire::MadeWebhook> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let (secret, sealed) = new_secret(ctx, organization, id)?;
    let write = Write::begin(ctx).await?;
    let row = load(write.tx(), organization, id).await?;
    let (former, etag) = (row.secret.clone(), row.etag + 1);
    let mut active: webhook::ActiveModel = row.into();
    active.former_secret = Set(Some(former));
    active.former_until = Set(Some(ctx.now + OVERLAP));
    active.secret = Set(sealed);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("webhook.renew_secret", "webhook", id).of(organization);
    write.audit(audit).await?;
    write.commit().await?;
    Ok(wire::MadeWebhook {
        webhook: shown(ctx, row),
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

fn shown(ctx: &Ctx, row: webhook::Model) -> wire::Webhook {
    let webhook::Model {
        id,
        organization_id: _,
        url,
        secret: _,
        former_secret: _,
        former_until,
        enabled,
        created_at,
        etag,
    } = row;
    wire::Webhook {
        id: id.into(),
        url,
        enabled,
        former_secret_until: former_until.filter(|until| ctx.now < *until),
        created_at,
        etag,
    }
}
