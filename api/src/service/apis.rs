//! APIs: entries of the catalog. What is edited here is live at once; each change is audited.

mod import;
mod purge;
mod written;

use domain::actor::Action;
use domain::id::{ApiId, OrganizationId};
use domain::name::Slug;
use domain::problem::Code;
use domain::snapshot::Kind;
use domain::wire::apis::{Api, CreateApi, EditApi};
use domain::wire::{Page, TeamPaging};
use entity::row::{as_written, write_json};
use entity::{api, version};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

pub use import::import;
pub use purge::purge;
pub(crate) use written::Written;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::Window;
use crate::service::reach::{self, Reach};
use crate::service::{documents, named, names, versions};
use crate::write::{Audit, Write, expect};

const SLUG_TAKEN: &str = "Another API of the organization has this address.";

/// Those of the organization that the caller's teams own (all, for an admin), newest first.
pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &TeamPaging,
) -> Result<Page<Api>> {
    let reach = Reach::of(ctx, Action::ReadApi, organization, paging.team)?;
    let window = Window::<Uuid>::new(&paging.paging())?;
    let query = api::Entity::find().filter(api::Column::OrganizationId.eq(organization.uuid()));
    let query = window.newest_first(reach.narrow(query, api::Column::TeamId), api::Column::Id);
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    let items = show_all(ctx, ctx.db(), page.items).await?;
    Ok(Page {
        items,
        next: page.next,
    })
}

pub async fn get(ctx: &Ctx, id: ApiId) -> Result<Api> {
    let row = load(ctx, ctx.db(), id, Action::ReadApi).await?;
    show(ctx, ctx.db(), row).await
}

pub async fn create(ctx: &Ctx, organization: OrganizationId, input: CreateApi) -> Result<Api> {
    reach::in_team(ctx, ctx.db(), Action::EditApi, organization, input.team).await?;
    let team = input.team;
    if !input.labels.is_empty() {
        ctx.may(Action::LabelApi, organization, Some(team))?;
    }
    let written = Written::check(input)?;
    let mut write = Write::begin(ctx).await?;
    let row = insert(&mut write, organization, team.uuid(), &written).await?;
    let shown = show(ctx, write.tx(), row).await?;
    write.commit().await?;
    Ok(shown)
}

/// Writes a new row; a slug that was proposed gets a number where another API has it.
pub(crate) async fn insert(
    write: &mut Write<'_>,
    organization: OrganizationId,
    team: Uuid,
    written: &Written,
) -> Result<api::Model> {
    let ctx = write.ctx();
    let slug = match &written.slug {
        Some(slug) => slug.clone(),
        None => free_slug(write.tx(), organization, &written.name).await?,
    };
    let row = api::Model {
        id: ctx.id::<()>()?.uuid(),
        organization_id: organization.uuid(),
        team_id: team,
        slug: slug.to_string(),
        name: written.name.clone(),
        summary: written.summary(),
        description: written.description.clone(),
        category: written.category.clone(),
        tags: write_json("api.tags", &written.tags)?,
        labels: write_json("api.labels", &written.labels)?,
        visibility: written.visibility.as_str().to_owned(),
        policies: "[]".to_owned(),
        search: written.search(slug.as_str()),
        purges: None,
        created_at: ctx.now,
        updated_at: ctx.now,
        etag: 1,
    };
    let active: api::ActiveModel = row.clone().into();
    let inserted = api::Entity::insert(active)
        .exec_without_returning(write.tx())
        .await;
    inserted.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let audit = Audit::new("api.create", "api", row.id).of(organization);
    write.audit(audit.after(summary(&row)?)).await?;
    write.changed(Kind::Api, row.id).await?;
    Ok(row)
}

async fn free_slug<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    name: &str,
) -> Result<Slug> {
    let taken: Vec<String> = api::Entity::find()
        .select_only()
        .column(api::Column::Slug)
        .filter(api::Column::OrganizationId.eq(organization.uuid()))
        .into_tuple()
        .all(db)
        .await?;
    propose(name, "api", |slug| taken.iter().any(|taken| taken == slug))
}

/// The slug nearest to a name that is neither reserved nor taken.
pub(crate) fn propose(name: &str, kind: &str, taken: impl Fn(&str) -> bool) -> Result<Slug> {
    let nearest = Slug::suggest(name)
        .or_else(|| Slug::suggest(kind))
        .ok_or_else(|| Error::internal("no slug"))?;
    let wanted = if nearest.is_reserved() {
        Slug::suggest(&format!("{nearest}-{kind}")).unwrap_or(nearest)
    } else {
        nearest
    };
    if !taken(wanted.as_str()) {
        return Ok(wanted);
    }
    let free = (2..10_000)
        .map(|number| wanted.numbered(number))
        .find(|slug| !taken(slug.as_str()));
    free.ok_or_else(|| Error::new(Code::LimitReached, "Too many things have this name."))
}

