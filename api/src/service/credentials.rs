//! Credentials of applications: keys and passwords that we make ([`keys`], [`passwords`]), and what
//! others issued ([`claims`]).

mod claims;
mod issuers;
mod keys;
mod oauth_clients;
mod passwords;
mod signing_keys;
mod wanted;

use domain::actor::Action;
use domain::application::{Claimed, CredentialState, TokenClient};
use domain::id::{ApplicationId, CredentialId};
use domain::name::DisplayName;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::credentials::{Credential, RenameCredential};
use domain::wire::{Page, Paging};
use entity::row::read_json;
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
use crate::service::{applications, authorization_server, names};
use crate::write::{Audit, Event, Write};

pub use claims::{add_certificate, add_client};
pub use issuers::issuers;
pub use keys::{create, roll};
pub use oauth_clients::make_oauth_client;
pub use passwords::make_password;
pub use signing_keys::add_signing_key;

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
        "kind": row.kind,
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

fn illegal(kind: &str, state: CredentialState, step: &str) -> Error {
    let state = state.as_str();
    Error::new(
        Code::IllegalTransition,
        format!("A {kind} that is {state} cannot {step}."),
    )
}

/// It stops working at once and never works again.
pub async fn revoke(ctx: &Ctx, id: CredentialId) -> Result<Credential> {
    let mut write = Write::begin(ctx).await?;
    let (row, _) = load(ctx, write.tx(), id, Action::ManageCredentials).await?;
    let state = row.lifetime().state(ctx.now);
    if state == CredentialState::Revoked {
        return Err(illegal(&row.kind, state, "be revoked again"));
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
        // What a newer release made must not hide the others.
        let known = row.kind().and_then(|kind| Ok((kind, row.claimed()?))).ok();
        let (kind, claimed) = known.unzip();
        let mut certificate_name = None;
        let (client, certificate) = match claimed.flatten() {
            None => (None, None),
            Some(Claimed::Client(client)) => (Some(client), None),
            Some(Claimed::Platform(client_id)) => {
                let issuer = authorization_server::issuer(ctx);
                (Some(TokenClient { issuer, client_id }), None)
            }
            Some(Claimed::Certificate(facts)) => (None, Some(facts)),
            Some(Claimed::CertificateName(name)) => {
                certificate_name = Some(name.into());
                (None, None)
            }
            Some(Claimed::Signature { .. } | Claimed::Password(_)) => (None, None),
        };
        Ok(Credential {
            id: row.id.into(),
            application: row.application_id.into(),
            kind,
            client,
            certificate,
            certificate_name,
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
