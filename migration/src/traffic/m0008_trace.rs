//! Of which trace a request was, in the log. A former release goes on with it, as the column may be
//! left out: what it writes is of none.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("request")
            .add_column(text_null("trace_id"))
            .to_owned();
        manager.alter_table(column).await?;
        // Most requests are of no trace and cost the index nothing. Who asks for a trace finds it
        // all the same: both databases know that what equals something is not NULL.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE INDEX request_by_trace_id ON request (trace_id) WHERE trace_id IS NOT NULL",
            )
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::testing::each_empty_backend;
    use crate::traffic::Migrator;

    #[tokio::test]
    async fn what_was_logged_is_of_no_trace_and_a_former_release_goes_on() {
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(7)).await.unwrap();
            let run = async |sql: &str| db.execute_unprepared(sql).await.unwrap();
            let (nil, no) = match database.backend {
                DbBackend::Postgres => ("'00000000-0000-0000-0000-000000000000'", "false"),
                _ => ("x'00000000000000000000000000000000'", "0"),
            };
            if database.backend == DbBackend::Postgres {
                run("CREATE TABLE request_x PARTITION OF request FOR VALUES FROM (0) TO (10)")
                    .await;
            }
            // As a release that knows no traces writes it.
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
            let all = "SELECT trace_id FROM request ORDER BY at";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), all))
                .await
                .unwrap();
            let found: Vec<Option<String>> = rows
                .iter()
                .map(|row| row.try_get("", "trace_id").unwrap())
                .collect();
            assert_eq!(found, [None, None]);
            db.close().await.unwrap();
        })
        .await;
    }
}
