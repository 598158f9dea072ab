//! What a database has of a migrator, also when a newer release has been there first: two releases
//! that follow each other run on one schema. The library itself refuses a database with migrations
//! that it does not know.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use sea_orm::DatabaseConnection;
use sea_orm_migration::prelude::*;
use sea_orm_migration::seaql_migrations::Model;

/// The migrator `M`, which passes over what a newer release has applied.
pub(crate) struct Own<M>(PhantomData<M>);

#[async_trait::async_trait]
impl<M: MigratorTrait + 'static> MigratorTrait for Own<M> {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        M::migrations()
    }

    fn migration_table_name() -> DynIden {
        M::migration_table_name()
    }

    async fn get_migration_models<C>(db: &C) -> Result<Vec<Model>, DbErr>
    where
        C: ConnectionTrait,
    {
        let mut applied = M::get_migration_models(db).await?;
        let own = names::<M>();
        applied.retain(|row| own.contains(&row.version));
        Ok(applied)
    }
}

/// Names of its migrations that the database lacks, in the order in which they run.
pub(crate) async fn lacking<M: MigratorTrait>(
    db: &DatabaseConnection,
) -> Result<Vec<String>, DbErr> {
    let applied = applied::<M>(db).await?;
    let own = names::<M>().into_iter();
    Ok(own.filter(|name| !applied.contains(name)).collect())
}

/// Names of applied migrations that are none of its own.
pub(crate) async fn newer<M: MigratorTrait>(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let own = names::<M>();
    let applied = applied::<M>(db).await?.into_iter();
    Ok(applied.filter(|name| !own.contains(name)).collect())
}

fn names<M: MigratorTrait>() -> Vec<String> {
    let own = M::migrations();
    own.iter().map(|one| one.name().to_owned()).collect()
}

/// Only reads: whoever asks need not be allowed to make the table, which an empty database has not.
async fn applied<M: MigratorTrait>(db: &DatabaseConnection) -> Result<BTreeSet<String>, DbErr> {
    let table = M::migration_table_name();
    if !SchemaManager::new(db).has_table(table.to_string()).await? {
        return Ok(BTreeSet::new());
    }
    let versions = Query::select().column("version").from(table).to_owned();
    let rows = db.query_all(&versions).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

#[cfg(test)]
mod tests {
    use sea_orm::Database;

    use super::*;
    use crate::testing::{TestDatabase, each_backend, each_empty_backend};

    const NONE: [&str; 0] = [];

    async fn open(database: &TestDatabase) -> [DatabaseConnection; 2] {
        let main = Database::connect(&database.url).await.unwrap();
        let traffic = Database::connect(&database.traffic_url).await.unwrap();
        [main, traffic]
    }

    async fn write(db: &DatabaseConnection, statement: &str) {
        db.execute_unprepared(statement).await.unwrap();
    }

    #[tokio::test]
    async fn an_empty_database_lacks_all_and_has_nothing_newer() {
        each_empty_backend(async |database| {
            let [main, traffic] = open(&database).await;
            let all = [
                names::<crate::configuration::Migrator>(),
                names::<crate::traffic::Migrator>(),
            ];
            let missing = crate::pending(&main, &traffic).await.unwrap();
            assert_eq!(missing, all.concat());
            assert_eq!(crate::newer(&main, &traffic).await.unwrap(), NONE);
        })
        .await;
    }

    #[tokio::test]
    async fn a_database_of_a_newer_release_is_good_as_it_is() {
        each_backend(async |database| {
            let [main, traffic] = open(&database).await;
            for (db, table) in [
                (&main, "migration_configuration"),
                (&traffic, "migration_traffic"),
            ] {
                let row = format!("INSERT INTO {table} VALUES ('m9999_later', 1)");
                write(db, &row).await;
            }
            let later = ["m9999_later", "m9999_later"];
            assert_eq!(crate::pending(&main, &traffic).await.unwrap(), NONE);
            assert_eq!(crate::newer(&main, &traffic).await.unwrap(), later);
            crate::up(&main, &traffic).await.unwrap();
            assert_eq!(crate::newer(&main, &traffic).await.unwrap(), later);
            // What it lacks of ours it is given all the same.
            let lacked = "m0018_schema";
            let forget = format!("DELETE FROM migration_configuration WHERE version = '{lacked}'");
            write(&main, &forget).await;
            write(&main, "DELETE FROM setting WHERE name = 'schema'").await;
            assert_eq!(crate::pending(&main, &traffic).await.unwrap(), [lacked]);
            crate::up(&main, &traffic).await.unwrap();
            assert_eq!(crate::pending(&main, &traffic).await.unwrap(), NONE);
            assert_eq!(crate::newer(&main, &traffic).await.unwrap(), later);
        })
        .await;
    }
}
