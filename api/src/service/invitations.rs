//! Invitations to an organization, and perhaps one of its teams: never to more than the inviter
//! is. The link is answered with an account that exists, or makes one.

mod accept;

use chrono::Duration;
use domain::actor::{Action, OrganizationRole, TeamRole};
use domain::id::{InvitationId, OrganizationId, TeamId};
use domain::name::EmailAddress;
use domain::problem::Code;
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};
use entity::{invitation, organization, organization_member, team, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::attempts::Mail;
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::Letters;
use crate::paging::{Window, mapped};
use crate::secret::LinkToken;
use crate::service::founding;
use crate::service::members::admit_rank;
use crate::service::outbox::{self, Origin};
use crate::service::people::{organization_role, team_role};
use crate::service::sign_up::admit_mail;
use crate::write::{Audit, Write};

pub use accept::{accept, preview};

const LIFE: Duration = Duration::days(7);

/// Those that wait for an answer, the newest first.
pub async fn list(
    ctx: &Ctx,
    organization: OrganizationId,
    paging: &Paging,
) -> Result<Page<wire::Invitation>> {
    ctx.may(Action::ManageMembers, organization, None)?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = invitation::Entity::find()
        .filter(invitation::Column::OrganizationId.eq(organization.uuid()))
        .filter(invitation::Column::UsedAt.is_null())
        .filter(invitation::Column::RevokedAt.is_null())
        .filter(invitation::Column::ExpiresAt.gt(ctx.now))
        .order_by_desc(invitation::Column::Id)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(invitation::Column::Id.lt(after));
    }
    let page = window.page(query.all(ctx.db()).await?, |row| row.id);
    mapped(page, shown)
}

