//! Lists of networks that policies of an organization name: written by people, or fetched. Live at
//! once, each change audited.

mod entries;
mod fetch;
mod ready;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::actor::Action;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{self, Entries, MAX_LISTS, Source};
use domain::policy::{Policy, named_lists};
use domain::problem::{Code, Invalid};
use domain::snapshot::Kind;
use domain::wire::ip_lists::{CreateIpList, EditIpList, Fetch, IpList};
use domain::wire::{Page, Paging};
use entity::ip_list as rows;
use entity::row::write_json;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, ModelTrait, PaginatorTrait,
    QuerySelect,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub use entries::{add, import, list as list_entries, remove};
pub use fetch::{due as fetch_due, refresh};

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::named::{self, Places};
use crate::service::upstreams;
use crate::write::{Audit, Write, expect};
use ready::Ready;

const NAME_TAKEN: &str = "Another list of the organization has this name.";
const MAX_DESCRIPTION: usize = 1000;

/// What becomes of a list that policies name.
const KEEPS: &str = "keeps its name";
const IS_NEEDED: &str = "is needed";

/// Those of the organization, newest first. What names them is told of one alone.
pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &Paging,
) -> Result<Page<IpList>> {
    ctx.may(Action::ReadOrganization, organization, None)?;
    let window = Window::<Uuid>::new(paging)?;
    let query = window.newest_first(rows::Entity::in_org(organization), rows::Column::Id);
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    crate::paging::mapped(page, |row| shown(ctx, row, Vec::new()))
}

pub async fn get(ctx: &Ctx, organization: OrganizationId, id: IpListId) -> Result<IpList> {
    let row = load(ctx, ctx.db(), organization, id, Action::ReadOrganization).await?;
    show(ctx, row).await
}

pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: CreateIpList,
) -> Result<IpList> {
    ctx.may(Action::EditOrganization, organization, None)?;
    let mut check = Check::new();
    check_name(&mut check, &input.name);
    let description = check.text("/description", &input.description, MAX_DESCRIPTION);
    check.that(
        input.source.is_none() || input.entries.is_empty(),
        "/entries",
        || "A list with an address is what that answers: leave this empty.".to_owned(),
    );
    let written = ready::written(input.entries, ctx.now).await?;
    let entries = written.unwrap_or_else(|wrong| {
        for one in wrong {
            check.add(one.under("/entries"));
        }
        Entries::default()
    });
    check.done()?;
    let now = ctx.now;
    let ready = ready::apart(move || Ready::of(entries, now, "/entries")).await??;
    let source = match &input.source {
        Some(source) => Some(judged(ctx, source).await?),
        None => None,
    };
    let mut write = Write::begin(ctx).await?;
    let present = rows::Entity::in_org(organization);
    if present.count(write.tx()).await? >= MAX_LISTS {
        let detail = format!("The organization has {MAX_LISTS} lists already.");
        return Err(Error::new(Code::LimitReached, detail));
    }
    let row = rows::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: organization.uuid(),
        name: input.name,
        description,
        entries: 0,
        next_at: source.as_ref().map(|_| ctx.now),
        source,
        source_tag: None,
        fetched_at: None,
        tried_at: None,
        problem: None,
        failures: 0,
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 0,
    };
    let active: rows::ActiveModel = row.clone().into();
    let inserted = rows::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/name", NAME_TAKEN))?;
    let mut active: rows::ActiveModel = row.clone().into();
    let digest = ready.digest.clone();
    ready.put(&write, &row, &mut active).await?;
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("ip_list.create", "ip_list", row.id).of(organization);
    let after = summary(&row, Some(&digest))?;
    write.audit(audit.after(after)).await?;
    write.changed(Kind::IpList, row.id).await?;
    write.commit().await?;
    shown(ctx, row, Vec::new())
}

