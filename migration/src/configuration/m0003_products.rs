//! Products and plans on the provider's side; applications, credentials and subscriptions on the
//! consumer's.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index, statement, unique};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        products(manager).await?;
        applications(manager).await?;
        subscriptions(manager).await
    }
}

async fn products(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let product = Table::create()
        .table("product")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("team_id"))
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
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Restrict))
        .to_owned();
    manager.create_table(product).await?;
    unique(manager, "product", &["organization_id", "slug"]).await?;
    index(manager, "product", &["team_id"]).await?;

    let product_version = Table::create()
        .table("product_version")
        .col(uuid("product_id"))
        .col(uuid("version_id"))
        .primary_key(Index::create().col("product_id").col("version_id"))
        .foreign_key(&mut belongs(
            "product_id",
            "product",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "version_id",
            "version",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(product_version).await?;
    index(manager, "product_version", &["version_id"]).await?;

    let plan = Table::create()
        .table("plan")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("product_id"))
        .col(text("slug"))
        .col(text("name"))
        .col(text("description"))
        .col(text("state"))
        .col(text("approval"))
        .col(text("terms"))
        // Raised when the terms change; what was accepted is recorded with the subscription.
        .col(integer("terms_revision"))
        // Shown and exported; nothing is invoiced.
        .col(text("price"))
        .col(text("policies"))
        // Open subscriptions at most: of one application with this provider, and to this plan.
        .col(integer_null("max_per_application"))
        .col(integer_null("max_subscriptions"))
        // JSON list of the organizations that may see and request it; empty: all.
        .col(text("organizations"))
        .col(integer("position"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "product_id",
            "product",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(plan).await?;
    unique(manager, "plan", &["product_id", "slug"]).await?;
    index(manager, "plan", &["organization_id"]).await
}

async fn applications(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let application = Table::create()
        .table("application")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("team_id"))
        .col(text("slug"))
        .col(text("name"))
        .col(text("description"))
        .col(text("state"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Restrict))
        .to_owned();
    manager.create_table(application).await?;
    unique(manager, "application", &["team_id", "slug"]).await?;
    index(manager, "application", &["organization_id"]).await?;

    let credential = Table::create()
        .table("credential")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("application_id"))
        .col(text("kind"))
        .col(blob_uniq("digest"))
        .col(text("display_id"))
        .col(text("name"))
        .col(text("environment"))
        .col(text("cidrs"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("retires_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .col(uuid_null("revoked_by"))
        .col(uuid_null("rolled_from"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "application_id",
            "application",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(credential).await?;
    index(manager, "credential", &["application_id", "created_at"]).await?;
    index(manager, "credential", &["organization_id"]).await?;
    index(manager, "credential", &["rolled_from"]).await
}

async fn subscriptions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let subscription = Table::create()
        .table("subscription")
        .col(pk_uuid("id"))
        .col(uuid("provider_id"))
        .col(uuid("consumer_id"))
        .col(uuid("application_id"))
        .col(uuid("product_id"))
        .col(uuid("plan_id"))
        .col(text("state"))
        .col(boolean("paused"))
        // Why it is asked for; and what the provider says to it.
        .col(text("reason"))
        .col(text("decision_note"))
        .col(uuid_null("requested_by"))
        .col(timestamp_with_time_zone("requested_at"))
        .col(uuid_null("decided_by"))
        .col(timestamp_with_time_zone_null("decided_at"))
        .col(timestamp_with_time_zone_null("approved_at"))
        .col(timestamp_with_time_zone_null("starts_at"))
        .col(timestamp_with_time_zone_null("ends_at"))
        .col(integer_null("terms_revision"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "provider_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "consumer_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "application_id",
            "application",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "product_id",
            "product",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("plan_id", "plan", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(subscription).await?;
    let one_open = statement(
        "one_open",
        "subscription",
        &["application_id", "product_id"],
    )
    .unique()
    .cond_where(Expr::col("state").is_in(["pending", "approved", "suspended"]))
    .to_owned();
    manager.create_index(one_open).await?;
    index(manager, "subscription", &["application_id", "requested_at"]).await?;
    index(
        manager,
        "subscription",
        &["provider_id", "state", "requested_at"],
    )
    .await?;
    index(manager, "subscription", &["consumer_id", "requested_at"]).await?;
    index(manager, "subscription", &["product_id", "state"]).await?;
    index(manager, "subscription", &["plan_id", "state"]).await?;
    index(manager, "subscription", &["ends_at"]).await
}
