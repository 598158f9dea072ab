//! Credentials of kind key. The value leaves in the answer that makes it and is nowhere else: the
//! row has its digest and the few characters that one recognizes it by.

use chrono::{DateTime, Duration, Utc};
use domain::actor::Action;
use domain::application::{CredentialKind, CredentialState};
use domain::id::{ApplicationId, CredentialId};
use domain::key::{ApiKey, Environment};
use domain::name::DisplayName;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::credentials::{
    CreateKey, Credential, MAX_CIDRS, MAX_CREDENTIALS, NewKey, RenameCredential, RollKey,
};
use domain::wire::{Page, Paging};
use entity::row::{read_json, write_json};
use entity::{application, credential};
use ipnet::IpNet;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};
use serde_json::json;
use uuid::Uuid;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::{applications, first_call, names};
use crate::write::{Audit, Event, Write};

/// All of an application, also the dead ones, newest first.
pub async fn list(
    ctx: &Ctx,
    application: ApplicationId,
    paging: &Paging,
) -> Result<Page<Credential>> {
    let application =
        applications::load(ctx, ctx.db(), application, Action::ReadApplication).await?;
    let window = Window::<Uuid>::new(paging)?;
    let query =
        credential::Entity::find().filter(credential::Column::ApplicationId.eq(application.id));
    let rows = window
        .newest_first(query, credential::Column::Id)
        .all(ctx.db())
        .await?;
    let page = window.page(rows, |row| row.id);
    Ok(Page {
        items: show_all(ctx, page.items).await?,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, id: CredentialId) -> Result<Credential> {
    let (row, _) = load(ctx, ctx.db(), id, Action::ReadApplication).await?;
    show(ctx, row).await
}

pub async fn create(ctx: &Ctx, application: ApplicationId, input: CreateKey) -> Result<NewKey> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let cidrs = networks(&mut check, &input.cidrs);
    if let Some(at) = input.expires_at {
        check.that(at > ctx.now, "/expires_at", || {
            "Choose a time in the future.".to_owned()
        });
        let latest = ctx.now + Duration::days(3660);
        check.that(at <= latest, "/expires_at", || {
            "Choose a time within ten years.".to_owned()
        });
    }
    let (name,) = check.all((name,))?;
    let wanted = Wanted {
        name: name.to_string(),
        environment: input.environment,
        cidrs,
        expires_at: input.expires_at,
        rolled_from: None,
    };
    let key = new_key(ctx, input.environment)?;
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    let row = insert(&mut write, &application, &key, wanted).await?;
    write.commit().await?;
    shown_once(ctx, row, &key).await
}

/// What a new key is to be.
struct Wanted {
    name: String,
    environment: Environment,
    cidrs: Vec<IpNet>,
    expires_at: Option<DateTime<Utc>>,
    rolled_from: Option<Uuid>,
}

fn new_key(ctx: &Ctx, environment: Environment) -> Result<ApiKey> {
    loop {
        // A second draw is needed once in 10^23.
        if let Some(key) = ApiKey::from_random(environment, &ctx.random()?) {
            return Ok(key);
        }
    }
}

async fn insert(
    write: &mut Write<'_>,
    application: &application::Model,
    key: &ApiKey,
    wanted: Wanted,
) -> Result<credential::Model> {
    let ctx = write.ctx();
    let others = credential::Entity::find()
        .filter(credential::Column::ApplicationId.eq(application.id))
        .all(write.tx())
        .await?;
    let alive = others
        .iter()
        .filter(|row| row.lifetime().judge(ctx.now).is_ok())
        .count() as u64;
    if alive >= MAX_CREDENTIALS {
        let detail =
            format!("An application has at most {MAX_CREDENTIALS} working keys. Revoke one first.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    let row = credential::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: application.organization_id,
        application_id: application.id,
        kind: "key".to_owned(),
        digest: key.digest().0.to_vec(),
        display_id: key.display_id().to_owned(),
        name: wanted.name,
        environment: wanted.environment.as_str().to_owned(),
        cidrs: write_json("credential.cidrs", &wanted.cidrs)?,
        created_at: ctx.now,
        created_by: ctx.user_id().map(Into::into),
        expires_at: wanted.expires_at.map(entity::row::to_micros),
        retires_at: None,
        revoked_at: None,
        revoked_by: None,
        rolled_from: wanted.rolled_from,
        etag: 1,
    };
    let active: credential::ActiveModel = row.clone().into();
    credential::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    tell(write, "credential.create", "credential.created", &row).await?;
    Ok(row)
}

/// Audit, event and change of one credential.
async fn tell(
    write: &mut Write<'_>,
    action: &'static str,
    event: &'static str,
    row: &credential::Model,
) -> Result<()> {
    let organization = row.organization_id.into();
    let told = json!({
        "application": row.application_id,
        "name": row.name,
        "display_id": row.display_id,
        "environment": row.environment,
        "cidrs": read_json::<Vec<IpNet>>("credential.cidrs", &row.cidrs)?,
        "expires_at": row.expires_at,
        "retires_at": row.retires_at,
    });
    write
        .audit(
            Audit::new(action, "credential", row.id)
                .of(organization)
                .after(&told),
        )
        .await?;
    let event = Event {
        kind: event,
        organization: Some(organization),
        object_kind: "credential",
        object: row.id,
        payload: told,
    };
    write.event(event).await?;
    write.changed(Kind::Credential, row.id).await
}

/// A new key now; the old one works until the overlap is over.
pub async fn roll(ctx: &Ctx, id: CredentialId, input: RollKey) -> Result<NewKey> {
    let (seen, _) = load(ctx, ctx.db(), id, Action::ManageCredentials).await?;
    let key = new_key(ctx, seen.environment()?)?;
    let mut write = Write::begin(ctx).await?;
    let (row, application) = load(ctx, write.tx(), id, Action::ManageCredentials).await?;
    match row.lifetime().state(ctx.now) {
        CredentialState::Active => {}
        state @ (CredentialState::Retiring
        | CredentialState::Expired
        | CredentialState::Revoked) => {
            return Err(illegal(state, "be rolled"));
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
    let mut old: credential::ActiveModel = row.into();
    old.retires_at = Set(Some(ctx.now + Duration::seconds(input.overlap.seconds())));
    old.etag = Set(etag);
    let old = old.update(write.tx()).await?;
    tell(&mut write, "credential.roll", "credential.rolled", &old).await?;
    let row = insert(&mut write, &application, &key, wanted).await?;
    write.commit().await?;
    shown_once(ctx, row, &key).await
}

fn illegal(state: CredentialState, step: &str) -> Error {
    let state = state.as_str();
    Error::new(
        Code::IllegalTransition,
        format!("A key that is {state} cannot {step}."),
    )
}

/// It stops working at once and never works again.
pub async fn revoke(ctx: &Ctx, id: CredentialId) -> Result<Credential> {
    let mut write = Write::begin(ctx).await?;
    let (row, _) = load(ctx, write.tx(), id, Action::ManageCredentials).await?;
    let state = row.lifetime().state(ctx.now);
    if state == CredentialState::Revoked {
        return Err(illegal(state, "be revoked again"));
    }
    let etag = row.etag + 1;
    let mut active: credential::ActiveModel = row.into();
    active.revoked_at = Set(Some(ctx.now));
    active.revoked_by = Set(ctx.user_id().map(Into::into));
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    tell(&mut write, "credential.revoke", "credential.revoked", &row).await?;
    write.commit().await?;
    show(ctx, row).await
}

pub async fn rename(
    ctx: &Ctx,
    id: CredentialId,
    if_match: Option<i64>,
    input: RenameCredential,
) -> Result<Credential> {
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let (name,) = check.all((name,))?;
    let write = Write::begin(ctx).await?;
    let (row, _) = load(ctx, write.tx(), id, Action::ManageCredentials).await?;
    crate::write::expect(if_match, row.etag)?;
    let before = json!({ "name": row.name });
    let etag = row.etag + 1;
    let mut active: credential::ActiveModel = row.into();
    active.name = Set(name.to_string());
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit =
        Audit::new("credential.rename", "credential", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(before).after(json!({ "name": row.name })))
        .await?;
    write.commit().await?;
    show(ctx, row).await
}

/// The row with its application, if the caller may do `action` to that.
async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: CredentialId,
    action: Action,
) -> Result<(credential::Model, application::Model)> {
    let row = credential::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let application = applications::load(ctx, db, row.application_id.into(), action).await?;
    Ok((row, application))
}

fn networks(check: &mut Check, texts: &[String]) -> Vec<IpNet> {
    check.that(texts.len() <= MAX_CIDRS, "/cidrs", || {
        format!("Name at most {MAX_CIDRS} networks.")
    });
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let text = text.trim();
        let single = text.parse::<std::net::IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or(single) {
            Ok(net) => found.push(net.trunc()),
            Err(_) => check.that(false, &format!("/cidrs/{index}"), || {
                "Write a network like 203.0.113.0/24.".to_owned()
            }),
        }
    }
    found
}

async fn shown_once(ctx: &Ctx, row: credential::Model, key: &ApiKey) -> Result<NewKey> {
    let application = row.application_id.into();
    let first_call = first_call::with_key(ctx, application, key.as_str()).await?;
    Ok(NewKey {
        credential: show(ctx, row).await?,
        key: key.as_str().to_owned(),
        first_call,
    })
}

async fn show(ctx: &Ctx, row: credential::Model) -> Result<Credential> {
    show_all(ctx, vec![row])
        .await?
        .pop()
        .ok_or_else(Error::not_found)
}

async fn show_all(ctx: &Ctx, rows: Vec<credential::Model>) -> Result<Vec<Credential>> {
    let people = names::people(ctx.db(), rows.iter().map(|row| row.created_by)).await?;
    let uses = applications::uses(ctx, &rows).await?;
    let shown = rows.into_iter().map(|row| {
        let used = uses.get(&row.id.into()).copied().unwrap_or_default();
        let cidrs: Vec<IpNet> = read_json("credential.cidrs", &row.cidrs)?;
        Ok(Credential {
            id: row.id.into(),
            application: row.application_id.into(),
            kind: CredentialKind::Key,
            environment: row.environment()?,
            state: row.lifetime().state(ctx.now),
            cidrs: cidrs.iter().map(ToString::to_string).collect(),
            expires_at: row.expires_at,
            retires_at: row.retires_at,
            revoked_at: row.revoked_at,
            last_used_at: used.last_used,
            first_success_at: used.first_success,
            created_by: people.name(row.created_by),
            created_at: row.created_at,
            etag: row.etag,
            name: row.name,
            display_id: row.display_id,
        })
    });
    shown.collect()
}
