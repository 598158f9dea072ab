//! The schema of both databases, as migrations, and databases for tests.
//!
//! Configuration and traffic have migrators and migration tables of their own: on SQLite they are
//! two files, on PostgreSQL one database. Migrations only ever add.

// `MigrationTrait` hides a lifetime in the signature that each migration has to repeat.
#![allow(elided_lifetimes_in_paths)]

mod applied;
pub mod configuration;
mod piece;
pub mod testing;
pub mod traffic;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use applied::{Own, lacking};

/// Key of the PostgreSQL advisory lock under which migrations run ("ptnmigr" in ASCII).
const LOCK: i64 = 0x0070_746e_6d69_6772;

/// Brings both databases to this version's schema. On PostgreSQL the two are the same connection.
/// Several processes may call it at once: one works, the others wait and find nothing to do. What a
/// newer release has applied stays as it is.
pub async fn up(main: &DatabaseConnection, traffic: &DatabaseConnection) -> Result<(), DbErr> {
    run::<configuration::Migrator>(main).await?;
    run::<traffic::Migrator>(traffic).await
}

/// Names of migrations that a database still lacks, configuration first. Changes nothing.
pub async fn pending(
    main: &DatabaseConnection,
    traffic: &DatabaseConnection,
) -> Result<Vec<String>, DbErr> {
    let mut missing = lacking::<configuration::Migrator>(main).await?;
    missing.extend(lacking::<traffic::Migrator>(traffic).await?);
    Ok(missing)
}

/// Names of applied migrations that this release does not know, configuration first: a newer one has
/// been there. Changes nothing.
pub async fn newer(
    main: &DatabaseConnection,
    traffic: &DatabaseConnection,
) -> Result<Vec<String>, DbErr> {
    let mut unknown = applied::newer::<configuration::Migrator>(main).await?;
    unknown.extend(applied::newer::<traffic::Migrator>(traffic).await?);
    Ok(unknown)
}

/// All in one transaction: a migration that fails, or a power cut, leaves the old schema.
async fn run<M: MigratorTrait + 'static>(db: &DatabaseConnection) -> Result<(), DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
    }
    Own::<M>::up(&tx, None).await?;
    tx.commit().await
}
