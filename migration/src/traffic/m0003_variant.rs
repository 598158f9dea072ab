//! Which variant of an upstream a request went to, in the log and in rollups of their own. A former
//! release goes on with the log, as the column has a default.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("request")
            .add_column(text("variant").default(""))
            .to_owned();
        manager.alter_table(column).await?;
        rollup(manager, "variant_minute").await?;
        rollup(manager, "variant_hour").await
    }
}

/// Not a dimension of the other rollups, whose rows it would multiply.
async fn rollup(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table(name)
        .col(uuid("provider"))
        .col(big_integer("at"))
        .col(uuid("version"))
        .col(small_integer("environment"))
        .col(text("variant"))
        .col(small_integer("class"))
        .col(big_integer("count"))
        .col(big_integer("bytes_in"))
        .col(big_integer("bytes_out"))
        .col(blob("latency"))
        .primary_key(
            Index::create()
                .col("provider")
                .col("at")
                .col("version")
                .col("environment")
                .col("variant")
                .col("class"),
        );
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    manager.create_table(table).await?;
    index(manager, name, &["at"]).await
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::testing::each_empty_backend;
    use crate::traffic::Migrator;

    #[tokio::test]
    async fn what_was_logged_stays_and_a_former_release_goes_on() {
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(2)).await.unwrap();
            let run = async |sql: &str| db.execute_unprepared(sql).await.unwrap();
            let (nil, no) = match database.backend {
                DbBackend::Postgres => ("'00000000-0000-0000-0000-000000000000'", "false"),
                _ => ("x'00000000000000000000000000000000'", "0"),
            };
            if database.backend == DbBackend::Postgres {
                run("CREATE TABLE request_x PARTITION OF request FOR VALUES FROM (0) TO (10)")
                    .await;
            }
            // As a release without variants writes it.
            let log = async |at: u8| {
                let ids = [nil; 9].join(", ");
                run(&format!(
                    "INSERT INTO request (at, provider, consumer, api, version, operation, application, \
                     credential, subscription, plan, request_id, node, client, method, path, code, \
                     decided_by, target, path_cut, state, revision, environment, status, observed, tries, \
                     bytes_in, bytes_out, total_us, policies_us, connect_us, first_byte_us, units) \
                     VALUES ({at}, {ids}, 'r', 'n', '', 'GET', '/', '', '', 't', {no}, \
                     1, 1, 0, 200, 0, 1, 0, 0, 1, 1, 1, 1, 1)"
                ))
                .await
            };
            log(1).await;
            Migrator::up(&db, None).await.unwrap();
            log(2).await;
            let all = "SELECT target, variant FROM request ORDER BY at";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), all))
                .await
                .unwrap();
            let found: Vec<[String; 2]> = rows
                .iter()
                .map(|row| ["target", "variant"].map(|name| row.try_get("", name).unwrap()))
                .collect();
            assert_eq!(found, [["t", ""], ["t", ""]]);
            db.close().await.unwrap();
        })
        .await;
    }
}
