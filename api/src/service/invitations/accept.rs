//! Answering an invitation's link.

use domain::actor::{Actor, OrganizationRole, Person};
use domain::id::{OrganizationId, UserId};
use domain::name::{DisplayName, EmailAddress};
use domain::organization::OrganizationState;
use domain::problem::Code;
use domain::wire::accounts::Verified;
use domain::wire::organizations as wire;
use entity::{invitation, organization, organization_member, team, team_member};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::admit;
use crate::attempts::{Kind, network};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret::digest;
use crate::service::founding::{self, NewAccount};
use crate::service::people::{self, organization_role, team_role};
use crate::service::sign_up::password;
use crate::service::{links, outbox};
use crate::write::{Audit, Write};

async fn find<C: ConnectionTrait>(ctx: &Ctx, db: &C, token: &str) -> Result<invitation::Model> {
    let found = invitation::Entity::find()
        .filter(invitation::Column::TokenDigest.eq(digest(token.as_bytes())))
        .one(db)
        .await?;
    let open = |row: &invitation::Model| {
        row.used_at.is_none() && row.revoked_at.is_none() && row.expires_at > ctx.now
    };
    let row = found.filter(open).ok_or_else(links::gone)?;
    // Whoever was taken out or put down since cannot lift somebody else above themselves: the
    // inviter must still be one who could invite to this.
    let mut inviter = people::load(db, row.invited_by.into())
        .await?
        .ok_or_else(links::gone)?;
    // A suspended organization is told of by itself, and only to who accepts.
    for membership in &mut inviter.memberships {
        membership.suspended = false;
    }
    admit(
        &ctx.clone().acting(Actor::Person(inviter)),
        row.organization_id.into(),
        organization_role(&row.organization_role)?,
        row.team_id.map(Into::into),
    )
    .map_err(|_| links::gone())?;
    Ok(row)
}

/// What the link offers, for the page behind it. Changes nothing.
pub async fn preview(ctx: &Ctx, token: &str) -> Result<wire::InvitationOffer> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    let row = find(ctx, ctx.db(), token).await?;
    let tenant = organization::Entity::find_by_id(row.organization_id)
        .one(ctx.db())
        .await?
        .ok_or_else(links::gone)?;
    let team = match row.team_id {
        Some(id) => team::Entity::find_by_id(id).one(ctx.db()).await?,
        None => None,
    };
    Ok(wire::InvitationOffer {
        organization: tenant.name,
        team: team.map(|team| team.name),
        role: organization_role(&row.organization_role)?,
        new_account: founding::find_account(ctx.db(), &row.email_key)
            .await?
            .is_none(),
        email: row.email,
    })
}

/// Who answers.
struct Guest {
    id: UserId,
    account: Option<NewAccount>,
}

/// Accepts: the holder of the mail address becomes a member. Without an account yet, one is made
/// with the name and password given. Nobody is signed in by it.
pub async fn accept(ctx: &Ctx, input: wire::AcceptInvitation) -> Result<Verified> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    let row = find(ctx, ctx.db(), &input.token).await?;
    let guest = guest(ctx, &row, &input).await?;
    let id = guest.id;
    let ctx = &ctx.clone().acting(Actor::Person(Person {
        id,
        operator: false,
        memberships: Vec::new(),
        scopes: None,
    }));
    let write = Write::begin(ctx).await?;
    let row = find(ctx, write.tx(), &input.token).await?;
    let tenant = organization::Entity::find_by_id(row.organization_id)
        .one(write.tx())
        .await?
        .ok_or_else(links::gone)?;
    if tenant.state()? != OrganizationState::Active {
        return Err(Error::new(
            Code::OrganizationSuspended,
            "The organization is suspended.",
        ));
    }
    use_up(&write, &row).await?;
    if let Some(new) = guest.account {
        founding::account(&write, new).await?;
    }
    enter(&write, &row, id).await?;
    write
        .audit(
            Audit::new("invitation.accept", "invitation", row.id)
                .of(row.organization_id.into())
                .after(json!({ "user": id })),
        )
        .await?;
    write.commit().await?;
    Ok(Verified {
        email: row.email,
        organization: Some(tenant.slug),
    })
}

async fn guest(
    ctx: &Ctx,
    row: &invitation::Model,
    input: &wire::AcceptInvitation,
) -> Result<Guest> {
    let known = founding::find_account(ctx.db(), &row.email_key).await?;
    if let Some(account) = known {
        if ctx.user_id().is_some_and(|user| user.uuid() != account.id) {
            return Err(Error::new(
                Code::Conflict,
                "The invitation is for another address than the one you are signed in with.",
            ));
        }
        if account.disabled_at.is_some() {
            return Err(links::gone());
        }
        return Ok(Guest {
            id: account.id.into(),
            account: None,
        });
    }
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    password(&mut check, ctx, &input.password, &[&row.email, &input.name]);
    let (name,) = check.all((name,))?;
    let email: EmailAddress = row.email.parse().map_err(Error::internal)?;
    let password_hash = ctx
        .plane
        .passwords
        .hash(&input.password, ctx.random()?)
        .await?;
    let id: UserId = ctx.id()?;
    Ok(Guest {
        id,
        account: Some(NewAccount {
            id,
            email,
            name,
            password_hash,
            operator: false,
        }),
    })
}

async fn use_up(write: &Write<'_>, row: &invitation::Model) -> Result<()> {
    let used = invitation::Entity::update_many()
        .col_expr(invitation::Column::UsedAt, write.ctx().now.into())
        .filter(invitation::Column::Id.eq(row.id))
        .filter(invitation::Column::UsedAt.is_null())
        .exec(write.tx())
        .await?;
    if used.rows_affected != 1 {
        return Err(links::gone());
    }
    outbox::forget_invitation(write.tx(), row.id).await
}

/// Membership as offered; who is a member already keeps the role that they have.
async fn enter(write: &Write<'_>, row: &invitation::Model, user: UserId) -> Result<()> {
    let organization = OrganizationId::from(row.organization_id);
    let key = (organization.uuid(), user.uuid());
    if organization_member::Entity::find_by_id(key)
        .one(write.tx())
        .await?
        .is_none()
    {
        let role: OrganizationRole = organization_role(&row.organization_role)?;
        founding::join(write, organization, user, role).await?;
    }
    let (Some(team), Some(role)) = (row.team_id, row.team_role.as_deref()) else {
        return Ok(());
    };
    if team_member::Entity::find_by_id((team, user.uuid()))
        .one(write.tx())
        .await?
        .is_none()
    {
        founding::join_team(write, organization, team.into(), user, team_role(role)?).await?;
    }
    Ok(())
}
