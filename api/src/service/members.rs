//! Members of organizations and teams, and their roles.

use domain::actor::{Action, OrganizationRole};
use domain::id::{OrganizationId, TeamId, UserId};
use domain::problem::Code;
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};
use entity::{organization_member, team_member, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::paging::{Window, mapped};
use crate::service::people::{organization_role, team_role};
use crate::service::{founding, sessions, teams};
use crate::write::{Audit, Write, expect};

pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &Paging,
) -> Result<Page<wire::Member>> {
    ctx.may(Action::ReadOrganization, organization, None)?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = organization_member::Entity::find()
        .filter(organization_member::Column::OrganizationId.eq(organization.uuid()))
        .find_also_related(user::Entity)
        .order_by_asc(organization_member::Column::UserId)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(organization_member::Column::UserId.gt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |(member, _)| member.user_id);
    mapped(page, |(member, user)| shown(member, user))
}

fn shown(member: organization_member::Model, user: Option<user::Model>) -> Result<wire::Member> {
    let user = user.ok_or_else(Error::not_found)?;
    Ok(wire::Member {
        user: user.id.into(),
        name: user.name,
        email: user.email,
        role: organization_role(&member.role)?,
        joined_at: member.created_at,
        etag: member.etag,
    })
}

/// Gives a member another role. Only an owner makes or unmakes owners; the last one stays.
pub async fn edit(
    ctx: &Ctx,
    organization: OrganizationId,
    user: UserId,
    if_match: Option<i64>,
    input: wire::EditMember,
) -> Result<wire::Member> {
    ctx.may(Action::ManageMembers, organization, None)?;
    let write = Write::begin(ctx).await?;
    let member = load(&write, organization, user).await?;
    expect(if_match, member.etag)?;
    let had = organization_role(&member.role)?;
    admit_rank(ctx, organization, had.max(input.role))?;
    if had == OrganizationRole::Owner && input.role != OrganizationRole::Owner {
        keep_an_owner(&write, organization).await?;
    }
    let etag = member.etag;
    let mut changed = member.into_active_model();
    changed.role = Set(input.role.as_str().to_owned());
    changed.etag = Set(etag + 1);
    let member = changed.update(write.tx()).await?;
    if input.role < had {
        end_sessions(&write, user).await?;
    }
    let audit = Audit::new("member.edit", "user", user).of(organization);
    write
        .audit(
            audit
                .before(json!({ "role": had }))
                .after(json!({ "role": input.role })),
        )
        .await?;
    let person = user::Entity::find_by_id(user.uuid())
        .one(write.tx())
        .await?;
    write.commit().await?;
    shown(member, person)
}

/// Takes a member out of the organization and all its teams. Everybody may leave, except the last
/// owner.
pub async fn remove(ctx: &Ctx, organization: OrganizationId, user: UserId) -> Result<()> {
    if ctx.user_id() == Some(user) {
        ctx.account(true)?;
        ctx.actor
            .membership(organization)
            .ok_or_else(Error::not_found)?;
    } else {
        ctx.may(Action::ManageMembers, organization, None)?;
    }
    let write = Write::begin(ctx).await?;
    let member = load(&write, organization, user).await?;
    let had = organization_role(&member.role)?;
    if ctx.user_id() != Some(user) {
        admit_rank(ctx, organization, had)?;
    }
    if had == OrganizationRole::Owner {
        keep_an_owner(&write, organization).await?;
    }
    team_member::Entity::delete_many()
        .filter(team_member::Column::OrganizationId.eq(organization.uuid()))
        .filter(team_member::Column::UserId.eq(user.uuid()))
        .exec(write.tx())
        .await?;
    member.delete(write.tx()).await?;
    end_sessions(&write, user).await?;
    write
        .audit(
            Audit::new("member.remove", "user", user)
                .of(organization)
                .before(json!({ "role": had })),
        )
        .await?;
    write.commit().await
}

async fn load(
    write: &Write<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<organization_member::Model> {
    let key = (organization.uuid(), user.uuid());
    organization_member::Entity::find_by_id(key)
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)
}

/// `Err` unless the caller stands at least as high as `rank`.
pub(crate) fn admit_rank(
    ctx: &Ctx,
    organization: OrganizationId,
    rank: OrganizationRole,
) -> Result<()> {
    let held = ctx
        .actor
        .membership(organization)
        .map(|membership| membership.role);
    if ctx.actor.person().is_none() || held.is_some_and(|held| held >= rank) {
        return Ok(());
    }
    Err(Error::new(
        Code::Forbidden,
        "Only an owner can do that to an owner.",
    ))
}

