//! Messages to webhooks: those that wait, and for a while what became of the others.

use chrono::{DateTime, Utc};
use domain::id::WebhookId;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub webhook_id: Uuid,
    /// A webhook is told of an event once; `None`: a test.
    pub event_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    /// JSON, as it is sent.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub tries: i32,
    pub next_try_at: DateTime<Utc>,
    #[sea_orm(column_type = "Text")]
    pub last_error: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::webhook::Entity",
        from = "Column::WebhookId",
        to = "super::webhook::Column::Id"
    )]
    Webhook,
}

impl Related<super::webhook::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Webhook.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn of_webhook(webhook: WebhookId) -> Select<Self> {
        Self::find().filter(Column::WebhookId.eq(webhook.uuid()))
    }

    /// Those in `state` that may be tried at `now`, of all organizations, oldest first.
    pub fn due(state: &str, now: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::State.eq(state))
            .filter(Column::NextTryAt.lte(now))
            .order_by_asc(Column::NextTryAt)
            .order_by_asc(Column::Id)
    }
}
