//! Products: bundles of versions.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, ProductId, TeamId, VersionId};
use domain::snapshot;
use sea_orm::entity::prelude::*;
use sea_orm::{JoinType, QuerySelect};

use crate::product_version;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub team_id: Uuid,
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
    #[sea_orm(
        belongs_to = "super::team::Entity",
        from = "Column::TeamId",
        to = "super::team::Column::Id"
    )]
    Team,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::team::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Team.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: ProductId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn in_team(team: TeamId) -> Select<Self> {
        Self::find().filter(Column::TeamId.eq(team.uuid()))
    }

    /// Those that bundle the version.
    pub fn offering(version: VersionId) -> Select<Self> {
        Self::find()
            .join_rev(
                JoinType::InnerJoin,
                product_version::Relation::Product.def(),
            )
            .filter(product_version::Column::VersionId.eq(version.uuid()))
    }
}

impl Model {
    pub fn to_state(self, versions: Vec<VersionId>) -> snapshot::Product {
        let Self {
            id,
            organization_id,
            team_id: _,
            slug: _,
            name: _,
            description: _,
            created_at: _,
            etag: _,
        } = self;
        snapshot::Product {
            id: id.into(),
            organization: organization_id.into(),
            versions,
        }
    }
}
