//! The end of a version: announced, taken back, and reached.

use chrono::{DateTime, Duration, Utc};
use domain::actor::Action;
use domain::id::VersionId;
use domain::lifecycle::{VersionState, VersionStep};
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::NamedVersion;
use domain::wire::versions::{DeprecateVersion, Deprecation, Version};
use entity::row::to_micros;
use entity::{api, event, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter,
};
use serde_json::{Value, json};

use super::{Loaded, claims, get, load};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::notifications::{ANNOUNCED, TAKEN_BACK};
use crate::write::{Audit, Event, Write, expect};

const MAX_MESSAGE: usize = 2000;
/// Further ahead nobody knows what will be.
const LATEST: Duration = Duration::days(3653);
/// Each one is mailed to everybody who subscribes.
const MOST_A_DAY: u64 = 5;

/// Announces that a version will go, or changes what was announced; its subscribers get a mail.
pub async fn deprecate(
    ctx: &Ctx,
    id: VersionId,
    if_match: Option<i64>,
    input: DeprecateVersion,
) -> Result<Version> {
    let sunset = input.sunset_at.map(to_micros);
    let mut check = Check::new();
    let message = check.text("/message", &input.message, MAX_MESSAGE);
    check.that(sunset.is_none_or(|at| at > ctx.now), "/sunset_at", || {
        "Name a time that is still to come.".to_owned()
    });
    let latest = ctx.now + LATEST;
    check.that(sunset.is_none_or(|at| at <= latest), "/sunset_at", || {
        "Name a time within ten years.".to_owned()
    });
    let is_dated = !input.retire_at_sunset || sunset.is_some();
    check.that(is_dated, "/retire_at_sunset", || {
        "Say when the version is to be retired.".to_owned()
    });
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let (row, before) = (&loaded.version, loaded.state()?);
    let after = before.step(VersionStep::Deprecate)?;
    // Gateways may refuse already.
    before_sunset(&loaded, ctx.now)?;
    if let Some(successor) = input.successor {
        check_successor(write.tx(), row, successor).await?;
    }
    let successor = input.successor.map(|id| id.uuid());
    let is_known = row.sunset_at == sunset
        && row.successor_id == successor
        && row.message == message
        && row.retire_at_sunset == input.retire_at_sunset;
    if before == after && is_known {
        // Nobody is told the same twice.
        drop(write);
        return get(ctx, id).await;
    }
    let told_today = event::Entity::had(row.id, ANNOUNCED, ctx.now - Duration::days(1));
    if told_today.count(write.tx()).await? >= MOST_A_DAY {
        let detail = format!(
            "This was announced {MOST_A_DAY} times within a day, each time to all who subscribe. Try again tomorrow."
        );
        return Err(Error::new(Code::LimitReached, detail));
    }
    let mut active: version::ActiveModel = row.clone().into();
    active.state = Set(after.as_str().to_owned());
    if before != after {
        active.deprecated_at = Set(Some(ctx.now));
    }
    active.sunset_at = Set(sunset);
    active.successor_id = Set(successor);
    active.message = Set(message);
    active.retire_at_sunset = Set(input.retire_at_sunset);
    active.etag = Set(row.etag + 1);
    let made = active.update(write.tx()).await?;
    let step = Step {
        action: "version.deprecate",
        event: Some(ANNOUNCED),
    };
    tell(&mut write, step, &loaded.api, row, told(&made)).await?;
    write.commit().await?;
    get(ctx, id).await
}

/// Takes the announcement back: the version stays, and whoever heard otherwise gets a mail.
pub async fn undeprecate(ctx: &Ctx, id: VersionId, if_match: Option<i64>) -> Result<Version> {
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let row = &loaded.version;
    let after = loaded.state()?.step(VersionStep::Restore)?;
    before_sunset(&loaded, ctx.now)?;
    let mut active: version::ActiveModel = row.clone().into();
    active.state = Set(after.as_str().to_owned());
    active.etag = Set(row.etag + 1);
    forget(&mut active);
    let made = active.update(write.tx()).await?;
    let step = Step {
        action: "version.undeprecate",
        event: heard(write.tx(), row).await?.then_some(TAKEN_BACK),
    };
    tell(&mut write, step, &loaded.api, row, told(&made)).await?;
    write.commit().await?;
    get(ctx, id).await
}

/// Ends a version for good: from now on it answers 410, where nothing else does.
pub async fn retire(ctx: &Ctx, id: VersionId, if_match: Option<i64>) -> Result<Version> {
    let mut write = Write::begin(ctx).await?;
    let loaded = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, loaded.etag())?;
    let row = &loaded.version;
    let after = loaded.state()?.step(VersionStep::Retire)?;
    let mut active: version::ActiveModel = row.clone().into();
    active.state = Set(after.as_str().to_owned());
    active.etag = Set(row.etag + 1);
    active.update(write.tx()).await?;
    retired(&mut write, &loaded.api, row).await?;
    write.commit().await?;
    get(ctx, id).await
}

/// What follows once a version is retired; `row` is as it was before. Its place becomes free.
pub(crate) async fn retired(
    write: &mut Write<'_>,
    api: &api::Model,
    row: &version::Model,
) -> Result<()> {
    claims::release(write.tx(), row.id).await?;
    let mut after = told(row);
    after["state"] = json!(VersionState::Retired);
    let step = Step {
        action: "version.retire",
        event: Some("version.retired"),
    };
    tell(write, step, api, row, after).await?;
    // Gateways find it with its API from now on.
    write.changed(Kind::Api, api.id).await
}

