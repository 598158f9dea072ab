//! Quota counters shared with the other nodes: what this node counted goes to the disk at once and to
//! the database each second, the totals of its subjects come back.
//!
//! A node knows what the others admitted up to two seconds ago, so that together they admit at
//! most (nodes − 1) × what the rate limit lets through in two seconds beyond a quota. While the
//! database is away each node counts on by itself.

mod gathering;
mod journal;

use std::collections::HashSet;
use std::future::pending;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::id::NodeId;
use entity::store::quota as rows;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::clock::Clock;
use crate::quota::{QuotaKey, Quotas, Used};
use gathering::Gathering;
use journal::{Flush, Row};

/// Between two flushes.
const EVERY: Duration = Duration::from_secs(1);
/// Rows of a flush; what is above waits for the next second.
const MOST_ROWS: usize = rows::MAX_FLUSH;
/// How long an answer is waited for. A flush that arrives after all is known by its number.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the store needs.
#[derive(Debug)]
pub struct QuotaStore {
    /// The traffic database: counters take no lock of what people edit.
    pub db: DatabaseConnection,
    /// Whose rows these are; the same after a restart.
    pub node: NodeId,
    pub quotas: Arc<Quotas>,
    /// Where counts that the database does not have survive a restart; `None` keeps them nowhere.
    pub data: Option<PathBuf>,
    /// Flushes there with this number or above it were made by this process, which goes on: its
    /// counters hold them as their own. `i64::MAX` where it only begins.
    pub own_from: i64,
    pub clock: Clock,
}

impl QuotaStore {
    /// Runs until `stop` turns true, with a last flush then; where counts are kept nowhere, until the
    /// database has all that were taken. Spawn it on the separate runtime.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let is_kept = self.data.is_some();
        let now = self.clock.utc().timestamp_micros();
        let (quotas, data, node) = (self.quotas.clone(), self.data.clone(), self.node);
        let open = move || Gathering::open(quotas, data.as_deref(), node, now);
        let Ok(mut gathering) = spawn_blocking(open).await else {
            return;
        };
        gathering.journal.own(self.own_from);
        let mut sharing = Sharing {
            gathering,
            clock: self.clock.clone(),
            away: false,
            is_settled: !is_kept,
            remote: Remote {
                store: self,
                held: HashSet::new(),
                seen: None,
            },
        };
        loop {
            sharing.turn(Some(&mut stop)).await;
            let next = Instant::now() + EVERY;
            while Instant::now() < next {
                let pause = sharing.gathering.pause();
                let pause = pause.min(next.saturating_duration_since(Instant::now()));
                let stopped = timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok();
                if stopped {
                    sharing.gathering.end();
                    sharing.turn(None).await;
                    if is_kept {
                        // What has arrived is nobody's to send again.
                        sharing.gathering.save().await;
                    } else {
                        sharing.finish().await;
                    }
                    return;
                }
                sharing.gathering.gather().await;
            }
        }
    }
}

struct Sharing {
    gathering: Gathering,
    clock: Clock,
    away: bool,
    /// The database has said how far this node has got there.
    is_settled: bool,
    remote: Remote,
}

impl Sharing {
    /// A flush, if something was counted, and what the others counted. However long the database
    /// takes, what is counted meanwhile goes to the disk; and once `stop` says so, it is not waited for.
    async fn turn(&mut self, mut stop: Option<&mut watch::Receiver<bool>>) {
        self.gathering.gather().await;
        if !self.is_settled && !self.settle(stop.as_deref_mut()).await {
            return;
        }
        let journal = &mut self.gathering.journal;
        if journal.flushes.is_empty() {
            journal.next(MOST_ROWS, self.clock.utc().timestamp_micros());
        }
        // What is sent is on the disk before it is sent; only then is its number of use.
        self.gathering.save().await;
        let journal = &self.gathering.journal;
        let flushes: Vec<Flush> = journal.flushes.iter().cloned().collect();
        let arrived = AtomicUsize::new(0);
        let exchange = self.remote.exchange(&flushes, &arrived);
        let outcome = asked(&mut self.gathering, exchange, stop).await;
        self.gathering.journal.arrived(arrived.into_inner());
        if let Some(outcome) = outcome {
            self.say(outcome.err());
        }
    }

    /// Asks the database, once, how far this node has got there: no number is of use before, and what
    /// an earlier process left may be there already. Whether it has answered.
    async fn settle(&mut self, stop: Option<&mut watch::Receiver<bool>>) -> bool {
        self.gathering.save().await;
        let QuotaStore { db, node, .. } = &self.remote.store;
        let last = rows::last_flush(db, *node);
        match asked(&mut self.gathering, last, stop).await {
            Some(Ok(last)) => {
                let rows = self.gathering.journal.settle(last);
                if rows > 0 {
                    tracing::warn!(
                        rows,
                        "Quota counts on the disk are older than the database."
                    );
                }
                self.is_settled = true;
            }
            Some(Err(why)) => self.say(Some(why)),
            None => {}
        }
        self.is_settled
    }

