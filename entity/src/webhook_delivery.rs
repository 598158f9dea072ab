//! Messages to webhooks: those that wait, and for a while what became of the others.

use chrono::{DateTime, Utc};
use domain::id::WebhookId;
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, QueryOrder, QuerySelect, Statement};

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
    /// What the last try was answered with; `None`: it was not answered.
    pub last_status: Option<i32>,
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

/// A webhook for which something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct DueWebhook {
    pub id: Uuid,
    pub organization_id: Uuid,
}

/// From webhook to webhook of those with something in the state, and of each only its first
/// message, all by one index: however many wait, what is read grows with the webhooks alone. Of each
/// organization the first comes first, so that none waits for all of another.
const DUE: &str = "WITH RECURSIVE hook(id) AS (\
     SELECT lowest.webhook_id FROM (\
     SELECT webhook_id FROM webhook_delivery WHERE state = $1 ORDER BY webhook_id LIMIT 1) AS lowest \
     UNION ALL SELECT (\
     SELECT d.webhook_id FROM webhook_delivery AS d \
     WHERE d.state = $1 AND d.webhook_id > hook.id ORDER BY d.webhook_id LIMIT 1) \
     FROM hook WHERE hook.id IS NOT NULL) \
     SELECT id, organization_id FROM (\
     SELECT id, organization_id, due, \
     ROW_NUMBER() OVER (PARTITION BY organization_id ORDER BY due, id) AS of_organization FROM (\
     SELECT h.id, h.organization_id, (\
     SELECT d.next_try_at FROM webhook_delivery AS d \
     WHERE d.state = $1 AND d.webhook_id = h.id ORDER BY d.next_try_at LIMIT 1) AS due \
     FROM hook JOIN webhook AS h ON h.id = hook.id) AS first WHERE due <= $2) AS ranked \
     ORDER BY of_organization, due, id LIMIT $3";

impl Entity {
    pub fn of_webhook(webhook: WebhookId) -> Select<Self> {
        Self::find().filter(Column::WebhookId.eq(webhook.uuid()))
    }

    /// Those of a webhook in `state` that may be tried at `now`, oldest first, `most` of them.
    pub fn due(webhook: WebhookId, state: &str, now: DateTime<Utc>, most: u64) -> Select<Self> {
        Self::of_webhook(webhook)
            .filter(Column::State.eq(state))
            .filter(Column::NextTryAt.lte(now))
            .order_by_asc(Column::NextTryAt)
            .order_by_asc(Column::Id)
            .limit(most)
    }

    /// Webhooks of all organizations for which something in `state` may be tried at `now`, in a fair
    /// order, `most` of them.
    pub async fn due_webhooks<C: ConnectionTrait>(
        db: &C,
        state: &str,
        now: DateTime<Utc>,
        most: i64,
    ) -> Result<Vec<DueWebhook>, DbErr> {
        let values = [state.into(), now.into(), most.into()];
        let due = Statement::from_sql_and_values(db.get_database_backend(), DUE, values);
        let rows = db.query_all_raw(due).await?;
        let rows = rows
            .iter()
            .map(|row| DueWebhook::from_query_result(row, ""));
        rows.collect()
    }
}
