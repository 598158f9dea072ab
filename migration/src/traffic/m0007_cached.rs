//! What caches did with requests, in the log and as sums of every rollup. A former release goes on
//! with both, as the columns have defaults: what it writes met no cache.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, "request", small_integer("cached")).await?;
        for table in ["rollup_minute", "rollup_hour"] {
            for column in ["cache_hits", "cache_stale", "cache_misses", "cache_passes"] {
                add(manager, table, big_integer(column)).await?;
            }
        }
        Ok(())
    }
}

/// SQLite takes one column in a statement.
async fn add(
    manager: &SchemaManager<'_>,
    table: &'static str,
    mut column: ColumnDef,
) -> Result<(), DbErr> {
    let altered = Table::alter()
        .table(table)
        .add_column(column.default(0))
        .to_owned();
    manager.alter_table(altered).await
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::testing::each_empty_backend;
    use crate::traffic::Migrator;

    #[tokio::test]
    async fn what_was_summed_stays_and_a_former_release_goes_on() {
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(5)).await.unwrap();
            let (nil, blob) = match database.backend {
                DbBackend::Postgres => ("'00000000-0000-0000-0000-000000000000'", "'\\x00'"),
                _ => ("x'00000000000000000000000000000000'", "x'00'"),
            };
            // As a release that knows no cache writes it.
            let sum = async |at: u8| {
                let ids = [nil; 6].join(", ");
                db.execute_unprepared(&format!(
                    "INSERT INTO rollup_minute (provider, consumer, version, operation, plan, application, \
                     at, environment, class, count, bytes_in, bytes_out, latency) \
                     VALUES ({ids}, {at}, 0, 2, 1, 1, 1, {blob}) \
                     ON CONFLICT (provider, at, consumer, version, operation, plan, application, environment, class) \
                     DO UPDATE SET count = excluded.count"
                ))
                .await
                .unwrap()
            };
            sum(1).await;
            Migrator::up(&db, None).await.unwrap();
            sum(1).await;
            sum(2).await;
            let all = "SELECT count, cache_hits, cache_stale, cache_misses, cache_passes FROM rollup_minute ORDER BY at";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), all))
                .await
                .unwrap();
            let names = ["count", "cache_hits", "cache_stale", "cache_misses", "cache_passes"];
            let found: Vec<[i64; 5]> = rows
                .iter()
                .map(|row| names.map(|name| row.try_get("", name).unwrap()))
                .collect();
            assert_eq!(found, [[1, 0, 0, 0, 0]; 2]);
            db.close().await.unwrap();
        })
        .await;
    }
}
