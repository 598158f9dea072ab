//! Credentials of kind key. The value leaves in the answer that makes it and is nowhere else: the
//! row has its digest and the few characters that one recognizes it by.

use chrono::{DateTime, Duration, Utc};
use domain::actor::Action;
use domain::application::{CredentialKind, CredentialState};
use domain::id::{ApplicationId, CredentialId};
use domain::key::{ApiKey, Environment};
use domain::problem::Code;
use domain::wire::credentials::{CreateKey, MAX_OVERLAP_DAYS, NewKey, RollKey};
use entity::credential;
use entity::row::{read_json, to_micros};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};

use super::wanted::{Face, Wanted, insert};
use super::{illegal, load, show, tell};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::{applications, first_call};
use crate::write::Write;

pub async fn create(ctx: &Ctx, application: ApplicationId, input: CreateKey) -> Result<NewKey> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let mut check = Check::new();
    let CreateKey {
        name,
        environment,
        expires_at,
        cidrs,
    } = input;
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    check.done()?;
    let key = new_key(ctx, environment)?;
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    let row = insert(&mut write, &application, face(&key), wanted).await?;
    write.commit().await?;
    shown_once(ctx, row, &key, None).await
}

fn face(key: &ApiKey) -> Face<'_> {
    Face::Key {
        digest: key.digest(),
        display_id: key.display_id(),
    }
}

fn new_key(ctx: &Ctx, environment: Environment) -> Result<ApiKey> {
    loop {
        // A second draw is needed once in 10^23.
        if let Some(key) = ApiKey::from_random(environment, &ctx.random()?) {
            return Ok(key);
        }
    }
}

/// A new key now; the old one works until the overlap is over, or until its own end.
pub async fn roll(ctx: &Ctx, id: CredentialId, input: RollKey) -> Result<NewKey> {
    let (seen, _) = load(ctx, ctx.db(), id, Action::ManageCredentials).await?;
    let until = until(ctx, &input)?;
    let key = new_key(ctx, seen.environment()?)?;
    let mut write = Write::begin(ctx).await?;
    let (row, application) = load(ctx, write.tx(), id, Action::ManageCredentials).await?;
    if row.kind != CredentialKind::Key.as_str() {
        let detail = format!("A {} is not rolled: add the next one beside it.", row.kind);
        return Err(Error::new(Code::IllegalTransition, detail));
    }
    match row.lifetime().state(ctx.now) {
        CredentialState::Active => {}
        state @ (CredentialState::Retiring
        | CredentialState::Expired
        | CredentialState::Revoked) => {
            return Err(illegal(&row.kind, state, "be rolled"));
        }
    }
    // A key that was to live for 90 days is followed by one that lives for 90 days.
    let expires_at = row.expires_at.map(|at| ctx.now + (at - row.created_at));
    let wanted = Wanted {
        name: row.name.clone(),
        environment: row.environment()?,
        cidrs: read_json("credential.cidrs", &row.cidrs)?,
        expires_at,
        rolled_from: Some(row.id),
    };
    let etag = row.etag + 1;
    let until = row.expires_at.map_or(until, |end| end.min(until));
    let mut old: credential::ActiveModel = row.into();
    old.retires_at = Set(Some(until));
    old.etag = Set(etag);
    let old = old.update(write.tx()).await?;
    tell(&mut write, "credential.roll", "credential.rolled", &old).await?;
    let row = insert(&mut write, &application, face(&key), wanted).await?;
    write.commit().await?;
    shown_once(ctx, row, &key, Some(old)).await
}

/// Until when the old key works, if it does not end by itself before.
fn until(ctx: &Ctx, input: &RollKey) -> Result<DateTime<Utc>> {
    let Some(at) = input.retires_at else {
        let overlap = input.overlap.unwrap_or_default();
        return Ok(ctx.now + Duration::seconds(overlap.seconds()));
    };
    let mut check = Check::new();
    check.that(input.overlap.is_none(), "/retires_at", || {
        "Choose an overlap or a time, not both.".to_owned()
    });
    check.that(at > ctx.now, "/retires_at", || {
        "Choose a time in the future.".to_owned()
    });
    let latest = ctx.now + Duration::days(MAX_OVERLAP_DAYS);
    check.that(at <= latest, "/retires_at", || {
        format!("Choose a time within {MAX_OVERLAP_DAYS} days.")
    });
    check.done()?;
    Ok(to_micros(at))
}

/// With the key before it, after a roll.
async fn shown_once(
    ctx: &Ctx,
    row: credential::Model,
    key: &ApiKey,
    old: Option<credential::Model>,
) -> Result<NewKey> {
    let application = row.application_id.into();
    let first_call = first_call::with_key(ctx, application, key.as_str()).await?;
    let rolled = match old {
        Some(old) => Some(show(ctx, old).await?),
        None => None,
    };
    Ok(NewKey {
        credential: show(ctx, row).await?,
        key: key.as_str().to_owned(),
        first_call,
        rolled,
    })
}
