//! Which end of a credential its holders were told of, once it had come and ahead of it, and indexes by
//! which those are found who have not been. A former release goes on beside it, as the columns may be
//! empty; it tells of nothing. Ends that came before are told to nobody.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// In the words of `entity::credential`, so that both databases find these rows by the index.
const BY_END: &str = "CREATE INDEX credential_by_end \
    ON credential ((CASE WHEN expires_at < retires_at THEN expires_at \
    ELSE COALESCE(retires_at, expires_at) END)) \
    WHERE revoked_at IS NULL AND told_end IS DISTINCT FROM \
    (CASE WHEN expires_at < retires_at THEN expires_at \
    ELSE COALESCE(retires_at, expires_at) END)";
const BY_EXPIRY: &str = "CREATE INDEX credential_by_expiry \
    ON credential (expires_at) \
    WHERE revoked_at IS NULL AND retires_at IS NULL AND told_ahead IS DISTINCT FROM expires_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in ["told_end", "told_ahead"] {
            let table = Table::alter()
                .table("credential")
                .add_column(timestamp_with_time_zone_null(column))
                .to_owned();
            manager.alter_table(table).await?;
        }
        // SQLite keeps times as texts of this form, which sort as the times do.
        let now = match manager.get_database_backend() {
            DbBackend::Postgres => "now()",
            _ => "strftime('%Y-%m-%dT%H:%M:%S', 'now')",
        };
        let over = format!(
            "UPDATE credential SET told_end = COALESCE(retires_at, expires_at) \
             WHERE COALESCE(retires_at, expires_at) <= {now}"
        );
        // One that was rolled could be said to outlive its own expiry, which it never did.
        let cut = "UPDATE credential SET retires_at = expires_at WHERE retires_at > expires_at";
        let db = manager.get_connection();
        for statement in [cut, over.as_str(), BY_END, BY_EXPIRY] {
            db.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::configuration::Migrator;
    use crate::testing::each_empty_backend;

    #[tokio::test]
    async fn what_ended_before_is_told_to_nobody() {
        each_empty_backend(async |database| {
            let mut options = ConnectOptions::new(&database.url);
            options.max_connections(1).min_connections(1);
            let db = Database::connect(options).await.unwrap();
            Migrator::up(&db, Some(18)).await.unwrap();
            // Only the one table counts here, not whose its rows are.
            let (alone, blob) = match database.backend {
                DbBackend::Postgres => ("SET session_replication_role = replica", "'"),
                _ => ("PRAGMA foreign_keys = OFF", "x'"),
            };
            db.execute_unprepared(alone).await.unwrap();
            const PAST: &str = "'2020-01-01T00:00:00+00:00'";
            const FUTURE: &str = "'2120-01-01T00:00:00+00:00'";
            let rows = [
                ("ended", PAST, "NULL"),
                ("ending", FUTURE, "NULL"),
                ("endless", "NULL", "NULL"),
                ("outlived", PAST, FUTURE),
                ("retired", FUTURE, PAST),
                ("retiring", "NULL", FUTURE),
            ];
            for (number, (name, expires_at, retires_at)) in rows.into_iter().enumerate() {
                let id = format!("{blob}{number:032x}'");
                let row = format!(
                    "INSERT INTO credential (id, organization_id, application_id, kind, digest, \
                     display_id, name, environment, cidrs, created_at, expires_at, retires_at, etag) \
                     VALUES ({id}, {id}, {id}, 'key', {id}, 'd', '{name}', 'live', '[]', {PAST}, \
                     {expires_at}, {retires_at}, 1)"
                );
                db.execute_unprepared(&row).await.unwrap();
            }
            Migrator::up(&db, None).await.unwrap();
            let told = "SELECT name FROM credential \
                        WHERE told_end = COALESCE(retires_at, expires_at) ORDER BY name";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), told))
                .await
                .unwrap();
            let told: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("", "name").unwrap())
                .collect();
            assert_eq!(told, ["ended", "outlived", "retired"]);
            db.close().await.unwrap();
        })
        .await;
    }
}
