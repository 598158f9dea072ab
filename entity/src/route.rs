//! Who holds which place in the gateways' address space.

use domain::id::{OrganizationId, VersionId};
use domain::snapshot::Route;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "route")]
pub struct Model {
    /// Empty: any host.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub host: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub path: String,
    /// What requests are told apart by, in words; empty: nothing.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub selector: String,
    /// JSON of the route; empty: nothing but host and path.
    #[sea_orm(column_type = "Text")]
    pub rule: String,
    pub version_id: Uuid,
    pub organization_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::version::Entity",
        from = "Column::VersionId",
        to = "super::version::Column::Id"
    )]
    Version,
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
}

impl Related<super::version::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Version.def()
    }
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The route at this one of its hosts.
    pub fn route(&self) -> Result<Route, RowError> {
        let route = match self.rule.as_str() {
            "" => Route::at(&self.path),
            rule => read_json("route.rule", rule)?,
        };
        let host = Some(self.host.clone()).filter(|host| !host.is_empty());
        Ok(Route {
            hosts: host.into_iter().collect(),
            ..route
        })
    }
}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    pub fn of_version(version: VersionId) -> Select<Self> {
        Self::find().filter(Column::VersionId.eq(version.uuid()))
    }
}
