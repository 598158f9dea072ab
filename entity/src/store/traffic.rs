//! Traffic: batches of records go into the request log and its rollups, once each; dashboards
//! read sums only, which are made of these.

mod details;
mod key_use;
mod log;
mod observed;
mod partition;
mod prune;
mod raw;
mod rollup;
mod scope;
mod sums;
mod usage;
mod variants;

use domain::id::BatchId;
use domain::traffic::{Detail, Record};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::row::signed;

pub use details::{SHARE as DETAIL_SHARE, detail};
pub use key_use::{KeyUse, key_uses};
pub use log::{Logged, RequestFilter, Status, latest_of, record_id, request, requests};
pub use observed::{Observation, Observed, Refused, observed, observed_since};
pub use prune::{Kept, Pruned, prune};
pub use scope::{Resolution, Scope, Side, Stretch, Whose};
pub use usage::{
    ApplicationUsage, OperationUsage, Point, SummedUp, Totals, Usage, sum_up, totals, usage,
};
pub use variants::{VariantUsage, variants};

/// Key of the advisory lock under which PostgreSQL's rollups are merged ("ptnroll" in ASCII).
const ROLLUP_LOCK: i64 = 0x0070_746e_726f_6c6c;

/// Else a PostgreSQL that does not hear of a broken line keeps the batch's id, and the locks of its
/// transaction, for hours. Who is idle here has only sums to make.
const IDLE: &str = "SET LOCAL idle_in_transaction_session_timeout = '20s'";

/// Stores a batch: rows of the log, all rollups and the use of keys, in one transaction with the
/// batch's id. `false`: it was stored before, and nothing is added.
pub async fn write_batch(
    db: &DatabaseConnection,
    batch: BatchId,
    records: &[Record],
) -> Result<bool, DbErr> {
    let written = write_batch_with_details(db, batch, records, &[]).await?;
    Ok(written.is_some())
}

/// The same with what `log_detail` kept of requests, of these or others: how much of what was there
/// went for it. `None`: it was stored before.
pub async fn write_batch_with_details(
    db: &DatabaseConnection,
    batch: BatchId,
    records: &[Record],
    details: &[Detail],
) -> Result<Option<u64>, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        partition::ensure(db, records).await?;
    }
    let tx = begin(db).await?;
    if !claim(&tx, batch, records.len()).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    raw::insert(&tx, records).await?;
    let added = details::insert(&tx, details).await?;
    // From here two nodes would change the same rows: one after the other, and without deadlock.
    alone(&tx).await?;
    rollup::merge(&tx, records).await?;
    variants::merge(&tx, records).await?;
    observed::merge(&tx, records).await?;
    key_use::merge(&tx, records).await?;
    let gone = details::settle(&tx, added).await?;
    tx.commit().await?;
    Ok(Some(gone))
}

/// Begins a transaction that writes.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = db.begin_with_options(options).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(IDLE).await?;
    }
    Ok(tx)
}

/// From here on nobody else changes rollups until the transaction ends. On SQLite it has had no
/// other beside it from its beginning.
async fn alone(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({ROLLUP_LOCK})");
        tx.execute_unprepared(&lock).await?;
    }
    Ok(())
}

/// Notes the batch's id, with the database's clock, so that ids are kept long enough also for
/// batches that waited in a spool. `false`: it is there already.
async fn claim(tx: &DatabaseTransaction, batch: BatchId, records: usize) -> Result<bool, DbErr> {
    let backend = tx.get_database_backend();
    let now = match backend {
        DbBackend::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
        _ => "CAST(unixepoch('subsec') * 1000000 AS integer)",
    };
    let sql = format!(
        "INSERT INTO traffic_batch (id, records, at) VALUES ($1, $2, {now}) ON CONFLICT DO NOTHING"
    );
    let values = [batch.uuid().into(), signed(records as u64).into()];
    let done = tx
        .execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(done.rows_affected() == 1)
}
