//! Gateway nodes, the quota counters that they share, and when keys were used.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let node = Table::create()
            .table("node")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text("kind"))
            .col(text("version"))
            .col(text("group"))
            .col(text("region"))
            .col(big_integer("state"))
            // Share of one core, 1.0 being one core busy.
            .col(double("cpu"))
            .col(big_integer("memory"))
            .col(big_integer("connections"))
            // Records that a full ring or spool lost since the start.
            .col(big_integer("dropped"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone("last_seen_at"))
            .to_owned();
        manager.create_table(node).await?;
        index(manager, "node", &["last_seen_at"]).await?;

        // One row per node, so that a node only ever writes its own and the sum needs no lock.
        let quota = Table::create()
            .table("quota")
            .col(uuid("subject"))
            .col(uuid("attach"))
            .col(text("name"))
            // The period's start and end, in seconds since 1970.
            .col(big_integer("period"))
            .col(uuid("node"))
            .col(big_integer("until"))
            .col(big_integer("count"))
            // The last flush of this node that is in `count`.
            .col(big_integer("flush"))
            // Grows with every write; readers ask for what is newer.
            .col(big_integer("change"))
            .primary_key(
                Index::create()
                    .col("subject")
                    .col("attach")
                    .col("name")
                    .col("period")
                    .col("node"),
            )
            .to_owned();
        manager.create_table(quota).await?;
        index(manager, "quota", &["change"]).await?;
        index(manager, "quota", &["node", "flush"]).await?;
        index(manager, "quota", &["until"]).await?;

        // Microseconds since 1970; 0 is never.
        let key_use = Table::create()
            .table("key_use")
            .col(pk_uuid("credential"))
            .col(big_integer("last_used"))
            .col(big_integer("last_success"))
            .col(big_integer("first_success"))
            .to_owned();
        manager.create_table(key_use).await
    }
}