pub async fn edit(ctx: &Ctx, id: ApiId, if_match: Option<i64>, input: EditApi) -> Result<Api> {
    if let Some(policies) = &input.policies {
        let seen = load(ctx, ctx.db(), id, Action::EditApi).await?;
        written::policies(Some(policies))?;
        let below = version::Column::ApiId.eq(seen.id);
        documents::fit_below(ctx.db(), below, &seen.kept().policies, policies).await?;
    }
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, row.etag)?;
    let row = apply(&mut write, row, input).await?;
    let shown = show(ctx, write.tx(), row).await?;
    write.commit().await?;
    Ok(shown)
}

/// Applies an edit inside an open write; publishing changes the visibility through it too.
pub(crate) async fn apply(
    write: &mut Write<'_>,
    row: api::Model,
    input: EditApi,
) -> Result<api::Model> {
    let ctx = write.ctx();
    let before = summary(&row)?;
    let etag = row.etag + 1;
    // What is there already may be sent along.
    if let Some(labels) = &input.labels
        && *labels != row.labels()?
    {
        let (organization, team) = (row.organization_id.into(), row.team_id.into());
        ctx.may(Action::LabelApi, organization, Some(team))?;
    }
    let written = Written::edited(&row, &input)?;
    let policies = written::policies(input.policies.as_deref())?;
    if let Some(all) = &input.policies {
        let already = row.kept().policies;
        named::refuse(write.tx(), row.organization_id.into(), all, &already).await?;
    }
    let mut active: api::ActiveModel = row.into();
    let slug = written
        .slug
        .as_ref()
        .ok_or_else(|| Error::internal("an API without slug"))?;
    active.slug = Set(slug.to_string());
    active.search = Set(written.search(slug.as_str()));
    active.summary = Set(written.summary());
    active.name = Set(written.name);
    active.description = Set(written.description);
    active.category = Set(written.category);
    active.tags = Set(write_json("api.tags", &written.tags)?);
    active.labels = Set(write_json("api.labels", &written.labels)?);
    active.visibility = Set(written.visibility.as_str().to_owned());
    if let Some(policies) = policies {
        active.policies = Set(policies);
    }
    active.updated_at = Set(ctx.now);
    active.etag = Set(etag);
    let updated = active.update(write.tx()).await;
    let row = updated.map_err(|error| Error::from(error).unique("/slug", SLUG_TAKEN))?;
    let audit = Audit::new("api.edit", "api", row.id).of(row.organization_id.into());
    write
        .audit(audit.before(before).after(summary(&row)?))
        .await?;
    write.changed(Kind::Api, row.id).await?;
    Ok(row)
}

/// With all its versions. Refused while one of them is served.
pub async fn delete(ctx: &Ctx, id: ApiId, if_match: Option<i64>) -> Result<()> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditApi).await?;
    expect(if_match, row.etag)?;
    let of_it = version::Entity::find().filter(version::Column::ApiId.eq(row.id));
    let served = of_it
        .clone()
        .filter(version::Column::State.is_in(["published", "deprecated"]))
        .count(write.tx())
        .await?;
    if served > 0 {
        return Err(Error::new(Code::Conflict, "Unpublish its versions first."));
    }
    for version in of_it.all(write.tx()).await? {
        write.changed(Kind::Version, version.id).await?;
    }
    let audit = Audit::new("api.delete", "api", row.id).of(row.organization_id.into());
    write.audit(audit.before(summary(&row)?)).await?;
    write.changed(Kind::Api, row.id).await?;
    row.delete(write.tx()).await?;
    write.commit().await
}

/// The row, if the caller may do `action` to it.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: ApiId,
    action: Action,
) -> Result<api::Model> {
    let row = api::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    ctx.may(action, row.organization_id.into(), Some(row.team_id.into()))?;
    Ok(row)
}

fn summary(row: &api::Model) -> Result<serde_json::Value> {
    Ok(json!({
        "name": row.name,
        "slug": row.slug,
        "category": row.category,
        "tags": row.tags()?,
        "labels": row.labels()?,
        "visibility": row.visibility,
        "policies": as_written(&row.policies),
    }))
}

async fn show<C: ConnectionTrait>(ctx: &Ctx, db: &C, row: api::Model) -> Result<Api> {
    let mut shown = show_all(ctx, db, vec![row]).await?;
    shown.pop().ok_or_else(Error::not_found)
}

async fn show_all<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    rows: Vec<api::Model>,
) -> Result<Vec<Api>> {
    let teams = names::teams(db, rows.iter().map(|row| row.team_id)).await?;
    let mut versions = versions::summaries(ctx, db, rows.iter().map(|row| row.id)).await?;
    let shown = rows.into_iter().map(|row| {
        let kept = row.kept();
        Ok(Api {
            id: row.id.into(),
            organization: row.organization_id.into(),
            team: teams.get(row.team_id),
            tags: row.tags()?,
            labels: row.labels()?,
            visibility: row.visibility()?,
            policies: kept.policies,
            unreadable: kept.unreadable,
            versions: versions.remove(&row.id).unwrap_or_default(),
            name: row.name,
            slug: row.slug,
            description: row.description,
            category: row.category,
            created_at: row.created_at,
            updated_at: row.updated_at,
            etag: row.etag,
        })
    });
    shown.collect()
}
