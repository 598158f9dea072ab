//! Addresses that organizations want to be told at.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, WebhookId};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub url: String,
    /// Sealed with the portal's key ring for (organization, webhook).
    #[sea_orm(column_type = "Text")]
    pub secret: String,
    /// The one before, sealed in the same way: it signs as well until `former_until`.
    #[sea_orm(column_type = "Text", nullable)]
    pub former_secret: Option<String>,
    pub former_until: Option<DateTime<Utc>>,
    pub enabled: bool,
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
    /// In the order in which they were made.
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .order_by_asc(Column::Id)
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: WebhookId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }
}
