//! A gateway joined to a shared database: configuration in, traffic, quota counts and reports out,
//! each in a task of its own on the separate runtime.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::id::NodeId;
use entity::database::Databases;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::task::JoinHandle;

use super::node::{Identity, Load, run as report};
use super::quota::QuotaStore;
use crate::clock::Clock;
use crate::duty::Pen;
use crate::quota::{Quotas, file};
use crate::server::Handle;
use crate::source::Changes;
use crate::source::database::DatabaseSource;
use crate::source::disk::Disk;
use crate::store::TrafficStore;
use crate::traffic::spool::{SpoolError, SpoolSettings};
use crate::traffic::{Destination, Writer};

/// How long a last exchange with the database is waited for when the gateway leaves.
const PATIENCE: Duration = Duration::from_secs(5);

/// What joins a gateway to its database.
#[derive(Debug)]
pub struct Join {
    /// From [`entity::database::connect_later`], unless the database must be there anyway.
    pub databases: Databases,
    /// To hear of changes on PostgreSQL; on SQLite nothing is heard.
    pub database_url: String,
    /// All in one: the newest change number of this process.
    pub told: Option<watch::Receiver<u64>>,
    pub identity: Identity,
    /// The spool, unflushed quota counts and the last good state lie there.
    pub data: PathBuf,
    /// The last good state, with [`Disk::new`] in `data`.
    pub disk: Option<Disk>,
    pub clock: Clock,
}

/// Everything that runs beside the gateway until [`Joined::leave`].
#[derive(Debug)]
pub struct Joined {
    writer: Writer,
    source: JoinHandle<()>,
    pen: Pen,
    quotas: Arc<Quotas>,
    databases: Databases,
    identity: Identity,
    data: PathBuf,
    clock: Clock,
    turn: Turn,
    /// While it is open who writes the last good state, nobody does.
    rest: Option<OwnedMutexGuard<()>>,
}

/// What one process of a node does at a time.
#[derive(Debug)]
enum Turn {
    Waiting,
    Serving {
        sharing: Sharing,
        report: JoinHandle<()>,
    },
    /// What is still counted is shared under an identity of its own, as another process writes
    /// this node's.
    Relieved(Sharing),
}

/// Quota counts on their way to the other nodes and to the disk.
#[derive(Debug)]
struct Sharing {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    is_kept: bool,
}

impl Sharing {
    /// A last exchange. What the database does not take stays on disk, if it is kept there: nobody
    /// writes there behind this. If not, it is tried as long as the process is there.
    async fn end(mut self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await;
        if ended.is_ok() {
            return;
        }
        if self.is_kept {
            self.task.abort();
            let _ = self.task.await;
            tracing::warn!("The last quota counts stay on disk: the database does not answer.");
        } else {
            tracing::warn!("The last quota counts wait in memory: the database does not answer.");
        }
    }
}

impl Join {
    /// Starts it all. `changes` is the other end of what the gateway was started with.
    pub fn start(self, gateway: &Handle, changes: Changes) -> Result<Joined, SpoolError> {
        let mut joined = self.prepare(gateway, changes)?;
        joined.begin();
        joined.be_the_node(gateway);
        Ok(joined)
    }

    /// Starts what two processes of a node may do at once: reading the configuration, and bringing
    /// records to the store. The rest is for [`Joined::begin`] and [`Joined::be_the_node`].
    pub fn prepare(self, gateway: &Handle, changes: Changes) -> Result<Joined, SpoolError> {
        let Self {
            databases,
            database_url,
            told,
            identity,
            data,
            disk,
            clock,
        } = self;
        let destination = Destination::Store(
            SpoolSettings::new(data.join("spool")),
            TrafficStore(databases.traffic.clone()),
        );
        let writer = Writer::start(gateway.rings.clone(), identity.name.clone(), destination)?;
        let figures = writer.figures();
        gateway.add_metrics(Box::new(move |out| {
            figures.write(out, crate::traffic::now_us())
        }));
        let pen = Pen::new(gateway.duty());
        let source = DatabaseSource {
            main: databases.main.clone(),
            listen: database_url.starts_with("postgres").then_some(database_url),
            told,
            changes,
            disk,
            pen: pen.clone(),
            needs_full: gateway.needs_full.clone(),
        };
        Ok(Joined {
            writer,
            source: tokio::spawn(source.run()),
            pen,
            quotas: gateway.quotas.clone(),
            databases,
            identity,
            data,
            clock,
            turn: Turn::Waiting,
            rest: None,
        })
    }
}

