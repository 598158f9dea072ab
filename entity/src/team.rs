//! Teams: what owns APIs, products and applications.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, TeamId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{JoinType, QuerySelect};

use crate::team_member;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "team")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub slug: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    pub created_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: TeamId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn by_slug_in_org(organization: OrganizationId, slug: &str) -> Select<Self> {
        Self::in_org(organization).filter(Column::Slug.eq(slug))
    }

    /// Those of the organization that the user belongs to.
    pub fn of_user_in_org(organization: OrganizationId, user: UserId) -> Select<Self> {
        Self::in_org(organization)
            .join_rev(JoinType::InnerJoin, team_member::Relation::Team.def())
            .filter(team_member::Column::UserId.eq(user.uuid()))
    }
}