/// How a step is called in the audit, and among events where it is one.
struct Step {
    action: &'static str,
    event: Option<&'static str>,
}

/// Whether anybody may have heard that the version is deprecated: not where all that was announced
/// still waits for its turn, as it is not told once it is taken back. What events are not kept of was
/// told long ago.
async fn heard<C: ConnectionTrait>(db: &C, row: &version::Model) -> Result<bool> {
    // The first announcement is of the moment itself.
    let since = row.deprecated_at.unwrap_or(row.created_at) - Duration::milliseconds(1);
    let announced = event::Entity::had(row.id, ANNOUNCED, since);
    let begun = announced
        .clone()
        .filter(event::Column::MailedAt.is_not_null());
    Ok(announced.count(db).await? == 0 || begun.count(db).await? > 0)
}

/// Tells of it where another step, publishing, takes the announcement back; `row` is as it was before.
pub(super) async fn taken_back(
    write: &mut Write<'_>,
    api: &api::Model,
    row: &version::Model,
) -> Result<()> {
    let is_deprecated = row.state()? == VersionState::Deprecated;
    if is_deprecated && heard(write.tx(), row).await? {
        write
            .event(stepped(TAKEN_BACK, api, row, Value::Null))
            .await?;
    }
    Ok(())
}

fn stepped(kind: &'static str, api: &api::Model, row: &version::Model, told: Value) -> Event {
    Event {
        kind,
        organization: Some(api.organization_id.into()),
        object_kind: "version",
        object: row.id,
        payload: json!({ "api": api.name, "version": row.slug, "told": told }),
    }
}

async fn tell(
    write: &mut Write<'_>,
    step: Step,
    api: &api::Model,
    before: &version::Model,
    after: Value,
) -> Result<()> {
    let organization = api.organization_id.into();
    let audit = Audit::new(step.action, "version", before.id).of(organization);
    let audit = audit.before(told(before)).after(&after);
    write.audit(audit).await?;
    if let Some(kind) = step.event {
        write.event(stepped(kind, api, before, after)).await?;
    }
    write.changed(Kind::Version, before.id).await
}

/// What a version says about its end, as the audit has it.
pub(super) fn told(row: &version::Model) -> Value {
    json!({
        "state": row.state,
        "sunset_at": row.sunset_at,
        "successor": row.successor_id,
        "message": row.message,
        "retire_at_sunset": row.retire_at_sunset,
    })
}

/// Nothing is said about its end any more.
pub(super) fn forget(active: &mut version::ActiveModel) {
    active.deprecated_at = Set(None);
    active.sunset_at = Set(None);
    active.successor_id = Set(None);
    active.message = Set(String::new());
    active.retire_at_sunset = Set(false);
}

/// Whether what was announced may still be taken back: people count on a sunset that has come.
pub(super) fn before_sunset(loaded: &Loaded, now: DateTime<Utc>) -> Result<()> {
    let row = &loaded.version;
    let is_announced = loaded.state()? == VersionState::Deprecated;
    if is_announced && row.sunset_at.is_some_and(|at| at <= now) {
        return Err(over());
    }
    Ok(())
}

fn over() -> Error {
    let detail = "The sunset of this version has come: it can only be retired or unpublished.";
    Error::new(Code::IllegalTransition, detail)
}

/// Another version of the API, which is not gone itself.
async fn check_successor<C: ConnectionTrait>(
    db: &C,
    row: &version::Model,
    successor: VersionId,
) -> Result<()> {
    let found = version::Entity::find_by_id(successor.uuid())
        .filter(version::Column::ApiId.eq(row.api_id))
        .one(db)
        .await?;
    let takes_over = match found {
        Some(other) => other.id != row.id && other.state()? != VersionState::Retired,
        None => false,
    };
    if takes_over {
        return Ok(());
    }
    Err(Error::field(
        "/successor",
        "Choose another version of this API that is not retired.",
    ))
}

/// What is said about the end of a version, for people. `successor` finds those of the same API.
pub(crate) fn shown(
    row: &version::Model,
    successor: impl FnOnce(VersionId) -> Option<NamedVersion>,
) -> Result<Option<Deprecation>> {
    Ok(row.deprecation()?.map(|told| Deprecation {
        since: told.since,
        sunset_at: told.sunset,
        successor: told.successor.and_then(successor),
        message: row.message.clone(),
        retire_at_sunset: told.retires,
    }))
}

/// The version that is said to come after `row`, while there is one.
pub(crate) async fn successor<C: ConnectionTrait>(
    db: &C,
    row: &version::Model,
) -> Result<Option<NamedVersion>> {
    let Some(id) = row.successor_id else {
        return Ok(None);
    };
    let found = version::Entity::find_by_id(id).one(db).await?;
    Ok(found.as_ref().map(named))
}

/// A version as others name it.
pub(crate) fn named(row: &version::Model) -> NamedVersion {
    NamedVersion {
        id: row.id.into(),
        name: row.slug.clone(),
        slug: row.slug.clone(),
    }
}
