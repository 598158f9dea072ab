//! Teams: what owns APIs, products and applications.

use domain::actor::Action;
use domain::id::{OrganizationId, TeamId};
use domain::name::{DisplayName, Slug};
use domain::problem::Code;
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};
use entity::team;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    ModelTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::service::{founding, organizations};
use crate::write::{Audit, Write, expect};

/// Most teams of one organization.
const MOST: u64 = 500;
const DESCRIPTION_MAX: usize = 2000;

pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &Paging,
) -> Result<Page<wire::Team>> {
    ctx.may(Action::ReadTeam, organization, None)?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = team::Entity::find()
        .filter(team::Column::OrganizationId.eq(organization.uuid()))
        .order_by_asc(team::Column::Id)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(team::Column::Id.gt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, |row| Ok(shown(ctx, row)))
}

pub async fn read(ctx: &Ctx, id: TeamId) -> Result<wire::Team> {
    Ok(shown(ctx, load(ctx, ctx.db(), id, Action::ReadTeam).await?))
}

/// By the name in addresses: `/o/{organization}/t/{team}/…`.
pub async fn by_slug(ctx: &Ctx, organization: OrganizationId, slug: &str) -> Result<wire::Team> {
    ctx.may(Action::ReadTeam, organization, None)?;
    let found = team::Entity::by_slug_in_org(organization, slug)
        .one(ctx.db())
        .await?;
    Ok(shown(ctx, found.ok_or_else(Error::not_found)?))
}

/// The team, if the caller may do `action` to it. A stranger's answer is that of a random id.
pub(crate) async fn load<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    id: TeamId,
    action: Action,
) -> Result<team::Model> {
    let row = team::Entity::find_by_id(id.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    ctx.may(action, row.organization_id.into(), Some(id))?;
    Ok(row)
}

fn shown(ctx: &Ctx, row: team::Model) -> wire::Team {
    let organization = OrganizationId::from(row.organization_id);
    let id = TeamId::from(row.id);
    let owned = domain::actor::Owned {
        organization,
        team: Some(id),
    };
    wire::Team {
        id,
        organization,
        slug: row.slug,
        name: row.name,
        description: row.description,
        created_at: row.created_at,
        role: ctx.actor.team_role(owned),
        etag: row.etag,
    }
}

pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: wire::CreateTeam,
) -> Result<wire::Team> {
    ctx.may(Action::CreateTeam, organization, None)?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let slug = organizations::slug(&mut check, &input.slug);
    let description = check.text("/description", &input.description, DESCRIPTION_MAX);
    let (name,) = check.all((name,))?;
    let write = Write::begin(ctx).await?;
    let held = team::Entity::find()
        .filter(team::Column::OrganizationId.eq(organization.uuid()))
        .count(write.tx())
        .await?;
    if held >= MOST {
        return Err(Error::new(
            Code::LimitReached,
            format!("An organization has at most {MOST} teams."),
        ));
    }
    let slug = match slug {
        Some(slug) => slug,
        None => free_slug(&write, organization, &name).await?,
    };
    let row = founding::team(
        &write,
        organization,
        name.as_str(),
        slug.as_str(),
        &description,
    )
    .await?;
    write.commit().await?;
    Ok(shown(ctx, row))
}

async fn free_slug(
    write: &Write<'_>,
    organization: OrganizationId,
    name: &DisplayName,
) -> Result<Slug> {
    let wish = match Slug::suggest(name.as_str()) {
        Some(slug) => slug,
        None => "team".parse().map_err(Error::internal)?,
    };
    let mut slug = wish.clone();
    for number in 2..1000 {
        let taken = team::Entity::by_slug_in_org(organization, slug.as_str())
            .count(write.tx())
            .await?
            > 0;
        if !taken && !slug.is_reserved() {
            return Ok(slug);
        }
        slug = wish.numbered(number);
    }
    Err(Error::taken("/slug", "Choose another name for the team."))
}

pub async fn edit(
    ctx: &Ctx,
    id: TeamId,
    if_match: Option<i64>,
    input: wire::EditTeam,
) -> Result<wire::Team> {
    load(ctx, ctx.db(), id, Action::EditTeam).await?;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let description = check.text("/description", &input.description, DESCRIPTION_MAX);
    let (name,) = check.all((name,))?;
    let write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditTeam).await?;
    expect(if_match, row.etag)?;
    let before = json!({ "name": row.name, "description": row.description });
    let (organization, etag) = (row.organization_id, row.etag);
    let mut changed = row.into_active_model();
    changed.name = Set(name.to_string());
    changed.description = Set(description);
    changed.etag = Set(etag + 1);
    let row = changed.update(write.tx()).await?;
    let after = json!({ "name": row.name, "description": row.description });
    write
        .audit(
            Audit::new("team.edit", "team", id)
                .of(organization.into())
                .before(before)
                .after(after),
        )
        .await?;
    write.commit().await?;
    Ok(shown(ctx, row))
}

/// Removes a team that owns nothing any more.
pub async fn delete(ctx: &Ctx, id: TeamId, if_match: Option<i64>) -> Result<()> {
    let write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditTeam).await?;
    expect(if_match, row.etag)?;
    let organization = OrganizationId::from(row.organization_id);
    // Whoever could delete the team of all could lock the organization out of its own things.
    ctx.may(Action::CreateTeam, organization, None)?;
    let before = json!({ "name": row.name, "slug": row.slug });
    row.delete(write.tx()).await.map_err(|error| match Error::from(error) {
        error if error.code == Code::Conflict => {
            let detail = "The team still owns APIs, upstreams, products or applications. Move or delete them first.";
            Error { detail: detail.to_owned(), ..error }
        }
        error => error,
    })?;
    write
        .audit(
            Audit::new("team.delete", "team", id)
                .of(organization)
                .before(before),
        )
        .await?;
    write.commit().await
}
