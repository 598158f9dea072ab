//! Loading a person with everything that decides what they may.

use domain::actor::{Membership, OrganizationRole, Person, TeamRole};
use domain::id::UserId;
use domain::organization::OrganizationState;
use entity::{organization, organization_member, team_member, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::error::{Error, Result};

/// The person with all memberships; `None` if there is no such account or it is disabled.
pub async fn load<C: ConnectionTrait>(db: &C, id: UserId) -> Result<Option<Person>> {
    let Some(user) = user::Entity::find_by_id(id.uuid()).one(db).await? else {
        return Ok(None);
    };
    if user.disabled_at.is_some() {
        return Ok(None);
    }
    let rows = organization_member::Entity::find()
        .filter(organization_member::Column::UserId.eq(user.id))
        .find_also_related(organization::Entity)
        .all(db)
        .await?;
    let teams = team_member::Entity::find()
        .filter(team_member::Column::UserId.eq(user.id))
        .all(db)
        .await?;
    let mut memberships = Vec::with_capacity(rows.len());
    for (member, organization) in rows {
        let Some(organization) = organization else {
            continue;
        };
        memberships.push(Membership {
            organization: member.organization_id.into(),
            role: organization_role(&member.role)?,
            suspended: OrganizationState::parse(&organization.state)
                != Some(OrganizationState::Active),
            teams: teams
                .iter()
                .filter(|team| team.organization_id == member.organization_id)
                .map(|team| Ok((team.team_id.into(), team_role(&team.role)?)))
                .collect::<Result<_>>()?,
        });
    }
    Ok(Some(Person {
        id,
        operator: user.operator,
        memberships,
        scopes: None,
    }))
}

/// A role as stored. An unknown word is a damaged row, never the least or greatest role.
pub fn organization_role(text: &str) -> Result<OrganizationRole> {
    OrganizationRole::parse(text)
        .ok_or_else(|| Error::internal(format!("unknown organization role {text:?}")))
}

pub fn team_role(text: &str) -> Result<TeamRole> {
    TeamRole::parse(text).ok_or_else(|| Error::internal(format!("unknown team role {text:?}")))
}
