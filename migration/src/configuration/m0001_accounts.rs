//! Tenants and people: organizations, teams, accounts, and every way to prove who one is.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index, unique};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tenants(manager).await?;
        people(manager).await?;
        members(manager).await?;
        proofs(manager).await
    }
}

async fn tenants(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let organization = Table::create()
        .table("organization")
        .col(pk_uuid("id"))
        .col(text_uniq("slug"))
        .col(text("name"))
        .col(text("state"))
        // JSON list of the prefixes and hosts that its versions may answer at.
        .col(text("grants"))
        .col(text("policies"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by"))
        .col(big_integer("etag"))
        .to_owned();
    manager.create_table(organization).await?;

    let team = Table::create()
        .table("team")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("slug"))
        .col(text("name"))
        .col(text("description"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(team).await?;
    unique(manager, "team", &["organization_id", "slug"]).await
}

async fn people(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let user = Table::create()
        .table("user")
        .col(pk_uuid("id"))
        .col(text("email"))
        // The address in lower case: two spellings are one account.
        .col(text_uniq("email_key"))
        .col(text("name"))
        .col(text("password_hash"))
        .col(boolean("operator"))
        .col(timestamp_with_time_zone_null("verified_at"))
        .col(timestamp_with_time_zone_null("disabled_at"))
        // Back-off after wrong passwords.
        .col(integer("failed_count"))
        .col(timestamp_with_time_zone_null("not_before"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("last_sign_in_at"))
        .col(big_integer("etag"))
        .to_owned();
    manager.create_table(user).await?;
    index(manager, "user", &["operator"]).await
}

async fn members(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let organization_member = Table::create()
        .table("organization_member")
        .col(uuid("organization_id"))
        .col(uuid("user_id"))
        .col(text("role"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("etag"))
        .primary_key(Index::create().col("organization_id").col("user_id"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("user_id", "user", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(organization_member).await?;
    index(manager, "organization_member", &["user_id"]).await?;

    let team_member = Table::create()
        .table("team_member")
        .col(uuid("team_id"))
        .col(uuid("user_id"))
        .col(uuid("organization_id"))
        .col(text("role"))
        .col(timestamp_with_time_zone("created_at"))
        .col(big_integer("etag"))
        .primary_key(Index::create().col("team_id").col("user_id"))
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Cascade))
        .foreign_key(&mut belongs("user_id", "user", ForeignKeyAction::Cascade))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(team_member).await?;
    index(manager, "team_member", &["user_id"]).await?;
    index(manager, "team_member", &["organization_id"]).await?;

    let invitation = Table::create()
        .table("invitation")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid_null("team_id"))
        .col(text("email"))
        .col(text("email_key"))
        .col(text("organization_role"))
        .col(text_null("team_role"))
        .col(blob_uniq("token_digest"))
        .col(uuid("invited_by"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(invitation).await?;
    index(manager, "invitation", &["organization_id", "created_at"]).await?;
    index(manager, "invitation", &["email_key"]).await
}

async fn proofs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mail_token = Table::create()
        .table("mail_token")
        .col(pk_uuid("id"))
        .col(text("purpose"))
        .col(blob_uniq("digest"))
        // Absent while the account does not exist yet.
        .col(uuid_null("user_id"))
        .col(text("email_key"))
        // JSON; for a sign-up the pending account with its password hash.
        .col(text("payload"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .foreign_key(&mut belongs("user_id", "user", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(mail_token).await?;
    index(manager, "mail_token", &["email_key", "purpose"]).await?;
    index(manager, "mail_token", &["user_id", "purpose"]).await?;
    index(manager, "mail_token", &["expires_at"]).await?;

    let session = Table::create()
        .table("session")
        // Identifies the row to people; it opens nothing.
        .col(pk_uuid("id"))
        // SHA-256 of the cookie's value.
        .col(blob_uniq("digest"))
        .col(uuid_null("user_id"))
        .col(text("data"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("last_seen_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone("absolute_at"))
        .col(boolean("remember"))
        .col(text("user_agent"))
        .col(text("address"))
        .foreign_key(&mut belongs("user_id", "user", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(session).await?;
    index(manager, "session", &["user_id"]).await?;
    index(manager, "session", &["expires_at"]).await?;

    let personal_token = Table::create()
        .table("personal_token")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(text("name"))
        // Its first characters, to recognize it by.
        .col(text("display_id"))
        .col(blob_uniq("digest"))
        .col(text("scopes"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("last_used_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .foreign_key(&mut belongs("user_id", "user", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(personal_token).await?;
    index(manager, "personal_token", &["user_id", "created_at"]).await?;

    let first_run = Table::create()
        .table("first_run")
        .col(pk_uuid("id"))
        .col(blob_uniq("digest"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .to_owned();
    manager.create_table(first_run).await
}
