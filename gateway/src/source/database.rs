//! Configuration from the shared database: everything once, then what changes, as soon as it does.
//!
//! It hears of changes from this very process (`told`) or from PostgreSQL, and looks by itself
//! where it hears nothing. A node begins with the last good state on its disk, if the database
//! knows it or is away; while the database is away the node serves what it has.

mod keeper;
mod last;

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::snapshot::Mark;
use entity::database::{ChangeListener, Heard, listen};
use entity::snapshot;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::disk::{Disk, Kept, Whole};
use super::{Change, Changes};
use crate::duty::Pen;
use keeper::{Keep, Lost};
use last::Last;

/// Looking for changes while something tells of them: a notice may get lost.
const SLOW: Duration = Duration::from_secs(1);
/// Looking for changes while nothing tells of them.
const FAST: Duration = Duration::from_millis(200);
/// How long a node that starts waits for the database before it begins with its disk.
const FIRST: Duration = Duration::from_secs(2);
/// Between attempts to keep a state on a disk that fails.
const KEEP_AGAIN: Duration = Duration::from_secs(30);
/// Between attempts to listen.
const RELISTEN: Duration = Duration::from_secs(2);

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
        let (keep, kept) = mpsc::channel(keeper::WAITING);
        let lost = Lost::default();
        let keeper = self.disk.clone().map(|disk| {
            tokio::spawn(keeper::run(
                Kept::new(disk),
                self.pen.clone(),
                kept,
                lost.clone(),
            ))
        });
        let feed = Feed {
            db: self.main,
            changes: self.changes,
            keep: keeper.is_some().then_some(keep),
            lost,
            kept_again: Instant::now(),
            state: None,
            away: false,
        };
        let ears = Ears {
            url: self.listen,
            listener: None,
            retry: Instant::now(),
            told: self.told,
            needs_full: self.needs_full,
        };
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

/// The way of changes from the database to the gateway and to the disk.
struct Feed {
    db: DatabaseConnection,
    changes: Changes,
    keep: Option<mpsc::Sender<Keep>>,
    lost: Lost,
    /// When everything may be handed to the disk again.
    kept_again: Instant,
    /// Number and mark of the state that was handed over; `None` asks for everything.
    state: Option<(u64, Option<Mark>)>,
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
            if self.has_lost()
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
        let change = match last.known() {
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
                    Ok(Ok(snapshot::Changes::Delta(delta))) => Some(Change::Delta(delta)),
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
        if let Some(Change::Full(_)) = &change {
            // It takes the place of the disk's.
        } else if let Some((snapshot, keep)) = last.into_parts() {
            if self.away {
                let state = snapshot.state;
                tracing::warn!(state, "Starting with the last good state on disk.");
            }
            let first = Change::Full(snapshot);
            self.changes.send(first).await.map_err(|_| Over)?;
            self.keep(keep).await;
        } else if self.away {
            tracing::warn!("There is no last good state on disk: waiting for the database.");
        }
        match change {
            Some(change) => self.hand_over(change).await,
            None => Ok(()),
        }
    }

