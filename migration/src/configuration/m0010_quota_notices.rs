//! Who was told that a quota is nearly, or wholly, used up.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notice = Table::create()
            .table("quota_notice")
            // The subscription, the plan, the policy's name, the start of the period.
            .col(uuid("subject"))
            .col(uuid("attach"))
            .col(text("name"))
            .col(big_integer("period"))
            .col(integer("percent"))
            .col(timestamp_with_time_zone("told_at"))
            .primary_key(
                Index::create()
                    .col("attach")
                    .col("name")
                    .col("period")
                    .col("subject")
                    .col("percent"),
            )
            .to_owned();
        manager.create_table(notice).await
    }
}
