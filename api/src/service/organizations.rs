//! Organizations: reading and editing one's own; the operator's suspension and grants.

mod policies;

use std::collections::BTreeSet;

use domain::actor::Action;
use domain::id::OrganizationId;
use domain::name::{DisplayName, Slug};
use domain::organization::OrganizationState;
use domain::prefix;
use domain::problem::{Code, Invalid};
use domain::snapshot::{Kind, Route};
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};
use entity::organization::{self, Granted};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub use policies::{policies, set_policies};

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::service::certificates::claims;
use crate::service::{founding, people, versions};
use crate::write::{Audit, Write, expect};

/// Most organizations that one person may found.
const MOST_FOUNDED: u64 = 20;
/// Most grants of one organization.
const MOST_GRANTS: usize = 50;

/// Those that the caller belongs to.
pub async fn list(ctx: &Ctx, paging: &Paging) -> Result<Page<wire::Organization>> {
    let person = ctx.own_organizations(false)?;
    let window = Window::<Uuid>::new(paging)?;
    let mine: Vec<Uuid> = person
        .memberships
        .iter()
        .map(|membership| membership.organization.uuid())
        .collect();
    let mut query = organization::Entity::find()
        .filter(organization::Column::Id.is_in(mine))
        .order_by_asc(organization::Column::Id)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(organization::Column::Id.gt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, |row| shown(ctx, row))
}

/// All, for the operator.
pub async fn list_all(ctx: &Ctx, paging: &Paging) -> Result<Page<wire::Organization>> {
    ctx.operate(false)?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = organization::Entity::find()
        .order_by_asc(organization::Column::Id)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(organization::Column::Id.gt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, |row| shown(ctx, row))
}

/// One of all, for the operator.
pub async fn read_any(ctx: &Ctx, id: OrganizationId) -> Result<wire::Organization> {
    ctx.operate(false)?;
    let row = organization::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?;
    shown(ctx, row.ok_or_else(Error::not_found)?)
}

pub async fn read(ctx: &Ctx, id: OrganizationId) -> Result<wire::Organization> {
    ctx.may(Action::ReadOrganization, id, None)?;
    let row = organization::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?;
    shown(ctx, row.ok_or_else(Error::not_found)?)
}

/// By the name in addresses: what `/o/{organization}/…` resolves with.
pub async fn by_slug(ctx: &Ctx, slug: &str) -> Result<wire::Organization> {
    ctx.own_organizations(false)?;
    let found = organization::Entity::find()
        .filter(organization::Column::Slug.eq(slug))
        .one(ctx.db())
        .await?;
    let row = found.ok_or_else(Error::not_found)?;
    ctx.may(Action::ReadOrganization, row.id.into(), None)?;
    shown(ctx, row)
}

fn shown(ctx: &Ctx, row: organization::Model) -> Result<wire::Organization> {
    let id = OrganizationId::from(row.id);
    let (state, client_addresses) = (row.state()?, row.client_addresses());
    let granted: Vec<Granted> = serde_json::from_str(&row.grants)?;
    Ok(wire::Organization {
        id,
        slug: row.slug,
        name: row.name,
        state,
        grants: granted
            .into_iter()
            .map(|Granted { path, hosts }| wire::Grant { path, hosts })
            .collect(),
        client_addresses,
        created_at: row.created_at,
        role: ctx.actor.membership(id).map(|membership| membership.role),
        etag: row.etag,
    })
}

/// Founds another organization; the caller owns it.
pub async fn create(ctx: &Ctx, input: wire::CreateOrganization) -> Result<wire::Organization> {
    let person = ctx.own_organizations(true)?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let slug = slug(&mut check, &input.slug);
    let (name,) = check.all((name,))?;
    let mut write = Write::begin(ctx).await?;
    let founded =
        organization::Entity::find().filter(organization::Column::CreatedBy.eq(person.id.uuid()));
    if founded.count(write.tx()).await? >= MOST_FOUNDED {
        return Err(Error::new(
            Code::LimitReached,
            format!("One person founds at most {MOST_FOUNDED} organizations."),
        ));
    }
    let row = founding::organization(&mut write, person.id, &name, slug).await?;
    let made = people::load(write.tx(), person.id)
        .await?
        .ok_or_else(Error::not_found)?;
    write.commit().await?;
    // The caller's memberships have grown by this one.
    shown(&ctx.clone().acting(domain::actor::Actor::Person(made)), row)
}

/// A slug that was typed; `None` when it was left out, to be made from the name.
pub(crate) fn slug(check: &mut Check, text: &str) -> Option<Slug> {
    if text.is_empty() {
        return None;
    }
    let slug = check.parse::<Slug>("/slug", text)?;
    check.that(!slug.is_reserved(), "/slug", || {
        "This name is kept for the portal itself. Choose another.".to_owned()
    });
    Some(slug)
}

pub async fn edit(
    ctx: &Ctx,
    id: OrganizationId,
    if_match: Option<i64>,
    input: wire::EditOrganization,
) -> Result<wire::Organization> {
    ctx.may(Action::EditOrganization, id, None)?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let (name,) = check.all((name,))?;
    let mut write = Write::begin(ctx).await?;
    let row = load(&write, id).await?;
    expect(if_match, row.etag)?;
    let (before, etag) = (settings(&row), row.etag);
    let mut changed = row.into_active_model();
    changed.name = Set(name.to_string());
    if let Some(form) = input.client_addresses {
        changed.client_addresses = Set(form.as_str().to_owned());
    }
    changed.etag = Set(etag + 1);
    let row = changed.update(write.tx()).await?;
    let audit = Audit::new("organization.edit", "organization", id).of(id);
    write
        .audit(audit.before(before).after(settings(&row)))
        .await?;
    write.changed(Kind::Organization, id).await?;
    write.commit().await?;
    shown(ctx, row)
}