async fn keep_an_owner(write: &Write<'_>, organization: OrganizationId) -> Result<()> {
    if organization_member::Entity::owners_of(organization)
        .count(write.tx())
        .await?
        > 1
    {
        return Ok(());
    }
    Err(Error::new(
        Code::LastOwner,
        "An organization keeps at least one owner. Name another one first.",
    ))
}

/// Losing a role ends the sessions that rested on it; the caller's own goes on with less.
async fn end_sessions(write: &Write<'_>, user: UserId) -> Result<()> {
    let kept = write
        .ctx()
        .session
        .filter(|_| write.ctx().user_id() == Some(user));
    sessions::end_of(write.tx(), user, kept).await.map(|_| ())
}

pub async fn list_team(ctx: &Ctx, team: TeamId, paging: &Paging) -> Result<Page<wire::TeamMember>> {
    teams::load(ctx, ctx.db(), team, Action::ReadTeam).await?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = team_member::Entity::find()
        .filter(team_member::Column::TeamId.eq(team.uuid()))
        .find_also_related(user::Entity)
        .order_by_asc(team_member::Column::UserId)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(team_member::Column::UserId.gt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |(member, _)| member.user_id);
    mapped(page, |(member, user)| team_shown(member, user))
}

fn team_shown(member: team_member::Model, user: Option<user::Model>) -> Result<wire::TeamMember> {
    let user = user.ok_or_else(Error::not_found)?;
    Ok(wire::TeamMember {
        user: user.id.into(),
        name: user.name,
        email: user.email,
        role: team_role(&member.role)?,
        joined_at: member.created_at,
        etag: member.etag,
    })
}

/// Puts a member of the organization into the team, or gives them another role there.
pub async fn put_team(
    ctx: &Ctx,
    team: TeamId,
    user: UserId,
    if_match: Option<i64>,
    input: wire::EditTeamMember,
) -> Result<wire::TeamMember> {
    let write = Write::begin(ctx).await?;
    let owner = teams::load(ctx, write.tx(), team, Action::ManageTeamMembers).await?;
    let organization = OrganizationId::from(owner.organization_id);
    load(&write, organization, user).await?;
    let key = (team.uuid(), user.uuid());
    match team_member::Entity::find_by_id(key).one(write.tx()).await? {
        None => founding::join_team(&write, organization, team, user, input.role).await?,
        Some(member) => {
            expect(if_match, member.etag)?;
            let (had, etag) = (team_role(&member.role)?, member.etag);
            let mut changed = member.into_active_model();
            changed.role = Set(input.role.as_str().to_owned());
            changed.etag = Set(etag + 1);
            changed.update(write.tx()).await?;
            if input.role < had {
                end_sessions(&write, user).await?;
            }
            let audit = Audit::new("team_member.edit", "user", user).of(organization);
            let before = json!({ "team": team, "role": had });
            write
                .audit(
                    audit
                        .before(before)
                        .after(json!({ "team": team, "role": input.role })),
                )
                .await?;
        }
    }
    let member = team_member::Entity::find_by_id(key)
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    let person = user::Entity::find_by_id(user.uuid())
        .one(write.tx())
        .await?;
    write.commit().await?;
    team_shown(member, person)
}

/// Takes somebody out of a team. Everybody may leave.
pub async fn remove_team(ctx: &Ctx, team: TeamId, user: UserId) -> Result<()> {
    let own = ctx.user_id() == Some(user);
    let write = Write::begin(ctx).await?;
    let action = if own {
        Action::ReadTeam
    } else {
        Action::ManageTeamMembers
    };
    let owner = teams::load(ctx, write.tx(), team, action).await?;
    let removed = team_member::Entity::delete_by_id((team.uuid(), user.uuid()))
        .exec(write.tx())
        .await?;
    if removed.rows_affected == 0 {
        return Err(Error::not_found());
    }
    end_sessions(&write, user).await?;
    let audit = Audit::new("team_member.remove", "user", user).of(owner.organization_id.into());
    write.audit(audit.before(json!({ "team": team }))).await?;
    write.commit().await
}
