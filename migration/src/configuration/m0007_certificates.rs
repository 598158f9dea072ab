//! Certificates, what hosts ask of a connection, and what the gateway shows to upstreams that ask
//! for a certificate. All new; a former release goes on beside it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        certificates(manager).await?;
        hosts(manager).await?;
        // SQLite adds one column at a time.
        for column in ["client_certificate", "client_key"] {
            let upstream = Table::alter()
                .table("upstream")
                .add_column(text_null(column))
                .to_owned();
            manager.alter_table(upstream).await?;
        }
        Ok(())
    }
}

async fn certificates(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let certificate = Table::create()
        .table("certificate")
        .col(pk_uuid("id"))
        // None: the platform's.
        .col(uuid_null("organization_id"))
        .col(text("name"))
        // Also shown to clients that name no host.
        .col(boolean("is_default"))
        // PEM, the host's own first.
        .col(text("chain"))
        // Sealed for (organization, certificate) with the gateway's key ring.
        .col(text("key"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(certificate).await?;
    index(manager, "certificate", &["organization_id", "name"]).await?;

    // Its primary key makes two certificates for one host impossible.
    let host = Table::create()
        .table("certificate_host")
        .col(text("host").primary_key())
        .col(uuid("certificate_id"))
        .foreign_key(&mut belongs(
            "certificate_id",
            "certificate",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(host).await?;
    index(manager, "certificate_host", &["certificate_id"]).await
}

async fn hosts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let host = Table::create()
        .table("host")
        .col(pk_uuid("id"))
        // None: the platform's.
        .col(uuid_null("organization_id"))
        .col(text("host").unique_key())
        // `required` or `optional`; none: as its certificate says.
        .col(text_null("tls"))
        // PEM of the authorities of client certificates.
        .col(text_null("client_ca"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(host).await?;
    index(manager, "host", &["organization_id"]).await
}
