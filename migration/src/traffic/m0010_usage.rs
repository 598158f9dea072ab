//! Sums by what dashboards ask, into which the rows of minutes are moved, and how far the hours from
//! before there were such sums are copied. A former release goes on with minutes and hours.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

/// Key of the lock under which rollups are merged: a batch and this migration would wait for each
/// other's rows.
const ROLLUP_LOCK: i64 = 0x0070_746e_726f_6c6c;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["usage_minute", "usage_hour", "usage_day"] {
            usage(manager, table).await?;
        }
        let past = Table::create()
            .table("usage_past")
            .col(big_integer("next"))
            .col(big_integer("until"))
            .to_owned();
        manager.create_table(past).await?;
        history(manager).await
    }
}

async fn usage(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table(name)
        .col(uuid("scope"))
        .col(small_integer("kind"))
        .col(big_integer("at"))
        .col(uuid("member"))
        .col(uuid("part"))
        .col(small_integer("environment"));
    for sum in [
        "count",
        "client_errors",
        "server_errors",
        "bytes_in",
        "bytes_out",
        "cache_hits",
        "cache_stale",
        "cache_misses",
        "cache_passes",
    ] {
        table.col(big_integer(sum));
    }
    table.col(blob("latency")).primary_key(
        Index::create()
            .col("scope")
            .col("kind")
            .col("at")
            .col("member")
            .col("part")
            .col("environment"),
    );
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    manager.create_table(table).await?;
    index(manager, name, &["at"]).await
}

/// What is a day old is copied from its hours, so its minutes are not needed; the minutes of the
/// last day are all there, and are moved.
async fn history(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let hours = match manager.get_database_backend() {
        DbBackend::Postgres => {
            db.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ROLLUP_LOCK})"))
                .await?;
            "CAST(floor(extract(epoch FROM clock_timestamp()) / 3600) AS bigint)"
        }
        _ => "unixepoch() / 3600",
    };
    db.execute_unprepared(&format!(
        "INSERT INTO usage_past (next, until) SELECT first, last FROM \
         (SELECT (SELECT MIN(at) FROM rollup_hour) AS first, ({hours} - 24) * 3600000000 AS last) \
         AS history WHERE first < last"
    ))
    .await?;
    db.execute_unprepared("DELETE FROM rollup_minute WHERE at < (SELECT until FROM usage_past)")
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::testing::each_empty_backend;
    use crate::traffic::Migrator;

    const HOUR: i64 = 3_600_000_000;

    async fn write(db: &DatabaseConnection, table: &str, at: i64) {
        let (nil, blob) = match db.get_database_backend() {
            DbBackend::Postgres => ("'00000000-0000-0000-0000-000000000000'", "'\\x01'"),
            _ => ("x'00000000000000000000000000000000'", "x'01'"),
        };
        let ids = [nil; 6].join(", ");
        db.execute_unprepared(&format!(
            "INSERT INTO {table} (provider, consumer, version, operation, plan, application, \
             at, environment, class, count, bytes_in, bytes_out, latency) \
             VALUES ({ids}, {at}, 0, 2, 1, 1, 1, {blob})"
        ))
        .await
        .unwrap();
    }

    async fn read(db: &DatabaseConnection, sql: &str) -> Vec<i64> {
        let read = Statement::from_string(db.get_database_backend(), sql);
        let rows = db.query_all_raw(read).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn what_is_a_day_old_is_left_to_hours() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let hour = i64::try_from(now.as_secs()).unwrap() / 3600 * HOUR;
        let (old, new) = (
            [hour - 100 * HOUR, hour - 30 * HOUR],
            [hour - 3 * HOUR, hour],
        );
        let all = || old.into_iter().chain(new);
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(9)).await.unwrap();
            for at in all() {
                write(&db, "rollup_hour", at).await;
                write(&db, "rollup_minute", at).await;
            }
            Migrator::up(&db, None).await.unwrap();
            assert_eq!(read(&db, "SELECT next FROM usage_past").await, old[..1]);
            let until = read(&db, "SELECT until FROM usage_past").await;
            // Another hour may have begun.
            assert!(
                until == [hour - 24 * HOUR] || until == [hour - 23 * HOUR],
                "{until:?}"
            );
            let minutes = read(&db, "SELECT at FROM rollup_minute ORDER BY at").await;
            assert_eq!(minutes, new);
            let hours = read(&db, "SELECT at FROM rollup_hour ORDER BY at").await;
            assert_eq!(hours, all().collect::<Vec<i64>>());
            // A former release goes on.
            write(&db, "rollup_minute", hour + HOUR).await;
            db.close().await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_young_or_nothing_has_no_past() {
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(9)).await.unwrap();
            // Of a clock that is ahead.
            write(&db, "rollup_hour", 1 << 60).await;
            write(&db, "rollup_minute", 1 << 60).await;
            Migrator::up(&db, None).await.unwrap();
            assert!(read(&db, "SELECT next FROM usage_past").await.is_empty());
            assert_eq!(read(&db, "SELECT at FROM rollup_minute").await, [1 << 60]);
            db.close().await.unwrap();
        })
        .await;
    }
}
