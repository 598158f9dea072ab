//! The demo's accounts: made at once and without mails, by the product itself only.

use domain::actor::{Actor, OrganizationRole, TeamRole};
use domain::id::{OrganizationId, TeamId, UserId};
use domain::name::{DisplayName, EmailAddress, Slug};
use entity::{organization, team};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::founding::{self, NewAccount};
use crate::service::people;
use crate::write::Write;

/// Somebody of the demo.
#[derive(Debug, Clone)]
pub struct Player {
    pub email: EmailAddress,
    pub name: DisplayName,
    pub password: String,
    pub operator: bool,
    /// In the demo's organization and its first team; the first owner founds it.
    pub role: Option<(OrganizationRole, Option<TeamRole>)>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Cast {
    pub organization: OrganizationId,
    pub team: TeamId,
    /// In the order of the players.
    pub users: Vec<UserId>,
}

/// Makes an organization called `name` with all players, in one transaction.
pub async fn cast(ctx: &Ctx, name: &DisplayName, slug: Slug, players: &[Player]) -> Result<Cast> {
    if !matches!(ctx.actor, Actor::System(_)) {
        return Err(Error::not_found());
    }
    let mut hashes = Vec::with_capacity(players.len());
    for player in players {
        let salt = ctx.random()?;
        hashes.push(ctx.plane.passwords.hash(&player.password, salt).await?);
    }
    let mut write = Write::begin(ctx).await?;
    let mut users = Vec::with_capacity(players.len());
    for (player, password_hash) in players.iter().zip(hashes) {
        let id: UserId = ctx.id()?;
        let account = NewAccount {
            id,
            email: player.email.clone(),
            name: player.name.clone(),
            password_hash,
            operator: player.operator,
        };
        founding::account(&write, account).await?;
        users.push(id);
    }
    let is_owner = |player: &Player| matches!(player.role, Some((OrganizationRole::Owner, _)));
    let owner = players.iter().position(is_owner);
    let owner = owner.ok_or_else(|| Error::internal("a demo without an owner"))?;
    let made = founding::organization(&mut write, users[owner], name, Some(slug)).await?;
    let team = team::Entity::find()
        .filter(team::Column::OrganizationId.eq(made.id))
        .one(write.tx())
        .await?
        .ok_or_else(|| Error::internal("an organization without a team"))?;
    let (organization, team) = (OrganizationId::from(made.id), TeamId::from(team.id));
    for (index, player) in players.iter().enumerate() {
        let Some((role, team_role)) = player.role.filter(|_| index != owner) else {
            continue;
        };
        founding::join(&write, organization, users[index], role).await?;
        if let Some(team_role) = team_role {
            founding::join_team(&write, organization, team, users[index], team_role).await?;
        }
    }
    write.commit().await?;
    Ok(Cast {
        organization,
        team,
        users,
    })
}

/// Whether there is any organization yet: the demo fills empty installations only.
pub async fn is_empty(ctx: &Ctx) -> Result<bool> {
    Ok(organization::Entity::find().one(ctx.db()).await?.is_none())
}

/// A context in which one of the players acts.
pub async fn acting(ctx: &Ctx, user: UserId) -> Result<Ctx> {
    let person = people::load(ctx.db(), user).await?;
    let person = person.ok_or_else(Error::not_found)?;
    Ok(ctx.clone().acting(Actor::Person(person)))
}
