//! Configuration from the shared database: everything once, then what changes, as soon as it does.
//!
//! It hears of changes from this very process (`told`) or from PostgreSQL, and looks by itself
//! where it hears nothing. A node begins with the last good state on its disk, if the database
//! knows it or is away; while the database is away the node serves what it has.

mod ears;
mod keeper;
mod last;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use domain::snapshot::{
    Application, Credential, Kind, Mark, Parts, SCHEMA, Snapshot, Subscription,
};
use entity::snapshot::{self, Watcher};
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::disk::{Begun, Disk, Kept, Whole};
use super::{Change, Changes};
use crate::duty::Pen;
use ears::Ears;
use keeper::{Keep, Keeping};
use last::Last;

/// How long a node that starts waits for the database before it begins with its disk.
const FIRST: Duration = Duration::from_secs(2);
/// How long changes are waited for, and a whole state: who hangs on a connection that a broken line
/// has left behind is never answered, which the system finds out in a quarter of an hour.
const PATIENCE: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(300);

/// What a source needs.
#[derive(Debug)]
pub struct DatabaseSource {
    pub main: DatabaseConnection,
    /// To listen on a connection of its own; `None` where `told` tells of every change.
    pub listen: Option<String>,
    /// The newest change number of this process (all in one). A database that other processes
    /// write too is still looked at each second.
    pub told: Option<watch::Receiver<u64>>,
    pub changes: Changes,
    /// `None` keeps nothing.
    pub disk: Option<Disk>,
    /// When it may be written.
    pub pen: Pen,
    /// Turns true when the gateway wants everything anew.
    pub needs_full: watch::Receiver<bool>,
}

impl DatabaseSource {
    /// Runs until the gateway's end of the channel is gone. Spawn it on the separate runtime.
    pub async fn run(self) {
        let (keep, coming) = keeper::channel();
        let keeper = self.disk.clone().map(|disk| {
            let kept = Kept::new(disk);
            tokio::spawn(keeper::run(kept, self.pen.clone(), coming))
        });
        let feed = Feed {
            db: self.main,
            changes: self.changes,
            keep: keeper.is_some().then_some(keep),
            state: None,
            unread: BTreeSet::new(),
            away: false,
        };
        let ears = Ears::new(self.listen, self.told, self.needs_full);
        feed.run(ears, self.disk).await;
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "Keeping the last good state ended abnormally.");
        }
    }
}

/// Nobody takes changes any more.
struct Over;

fn whole(begun: Option<Begun>, snapshot: &Snapshot) -> io::Result<Whole> {
    match begun {
        Some(begun) => begun.end(snapshot),
        None => Whole::of(snapshot),
    }
}

fn no_answer() -> DbErr {
    DbErr::Custom("there is no answer in time".to_owned())
}

fn unread(parts: &Parts) -> impl Iterator<Item = (Kind, Uuid)> {
    parts.unreadable().map(|one| (one.kind, one.id))
}

/// What is to be handed over.
struct Found {
    change: Change,
    /// Of a whole state, what was written for the disk while it was read.
    begun: Option<Begun>,
}

impl From<Change> for Found {
    fn from(change: Change) -> Self {
        Self {
            change,
            begun: None,
        }
    }
}

impl Watcher for Begun {
    fn applications(&self, all: &[Application]) {
        self.applications(all);
    }

    fn credentials(&self, all: &[Credential]) {
        self.credentials(all);
    }

    fn subscriptions(&self, all: &[Subscription]) {
        self.subscriptions(all);
    }
}

/// The way of changes from the database to the gateway and to the disk.
struct Feed {
    db: DatabaseConnection,
    changes: Changes,
    keep: Option<Keeping>,
    /// Number and mark of the state that was handed over; `None` asks for everything.
    state: Option<(u64, Option<Mark>)>,
    /// What of it could not be read. While there is any, the disk is not told which change it is of:
    /// whoever starts from there, maybe a release that can read it, loads everything.
    unread: BTreeSet<(Kind, Uuid)>,
    away: bool,
}

