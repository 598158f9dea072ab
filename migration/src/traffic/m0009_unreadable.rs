//! How many objects of its state a node cannot read. A former release goes on with it, as the column
//! has a default.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("node")
            .add_column(big_integer("unreadable").default(0))
            .to_owned();
        manager.alter_table(column).await
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    use crate::testing::each_empty_backend;
    use crate::traffic::Migrator;

    #[tokio::test]
    async fn nodes_that_reported_stay_and_a_former_release_goes_on() {
        each_empty_backend(async |database| {
            let db = Database::connect(&database.traffic_url).await.unwrap();
            Migrator::up(&db, Some(8)).await.unwrap();
            let id = |last: u8| match database.backend {
                DbBackend::Postgres => format!("'00000000-0000-0000-0000-0000000000{last:02}'"),
                _ => format!("x'000000000000000000000000000000{last:02}'"),
            };
            // As a release that does not tell it writes it.
            let report = async |last: u8| {
                let (id, at) = (id(last), "'2026-11-21 12:00:00+00:00'");
                db.execute_unprepared(&format!(
                    "INSERT INTO node (id, name, kind, version, \"group\", region, state, cpu, memory, \
                     connections, dropped, started_at, last_seen_at) \
                     VALUES ({id}, 'n', 'gateway', '0', '', '', 1, 0.5, 1, 1, 0, {at}, {at})"
                ))
                .await
                .unwrap()
            };
            report(1).await;
            Migrator::up(&db, None).await.unwrap();
            report(2).await;
            let all = "SELECT unreadable FROM node";
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), all))
                .await
                .unwrap();
            let found: Vec<i64> = rows
                .iter()
                .map(|row| row.try_get("", "unreadable").unwrap())
                .collect();
            assert_eq!(found, [0, 0]);
            db.close().await.unwrap();
        })
        .await;
    }
}
