//! Events: the one source of inbox, mail and webhooks.

use chrono::{DateTime, Utc};
use domain::id::OrganizationId;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub organization_id: Option<Uuid>,
    pub actor_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub object_kind: String,
    pub object_id: Option<Uuid>,
    /// JSON.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub at: DateTime<Utc>,
    /// When its mails were put into the outbox.
    pub mailed_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// Those whose mails are not in the outbox yet, of all organizations, oldest first.
    pub fn unmailed() -> Select<Self> {
        Self::find()
            .filter(Column::MailedAt.is_null())
            .order_by_asc(Column::At)
            .order_by_asc(Column::Id)
    }

    /// Those of them that come after the one of this time and id.
    pub fn unmailed_after((at, id): (DateTime<Utc>, Uuid)) -> Select<Self> {
        let same_time = Column::At.eq(at).and(Column::Id.gt(id));
        Self::unmailed().filter(Column::At.gt(at).or(same_time))
    }

    /// Those of a kind that an object had after `at`.
    pub fn had(object: Uuid, kind: &str, at: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::ObjectId.eq(object))
            .filter(Column::Kind.eq(kind))
            .filter(Column::At.gt(at))
    }
}