pub async fn edit(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
    input: EditIpList,
) -> Result<IpList> {
    let seen = load(ctx, ctx.db(), organization, id, Action::EditOrganization).await?;
    let mut check = Check::new();
    if let Some(name) = &input.name {
        check_name(&mut check, name);
    }
    let description = input.description.as_deref();
    let description = description.map(|text| check.text("/description", text, MAX_DESCRIPTION));
    check.done()?;
    expect(if_match, seen.etag)?;
    let new = match &input.source {
        Some(Some(source)) => Some(Some(judged(ctx, source).await?)),
        Some(None) => Some(None),
        None => None,
    };
    let renames = |row: &rows::Model| input.name.as_ref().is_some_and(|name| *name != row.name);
    if renames(&seen) {
        refuse_named(ctx.db(), &seen, KEEPS).await?;
    }
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), organization, id, Action::EditOrganization).await?;
    expect(if_match, row.etag)?;
    let renamed = renames(&row);
    if renamed {
        refuse_named(write.tx(), &row, KEEPS).await?;
    }
    let before = summary(&row, None)?;
    let mut active: rows::ActiveModel = row.clone().into();
    if let Some(new) = new {
        let source = input.source.as_ref().and_then(Option::as_ref);
        put_source(&mut active, &row, source, new, ctx.now)?;
    }
    if let Some(name) = input.name.filter(|_| renamed) {
        active.name = Set(name);
    }
    if let Some(description) = description {
        active.description = Set(description);
    }
    active.updated_at = Set(ctx.now);
    active.etag = Set(row.etag + 1);
    let updated = active.update(write.tx()).await;
    let row = updated.map_err(|error| Error::from(error).unique("/name", NAME_TAKEN))?;
    let audit = Audit::new("ip_list.edit", "ip_list", row.id).of(organization);
    let after = summary(&row, None)?;
    write.audit(audit.before(before).after(after)).await?;
    // Gateways know nothing of the rest.
    if renamed {
        write.changed(Kind::IpList, row.id).await?;
    }
    write.commit().await?;
    show(ctx, row).await
}

/// Puts another source into a row; `text` is how it is stored. The address that there was stays
/// known where only how often it is asked is new. Another one is asked at once, and whatever was said
/// of the one before is nothing to it.
fn put_source(
    active: &mut rows::ActiveModel,
    row: &rows::Model,
    source: Option<&Source>,
    text: Option<String>,
    now: DateTime<Utc>,
) -> Result<()> {
    let known = row.source()?;
    if known.as_ref() == source {
        return Ok(());
    }
    active.source = Set(text);
    if let (Some(known), Some(source)) = (known, source)
        && known.url == source.url
    {
        let soon = now + fetch::every(source);
        active.next_at = Set(Some(row.next_at.map_or(soon, |next| next.min(soon))));
        return Ok(());
    }
    active.next_at = Set(source.map(|_| now));
    active.source_tag = Set(None);
    active.fetched_at = Set(None);
    active.tried_at = Set(None);
    active.problem = Set(None);
    active.failures = Set(0);
    Ok(())
}