    /// Brings what was taken to the database, however long that is away. Nothing more is taken, and
    /// nothing is read: somebody else may do both by now.
    async fn finish(&mut self) {
        let journal = &mut self.gathering.journal;
        while journal.waiting() > 0 {
            sleep(EVERY).await;
            if journal.flushes.is_empty() {
                journal.next(MOST_ROWS, self.clock.utc().timestamp_micros());
            }
            let flushes: Vec<Flush> = journal.flushes.iter().cloned().collect();
            let arrived = AtomicUsize::new(0);
            let sent = timeout(PATIENCE, self.remote.send(&flushes, &arrived)).await;
            journal.arrived(arrived.into_inner());
            if let Ok(Ok(())) = sent
                && std::mem::take(&mut self.away)
            {
                tracing::info!("Quota counters are shared again.");
            }
        }
    }

    fn say(&mut self, failed: Option<String>) {
        let before = std::mem::replace(&mut self.away, failed.is_some());
        match failed {
            Some(why) if !before => {
                let rows = self.gathering.journal.waiting();
                tracing::warn!(
                    why,
                    rows,
                    "Quota counters cannot be shared; this node counts by itself."
                );
            }
            None if before => tracing::info!("Quota counters are shared again."),
            Some(_) | None => {}
        }
    }
}

/// What the database answers; `None` where `stop` says first that all is to end. What is counted
/// meanwhile goes to the disk.
async fn asked<T>(
    gathering: &mut Gathering,
    asked: impl Future<Output = Result<T, DbErr>>,
    stop: Option<&mut watch::Receiver<bool>>,
) -> Option<Result<T, String>> {
    let stopped = async {
        match stop {
            Some(stop) => drop(stop.wait_for(|stop| *stop).await),
            None => pending().await,
        }
    };
    let mut asked = pin!(timeout(PATIENCE, asked));
    let mut stopped = pin!(stopped);
    let answer = loop {
        tokio::select! {
            answer = &mut asked => break answer,
            () = &mut stopped => return None,
            () = sleep(gathering.pause()) => gathering.go_on().await,
        }
    };
    Some(match answer {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_late) => Err("no answer in time".to_owned()),
    })
}

/// The database's side.
struct Remote {
    store: QuotaStore,
    /// Keys whose totals are followed, as [`Quotas::keys`] tells of them.
    held: HashSet<(QuotaKey, i64, bool)>,
    /// Up to where totals are known; `None` before the first pass.
    seen: Option<rows::Cursor>,
}

impl Remote {
    async fn exchange(&mut self, flushes: &[Flush], arrived: &AtomicUsize) -> Result<(), DbErr> {
        self.send(flushes, arrived).await?;
        match self.seen {
            None => self.first_pass().await?,
            Some(cursor) => self.later_pass(cursor).await?,
        }
        self.follow_new().await
    }

    async fn send(&self, flushes: &[Flush], arrived: &AtomicUsize) -> Result<(), DbErr> {
        for flush in flushes {
            let used: Vec<_> = flush.rows.iter().map(to_stored).collect();
            rows::flush(&self.store.db, self.store.node, flush.number, &used).await?;
            if !flush.former {
                let used: Vec<Used> = flush.rows.iter().map(Row::used).collect();
                self.store.quotas.confirm(&used);
            }
            arrived.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// All totals of the present periods, so that a subject's first request here is judged by what
    /// it used elsewhere.
    async fn first_pass(&mut self) -> Result<(), DbErr> {
        let now = self.store.clock.utc().timestamp();
        let (totals, cursor) = rows::load(&self.store.db, now).await?;
        for rows::Total {
            key,
            until: _,
            total,
        } in totals
        {
            let (key, period) = to_counted(key);
            self.store.quotas.remember(key, period, total);
        }
        self.seen = Some(cursor);
        Ok(())
    }

    /// What other nodes changed, of subjects that this node has counted.
    async fn later_pass(&mut self, cursor: rows::Cursor) -> Result<(), DbErr> {
        let (totals, next) = rows::changed(&self.store.db, self.store.node, cursor).await?;
        self.set(totals);
        self.seen = Some(next);
        Ok(())
    }

    /// The totals of subjects that this node has begun to hold since the last turn, or whose period has
    /// begun here, and once more where its first count of that is stored: before that it was not told
    /// of what others change.
    async fn follow_new(&mut self) -> Result<(), DbErr> {
        let keys = self.store.quotas.keys();
        let new: Vec<_> = keys
            .iter()
            .filter(|held| !self.held.contains(*held))
            .collect();
        if new.is_empty() && self.held.len() == keys.len() {
            return Ok(());
        }
        let asked: Vec<_> = new
            .iter()
            .map(|(key, period, _)| to_key(key, *period))
            .collect();
        let totals = rows::of(&self.store.db, &asked).await?;
        self.set(totals);
        // Also forgets what the node has let go of.
        self.held = keys.into_iter().collect();
        Ok(())
    }

    fn set(&self, totals: Vec<rows::Total>) {
        for rows::Total {
            key,
            until: _,
            total,
        } in totals
        {
            let (key, period) = to_counted(key);
            self.store.quotas.set_total(&key, period, total);
        }
    }
}

pub(super) fn to_key(key: &QuotaKey, period: i64) -> rows::Key {
    rows::Key {
        attach: key.attach,
        name: key.name.to_string(),
        subject: key.subject,
        period,
    }
}

fn to_stored(row: &Row) -> rows::Used {
    rows::Used {
        key: to_key(&row.key, row.period),
        until: row.until,
        by: row.by,
    }
}

pub(super) fn to_counted(key: rows::Key) -> (QuotaKey, i64) {
    let rows::Key {
        attach,
        name,
        subject,
        period,
    } = key;
    (
        QuotaKey {
            attach,
            name: name.into(),
            subject,
        },
        period,
    )
}
