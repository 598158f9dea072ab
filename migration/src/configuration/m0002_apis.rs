//! APIs with their versions, drafts, revisions and documents, and the upstreams behind them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index, unique};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        upstreams(manager).await?;
        apis(manager).await?;
        versions(manager).await?;
        documents(manager).await?;
        drafts_and_revisions(manager).await?;
        routes(manager).await
    }
}

async fn upstreams(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let upstream = Table::create()
        .table("upstream")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("team_id"))
        .col(text("name"))
        .col(text("settings"))
        // Sealed for (organization, upstream) with the gateway's key ring.
        .col(text_null("credential"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Restrict))
        .to_owned();
    manager.create_table(upstream).await?;
    unique(manager, "upstream", &["organization_id", "name"]).await?;
    index(manager, "upstream", &["team_id"]).await
}

async fn apis(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let api = Table::create()
        .table("api")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("team_id"))
        .col(text("slug"))
        .col(text("name"))
        .col(text("summary"))
        .col(text("description"))
        .col(text("category"))
        .col(text("tags"))
        .col(text("labels"))
        .col(text("visibility"))
        .col(text("policies"))
        // Name, summary, category and tags in lower case: what the catalog searches.
        .col(text("search"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("team_id", "team", ForeignKeyAction::Restrict))
        .to_owned();
    manager.create_table(api).await?;
    unique(manager, "api", &["organization_id", "slug"]).await?;
    index(manager, "api", &["team_id"]).await?;
    index(manager, "api", &["visibility", "name"]).await
}

async fn versions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let version = Table::create()
        .table("version")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(uuid("api_id"))
        .col(text("slug"))
        .col(text("state"))
        .col(boolean("enabled"))
        // No foreign key: revision points here, and a circle cannot be created in one step.
        .col(uuid_null("current_revision_id"))
        .col(timestamp_with_time_zone_null("sunset_at"))
        .col(uuid_null("successor_id"))
        .col(text("message"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs("api_id", "api", ForeignKeyAction::Cascade))
        .to_owned();
    manager.create_table(version).await?;
    unique(manager, "version", &["api_id", "slug"]).await?;
    index(manager, "version", &["organization_id"]).await?;
    index(manager, "version", &["state"]).await?;

    // The id of method and template is kept over revisions, so that traffic can be compared.
    let operation = Table::create()
        .table("operation")
        .col(pk_uuid("id"))
        .col(uuid("version_id"))
        .col(text("method"))
        .col(text("template"))
        .col(text("summary"))
        .foreign_key(&mut belongs(
            "version_id",
            "version",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(operation).await?;
    unique(manager, "operation", &["version_id", "method", "template"]).await
}

async fn documents(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let document = Table::create()
        .table("document")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        // `json` or `yaml`: what the bytes are written in.
        .col(text("format"))
        .col(text("title"))
        .col(text("openapi"))
        .col(big_integer("size"))
        .col(blob("sha256"))
        // Exactly as imported.
        .col(blob("content"))
        // The normalised form as JSON, a cache; empty when the importer's form has changed.
        .col(text("model"))
        .col(text("findings"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(document).await?;
    index(manager, "document", &["organization_id", "sha256"]).await
}

async fn drafts_and_revisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let draft = Table::create()
        .table("draft")
        .col(pk_uuid("version_id"))
        // JSON: route, upstreams, policies, operations.
        .col(text("settings"))
        .col(uuid_null("document_id"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(uuid_null("updated_by"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "version_id",
            "version",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "document_id",
            "document",
            ForeignKeyAction::Restrict,
        ))
        .to_owned();
    manager.create_table(draft).await?;
    index(manager, "draft", &["document_id"]).await?;

    let revision = Table::create()
        .table("revision")
        .col(pk_uuid("id"))
        .col(uuid("version_id"))
        .col(integer("number"))
        .col(uuid_null("document_id"))
        // JSON of `domain::snapshot::Revision`.
        .col(text("snapshot"))
        .col(text("note"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by"))
        .foreign_key(&mut belongs(
            "version_id",
            "version",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "document_id",
            "document",
            ForeignKeyAction::Restrict,
        ))
        .to_owned();
    manager.create_table(revision).await?;
    unique(manager, "revision", &["version_id", "number"]).await?;
    index(manager, "revision", &["document_id"]).await
}

/// Who holds which place in the gateways' address space. The index makes a clash impossible, also
/// for two that publish at the same moment.
async fn routes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let route = Table::create()
        .table("route")
        // Empty: any host.
        .col(text("host"))
        .col(text("path"))
        .col(uuid("version_id"))
        .col(uuid("organization_id"))
        .primary_key(Index::create().col("host").col("path"))
        .foreign_key(&mut belongs(
            "version_id",
            "version",
            ForeignKeyAction::Cascade,
        ))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(route).await?;
    index(manager, "route", &["version_id"]).await?;
    index(manager, "route", &["organization_id"]).await
}
