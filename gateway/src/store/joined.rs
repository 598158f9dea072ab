//! A gateway joined to a shared database: configuration in, traffic, quota counts and reports out,
//! each in a task of its own on the separate runtime.

use std::path::PathBuf;
use std::time::Duration;

use entity::database::Databases;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::node::{Identity, Load, run as report};
use super::quota::QuotaStore;
use crate::clock::Clock;
use crate::quota::file;
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
    stop: watch::Sender<bool>,
    quota: JoinHandle<()>,
    others: [JoinHandle<()>; 2],
}

impl Join {
    /// Starts it all. `changes` is the other end of what the gateway was started with.
    pub fn start(self, gateway: &Handle, changes: Changes) -> Result<Joined, SpoolError> {
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

        // Until the database answers, quotas go on from what this node knew.
        if let Err(error) = file::load(&gateway.quotas, &data, clock.utc()) {
            tracing::warn!(%error, "The quota counters of the last run cannot be read.");
        }
        let source = DatabaseSource {
            main: databases.main.clone(),
            listen: database_url.starts_with("postgres").then_some(database_url),
            told,
            changes,
            disk,
            needs_full: gateway.needs_full.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let kept = file::keep(
            gateway.quotas.clone(),
            data.clone(),
            clock.clone(),
            file::BESIDE,
            stopped.clone(),
        );
        let quota = QuotaStore {
            db: databases.traffic.clone(),
            node: identity.id,
            quotas: gateway.quotas.clone(),
            data: Some(data),
            clock,
        };
        let (figures, connections) = (writer.figures(), gateway.connection_count());
        let load = move || Load {
            connections: connections(),
            dropped: figures.dropped(),
        };
        Ok(Joined {
            writer,
            stop,
            quota: tokio::spawn(async move {
                tokio::join!(quota.run(stopped), kept);
            }),
            others: [
                tokio::spawn(source.run()),
                tokio::spawn(report(
                    databases.traffic,
                    identity,
                    gateway.state.clone(),
                    load,
                )),
            ],
        })
    }
}

impl Joined {
    /// The last records and counts go out, or stay on disk for the next start. Call it after
    /// [`Handle::shutdown`]: the workers have ended then, and nothing is counted any more.
    pub async fn leave(self) {
        self.stop.send_replace(true);
        for task in self.others {
            task.abort();
        }
        self.writer.stop(PATIENCE).await;
        if tokio::time::timeout(PATIENCE, self.quota).await.is_err() {
            tracing::warn!("The last quota counts stay on disk: the database does not answer.");
        }
    }
}
