//! Upstreams: where requests go. Belong to the organization, edited live; their credentials are
//! sealed for the gateway and never leave.

mod client_certificate;
mod others;
mod targets;

use domain::actor::Action;
use domain::id::{OrganizationId, UpstreamId};
use domain::lifecycle::VersionState;
use domain::name::DisplayName;
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::upstream::UpstreamCredential;
use domain::wire::upstreams::{
    CreateUpstream, CredentialHint, EditUpstream, SetUpstreamCredential, Upstream,
};
use domain::wire::{Page, TeamPaging};
use entity::row::write_json;
use entity::{draft, revision, upstream, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    ExprTrait, JoinType, ModelTrait, PaginatorTrait, QueryFilter, QuerySelect, RelationTrait,
    sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

pub use client_certificate::set as set_client_certificate;
pub(crate) use others::check_named;
pub(crate) use targets::{check as check_targets, check_url};

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::names;
use crate::service::reach::{self, Reach};
use crate::write::{Audit, Write, expect};

const NAME_TAKEN: &str = "Another upstream of the organization has this name.";

/// Those of the organization that the caller may see, newest first.
pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Page<Upstream>> {
    let reach = Reach::of(ctx, Action::ReadUpstream, organization, paging.team)?;
    let window = Window::<Uuid>::new(&paging.paging())?;
    let query =
        upstream::Entity::find().filter(upstream::Column::OrganizationId.eq(organization.uuid()));
    let query = window.newest_first(
        reach.narrow(query, upstream::Column::TeamId),
        upstream::Column::Id,
    );
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(show(ctx, row).await?);
    }
    Ok(Page {
        items,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, id: UpstreamId) -> Result<Upstream> {
    let row = load(ctx, ctx.db(), id, Action::ReadUpstream).await?;
    show(ctx, row).await
}

/// The targets are resolved and checked before anything is written.
pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: CreateUpstream,
) -> Result<Upstream> {
    reach::in_team(
        ctx,
        ctx.db(),
        Action::EditUpstream,
        organization,
        input.team,
    )
    .await?;
    let name = name(&input.name)?;
    check_credential(input.credential.as_ref())?;
    targets::check(ctx, &input.settings, "/settings").await?;
    others::check(ctx.db(), organization.uuid(), None, &input.settings).await?;
    let id: UpstreamId = ctx.id()?;
    let row = upstream::Model {
        id: id.uuid(),
        organization_id: organization.uuid(),
        team_id: input.team.uuid(),
        name: name.to_string(),
        settings: write_json("upstream.settings", &input.settings)?,
        credential: seal(ctx, organization, id, input.credential.as_ref())?,
        client_certificate: None,
        client_key: None,
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 1,
    };
    let mut write = Write::begin(ctx).await?;
    insert(&mut write, &row).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Writes a new row with its audit and change rows; shared with the import of a document.
pub(crate) async fn insert(write: &mut Write<'_>, row: &upstream::Model) -> Result<()> {
    let active: upstream::ActiveModel = row.clone().into();
    let inserted = upstream::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/name", NAME_TAKEN))?;
    let audit = Audit::new("upstream.create", "upstream", row.id).of(row.organization_id.into());
    write.audit(audit.after(summary(row)?)).await?;
    write.changed(Kind::Upstream, row.id).await
}

pub async fn edit(
    ctx: &Ctx,
    id: UpstreamId,
    if_match: Option<i64>,
    input: EditUpstream,
) -> Result<Upstream> {
    load(ctx, ctx.db(), id, Action::EditUpstream).await?;
    let new_name = input.name.as_deref().map(name).transpose()?;
    if let Some(settings) = &input.settings {
        targets::check(ctx, settings, "/settings").await?;
    }
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditUpstream).await?;
    expect(if_match, row.etag)?;
    if let Some(settings) = &input.settings {
        others::check(write.tx(), row.organization_id, Some(id), settings).await?;
    }
    if new_name
        .as_ref()
        .is_some_and(|name| name.as_str() != row.name)
    {
        refuse_asked(write.tx(), &row, "keeps its name").await?;
    }
    let before = summary(&row)?;
    let etag = row.etag + 1;
    let mut active: upstream::ActiveModel = row.into();
    if let Some(name) = new_name {
        active.name = Set(name.to_string());
    }
    if let Some(settings) = &input.settings {
        active.settings = Set(write_json("upstream.settings", settings)?);
    }
    active.updated_at = Set(ctx.now);
    active.etag = Set(etag);
    let updated = active.update(write.tx()).await;
    let row = updated.map_err(|error| Error::from(error).unique("/name", NAME_TAKEN))?;
    let audit = Audit::new("upstream.edit", "upstream", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(before).after(summary(&row)?))
        .await?;
    write.changed(Kind::Upstream, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Replaces the credential, or removes it. The audit says that, never what it is.
pub async fn set_credential(
    ctx: &Ctx,
    id: UpstreamId,
    if_match: Option<i64>,
    input: SetUpstreamCredential,
) -> Result<Upstream> {
    let seen = load(ctx, ctx.db(), id, Action::EditUpstream).await?;
    check_credential(input.credential.as_ref())?;
    let sealed = seal(
        ctx,
        seen.organization_id.into(),
        id,
        input.credential.as_ref(),
    )?;
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditUpstream).await?;
    expect(if_match, row.etag)?;
    let etag = row.etag + 1;
    let mut active: upstream::ActiveModel = row.into();
    active.credential = Set(sealed);
    active.updated_at = Set(ctx.now);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit =
        Audit::new("upstream.set_credential", "upstream", row.id).of(row.organization_id.into());
    write
        .audit(audit.after(json!({ "credential": input.credential.as_ref().map(hint) })))
        .await?;
    write.changed(Kind::Upstream, row.id).await?;
    write.commit().await?;
    show(ctx, row).await
}

/// Policies name it: what they ask, or send copies to, must not go away under them.
async fn refuse_asked<C: ConnectionTrait>(db: &C, row: &upstream::Model, so: &str) -> Result<()> {
    let askers = others::askers(db, row).await?;
    if askers.is_empty() {
        return Ok(());
    }
    let askers = askers.join(", ");
    let detail = format!("Policies of {askers} name it, so it {so}.");
    Err(Error::new(Code::Conflict, detail))
}

/// Refused while a draft or a current revision sends requests to it.
pub async fn delete(ctx: &Ctx, id: UpstreamId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditUpstream).await?;
    expect(if_match, row.etag)?;
    let users = used_by(write.tx(), &row).await?;
    if users > 0 {
        let detail =
            format!("{users} versions send requests to it. Give them another upstream first.");
        return Err(Error::new(Code::Conflict, detail));
    }
    let namers = others::users(write.tx(), &row).await?;
    if namers > 0 {
        let detail = format!(
            "{namers} upstreams fall back on it or mirror to it. Give them another one first."
        );
        return Err(Error::new(Code::Conflict, detail));
    }
    refuse_asked(write.tx(), &row, "is needed").await?;
    let audit = Audit::new("upstream.delete", "upstream", row.id).of(row.organization_id.into());
    write.audit(audit.before(summary(&row)?)).await?;
    write.changed(Kind::Upstream, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` to it.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: UpstreamId,
    action: Action,
) -> Result<upstream::Model> {
    let row = upstream::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    ctx.may(action, row.organization_id.into(), Some(row.team_id.into()))?;
    Ok(row)
}

/// Whether the organization has it: for versions that point to it.
pub(crate) async fn exists<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    id: UpstreamId,
) -> Result<bool> {
    let found = upstream::Entity::find_by_id(id.uuid())
        .filter(upstream::Column::OrganizationId.eq(organization));
    Ok(found.count(db).await? > 0)
}

fn name(text: &str) -> Result<DisplayName> {
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", text);
    Ok(check.all((name,))?.0)
}

fn check_credential(credential: Option<&UpstreamCredential>) -> Result<()> {
    let found: Vec<Invalid> = credential
        .map(UpstreamCredential::check)
        .unwrap_or_default()
        .into_iter()
        .map(|found| found.under("/credential"))
        .collect();
    if found.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(found))
    }
}

fn seal(
    ctx: &Ctx,
    organization: OrganizationId,
    id: UpstreamId,
    credential: Option<&UpstreamCredential>,
) -> Result<Option<String>> {
    let Some(credential) = credential else {
        return Ok(None);
    };
    let clear = serde_json::to_vec(credential)?;
    Ok(Some(ctx.gateway_ring().seal(
        &clear,
        organization.uuid(),
        id.uuid(),
        ctx.random()?,
    )?))
}

fn hint(credential: &UpstreamCredential) -> CredentialHint {
    match credential {
        UpstreamCredential::Header { name, .. } => CredentialHint::Header { name: name.clone() },
        UpstreamCredential::Basic { user, .. } => CredentialHint::Basic { user: user.clone() },
        UpstreamCredential::Bearer { .. } => CredentialHint::Bearer,
    }
}

/// What of the sealed credential may be shown.
fn sealed_hint(ctx: &Ctx, row: &upstream::Model) -> Option<CredentialHint> {
    let sealed = row.credential.as_ref()?;
    let opened = ctx
        .gateway_ring()
        .open(sealed, row.organization_id, row.id)
        .ok();
    let credential =
        opened.and_then(|clear| serde_json::from_slice::<UpstreamCredential>(&clear).ok());
    Some(credential.as_ref().map_or(CredentialHint::Unreadable, hint))
}

fn summary(row: &upstream::Model) -> Result<serde_json::Value> {
    Ok(json!({ "name": row.name, "settings": row.settings()? }))
}

/// Versions whose draft or current revision names it, but for those that are retired: they send
/// nothing any more, and do not come back. The settings are JSON in which the id stands as text.
async fn used_by<C: ConnectionTrait>(db: &C, row: &upstream::Model) -> Result<u64> {
    let needle = format!("%{}%", row.id);
    let in_draft = Expr::col((draft::Entity, draft::Column::Settings)).like(needle.clone());
    let in_revision = Expr::col((revision::Entity, revision::Column::Snapshot)).like(needle);
    let current = Expr::col((revision::Entity, revision::Column::Id))
        .equals((version::Entity, version::Column::CurrentRevisionId));
    let query = version::Entity::find()
        .join(JoinType::LeftJoin, draft::Relation::Version.def().rev())
        .join(
            JoinType::LeftJoin,
            revision::Relation::Version
                .def()
                .rev()
                .on_condition(move |_, _| Condition::all().add(current.clone())),
        )
        .filter(version::Column::OrganizationId.eq(row.organization_id))
        .filter(version::Column::State.ne(VersionState::Retired.as_str()))
        .filter(Condition::any().add(in_draft).add(in_revision));
    Ok(query.count(db).await?)
}

async fn show(ctx: &Ctx, row: upstream::Model) -> Result<Upstream> {
    let team = names::teams(ctx.db(), [row.team_id])
        .await?
        .get(row.team_id);
    Ok(Upstream {
        id: row.id.into(),
        organization: row.organization_id.into(),
        team,
        settings: row.settings()?,
        credential: sealed_hint(ctx, &row),
        client_certificate: client_certificate::facts(&row)?,
        used_by: used_by(ctx.db(), &row).await?,
        name: row.name,
        created_at: row.created_at,
        updated_at: row.updated_at,
        etag: row.etag,
    })
}
