//! Webhooks of organizations, and the outbox of what they are told.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index, unique};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let webhook = Table::create()
            .table("webhook")
            .col(pk_uuid("id"))
            .col(uuid("organization_id"))
            .col(text("url"))
            .col(text("secret"))
            .col(boolean("enabled"))
            .col(timestamp_with_time_zone("created_at"))
            .col(big_integer("etag"))
            .foreign_key(&mut belongs(
                "organization_id",
                "organization",
                ForeignKeyAction::Cascade,
            ))
            .to_owned();
        manager.create_table(webhook).await?;
        index(manager, "webhook", &["organization_id"]).await?;

        let delivery = Table::create()
            .table("webhook_delivery")
            .col(pk_uuid("id"))
            .col(uuid("webhook_id"))
            .col(uuid_null("event_id"))
            .col(text("kind"))
            .col(text("body"))
            .col(text("state"))
            .col(integer("tries"))
            .col(timestamp_with_time_zone("next_try_at"))
            .col(text("last_error"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut belongs(
                "webhook_id",
                "webhook",
                ForeignKeyAction::Cascade,
            ))
            .to_owned();
        manager.create_table(delivery).await?;
        unique(manager, "webhook_delivery", &["webhook_id", "event_id"]).await?;
        index(manager, "webhook_delivery", &["state", "next_try_at"]).await
    }
}