impl Joined {
    /// This process accepts, and counts quotas on from where the last one was. While that one may yet
    /// go on as the node, what is counted here waits.
    pub fn begin(&self) {
        // Until the database answers, quotas go on from what this node knew.
        if let Err(error) = file::load(&self.quotas, &self.data, self.clock.utc()) {
            tracing::warn!(%error, "The quota counters of the last run cannot be read.");
        }
    }

    /// Nobody else is the node: this process writes its files, shares what it counts, and reports.
    pub fn be_the_node(&mut self, gateway: &Handle) {
        self.go_on(gateway, i64::MAX);
    }

    fn go_on(&mut self, gateway: &Handle, own_from: i64) {
        let (figures, node) = (self.writer.figures(), gateway.load());
        let load = move || {
            let (connections, unreadable) = node();
            Load {
                connections,
                dropped: figures.dropped(),
                unreadable,
            }
        };
        self.turn = Turn::Serving {
            sharing: self.share(self.identity.id, Some(&self.data), own_from),
            report: tokio::spawn(report(
                self.databases.traffic.clone(),
                self.identity.clone(),
                gateway.state.clone(),
                load,
            )),
        };
    }

    fn share(&self, node: NodeId, data: Option<&PathBuf>, own_from: i64) -> Sharing {
        let (stop, stopped) = watch::channel(false);
        let store = QuotaStore {
            db: self.databases.traffic.clone(),
            node,
            quotas: self.quotas.clone(),
            data: data.cloned(),
            own_from,
            clock: self.clock.clone(),
        };
        let is_kept = data.is_some();
        let (quotas, clock) = (self.quotas.clone(), self.clock.clone());
        let data = data.cloned();
        let task = tokio::spawn(async move {
            let kept = async {
                if let Some(data) = data {
                    file::keep(quotas, data, clock, stopped.clone()).await;
                }
            };
            tokio::join!(store.run(stopped.clone()), kept);
        });
        Sharing {
            stop,
            task,
            is_kept,
        }
    }

    /// The node's files and its name are another process's from now on. Everything is still accepted:
    /// the database may take its time, and the other one may fail.
    pub async fn hand_over(&mut self) {
        match std::mem::replace(&mut self.turn, Turn::Waiting) {
            Turn::Serving { sharing, report } => {
                report.abort();
                sharing.end().await;
            }
            Turn::Waiting => {}
            Turn::Relieved(sharing) => {
                self.turn = Turn::Relieved(sharing);
                return;
            }
        }
        self.rest = Some(self.pen.rest().await);
        // Another each time: what the one of the time before has left may still be under way.
        let now = self.clock.utc().timestamp_micros();
        let former = format!("{} {now}", self.identity.id);
        let former = NodeId::from_name("relieved", &former);
        self.turn = Turn::Relieved(self.share(former, None, i64::MAX));
    }

    /// Whoever was handed everything did not begin: this process is the node again.
    pub async fn resume(&mut self, gateway: &Handle) {
        if let Turn::Relieved(sharing) = std::mem::replace(&mut self.turn, Turn::Waiting) {
            sharing.end().await;
        }
        self.pen.come_back();
        drop(self.rest.take());
        let began = self.identity.started_at.timestamp_micros();
        self.go_on(gateway, began);
    }

    /// Another process is the node from now on, and accepts. Also tells the gateway.
    pub async fn relieve(&mut self, gateway: &Handle) {
        self.hand_over().await;
        gateway.relieve();
        // The right to write is lost now.
        drop(self.rest.take());
    }

    /// The last records and counts go out, or stay on disk for the next start. Call it after
    /// [`Handle::shutdown`]: the workers have ended then, and nothing is counted any more.
    pub async fn leave(self) {
        self.source.abort();
        let sharing = match self.turn {
            Turn::Waiting => None,
            Turn::Serving { sharing, report } => {
                report.abort();
                Some(sharing)
            }
            Turn::Relieved(sharing) => Some(sharing),
        };
        // Both at once, as each waits for the database as long as it may.
        tokio::join!(self.writer.stop(PATIENCE), async {
            if let Some(sharing) = sharing {
                sharing.end().await;
            }
        });
    }
}