/// What its members edit, for the audit.
fn settings(row: &organization::Model) -> Value {
    json!({ "name": row.name, "client_addresses": row.client_addresses })
}

async fn load(write: &Write<'_>, id: OrganizationId) -> Result<organization::Model> {
    organization::Entity::find_by_id(id.uuid())
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)
}

/// For the operator: its members may only read, its keys and routes answer
/// `organization_suspended`, until it is resumed.
pub async fn suspend(
    ctx: &Ctx,
    id: OrganizationId,
    input: wire::Reason,
) -> Result<wire::Organization> {
    switch(
        ctx,
        id,
        OrganizationState::Suspended,
        "organization.suspend",
        &input.reason,
    )
    .await
}

pub async fn resume(
    ctx: &Ctx,
    id: OrganizationId,
    input: wire::Reason,
) -> Result<wire::Organization> {
    switch(
        ctx,
        id,
        OrganizationState::Active,
        "organization.resume",
        &input.reason,
    )
    .await
}

async fn switch(
    ctx: &Ctx,
    id: OrganizationId,
    to: OrganizationState,
    action: &'static str,
    reason: &str,
) -> Result<wire::Organization> {
    ctx.operate(true)?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, 2000);
    check.done()?;
    let mut write = Write::begin(ctx).await?;
    let row = load(&write, id).await?;
    let from = row.state()?;
    if from == to {
        return Err(Error::new(
            Code::IllegalTransition,
            format!("The organization is {} already.", to.as_str()),
        ));
    }
    let etag = row.etag;
    let mut changed = row.into_active_model();
    changed.state = Set(to.as_str().to_owned());
    changed.etag = Set(etag + 1);
    let row = changed.update(write.tx()).await?;
    let audit = Audit::new(action, "organization", id).of(id);
    write
        .audit(
            audit
                .before(json!({ "state": from }))
                .after(json!({ "state": to, "reason": reason })),
        )
        .await?;
    write.changed(Kind::Organization, id).await?;
    write.commit().await?;
    shown(ctx, row)
}

/// For the operator: which part of the gateway's address space is the organization's.
pub async fn edit_grants(
    ctx: &Ctx,
    id: OrganizationId,
    if_match: Option<i64>,
    input: wire::EditGrants,
) -> Result<wire::Organization> {
    ctx.operate(true)?;
    check_grants(&input.grants)?;
    let granted: Vec<Granted> = input
        .grants
        .iter()
        .map(|grant| Granted {
            path: grant.path.clone(),
            hosts: grant.hosts.clone(),
        })
        .collect();
    let mut write = Write::begin(ctx).await?;
    let row = load(&write, id).await?;
    expect(if_match, row.etag)?;
    for other in organization::Entity::find()
        .filter(organization::Column::Id.ne(id.uuid()))
        .all(write.tx())
        .await?
    {
        let theirs: Vec<Granted> = serde_json::from_str(&other.grants)?;
        if let Some(index) = granted
            .iter()
            .position(|grant| theirs.iter().any(|held| is_same(held, grant)))
        {
            let message = format!("The organization {} has this already.", other.slug);
            let invalid = vec![Invalid::new(format!("/grants/{index}/path"), &message)];
            return Err(Error {
                invalid,
                ..Error::new(Code::RouteTaken, message)
            });
        }
    }
    let (before, etag) = (row.grants.clone(), row.etag);
    let mut changed = row.into_active_model();
    changed.grants = Set(serde_json::to_string(&granted)?);
    changed.etag = Set(etag + 1);
    let row = changed.update(write.tx()).await?;
    if let Some(host) = claims::orphan(write.tx()).await? {
        let detail = format!(
            "An organization has a certificate or settings for {host}, which would not be its alone. Delete them first."
        );
        return Err(Error::new(Code::Conflict, detail));
    }
    let before: Vec<Granted> = serde_json::from_str(&before)?;
    // Gateways answer for what is retired where its place is its organization's.
    let went = before.iter().filter(|grant| !granted.contains(grant));
    let came = granted.iter().filter(|grant| !before.contains(grant));
    let mut apis = BTreeSet::new();
    for grant in went.chain(came) {
        apis.extend(versions::retired_under(write.tx(), &grant.path).await?);
    }
    for api in apis {
        write.changed(Kind::Api, api).await?;
    }
    let audit = Audit::new("organization.edit_grants", "organization", id).of(id);
    write
        .audit(
            audit
                .before(json!({ "grants": before }))
                .after(json!({ "grants": granted })),
        )
        .await?;
    write.changed(Kind::Organization, id).await?;
    write.commit().await?;
    shown(ctx, row)
}

fn is_same(a: &Granted, b: &Granted) -> bool {
    a.path == b.path
        && (a.hosts.is_empty() && b.hosts.is_empty()
            || a.hosts.iter().any(|host| b.hosts.contains(host)))
}

fn check_grants(grants: &[wire::Grant]) -> Result<()> {
    let mut check = Check::new();
    check.that(grants.len() <= MOST_GRANTS, "/grants", || {
        format!("Grant at most {MOST_GRANTS} places.")
    });
    for (index, grant) in grants.iter().enumerate().take(MOST_GRANTS) {
        let route = Route {
            hosts: grant.hosts.clone(),
            path: grant.path.clone(),
            ..Route::at("/")
        };
        for finding in prefix::check(&route) {
            check.add(finding.under(&format!("/grants/{index}")));
        }
    }
    check.done()
}
