//! What the platform keeps for itself: outbox, idempotency keys, settings, counted refusals.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        outbox(manager).await?;
        requests(manager).await?;
        settings(manager).await
    }
}

async fn outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mail = Table::create()
        .table("mail")
        .col(pk_uuid("id"))
        .col(text("kind"))
        .col(text("recipient"))
        .col(text("subject"))
        // Sealed with the portal's key ring for (zero id, mail): it may hold a link that opens.
        .col(text("body"))
        .col(text("state"))
        .col(integer("tries"))
        .col(timestamp_with_time_zone("next_try_at"))
        .col(text("last_error"))
        // The link in it; the mail goes when the link is used.
        .col(uuid_null("mail_token_id"))
        .col(uuid_null("invitation_id"))
        .col(uuid_null("event_id"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(&mut belongs(
            "mail_token_id",
            "mail_token",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "invitation_id",
            "invitation",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(mail).await?;
    index(manager, "mail", &["state", "next_try_at"]).await?;
    index(manager, "mail", &["created_at"]).await?;
    index(manager, "mail", &["mail_token_id"]).await?;
    index(manager, "mail", &["invitation_id"]).await
}

async fn requests(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let idempotency = Table::create()
        .table("idempotency")
        .col(uuid("actor_id"))
        .col(text("key"))
        // SHA-256 of method, path and body: the same key for another request is refused.
        .col(blob("request"))
        // 0 while the first call is still running.
        .col(integer("status"))
        .col(text("response"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .primary_key(Index::create().col("actor_id").col("key"))
        .to_owned();
    manager.create_table(idempotency).await?;
    index(manager, "idempotency", &["expires_at"]).await?;

    let refusal_count = Table::create()
        .table("refusal_count")
        .col(text("address"))
        .col(text("code"))
        .col(timestamp_with_time_zone("minute"))
        .col(big_integer("count"))
        .primary_key(Index::create().col("address").col("code").col("minute"))
        .to_owned();
    manager.create_table(refusal_count).await?;
    index(manager, "refusal_count", &["minute"]).await
}

async fn settings(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let setting = Table::create()
        .table("setting")
        .col(text("name").primary_key())
        .col(text("value"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(uuid_null("updated_by"))
        .col(big_integer("etag"))
        .to_owned();
    manager.create_table(setting).await
}
