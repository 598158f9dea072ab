//! Versions of one API may share host and path: what tells them apart becomes part of the key of
//! `route`. SQLite cannot change a primary key, so the table is made anew on both databases; a
//! former release goes on with it, as the new columns have defaults.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, uuid};

use crate::piece::{belongs, index};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let former = Table::rename().table("route", "former_route").to_owned();
        manager.rename_table(former).await?;
        // Names of indexes are unique in a database, and the old ones go on with the table.
        for column in ["version_id", "organization_id"] {
            let old = Index::drop()
                .name(format!("route_by_{column}"))
                .table("former_route")
                .to_owned();
            manager.drop_index(old).await?;
        }
        let route = Table::create()
            .table("route")
            // Empty: any host.
            .col(text("host"))
            .col(text("path"))
            // What requests are told apart by, in words; empty: nothing.
            .col(text("selector").default(""))
            // JSON of the route; empty: nothing but host and path.
            .col(text("rule").default(""))
            .col(uuid("version_id"))
            .col(uuid("organization_id"))
            .primary_key(Index::create().name("route_place").col("host").col("path").col("selector"))
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
        let copied = "INSERT INTO route (host, path, version_id, organization_id) \
                      SELECT host, path, version_id, organization_id FROM former_route";
        manager.get_connection().execute_unprepared(copied).await?;
        manager
            .drop_table(Table::drop().table("former_route").to_owned())
            .await?;
        index(manager, "route", &["version_id"]).await?;
        index(manager, "route", &["organization_id"]).await
    }
}
