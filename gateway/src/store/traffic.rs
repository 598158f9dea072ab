//! Batches into the store, one after the other, again and again until the store has them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as acks;
use std::time::Duration;

use entity::store::traffic::write_batch_with_details;
use sea_orm::sqlx;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::traffic::Figures;
use crate::traffic::spool::Batch;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long an answer is waited for: who hangs on a connection that a broken line has left behind is
/// never answered. A store that is only slow gets more time after each attempt that was too long.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);
/// A batch that the store calls wrong this often is set aside: it must not hold up all others.
const REFUSALS: u32 = 3;

/// Where batches go: the database of the traffic.
#[derive(Debug, Clone)]
pub struct TrafficStore(pub DatabaseConnection);

/// Stores what comes through `given` and sends it `back`. Ends when the sender is gone.
pub(crate) async fn run(
    TrafficStore(db): TrafficStore,
    mut given: mpsc::Receiver<Batch>,
    back: acks::Sender<Batch>,
    figures: Arc<Figures>,
) {
    while let Some(batch) = given.recv().await {
        let oldest = batch
            .records
            .first()
            .map_or(0, |record| record.at.timestamp_micros());
        figures.oldest_us.store(oldest, Ordering::Relaxed);
        store(&db, &batch, &figures).await;
        figures.oldest_us.store(0, Ordering::Relaxed);
        if back.send(batch).is_err() {
            return;
        }
    }
}

async fn store(db: &DatabaseConnection, batch: &Batch, figures: &Figures) {
    let records = batch.records.len() as u64;
    let mut details = batch.details.as_slice();
    let mut pause = FIRST_PAUSE;
    let mut patience = PATIENCE;
    let mut refusals = 0;
    loop {
        // One that arrives after all is known by its id.
        let written = write_batch_with_details(db, batch.id, &batch.records, details);
        let written = timeout(patience, written).await.unwrap_or_else(|_late| {
            patience = (patience * 2).min(LONGEST_PATIENCE);
            Err(DbErr::Custom("there is no answer in time".to_owned()))
        });
        let error = match written {
            Ok(written) => {
                let gone = written.unwrap_or_default();
                figures.details_evicted.fetch_add(gone, Ordering::Relaxed);
                if figures.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("The traffic store answers again.");
                }
                figures.stored.fetch_add(records, Ordering::Relaxed);
                let kept = details.len() as u64;
                figures.details_stored.fetch_add(kept, Ordering::Relaxed);
                figures.batches.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => error,
        };
        figures.failures.fetch_add(1, Ordering::Relaxed);
        if is_refusal(&error) {
            refusals += 1;
            if refusals >= REFUSALS && !details.is_empty() {
                // What is said of requests does not take their records along.
                tracing::error!(%error, batch.id = %batch.id, details = details.len(), "The store refuses details of requests; they are dropped.");
                let refused = details.len() as u64;
                figures
                    .details_refused
                    .fetch_add(refused, Ordering::Relaxed);
                details = &[];
                refusals = 0;
                continue;
            }
            if refusals >= REFUSALS {
                tracing::error!(%error, batch.id = %batch.id, records, "The store refuses a batch of traffic; it is set aside.");
                figures.refused.fetch_add(records, Ordering::Relaxed);
                return;
            }
        } else if !figures.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "The traffic store does not answer; traffic waits in the spool.");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the store said that the data is wrong, which no waiting mends: SQLSTATE classes 22 and
/// 23, in SQLite too big, constraint and mismatch. Everything else may pass.
fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let sqlx::Error::Database(error) = error.as_ref() else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    if error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        let primary = code.parse::<u32>().map_or(0, |code| code & 0xff);
        return matches!(primary, 18..=20);
    }
    code.starts_with("22") || code.starts_with("23")
}