fn shown(row: invitation::Model) -> Result<wire::Invitation> {
    Ok(wire::Invitation {
        id: row.id.into(),
        organization: row.organization_id.into(),
        email: row.email,
        role: organization_role(&row.organization_role)?,
        team: row.team_id.map(Into::into),
        team_role: row.team_role.as_deref().map(team_role).transpose()?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}

/// Invites a mail address. An earlier invitation of the same address is replaced.
pub async fn create(
    ctx: &Ctx,
    organization: OrganizationId,
    input: wire::CreateInvitation,
) -> Result<wire::Invitation> {
    admit(ctx, organization, input.role, input.team)?;
    let mut check = Check::new();
    let email = check.parse::<EmailAddress>("/email", &input.email);
    check.that(
        input.team.is_some() || input.team_role.is_none(),
        "/team_role",
        || "Choose a team for this role.".to_owned(),
    );
    let (email,) = check.all((email,))?;
    admit_mail(ctx, Mail::Invitation, &email.key())?;
    let team_role = input
        .team
        .map(|_| input.team_role.unwrap_or(TeamRole::Developer));

    let mut write = Write::begin(ctx).await?;
    let place = place(write.tx(), organization, input.team).await?;
    refuse_member(&write, organization, &email, input.team).await?;
    replace(&write, organization, &email).await?;
    let token = LinkToken::new(ctx)?;
    let id: InvitationId = ctx.id()?;
    let row = invitation::ActiveModel {
        id: Set(id.into()),
        organization_id: Set(organization.into()),
        team_id: Set(input.team.map(Into::into)),
        email: Set(email.to_string()),
        email_key: Set(email.key()),
        organization_role: Set(input.role.as_str().to_owned()),
        team_role: Set(team_role.map(|role| role.as_str().to_owned())),
        token_digest: Set(token.digest()),
        invited_by: Set(ctx.user_id().map_or(Uuid::nil(), Into::into)),
        created_at: Set(ctx.now),
        expires_at: Set(ctx.now + LIFE),
        used_at: Set(None),
        revoked_at: Set(None),
    };
    let row = row.insert(write.tx()).await?;
    send(&mut write, &row, &place, &token).await?;
    let told = json!({ "role": input.role, "team": input.team, "team_role": team_role });
    write
        .audit(
            Audit::new("invitation.create", "invitation", id)
                .of(organization)
                .after(told),
        )
        .await?;
    write.commit().await?;
    shown(row)
}

/// Into the organization alone: those who manage members, up to their own rank. Into a team as
/// well: its maintainers, for plain members.
fn admit(
    ctx: &Ctx,
    organization: OrganizationId,
    role: OrganizationRole,
    team: Option<TeamId>,
) -> Result<()> {
    match team {
        Some(team) if role == OrganizationRole::Member => {
            ctx.may(Action::ManageTeamMembers, organization, Some(team))
        }
        Some(_) | None => {
            ctx.may(Action::ManageMembers, organization, None)?;
            admit_rank(ctx, organization, role)
        }
    }
}

/// What the mail calls the place; `Err` if the team is not one of the organization's.
async fn place<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    team: Option<TeamId>,
) -> Result<String> {
    let tenant = organization::Entity::find_by_id(organization.uuid())
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    let Some(team) = team else {
        return Ok(tenant.name);
    };
    let found = team::Entity::one_in_org(organization, team).one(db).await?;
    let team = found.ok_or_else(|| Error::field("/team", "Choose a team of this organization."))?;
    Ok(format!("{} ({})", tenant.name, team.name))
}

async fn refuse_member(
    write: &Write<'_>,
    organization: OrganizationId,
    email: &EmailAddress,
    team: Option<TeamId>,
) -> Result<()> {
    let Some(account) = founding::find_account(write.tx(), &email.key()).await? else {
        return Ok(());
    };
    let key = (organization.uuid(), account.id);
    let member = organization_member::Entity::find_by_id(key)
        .one(write.tx())
        .await?;
    if member.is_some() && team.is_none() {
        return Err(Error::new(
            Code::AlreadyExists,
            "This address belongs to a member already.",
        ));
    }
    Ok(())
}

async fn replace(
    write: &Write<'_>,
    organization: OrganizationId,
    email: &EmailAddress,
) -> Result<()> {
    let earlier = invitation::Entity::find()
        .filter(invitation::Column::OrganizationId.eq(organization.uuid()))
        .filter(invitation::Column::EmailKey.eq(email.key()))
        .filter(invitation::Column::UsedAt.is_null())
        .filter(invitation::Column::RevokedAt.is_null())
        .all(write.tx())
        .await?;
    for row in earlier {
        end(write, row).await?;
    }
    Ok(())
}

async fn end(write: &Write<'_>, row: invitation::Model) -> Result<()> {
    outbox::forget_invitation(write.tx(), row.id).await?;
    let mut ended = row.into_active_model();
    ended.revoked_at = Set(Some(write.ctx().now));
    ended.update(write.tx()).await?;
    Ok(())
}

async fn send(
    write: &mut Write<'_>,
    row: &invitation::Model,
    place: &str,
    token: &LinkToken,
) -> Result<()> {
    let inviter = user::Entity::find_by_id(row.invited_by)
        .one(write.tx())
        .await?;
    let inviter = inviter.map_or_else(|| "The operator".to_owned(), |user| user.name);
    let letter =
        Letters(write.ctx().settings()).invitation(&row.email, &inviter, place, token.as_str());
    outbox::put(write, &letter, Origin::Invitation(row.id.into())).await
}

/// An invitation that waits, if the caller may manage it.
async fn load(ctx: &Ctx, write: &Write<'_>, id: InvitationId) -> Result<invitation::Model> {
    let found = invitation::Entity::find_by_id(id.uuid())
        .one(write.tx())
        .await?;
    let row = found
        .filter(|row| row.used_at.is_none() && row.revoked_at.is_none())
        .ok_or_else(Error::not_found)?;
    ctx.may(Action::ManageMembers, row.organization_id.into(), None)?;
    Ok(row)
}

/// Sends it again with a new link; the old one ends.
pub async fn resend(ctx: &Ctx, id: InvitationId) -> Result<wire::Invitation> {
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, &write, id).await?;
    admit_rank(
        ctx,
        row.organization_id.into(),
        organization_role(&row.organization_role)?,
    )?;
    admit_mail(ctx, Mail::Invitation, &row.email_key)?;
    let place = place(
        write.tx(),
        row.organization_id.into(),
        row.team_id.map(Into::into),
    )
    .await?;
    outbox::forget_invitation(write.tx(), row.id).await?;
    let token = LinkToken::new(ctx)?;
    let mut renewed = row.into_active_model();
    renewed.token_digest = Set(token.digest());
    renewed.expires_at = Set(ctx.now + LIFE);
    if let Some(user) = ctx.user_id() {
        renewed.invited_by = Set(user.into());
    }
    let row = renewed.update(write.tx()).await?;
    send(&mut write, &row, &place, &token).await?;
    write
        .audit(Audit::new("invitation.resend", "invitation", id).of(row.organization_id.into()))
        .await?;
    write.commit().await?;
    shown(row)
}

/// Withdraws it: the link ends.
pub async fn revoke(ctx: &Ctx, id: InvitationId) -> Result<()> {
    let write = Write::begin(ctx).await?;
    let row = load(ctx, &write, id).await?;
    let organization = OrganizationId::from(row.organization_id);
    end(&write, row).await?;
    write
        .audit(Audit::new("invitation.revoke", "invitation", id).of(organization))
        .await?;
    write.commit().await
}
