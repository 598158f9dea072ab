//! Hearing of changes on PostgreSQL, on a connection of its own.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use super::DatabaseError;
use super::open::{postgres_options, postgres_place};

/// Channel of `NOTIFY`; the payload is the number of the change.
pub const CHANGE_CHANNEL: &str = "portunus_change";

/// What a listener tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Changes up to this number are committed.
    Change(u64),
    /// The connection was lost and is there again: changes between went unheard.
    Gap,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct ChangeListener {
    listener: PgListener,
    place: String,
}

/// Starts to listen; `None` where nothing can be heard: SQLite has no such thing, so its readers
/// poll. After `Ok`, read the changes once: what came before is not told again.
pub async fn listen(url: &str) -> Result<Option<ChangeListener>, DatabaseError> {
    if !url.starts_with("postgres") {
        return Ok(None);
    }
    let options = postgres_options(url)?;
    let place = postgres_place(&options);
    let open = async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANGE_CHANNEL).await?;
        Ok(listener)
    };
    match open.await {
        Ok(listener) => Ok(Some(ChangeListener { listener, place })),
        Err(error) => Err(DatabaseError::open(place, &error)),
    }
}

impl ChangeListener {
    /// Waits for the next change. Cancel safe. After an error the listener is of no use any more:
    /// poll faster and [`listen`] again.
    pub async fn next(&mut self) -> Result<Heard, DatabaseError> {
        loop {
            let heard = self.listener.try_recv().await;
            match heard.map_err(|error| DatabaseError::open(self.place.clone(), &error))? {
                None => return Ok(Heard::Gap),
                // Anybody with a login may NOTIFY: what is no number is nothing.
                Some(told) => {
                    if let Ok(number) = told.payload().parse() {
                        return Ok(Heard::Change(number));
                    }
                }
            }
        }
    }
}
