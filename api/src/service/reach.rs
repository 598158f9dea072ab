//! How far an actor reaches in an organization: all of it, or some teams' things.

use domain::actor::{Action, Denied};
use domain::id::{OrganizationId, TeamId};
use entity::team;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// What a list may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    All,
    Teams(Vec<Uuid>),
}

impl Reach {
    /// Of which teams the actor may do `action` to what they own; narrowed to `team` if given.
    /// A stranger gets 404, as for an organization that does not exist.
    pub(crate) fn of(
        ctx: &Ctx,
        action: Action,
        organization: OrganizationId,
        team: Option<TeamId>,
    ) -> Result<Self> {
        if let Some(team) = team {
            ctx.may(action, organization, Some(team))?;
            return Ok(Self::Teams(vec![team.uuid()]));
        }
        let refused = match ctx.may(action, organization, None) {
            Ok(()) => return Ok(Self::All),
            Err(refused) => refused,
        };
        let membership = ctx.actor.membership(organization).ok_or(refused)?;
        let held = |team: &TeamId| ctx.can(action, organization, Some(*team));
        let teams: Vec<Uuid> = membership
            .teams
            .iter()
            .map(|(team, _)| *team)
            .filter(held)
            .map(TeamId::uuid)
            .collect();
        if teams.is_empty() && !membership.teams.is_empty() {
            return Err(Denied::Role.into());
        }
        Ok(Self::Teams(teams))
    }

    pub(crate) fn narrow<E: EntityTrait>(&self, query: Select<E>, team: E::Column) -> Select<E> {
        self.narrow_by(query, team)
    }

    /// The same by a column of a joined table.
    pub(crate) fn narrow_by<E: EntityTrait>(
        &self,
        query: Select<E>,
        team: impl ColumnTrait,
    ) -> Select<E> {
        match self {
            Self::All => query,
            Self::Teams(teams) => query.filter(team.is_in(teams.iter().copied())),
        }
    }
}

/// `Err` unless `team` is one of the organization's and the actor may `action` there.
pub(crate) async fn in_team<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    action: Action,
    organization: OrganizationId,
    id: TeamId,
) -> Result<()> {
    ctx.may(Action::ReadOrganization, organization, None)
        .or_else(|error| match ctx.actor.membership(organization) {
            // A token without that scope may still do what its own scopes say.
            Some(_) => Ok(()),
            None => Err(error),
        })?;
    let found = team::Entity::find_by_id(id.uuid())
        .filter(team::Column::OrganizationId.eq(organization.uuid()))
        .one(db)
        .await?;
    if found.is_none() {
        return Err(Error::field("/team", "Choose a team of this organization."));
    }
    ctx.may(action, organization, Some(id))
}
