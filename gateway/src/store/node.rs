//! What a node says of itself to the others: which state it serves, and how it does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::id::NodeId;
use entity::store::node::{Report, report};
use sea_orm::DatabaseConnection;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::process::{Meter, memory};

/// Reports without a change.
const EVERY: Duration = Duration::from_secs(5);
/// Reports of changes follow each other at most this closely.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stays the same for as long as the process lives.
#[derive(Debug, Clone)]
pub struct Identity {
    pub id: NodeId,
    pub name: String,
    /// `gateway` or `up`.
    pub kind: String,
    pub started_at: DateTime<Utc>,
}

/// What is read anew for each report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Client connections that are open.
    pub connections: u64,
    /// Traffic records lost since the start.
    pub dropped: u64,
    /// Objects of the state that this release cannot read, or only in part.
    pub unreadable: u64,
}

/// Reports at each change of `state` (the number of the state that is served) and every five
/// seconds, until `state`'s sender is gone. Spawn it on the separate runtime.
pub async fn run(
    db: DatabaseConnection,
    identity: Identity,
    mut state: watch::Receiver<u64>,
    load: impl Fn() -> Load + Send,
) {
    let mut meter = Meter::default();
    let mut away = false;
    loop {
        let serves = *state.borrow_and_update();
        let Load {
            connections,
            dropped,
            unreadable,
        } = load();
        let this = Report {
            id: identity.id,
            name: identity.name.clone(),
            kind: identity.kind.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            group: String::new(),
            region: String::new(),
            state: serves,
            cpu: meter.cpu(),
            memory: memory(),
            connections,
            dropped,
            unreadable,
            started_at: identity.started_at,
        };
        let failed = match timeout(PATIENCE, report(&db, this, Utc::now())).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_late) => Some("no answer in time".to_owned()),
        };
        if let Some(why) = &failed
            && !away
        {
            tracing::warn!(why, "This node cannot report itself.");
        }
        away = failed.is_some();
        sleep(PAUSE).await;
        tokio::select! {
            () = sleep(EVERY - PAUSE) => {}
            changed = state.changed() => if changed.is_err() {
                return;
            },
        }
    }
}
