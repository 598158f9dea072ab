//! What is written in the transaction of every change: change, event and audit rows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        changes(manager).await?;
        events(manager).await?;
        audit(manager).await
    }
}

async fn changes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // On SQLite AUTOINCREMENT: a number must not come back after the row was pruned.
    let change = Table::create()
        .table("change")
        .col(big_pk_auto("number"))
        .col(text("kind"))
        .col(uuid("object_id"))
        .col(timestamp_with_time_zone("at"))
        .to_owned();
    manager.create_table(change).await?;
    // The last change of one object: whether the gateways have it.
    index(manager, "change", &["object_id"]).await?;
    index(manager, "change", &["at"]).await
}

async fn events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let event = Table::create()
        .table("event")
        .col(pk_uuid("id"))
        .col(text("kind"))
        // No foreign key: an event outlives what it tells of.
        .col(uuid_null("organization_id"))
        .col(uuid_null("actor_id"))
        .col(text("object_kind"))
        .col(uuid_null("object_id"))
        .col(text("payload"))
        .col(timestamp_with_time_zone("at"))
        // Set when its mails are in the outbox.
        .col(timestamp_with_time_zone_null("mailed_at"))
        .to_owned();
    manager.create_table(event).await?;
    index(manager, "event", &["mailed_at", "at"]).await?;
    index(manager, "event", &["organization_id", "at"]).await?;
    index(manager, "event", &["object_id"]).await
}

async fn audit(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let audit = Table::create()
        .table("audit")
        // The organization, or the zero id for the platform.
        .col(uuid("chain"))
        .col(big_integer("sequence"))
        .col(text("actor_kind"))
        .col(uuid_null("actor_id"))
        .col(text("action"))
        .col(text("object_kind"))
        .col(uuid_null("object_id"))
        // Text, as hashed; secrets masked.
        .col(text("before"))
        .col(text("after"))
        .col(timestamp_with_time_zone("at"))
        .col(text("request_id"))
        .col(blob("previous"))
        .col(blob("hash"))
        .primary_key(Index::create().col("chain").col("sequence"))
        .to_owned();
    manager.create_table(audit).await?;
    index(manager, "audit", &["chain", "object_id", "sequence"]).await?;
    index(manager, "audit", &["chain", "actor_id", "sequence"]).await?;
    index(manager, "audit", &["chain", "action", "sequence"]).await?;

    // Where each chain ends, so that rows taken away from its end are missed.
    let audit_head = Table::create()
        .table("audit_head")
        .col(uuid("chain").primary_key())
        .col(big_integer("sequence"))
        .col(blob("hash"))
        .col(blob("mac"))
        .to_owned();
    manager.create_table(audit_head).await?;

    // Beside the chain and not in its hash, so that a person can be erased from it.
    let audit_person = Table::create()
        .table("audit_person")
        .col(uuid("chain"))
        .col(big_integer("sequence"))
        .col(uuid_null("actor_id"))
        .col(text("name"))
        .col(text("email"))
        .col(text("address"))
        .primary_key(Index::create().col("chain").col("sequence"))
        .to_owned();
    manager.create_table(audit_person).await?;
    index(manager, "audit_person", &["actor_id"]).await
}