    /// Everything, within `patience`.
    async fn first(&mut self, patience: Duration) -> Option<Change> {
        match timeout(patience, self.everything()).await {
            Ok(Ok(change)) => Some(change),
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

    async fn keep(&mut self, what: Option<Keep>) {
        if let (Some(keep), Some(what)) = (&self.keep, what)
            && keep.send(what).await.is_err()
        {
            self.keep = None;
        }
    }

    /// Whether the disk needs everything anew. Not at once, as it will not be well at once.
    fn has_lost(&mut self) -> bool {
        let now = Instant::now();
        let has = now >= self.kept_again && self.lost.swap(false, Ordering::Relaxed);
        if has {
            self.kept_again = now + KEEP_AGAIN;
        }
        has
    }

    /// Hands everything to the disk, and nothing to the gateway. What comes later may have been in
    /// it already, which does no harm.
    async fn keep_again(&mut self) -> Result<(), DbErr> {
        let change = self.everything().await?;
        if let Ok((_, copy)) = self.copied(change).await {
            self.keep(copy).await;
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
            Some(change) => self.hand_over(change).await,
            None => Ok(()),
        })
    }

    async fn look(&mut self) -> Result<Option<Change>, DbErr> {
        let change = match &self.state {
            Some((state, mark)) => {
                match snapshot::changes_since(&self.db, *state, mark.as_ref()).await? {
                    snapshot::Changes::None => None,
                    snapshot::Changes::Delta(delta) => Some(Change::Delta(delta)),
                    snapshot::Changes::Reload => Some(self.everything().await?),
                }
            }
            None => Some(self.everything().await?),
        };
        if std::mem::replace(&mut self.away, false) {
            tracing::info!("The configuration database answers again.");
        }
        Ok(change)
    }

    async fn everything(&self) -> Result<Change, DbErr> {
        let snapshot = snapshot::load(&self.db).await?;
        Ok(Change::Full(Box::new(snapshot)))
    }

    async fn hand_over(&mut self, change: Change) -> Result<(), Over> {
        let state = match &change {
            Change::Full(snapshot) => (snapshot.state, snapshot.parts.mark.clone()),
            Change::Delta(delta) => (delta.state, delta.put.mark.clone()),
        };
        let (change, copy) = self.copied(change).await?;
        self.changes.send(change).await.map_err(|_| Over)?;
        self.state = Some(state);
        self.keep(copy).await;
        Ok(())
    }

    /// For the disk. A whole state takes its time: not on this runtime's threads.
    async fn copied(&self, change: Change) -> Result<(Change, Option<Keep>), Over> {
        if self.keep.is_none() {
            return Ok((change, None));
        }
        let snapshot = match change {
            Change::Delta(delta) => {
                let copy = Keep::Delta(delta.clone());
                return Ok((Change::Delta(delta), Some(copy)));
            }
            Change::Full(snapshot) => snapshot,
        };
        let copying = tokio::task::spawn_blocking(move || (Whole::of(&snapshot), snapshot));
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

/// Everything that tells when to look.
struct Ears {
    url: Option<String>,
    listener: Option<ChangeListener>,
    retry: Instant,
    told: Option<watch::Receiver<u64>>,
    needs_full: watch::Receiver<bool>,
}

impl Ears {
    /// Tries to listen. What was changed before it succeeds is for the next look to find.
    async fn listen(&mut self) {
        self.retry = Instant::now() + RELISTEN;
        let Some(url) = &self.url else {
            return;
        };
        match timeout(FIRST, listen(url)).await {
            Ok(Ok(Some(listener))) => self.listener = Some(listener),
            Ok(Ok(None)) => self.url = None,
            Ok(Err(error)) => {
                tracing::warn!(%error, "Changes cannot be listened for; looking for them instead.")
            }
            Err(_late) => {
                tracing::warn!("Changes cannot be listened for in time; looking for them instead.")
            }
        }
    }

    /// Whether the gateway asks for everything, and has not been heard yet: a state that it refuses
    /// for good is not sent over and over.
    fn needs_full(&mut self) -> bool {
        let new = self.needs_full.has_changed().unwrap_or(false);
        *self.needs_full.borrow_and_update() && new
    }

    /// Returns when it is time to look.
    async fn next(&mut self, away: bool, changes: &Changes) -> Result<(), Over> {
        if self.listener.is_none() && self.url.is_some() && !away && Instant::now() >= self.retry {
            self.listen().await;
            return Ok(());
        }
        let told = self.told.is_some() || self.listener.is_some();
        let look = Instant::now() + if told && !away { SLOW } else { FAST };
        tokio::select! {
            () = sleep_until(look) => {}
            () = hear(&mut self.listener) => {}
            () = be_told(&mut self.told) => {}
            () = want(&mut self.needs_full) => {}
            () = changes.closed() => return Err(Over),
        }
        Ok(())
    }
}

async fn hear(listener: &mut Option<ChangeListener>) {
    let Some(ears) = listener else {
        return std::future::pending().await;
    };
    match ears.next().await {
        Ok(Heard::Change(_) | Heard::Gap) => {}
        Err(error) => {
            tracing::warn!(%error, "Listening for changes has ended; looking for them instead.");
            *listener = None;
        }
    }
}

async fn be_told(told: &mut Option<watch::Receiver<u64>>) {
    let Some(number) = told else {
        return std::future::pending().await;
    };
    if number.changed().await.is_err() {
        *told = None;
    }
}

/// Leaves what it saw unseen, for [`Ears::needs_full`].
async fn want(needs_full: &mut watch::Receiver<bool>) {
    let mut ahead = needs_full.clone();
    loop {
        if ahead.changed().await.is_err() {
            return std::future::pending().await;
        }
        if *ahead.borrow() {
            return;
        }
    }
}
