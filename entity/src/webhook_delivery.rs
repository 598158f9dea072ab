//! Messages to webhooks: those that wait, and for a while what became of the others.

use chrono::{DateTime, Utc};
use domain::id::WebhookId;
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, Statement};

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

/// How much is looked at in one turn.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub of_webhook: i64,
    pub of_organization: i64,
    pub of_all: i64,
}

/// Of each organization the first come first, so that none waits for all of another.
const DUE: &str = "SELECT d.* FROM webhook_delivery AS d JOIN (\
     SELECT id, ROW_NUMBER() OVER (PARTITION BY organization_id ORDER BY of_webhook, next_try_at, id) AS of_organization FROM (\
     SELECT d.id, d.next_try_at, h.organization_id, \
     ROW_NUMBER() OVER (PARTITION BY d.webhook_id ORDER BY d.next_try_at, d.id) AS of_webhook \
     FROM webhook_delivery AS d JOIN webhook AS h ON h.id = d.webhook_id \
     WHERE d.state = $1 AND d.next_try_at <= $2) AS ranked \
     WHERE of_webhook <= $3) AS share ON share.id = d.id \
     WHERE share.of_organization <= $4 \
     ORDER BY share.of_organization, d.next_try_at, d.id LIMIT $5";

impl Entity {
    pub fn of_webhook(webhook: WebhookId) -> Select<Self> {
        Self::find().filter(Column::WebhookId.eq(webhook.uuid()))
    }

    /// Those in `state` that may be tried at `now`, of all organizations: of each webhook and each
    /// organization no more than its share, oldest first.
    pub async fn due<C: ConnectionTrait>(
        db: &C,
        state: &str,
        now: DateTime<Utc>,
        share: Share,
    ) -> Result<Vec<Model>, DbErr> {
        let values = [
            state.into(),
            now.into(),
            share.of_webhook.into(),
            share.of_organization.into(),
            share.of_all.into(),
        ];
        let due = Statement::from_sql_and_values(db.get_database_backend(), DUE, values);
        let rows = db.query_all_raw(due).await?;
        let rows = rows.iter().map(|row| Model::from_query_result(row, ""));
        rows.collect()
    }
}