impl Feed {
    async fn run(mut self, mut ears: Ears, disk: Option<Disk>) {
        ears.listen().await;
        let last = match disk {
            Some(disk) => Last::read(disk).await,
            None => Last::Nothing,
        };
        if self.begin(last).await.is_err() {
            return;
        }
        loop {
            if ears.next(self.away, &self.changes).await.is_err() {
                return;
            }
            if ears.needs_full() {
                self.state = None;
            }
            if self.disk_wants_all()
                && let Err(error) = self.keep_again().await
            {
                self.failed(&error);
            }
            match self.read().await {
                Ok(Ok(())) => {}
                Ok(Err(Over)) => return,
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Hands over the first state: the disk's with what has changed since, or the database's, where
    /// there is none on disk or it is none of this database.
    async fn begin(&mut self, mut last: Last) -> Result<(), Over> {
        let found = match last.known() {
            // With nothing to start from there is nothing but to wait.
            None => {
                let patience = match last {
                    Last::Nothing => Duration::MAX,
                    Last::State(..) | Last::Newer(_) => FIRST,
                };
                self.first(patience).await
            }
            Some((state, mark)) => {
                let asked = snapshot::changes_since(&self.db, state, mark.as_ref());
                match timeout(FIRST, asked).await {
                    Ok(Ok(snapshot::Changes::None)) => None,
                    Ok(Ok(snapshot::Changes::Delta(delta))) => Some(Change::Delta(delta).into()),
                    Ok(Ok(snapshot::Changes::Newer(refused))) => Some(Change::Full(refused).into()),
                    // What is on disk is of another database, or too old to go on from.
                    Ok(Ok(snapshot::Changes::Reload)) => {
                        last = Last::Nothing;
                        self.first(Duration::MAX).await
                    }
                    Ok(Err(error)) => {
                        self.failed(&error);
                        None
                    }
                    Err(_late) => {
                        self.late();
                        None
                    }
                }
            }
        };
        self.state = last.known();
        let is_whole = |found: &Found| match &found.change {
            Change::Full(snapshot) => snapshot.schema <= SCHEMA,
            Change::Delta(_) => false,
        };
        if found.as_ref().is_some_and(is_whole) {
            // It takes the place of the disk's.
        } else if let Some((snapshot, keep)) = last.into_parts() {
            if self.away {
                let state = snapshot.state;
                tracing::warn!(state, "Starting with the last good state on disk.");
            }
            let first = Change::Full(snapshot);
            self.changes.send(first).await.map_err(|_| Over)?;
            self.keep(keep);
        } else if self.away {
            tracing::warn!("There is no last good state on disk: waiting for the database.");
        }
        match found {
            Some(found) => self.hand_over(found).await,
            None => Ok(()),
        }
    }

    /// Everything, within `patience`.
    async fn first(&mut self, patience: Duration) -> Option<Found> {
        match timeout(patience, self.everything()).await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                self.failed(&error);
                None
            }
            Err(_late) => {
                self.late();
                None
            }
        }
    }

    fn late(&mut self) {
        self.away = true;
        tracing::warn!("The configuration database does not answer in time.");
    }

    fn keep(&mut self, what: Option<Keep>) {
        if let Some(what) = what
            && self.keep.as_mut().is_none_or(|keep| !keep.hand(what))
        {
            self.keep = None;
        }
    }

    fn disk_wants_all(&mut self) -> bool {
        let now = Instant::now();
        self.keep.as_mut().is_some_and(|keep| keep.wants_all(now))
    }

    /// Hands everything to the disk, and nothing to the gateway. What comes later may have been in
    /// it already, which does no harm.
    async fn keep_again(&mut self) -> Result<(), DbErr> {
        let found = self.everything().await?;
        if let Ok((_, copy)) = self.copied(found).await {
            self.keep(copy);
        }
        Ok(())
    }

    fn failed(&mut self, error: &DbErr) {
        if !std::mem::replace(&mut self.away, true) {
            tracing::warn!(%error, "The configuration database does not answer; the last state stays.");
        }
    }

    /// Hands over what is new.
    async fn read(&mut self) -> Result<Result<(), Over>, DbErr> {
        Ok(match self.look().await? {
            Some(found) => self.hand_over(found).await,
            None => Ok(()),
        })
    }

    async fn look(&mut self) -> Result<Option<Found>, DbErr> {
        let found = match &self.state {
            Some((state, mark)) => {
                let asked = snapshot::changes_since(&self.db, *state, mark.as_ref());
                let Ok(changes) = timeout(PATIENCE, asked).await else {
                    // It may be that they are too many, and a whole state has more time.
                    self.state = None;
                    return Err(no_answer());
                };
                match changes? {
                    snapshot::Changes::None => None,
                    snapshot::Changes::Delta(delta) => Some(Change::Delta(delta).into()),
                    snapshot::Changes::Newer(refused) => Some(Change::Full(refused).into()),
                    snapshot::Changes::Reload => Some(self.everything().await?),
                }
            }
            None => Some(self.everything().await?),
        };
        if std::mem::replace(&mut self.away, false) {
            tracing::info!("The configuration database answers again.");
        }
        Ok(found)
    }

    async fn everything(&self) -> Result<Found, DbErr> {
        let begun = self.keep.is_some().then(Begun::default);
        let watcher: &dyn Watcher = match &begun {
            Some(begun) => begun,
            None => &(),
        };
        let loaded = timeout(WHOLE, snapshot::load_at_once(&self.db, watcher)).await;
        let snapshot = loaded.unwrap_or_else(|_late| Err(no_answer()))?;
        let change = Change::Full(Box::new(snapshot));
        Ok(Found { change, begun })
    }

    async fn hand_over(&mut self, found: Found) -> Result<(), Over> {
        let state = match &found.change {
            Change::Full(snapshot) => (snapshot.state, snapshot.parts.mark.clone()),
            Change::Delta(delta) => (delta.state, delta.put.mark.clone()),
        };
        let (change, copy) = self.copied(found).await?;
        self.changes.send(change).await.map_err(|_| Over)?;
        self.state = Some(state);
        self.keep(copy);
        Ok(())
    }

    /// For the disk. A whole state takes its time: not on this runtime's threads.
    async fn copied(&mut self, found: Found) -> Result<(Change, Option<Keep>), Over> {
        let Found { change, begun } = found;
        if self.keep.is_none() {
            return Ok((change, None));
        }
        let mut snapshot = match change {
            Change::Delta(delta) => {
                if !self.unread.is_empty() {
                    for again in delta.names() {
                        self.unread.remove(&again);
                    }
                }
                self.unread.extend(unread(&delta.put));
                let mut copy = delta.clone();
                copy.put.mark.take_if(|_| !self.unread.is_empty());
                return Ok((Change::Delta(delta), Some(Keep::Delta(copy))));
            }
            // There is nothing in it.
            Change::Full(refused) if refused.schema > SCHEMA => {
                return Ok((Change::Full(refused), None));
            }
            Change::Full(snapshot) => snapshot,
        };
        self.unread = unread(&snapshot.parts).collect();
        snapshot.parts.mark.take_if(|_| !self.unread.is_empty());
        let copy = move || (whole(begun, &snapshot), snapshot);
        let copying = tokio::task::spawn_blocking(copy);
        let (whole, snapshot) = copying.await.map_err(|error| {
            tracing::error!(%error, "Copying a state for the disk ended abnormally.");
            Over
        })?;
        let whole = whole.inspect_err(|error| {
            tracing::error!(%error, "A state cannot be written down.");
        });
        Ok((Change::Full(snapshot), whole.ok().map(Keep::Whole)))
    }
}
