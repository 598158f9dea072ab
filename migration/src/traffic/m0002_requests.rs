//! The request log, its rollups, and which batches are in them.
//!
//! Times are whole microseconds since 1970: half the size of a timestamp's text in SQLite, and
//! the same order everywhere.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let batch = Table::create()
            .table("traffic_batch")
            .col(pk_uuid("id"))
            .col(big_integer("records"))
            .col(big_integer("at"))
            .to_owned();
        manager.create_table(batch).await?;
        index(manager, "traffic_batch", &["at"]).await?;

        requests(manager).await?;
        rollup(manager, "rollup_minute").await?;
        rollup(manager, "rollup_hour").await
    }
}

/// On PostgreSQL partitioned by day, so that retention drops tables instead of deleting rows; the
/// writer makes the partitions.
async fn requests(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let postgres = manager.get_database_backend() == DbBackend::Postgres;
    let mut table = Table::create();
    table.table("request");
    if postgres {
        manager
            .get_connection()
            .execute_unprepared("CREATE SEQUENCE request_number AS bigint")
            .await?;
        table
            .col(big_integer("id").default(Expr::cust("nextval('request_number')")))
            .primary_key(Index::create().col("id").col("at"))
            .extra("PARTITION BY RANGE (at)");
    } else {
        table.col(big_pk_auto("id"));
    }
    table.col(big_integer("at"));
    for column in ["request_id", "node"] {
        table.col(text(column));
    }
    table.col(big_integer("state"));
    for column in ["provider", "consumer", "api", "version"] {
        table.col(uuid(column));
    }
    table.col(integer("revision"));
    for column in [
        "operation",
        "application",
        "credential",
        "subscription",
        "plan",
    ] {
        table.col(uuid(column));
    }
    table.col(small_integer("environment"));
    for column in ["client", "method", "path"] {
        table.col(text(column));
    }
    table
        .col(boolean("path_cut"))
        .col(small_integer("status"))
        .col(text("code"))
        .col(text("decided_by"))
        .col(big_integer("observed"))
        .col(text("target"))
        .col(small_integer("tries"));
    for column in [
        "bytes_in",
        "bytes_out",
        "total_us",
        "policies_us",
        "connect_us",
        "first_byte_us",
        "units",
    ] {
        table.col(big_integer(column));
    }
    manager.create_table(table).await?;
    index(manager, "request", &["provider", "at"]).await?;
    index(manager, "request", &["consumer", "at"]).await?;
    index(manager, "request", &["request_id"]).await
}

/// An absent dimension is the zero id: NULL never conflicts, so an upsert would duplicate.
async fn rollup(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    let mut key = Index::create();
    let mut table = Table::create();
    table
        .table(name)
        .col(uuid("provider"))
        .col(big_integer("at"));
    key.col("provider").col("at");
    for column in ["consumer", "version", "operation", "plan", "application"] {
        table.col(uuid(column));
        key.col(column);
    }
    for column in ["environment", "class"] {
        table.col(small_integer(column));
        key.col(column);
    }
    table
        .col(big_integer("count"))
        .col(big_integer("bytes_in"))
        .col(big_integer("bytes_out"))
        .col(blob("latency"))
        .primary_key(&mut key);
    if manager.get_database_backend() == DbBackend::Sqlite {
        // The key is most of the row: keep it once.
        table.extra("WITHOUT ROWID");
    }
    manager.create_table(table).await?;
    index(manager, name, &["consumer", "at"]).await?;
    index(manager, name, &["at"]).await
}
