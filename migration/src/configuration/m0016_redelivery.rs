//! Secrets of webhooks that go on for a while beside the new one, what their messages were answered
//! with, and an index by which the next messages of each webhook are found without looking at the
//! others. A former release goes on beside it, as the columns may be empty.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        let columns = [
            // Sealed as the secret is.
            ("webhook", text_null("former_secret")),
            ("webhook", timestamp_with_time_zone_null("former_until")),
            ("webhook_delivery", integer_null("last_status")),
        ];
        for (table, column) in columns {
            let table = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(table).await?;
        }
        let columns = ["state", "webhook_id", "next_try_at"];
        index(manager, "webhook_delivery", &columns).await?;
        // Nobody asks in its order any more.
        let former = Index::drop()
            .name("webhook_delivery_by_state_next_try_at")
            .table("webhook_delivery")
            .to_owned();
        manager.drop_index(former).await
    }
}