/// Refused while a policy names it.
pub async fn delete(
    ctx: &Ctx,
    organization: OrganizationId,
    id: IpListId,
    if_match: Option<i64>,
) -> Result<()> {
    // Most that cannot be deleted is found out before others wait for it.
    let seen = load(ctx, ctx.db(), organization, id, Action::EditOrganization).await?;
    expect(if_match, seen.etag)?;
    refuse_named(ctx.db(), &seen, IS_NEEDED).await?;
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), organization, id, Action::EditOrganization).await?;
    expect(if_match, row.etag)?;
    refuse_named(write.tx(), &row, IS_NEEDED).await?;
    let audit = Audit::new("ip_list.delete", "ip_list", row.id).of(organization);
    write.audit(audit.before(summary(&row, None)?)).await?;
    write.changed(Kind::IpList, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` in its organization.
async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    organization: OrganizationId,
    id: IpListId,
    action: Action,
) -> Result<rows::Model> {
    ctx.may(action, organization, None)?;
    let row = rows::Entity::one_in_org(organization, id).one(db).await?;
    row.ok_or_else(Error::not_found)
}

/// What is wrong with the lists that policies name: each must be one of the organization, and one
/// that has something in it if an address gives it. Until that has answered, such a list denies nobody,
/// or everybody, and nobody meant that. Pointers are those of the places, and on from there:
/// `/policies/0/ip_filter/deny_lists/0`.
pub(crate) async fn check_named<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    places: &Places<'_>,
) -> Result<Vec<Invalid>> {
    let mut named = Vec::new();
    for (at, policies) in places {
        let own = named_lists(policies);
        named.extend(own.map(|one| (format!("{at}{}", one.pointer), one.name)));
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    // There are few, so all are read at once, however many names there are.
    let there = rows::Entity::in_org(organization)
        .select_only()
        .column(rows::Column::Name)
        .column(rows::Column::Entries)
        .column(rows::Column::Source)
        .column(rows::Column::FetchedAt)
        .into_tuple::<(String, i64, Option<String>, Option<DateTime<Utc>>)>()
        .all(db)
        .await?;
    let there = there
        .into_iter()
        .map(|(name, entries, source, fetched_at)| {
            let is_awaited = entries == 0 && source.is_some() && fetched_at.is_none();
            (name, is_awaited)
        });
    let there: HashMap<String, bool> = there.collect();
    let wrong = named.into_iter().filter_map(|(pointer, name)| {
        let message = match there.get(name) {
            None => "The organization has no list of this name.",
            Some(true) => {
                "Nothing was fetched for this list yet. Wait until its address has answered."
            }
            Some(false) => return None,
        };
        Some(Invalid::new(pointer, message))
    });
    Ok(wrong.collect())
}

async fn namers<C: ConnectionTrait>(db: &C, row: &rows::Model) -> Result<Vec<String>> {
    let written = serde_json::to_string(&row.name)?;
    let names = |policies: &[Policy]| named_lists(policies).any(|named| named.name == row.name);
    named::holders(db, row.organization_id, &written, names).await
}

async fn refuse_named<C: ConnectionTrait>(db: &C, row: &rows::Model, so: &str) -> Result<()> {
    let namers = namers(db, row).await?;
    if namers.is_empty() {
        return Ok(());
    }
    let namers = namers.join(", ");
    let detail = format!("Policies of {namers} name it, so it {so}.");
    Err(Error::new(Code::Conflict, detail))
}

fn check_name(check: &mut Check, name: &str) {
    check.that(ip_list::is_name(name), "/name", || ip_list::NAME.to_owned());
}

/// A source as it is stored, once its address is one that may be asked.
async fn judged(ctx: &Ctx, source: &Source) -> Result<String> {
    let url = source.check().map_err(|wrong| {
        let wrong = wrong.into_iter().map(|one| one.under("/source"));
        Error::invalid(wrong.collect())
    })?;
    upstreams::check_url(ctx, &url, "/source/url").await?;
    Ok(write_json("ip_list.source", source)?)
}

/// For the audit: how much there is in it, and which state of that.
fn summary(row: &rows::Model, digest: Option<&str>) -> Result<Value> {
    Ok(json!({
        "name": row.name,
        "description": row.description,
        "source": row.source()?.map(|source| source.without_query()),
        "entries": row.entries,
        "sha256": digest,
    }))
}

async fn show(ctx: &Ctx, row: rows::Model) -> Result<IpList> {
    let namers = namers(ctx.db(), &row).await?;
    shown(ctx, row, namers)
}

/// Whoever may not edit it does not see the query of its address: a secret may stand there.
fn shown(ctx: &Ctx, row: rows::Model, named_by: Vec<String>) -> Result<IpList> {
    let organization = row.organization_id.into();
    let is_editor = ctx.can(Action::EditOrganization, organization, None);
    let source = row.source()?.map(|source| match is_editor {
        true => source,
        false => source.without_query(),
    });
    Ok(IpList {
        id: row.id.into(),
        organization,
        name: row.name,
        description: row.description,
        entries: u64::try_from(row.entries).unwrap_or(0),
        fetch: source.as_ref().map(|_| Fetch {
            fetched_at: row.fetched_at,
            tried_at: row.tried_at,
            problem: row.problem,
            next_at: row.next_at,
        }),
        source,
        named_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
        etag: row.etag,
    })
}
