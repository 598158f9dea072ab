//! Certificates of hosts: an organization's for hosts that it alone was granted, the platform's for
//! any. Their private keys are sealed for the gateways and never leave.

pub(crate) mod claims;
mod owner;
pub(crate) mod pair;
pub(crate) mod revocations;

use domain::actor::Action;
use domain::certificate::{Facts, check_hosts, is_for};
use domain::id::CertificateId;
use domain::name::DisplayName;
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::wire::certificates::{Certificate, CreateCertificate, EditCertificate};
use domain::wire::{Page, Paging};
use entity::certificate;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub use owner::Owner;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::write::{Write, expect};
use pair::Pair;

/// Most certificates of an organization, and of the platform.
const MOST: [u64; 2] = [100, 1000];
const NAME_TAKEN: &str = "Another certificate has this name.";

/// Those of the owner, newest first; for the platform all there are.
pub async fn list(ctx: &Ctx, owner: Owner, paging: &Paging) -> Result<Page<Certificate>> {
    owner.may(ctx, Action::ReadCertificate)?;
    let window = Window::<Uuid>::new(paging)?;
    let query = window.newest_first(owner.certificates(), certificate::Column::Id);
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    let mut items = Vec::with_capacity(page.items.len());
    for row in page.items {
        items.push(show(ctx.db(), row).await?);
    }
    Ok(Page {
        items,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, owner: Owner, id: CertificateId) -> Result<Certificate> {
    let row = load(ctx, ctx.db(), owner, id, Action::ReadCertificate).await?;
    show(ctx.db(), row).await
}

pub async fn create(ctx: &Ctx, owner: Owner, input: CreateCertificate) -> Result<Certificate> {
    owner.may(ctx, Action::EditCertificate)?;
    let name = name(&input.name)?;
    let pair = pair::judge(&input.certificate, &input.key.0, ctx.now).map_err(Error::invalid)?;
    let hosts = hosts(&pair.facts, &input.hosts, input.default)?;
    let id: CertificateId = ctx.id()?;
    let mut write = Write::begin(ctx).await?;
    let most = MOST[usize::from(owner == Owner::Platform)];
    if owner.own_certificates().count(write.tx()).await? >= most {
        let detail = format!("There are {most} certificates already.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    name_is_free(&write, owner, id, &name).await?;
    make_default(&mut write, owner, id, input.default).await?;
    let row = certificate::Model {
        id: id.uuid(),
        organization_id: owner.id(),
        name: name.to_string(),
        is_default: input.default,
        key: seal(ctx, owner.id(), id, &pair)?,
        chain: pair.chain,
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 1,
    };
    let active: certificate::ActiveModel = row.clone().into();
    certificate::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await?;
    claims::claim(&write, owner, id, &hosts).await?;
    let after = summary(&row, &hosts, &pair.facts);
    write
        .audit(owner.audit("certificate.create", id).after(after))
        .await?;
    write.changed(Kind::Certificate, id).await?;
    write.commit().await?;
    show(ctx.db(), row).await
}

/// Changes what is given; a certificate with its key is a renewal, under the same id.
pub async fn edit(
    ctx: &Ctx,
    owner: Owner,
    id: CertificateId,
    if_match: Option<i64>,
    input: EditCertificate,
) -> Result<Certificate> {
    load(ctx, ctx.db(), owner, id, Action::EditCertificate).await?;
    let new_name = input.name.as_deref().map(name).transpose()?;
    let pair = renewal(ctx, &input)?;
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), owner, id, Action::EditCertificate).await?;
    if owner.id() != row.organization_id {
        let detail = "The certificate is an organization's: its admins change it.";
        return Err(Error::new(Code::Conflict, detail));
    }
    expect(if_match, row.etag)?;
    let (before_hosts, before_facts) =
        (claims::of(write.tx(), id).await?, pair::facts(&row.chain)?);
    let before = summary(&row, &before_hosts, &before_facts);
    let facts = pair
        .as_ref()
        .map_or(before_facts, |pair| pair.facts.clone());
    let is_default = input.default.unwrap_or(row.is_default);
    let wanted = input.hosts.as_ref().unwrap_or(&before_hosts);
    let hosts = hosts(&facts, wanted, is_default)?;
    if let Some(name) = &new_name {
        name_is_free(&write, owner, id, name).await?;
    }
    make_default(&mut write, owner, id, is_default && !row.is_default).await?;
    let (organization, etag) = (row.organization_id, row.etag + 1);
    let mut active: certificate::ActiveModel = row.into();
    if let Some(name) = new_name {
        active.name = Set(name.to_string());
    }
    if let Some(pair) = pair {
        active.key = Set(seal(ctx, organization, id, &pair)?);
        active.chain = Set(pair.chain);
    }
    active.is_default = Set(is_default);
    active.updated_at = Set(ctx.now);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    claims::claim(&write, owner, id, &hosts).await?;
    let after = summary(&row, &hosts, &facts);
    let audit = owner.audit("certificate.edit", id);
    write.audit(audit.before(before).after(after)).await?;
    write.changed(Kind::Certificate, id).await?;
    write.commit().await?;
    show(ctx.db(), row).await
}

/// The operator may also delete an organization's: to grant its host to somebody else.
pub async fn delete(
    ctx: &Ctx,
    owner: Owner,
    id: CertificateId,
    if_match: Option<i64>,
) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), owner, id, Action::EditCertificate).await?;
    expect(if_match, row.etag)?;
    let hosts = claims::of(write.tx(), id).await?;
    let before = summary(&row, &hosts, &pair::facts(&row.chain)?);
    let theirs = Owner::of(row.organization_id);
    let audit = theirs.audit("certificate.delete", id).before(before);
    write.audit(audit).await?;
    write.changed(Kind::Certificate, id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` to it.
async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    owner: Owner,
    id: CertificateId,
    action: Action,
) -> Result<certificate::Model> {
    owner.may(ctx, action)?;
    let found = owner
        .certificates()
        .filter(certificate::Column::Id.eq(id.uuid()));
    found.one(db).await?.ok_or_else(Error::not_found)
}

fn name(text: &str) -> Result<DisplayName> {
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", text);
    Ok(check.all((name,))?.0)
}

/// A new certificate and its key, if the input has them.
fn renewal(ctx: &Ctx, input: &EditCertificate) -> Result<Option<Pair>> {
    let (certificate, key) = match (&input.certificate, &input.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            let message = "Send the certificate's private key with it.";
            return Err(Error::field("/key", message));
        }
        (None, Some(_)) => {
            let message = "Send the private key's certificate with it.";
            return Err(Error::field("/certificate", message));
        }
    };
    let judged = pair::judge(certificate, &key.0, ctx.now);
    judged.map(Some).map_err(Error::invalid)
}

/// Those that were asked for, or all that the certificate names.
fn hosts(facts: &Facts, wanted: &[String], is_default: bool) -> Result<Vec<String>> {
    let mut found = check_hosts(wanted);
    if found.is_empty() {
        let strange = wanted.iter().enumerate();
        let strange = strange.filter(|(_, host)| !is_for(&facts.dns_names, host));
        found.extend(strange.map(|(index, _)| {
            let message = "The certificate is not for this host.";
            Invalid::new(format!("/hosts/{index}"), message)
        }));
    }
    if wanted.is_empty() {
        found.extend(check_hosts(&facts.dns_names));
        if facts.dns_names.is_empty() && !is_default {
            let message = "The certificate names no host that it is for.";
            found.push(Invalid::new("/certificate", message));
        }
    }
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    let hosts = if wanted.is_empty() {
        &facts.dns_names
    } else {
        wanted
    };
    Ok(hosts.to_vec())
}

async fn name_is_free(
    write: &Write<'_>,
    owner: Owner,
    id: CertificateId,
    name: &DisplayName,
) -> Result<()> {
    let others = owner
        .own_certificates()
        .filter(certificate::Column::Name.eq(name.as_str()))
        .filter(certificate::Column::Id.ne(id.uuid()));
    if others.count(write.tx()).await? > 0 {
        return Err(Error::taken("/name", NAME_TAKEN));
    }
    Ok(())
}

/// There is one default, the platform's: the one before is none any more.
async fn make_default(
    write: &mut Write<'_>,
    owner: Owner,
    id: CertificateId,
    is_asked: bool,
) -> Result<()> {
    if !is_asked {
        return Ok(());
    }
    if owner != Owner::Platform {
        let message = "Only a certificate of the platform can be the default.";
        return Err(Error::field("/default", message));
    }
    let before = certificate::Entity::of_platform()
        .filter(certificate::Column::IsDefault.eq(true))
        .filter(certificate::Column::Id.ne(id.uuid()));
    for row in before.all(write.tx()).await? {
        let (id, etag) = (row.id, row.etag);
        let mut active: certificate::ActiveModel = row.into();
        active.is_default = Set(false);
        active.etag = Set(etag + 1);
        active.update(write.tx()).await?;
        write.changed(Kind::Certificate, id).await?;
    }
    Ok(())
}

fn seal(ctx: &Ctx, organization: Option<Uuid>, id: CertificateId, pair: &Pair) -> Result<String> {
    let (place, nonce) = (organization.unwrap_or_default(), ctx.random()?);
    let ring = ctx.gateway_ring();
    Ok(ring.seal(pair.key.as_bytes(), place, id.uuid(), nonce)?)
}

/// For the audit: which certificate it is, and nothing of its key.
fn summary(row: &certificate::Model, hosts: &[String], facts: &Facts) -> Value {
    json!({
        "name": row.name,
        "hosts": hosts,
        "default": row.is_default,
        "fingerprint": facts.fingerprint,
        "not_after": facts.not_after,
    })
}

async fn show<C: ConnectionTrait>(db: &C, row: certificate::Model) -> Result<Certificate> {
    let hosts = claims::of(db, row.id.into()).await?;
    let facts = pair::facts(&row.chain)?;
    let certificate::Model {
        id,
        organization_id,
        name,
        is_default,
        chain,
        key: _,
        created_at,
        updated_at,
        etag,
    } = row;
    Ok(Certificate {
        id: id.into(),
        organization: organization_id.map(Into::into),
        name,
        hosts,
        default: is_default,
        facts,
        chain,
        created_at,
        updated_at,
        etag,
    })
}
