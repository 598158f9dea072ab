//! What single hosts ask of a connection: TLS or not, and whose client certificates. An
//! organization decides about hosts that it alone was granted, the operator about any.

use domain::actor::Action;
use domain::certificate::HostSettings;
use domain::id::HostId;
use domain::key::KeyDigest;
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::wire::certificates::Host;
use domain::wire::{Page, Paging};
use entity::host;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::certificates::{Owner, claims, pair, revocations};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::write::{Write, expect};

/// Most hosts with settings of an organization, and of the platform.
const MOST: [u64; 2] = [100, 1000];

/// Those of the owner, newest first; for the platform all there are.
pub async fn list(ctx: &Ctx, owner: Owner, paging: &Paging) -> Result<Page<Host>> {
    owner.may(ctx, Action::ReadCertificate)?;
    let window = Window::<Uuid>::new(paging)?;
    let query = window.newest_first(owner.hosts(), host::Column::Id);
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, brief)
}

pub async fn get(ctx: &Ctx, owner: Owner, name: &str) -> Result<Host> {
    owner.may(ctx, Action::ReadCertificate)?;
    let row = find(ctx.db(), owner, name).await?;
    show(row.ok_or_else(Error::not_found)?)
}

/// Makes or replaces what the host asks for.
pub async fn put(
    ctx: &Ctx,
    owner: Owner,
    name: &str,
    if_match: Option<i64>,
    input: HostSettings,
) -> Result<Host> {
    owner.may(ctx, Action::EditCertificate)?;
    let input = judged(name, input)?;
    let mut write = Write::begin(ctx).await?;
    claims::check(write.tx(), owner, name).await?;
    let row = match find(write.tx(), owner, name).await? {
        Some(row) => replace(&mut write, owner, row, if_match, input).await?,
        None if if_match.is_some() => {
            let detail = "The host has no settings (any more).";
            return Err(Error::new(Code::PreconditionFailed, detail));
        }
        None => insert(&mut write, owner, name, input).await?,
    };
    write.changed(Kind::Host, row.id).await?;
    write.commit().await?;
    show(row)
}

async fn replace(
    write: &mut Write<'_>,
    owner: Owner,
    row: host::Model,
    if_match: Option<i64>,
    input: HostSettings,
) -> Result<host::Model> {
    if owner.id() != row.organization_id {
        let detail = "The host is an organization's: its admins change what it asks for.";
        return Err(Error::new(Code::Conflict, detail));
    }
    expect(if_match, row.etag)?;
    let (before, etag) = (summary(&row), row.etag + 1);
    let mut active: host::ActiveModel = row.into();
    active.tls = Set(input.tls.map(|mode| mode.as_str().to_owned()));
    active.client_ca = Set(input.client_ca);
    active.client_crl = Set(input.client_crl);
    active.client_crl_current = Set(input.client_crl_current.then_some(true));
    active.updated_at = Set(write.ctx().now);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = owner.audit("host.edit", row.id);
    write
        .audit(audit.before(before).after(summary(&row)))
        .await?;
    Ok(row)
}

async fn insert(
    write: &mut Write<'_>,
    owner: Owner,
    name: &str,
    input: HostSettings,
) -> Result<host::Model> {
    let most = MOST[usize::from(owner == Owner::Platform)];
    if owner.own_hosts().count(write.tx()).await? >= most {
        let detail = format!("There are {most} hosts with settings already.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    let ctx = write.ctx();
    let id: HostId = ctx.id()?;
    let row = host::Model {
        id: id.uuid(),
        organization_id: owner.id(),
        host: name.to_owned(),
        tls: input.tls.map(|mode| mode.as_str().to_owned()),
        client_ca: input.client_ca,
        client_crl: input.client_crl,
        client_crl_current: input.client_crl_current.then_some(true),
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 1,
    };
    let active: host::ActiveModel = row.clone().into();
    let inserted = host::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| {
        Error::from(error).unique("", "The platform has settings for this host already.")
    })?;
    let audit = owner.audit("host.create", row.id);
    write.audit(audit.after(summary(&row))).await?;
    Ok(row)
}

/// The host asks for what its certificate says from then on. The operator may also delete an
/// organization's: to grant the host to somebody else.
pub async fn delete(ctx: &Ctx, owner: Owner, name: &str, if_match: Option<i64>) -> Result<()> {
    owner.may(ctx, Action::EditCertificate)?;
    let mut write = Write::begin(ctx).await?;
    let row = find(write.tx(), owner, name).await?;
    let row = row.ok_or_else(Error::not_found)?;
    expect(if_match, row.etag)?;
    let theirs = Owner::of(row.organization_id);
    let audit = theirs.audit("host.delete", row.id).before(summary(&row));
    write.audit(audit).await?;
    write.changed(Kind::Host, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

async fn find<C: ConnectionTrait>(db: &C, owner: Owner, name: &str) -> Result<Option<host::Model>> {
    let found = owner.hosts().filter(host::Column::Host.eq(name));
    Ok(found.one(db).await?)
}

/// As it is kept.
fn judged(name: &str, input: HostSettings) -> Result<HostSettings> {
    let found = input.check(name);
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    let client_ca = input.client_ca.as_deref().map(pair::authorities);
    let refused = |message| Error::invalid(vec![Invalid::new("/client_ca", message)]);
    let client_ca = client_ca.transpose().map_err(refused)?;
    let client_crl = match (&client_ca, &input.client_crl) {
        (Some(authorities), Some(lists)) => {
            let kept = revocations::judge(lists, authorities);
            let refused = |message| Error::invalid(vec![Invalid::new("/client_crl", message)]);
            Some(kept.map_err(refused)?)
        }
        (None, _) | (Some(_), None) => None,
    };
    Ok(HostSettings {
        tls: input.tls,
        client_ca,
        client_crl,
        client_crl_current: input.client_crl_current,
    })
}

fn summary(row: &host::Model) -> Value {
    // A list is long, and its successors are many.
    let lists = row.client_crl.as_ref();
    let lists = lists.map(|pem| KeyDigest::of(pem.as_bytes()).to_hex());
    json!({
        "host": row.host,
        "tls": row.tls,
        "client_ca": row.client_ca,
        "client_crl_sha256": lists,
        "client_crl_current": row.client_crl_current,
    })
}

/// Without the lists of revoked certificates, which are long.
fn brief(row: host::Model) -> Result<Host> {
    let shown = show(row)?;
    Ok(Host {
        client_crl: None,
        ..shown
    })
}

fn show(row: host::Model) -> Result<Host> {
    let HostSettings {
        tls,
        client_ca,
        client_crl,
        client_crl_current,
    } = row.settings()?;
    Ok(Host {
        client_crl_facts: client_crl.as_deref().map(revocations::facts),
        host: row.host,
        organization: row.organization_id.map(Into::into),
        tls,
        client_ca,
        client_crl,
        client_crl_current,
        created_at: row.created_at,
        updated_at: row.updated_at,
        etag: row.etag,
    })
}
