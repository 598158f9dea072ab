//! One request with all that its side may know: the consumer its key, the provider the target.

use domain::actor::Action;
use domain::id::{CredentialId, OrganizationId, RecordId};
use domain::traffic::Record;
use domain::wire::Named;
use domain::wire::traffic::{Inside, LogEntry};
use entity::store::traffic::{self as store, Logged, Scope};
use entity::{api, application, credential};
use sea_orm::EntityTrait;

use super::log::{lines, millis, only};
use super::{detail, title};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::names;

/// Seen from `organization`, which is the provider or the consumer of it, or both.
pub async fn entry(ctx: &Ctx, organization: OrganizationId, id: RecordId) -> Result<LogEntry> {
    if ctx.actor.membership(organization).is_none() {
        ctx.may(Action::ReadTraffic, organization, None)?;
    }
    let db = &ctx.plane.databases.traffic;
    let as_provider = match store::request(db, &Scope::provider(organization), id).await? {
        Some(row) if may_as_provider(ctx, &row.record).await? => Some(row),
        Some(_) | None => None,
    };
    let as_consumer = match store::request(db, &Scope::consumer(organization), id).await? {
        Some(row) if may_as_consumer(ctx, &row.record).await? => Some(row),
        Some(_) | None => None,
    };
    let (provider, consumer) = (as_provider.is_some(), as_consumer.is_some());
    let row = as_consumer.or(as_provider).ok_or_else(Error::not_found)?;
    show(ctx, organization, row, provider, consumer).await
}

pub(super) async fn may_as_provider(ctx: &Ctx, record: &Record) -> Result<bool> {
    let row = api::Entity::find_by_id(record.api.uuid())
        .one(ctx.db())
        .await?;
    Ok(ctx.can(
        Action::ReadTraffic,
        record.provider,
        row.map(|row| row.team_id.into()),
    ))
}

pub(super) async fn may_as_consumer(ctx: &Ctx, record: &Record) -> Result<bool> {
    let row = application::Entity::find_by_id(record.application.uuid())
        .one(ctx.db())
        .await?;
    Ok(ctx.can(
        Action::ReadTraffic,
        record.consumer,
        row.map(|row| row.team_id.into()),
    ))
}

async fn show(
    ctx: &Ctx,
    organization: OrganizationId,
    row: Logged,
    provider: bool,
    consumer: bool,
) -> Result<LogEntry> {
    let scope = if consumer {
        Scope::consumer(organization)
    } else {
        Scope::provider(organization)
    };
    let line = only(lines(ctx, scope.side, std::slice::from_ref(&row)).await?)?;
    let record = row.record;
    let operation = title::operations(ctx, [record.operation.uuid()])
        .await?
        .remove(&record.operation.uuid());
    let organizations =
        names::organizations(ctx.db(), [record.provider.uuid(), record.consumer.uuid()]).await?;
    let plan = names::plans(ctx.db(), [record.plan.uuid()])
        .await?
        .get(record.plan.uuid());
    // What was sent and answered is for who runs the API alone, as its place is.
    let seen = match provider {
        true => store::detail(&ctx.plane.databases.traffic, &record).await?,
        false => None,
    };
    let known = consumer || !line.application.name.is_empty();
    Ok(LogEntry {
        version_id: record.version,
        revision: record.revision,
        operation: operation
            .map(|(method, template)| format!("{method} {template}"))
            .unwrap_or_default(),
        credential: if consumer {
            key(ctx, record.credential).await?
        } else {
            None
        },
        subscription: record.subscription,
        plan,
        provider: organizations.get(record.provider.uuid()),
        consumer: organizations.get(if known {
            record.consumer.uuid()
        } else {
            uuid::Uuid::nil()
        }),
        client: record.client.clone(),
        decided_by: record.decided_by.clone(),
        inside: provider.then(|| Inside {
            node: record.node.clone(),
            state: record.state,
            target: record.target.clone(),
            variant: record.variant.clone(),
            tries: record.tries,
            observed: record.observed,
            detail: seen.map(detail::shown),
        }),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        policies_ms: millis(record.policies_us),
        connect_ms: millis(record.connect_us),
        first_byte_ms: millis(record.first_byte_us),
        curl: curl(ctx, &record),
        line,
    })
}

async fn key(ctx: &Ctx, id: CredentialId) -> Result<Option<domain::wire::NamedCredential>> {
    let row = credential::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?;
    Ok(row.map(|row| Named {
        id,
        name: row.name,
        slug: row.display_id,
    }))
}

/// The same request again, as far as it is known: without query, body and key.
fn curl(ctx: &Ctx, record: &Record) -> String {
    let base = ctx.settings().gateway_url.as_str().trim_end_matches('/');
    // The path is canonical: a quote stands in it only as an escape, or as itself.
    let path = record.path.replace('\'', "%27");
    let method: String = record
        .method
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    // GET is what curl does unasked.
    let verb = match method.as_str() {
        "GET" => String::new(),
        "HEAD" => " -I".to_owned(),
        other => format!(" -X {other}"),
    };
    format!("curl{verb} '{base}{path}' \\\n  -H \"X-Api-Key: $API_KEY\"")
}
