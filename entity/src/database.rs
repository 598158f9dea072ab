//! Both databases: how they are opened, and the transactions in which they are read and written.

mod error;
mod listen;
mod open;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, SqlErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

pub use error::DatabaseError;
pub use listen::{CHANGE_CHANNEL, ChangeListener, Heard, listen};
pub use open::{DatabaseSettings, connect, connect_later};

/// How long connections have to come back and say good-bye.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(10);

/// Key of the advisory lock that serializes the writers of what people edit ("ptnwrit" in ASCII).
const WRITE_LOCK: i64 = 0x0070_746e_7772_6974;

/// The two databases. On PostgreSQL they are one database with a pool each, so that a flood of
/// traffic never takes the connections of the management plane.
#[derive(Debug, Clone)]
pub struct Databases {
    /// Configuration and audit: what people edit.
    pub main: DatabaseConnection,
    /// What gateways report.
    pub traffic: DatabaseConnection,
}

impl Databases {
    /// Closes both pools after what they are doing; SQLite writes its log back into the file.
    /// A connection that a broken line has left behind is not waited for.
    pub async fn close(&self) -> Result<(), DbErr> {
        let closed = async {
            self.main.close_by_ref().await?;
            self.traffic.close_by_ref().await
        };
        tokio::time::timeout(CLOSING, closed)
            .await
            .unwrap_or_else(|_late| {
                tracing::warn!("A database does not answer; its connections are left.");
                Ok(())
            })
    }
}

/// Begins a transaction that reads and then writes what people edit. There is one at a time on the
/// platform: commit order is change order, and no check made inside it is stale when it commits.
/// Waits at most 5 s for its turn. Never password hashing, mail or HTTP inside it.
pub async fn begin_write(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!(
            "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({WRITE_LOCK})"
        ))
        .await?;
    }
    Ok(tx)
}

/// Begins a transaction whose reads all see the same moment.
pub async fn begin_read(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = match db.get_database_backend() {
        DbBackend::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        },
        // In WAL mode a transaction sees the moment of its first read.
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            ..TransactionOptions::default()
        },
        other => {
            return Err(DbErr::BackendNotSupported {
                db: other.as_str(),
                ctx: "begin_read",
            });
        }
    };
    db.begin_with_options(options).await
}

/// Whether a write failed because something like it is there already.
pub fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
