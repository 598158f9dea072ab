//! One's own account: profile and password.

use domain::id::OrganizationId;
use domain::name::DisplayName;
use domain::organization::OrganizationState;
use domain::problem::Code;
use domain::wire::accounts as wire;
use entity::{organization, organization_member, team, team_member, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::attempts::{Kind, network};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::people::{organization_role, team_role};
use crate::service::sign_up::password;
use crate::service::{password_resets, sessions};
use crate::write::{Audit, Write, expect};

/// The signed-in person with all memberships, named: for profile and switcher.
pub async fn read(ctx: &Ctx) -> Result<wire::Account> {
    let person = ctx.account(false)?;
    let id = person.id.uuid();
    let user = user::Entity::find_by_id(id)
        .one(ctx.db())
        .await?
        .ok_or_else(Error::not_found)?;
    let teams = team_member::Entity::find()
        .filter(team_member::Column::UserId.eq(id))
        .find_also_related(team::Entity)
        .all(ctx.db())
        .await?;
    let rows = organization_member::Entity::find()
        .filter(organization_member::Column::UserId.eq(id))
        .find_also_related(organization::Entity)
        .all(ctx.db())
        .await?;
    let mut memberships = Vec::with_capacity(rows.len());
    for (member, organization) in rows {
        let Some(organization) = organization else {
            continue;
        };
        let teams = teams
            .iter()
            .filter(|(member, _)| member.organization_id == organization.id);
        let teams =
            teams.filter_map(|(member, team)| team.as_ref().map(|team| account_team(member, team)));
        memberships.push(wire::AccountMembership {
            organization: OrganizationId::from(organization.id),
            slug: organization.slug,
            name: organization.name,
            state: OrganizationState::parse(&organization.state)
                .unwrap_or(OrganizationState::Suspended),
            role: organization_role(&member.role)?,
            teams: teams.collect::<Result<_>>()?,
        });
    }
    memberships.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(wire::Account {
        id: person.id,
        email: user.email,
        name: user.name,
        operator: user.operator,
        created_at: user.created_at,
        memberships,
        etag: user.etag,
    })
}

fn account_team(member: &team_member::Model, team: &team::Model) -> Result<wire::AccountTeam> {
    Ok(wire::AccountTeam {
        team: team.id.into(),
        slug: team.slug.clone(),
        name: team.name.clone(),
        role: team_role(&member.role)?,
    })
}

/// Changes the caller's own name.
pub async fn edit(
    ctx: &Ctx,
    if_match: Option<i64>,
    input: wire::EditAccount,
) -> Result<wire::Account> {
    let id = ctx.account(true)?.id;
    let mut check = Check::new();
    let name = check.parse::<DisplayName>("/name", &input.name);
    let (name,) = check.all((name,))?;
    let write = Write::begin(ctx).await?;
    let user = user::Entity::find_by_id(id.uuid())
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    expect(if_match, user.etag)?;
    user::Entity::update_many()
        .col_expr(user::Column::Name, name.to_string().into())
        .col_expr(user::Column::Etag, (user.etag + 1).into())
        .filter(user::Column::Id.eq(user.id))
        .exec(write.tx())
        .await?;
    // Names lie beside the chain, not in it.
    write
        .audit(Audit::new("account.edit", "user", id).after(json!({ "changed": ["name"] })))
        .await?;
    write.commit().await?;
    read(ctx).await
}

/// Changes the caller's password; their other sessions end, and they are told by mail.
pub async fn change_password(ctx: &Ctx, input: wire::ChangePassword) -> Result<()> {
    let id = ctx.account(true)?.id;
    if ctx.session.is_none() {
        return Err(Error::new(
            Code::Forbidden,
            "A token cannot change the password; sign in.",
        ));
    }
    ctx.plane
        .attempts
        .admit(Kind::SignInFrom, &network(ctx.address), ctx.now)?;
    let user = user::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?
        .ok_or_else(Error::not_found)?;
    let mut check = Check::new();
    password(&mut check, ctx, &input.password, &[&user.email, &user.name]);
    check.done()?;
    ctx.plane.attempts.may_guess(&user.email_key, ctx.now)?;
    let verdict = ctx
        .plane
        .passwords
        .verify(&input.current, Some(user.password_hash.clone()))
        .await?;
    if !verdict.right {
        return Err(Error::field(
            "/current",
            "This is not your present password.",
        ));
    }
    ctx.plane.attempts.guessed_right(&user.email_key);
    let hash = ctx
        .plane
        .passwords
        .hash(&input.password, ctx.random()?)
        .await?;
    let mut write = Write::begin(ctx).await?;
    let present = user::Entity::find_by_id(id.uuid())
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    if present.password_hash != user.password_hash {
        return Err(Error::new(
            Code::PreconditionFailed,
            "The password was changed meanwhile.",
        ));
    }
    password_resets::set(&mut write, &present, hash).await?;
    sessions::end_of(write.tx(), id, ctx.session).await?;
    write
        .audit(Audit::new("account.change_password", "user", id))
        .await?;
    write.commit().await
}
