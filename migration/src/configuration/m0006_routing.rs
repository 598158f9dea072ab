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
            .primary_key(
                Index::create()
                    .name("route_place")
                    .col("host")
                    .col("path")
                    .col("selector"),
            )
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

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::configuration::Migrator;
    use crate::testing::each_empty_backend;

    #[tokio::test]
    async fn routes_stay_where_they_are() {
        each_empty_backend(async |database| {
            let mut options = ConnectOptions::new(&database.url);
            options.max_connections(1).min_connections(1);
            let db = Database::connect(options).await.unwrap();
            Migrator::up(&db, Some(5)).await.unwrap();
            let run = async |sql: &str| db.execute_unprepared(sql).await;
            // Only the one table counts here, not whose its rows are.
            let (alone, blob) = match database.backend {
                DbBackend::Postgres => ("SET session_replication_role = replica", "'"),
                _ => ("PRAGMA foreign_keys = OFF", "x'"),
            };
            run(alone).await.unwrap();
            let put = async |host: &str, selector: &str, id: u8| {
                let (columns, values) = match selector {
                    "" => ("", String::new()),
                    selector => ("selector, ", format!("'{selector}', ")),
                };
                run(&format!(
                    "INSERT INTO route (host, path, {columns}version_id, organization_id) \
                     VALUES ('{host}', '/shop', {values}{blob}{id:032x}', {blob}{:032x}')",
                    9
                ))
                .await
            };
            put("", "", 1).await.unwrap();
            put("x.org", "", 2).await.unwrap();
            Migrator::up(&db, None).await.unwrap();

            put("", "", 3).await.unwrap_err();
            put("y.org", "", 3).await.unwrap();
            put("", "query v = 2", 4).await.unwrap();
            let all = "SELECT host, path, selector, rule FROM route ORDER BY version_id";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), all))
                .await
                .unwrap();
            let found: Vec<[String; 4]> = rows
                .iter()
                .map(|row| {
                    ["host", "path", "selector", "rule"].map(|name| row.try_get("", name).unwrap())
                })
                .collect();
            let expected = [
                ["", "/shop", "", ""],
                ["x.org", "/shop", "", ""],
                ["y.org", "/shop", "", ""],
                ["", "/shop", "query v = 2", ""],
            ];
            assert_eq!(found, expected);
            db.close().await.unwrap();
        })
        .await;
    }
}
