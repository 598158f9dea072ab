//! The data plane as roles start it: from a file, or joined to the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::problem::Invalid;
use domain::seal::KeyRing;
use entity::database::Databases;
use gateway::clock::Clock;
use gateway::quota::{Used, file as file_of_quotas};
use gateway::source::disk::Disk;
use gateway::source::{self, file};
use gateway::store::node::Identity;
use gateway::store::{Join, Joined};
use gateway::traffic::{Destination, Lines, Writer};
use gateway::{Handle, Inherited, StartError};
use tokio::sync::watch;

use super::store;
use super::takeover::{Predecessor, Remains, Successor};
use crate::settings::{Problems, Settings};

/// The log of a gateway without a database is bounded: two files of this size at most.
const LINES_BYTES: u64 = 256 * 1024 * 1024;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// How long a turn may take to go over: less than the other side waits for it.
const TURN: std::time::Duration = std::time::Duration::from_secs(20);
/// Name of the portal's session cookie (`portal` gives it, with `__Host-` over https).
const SESSION_COOKIE: &str = "portunus";

/// A gateway that runs, and what runs beside it.
pub(super) struct DataPlane {
    pub(super) handle: Handle,
    data: PathBuf,
    beside: Beside,
}

enum Beside {
    Database(Box<Joined>),
    File {
        writer: Writer,
        clock: Clock,
        quotas: Option<Keeping>,
    },
}

/// Quota counters on their way to their file.
struct Keeping {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Keeping {
    fn of(handle: &Handle, data: &Path, clock: &Clock) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(file_of_quotas::keep(
            handle.quotas.clone(),
            data.to_owned(),
            clock.clone(),
            stopped,
        ));
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

impl DataPlane {
    /// Accepts requests. A process before this one may yet go on: what only one of the two may do is
    /// for [`DataPlane::own`].
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        match &self.beside {
            Beside::Database(joined) => joined.begin(),
            Beside::File { .. } => {
                file_of_quotas::load(&self.handle.quotas, &self.data, chrono::Utc::now())?;
            }
        }
        self.handle.begin();
        Ok(())
    }

    /// The data directory and the node's name are this process's alone from now on.
    pub(super) fn own(&mut self) {
        match &mut self.beside {
            Beside::Database(joined) => joined.be_the_node(&self.handle),
            Beside::File { clock, quotas, .. } => {
                *quotas = Some(Keeping::of(&self.handle, &self.data, clock));
            }
        }
    }

    /// Ends after [`DataPlane::begin`], as the process before this one goes on: its files and its name
    /// are left alone, and what was counted here is shared under another, or given back as by
    /// [`DataPlane::leave`].
    pub(super) async fn step_down(mut self) -> Vec<Used> {
        self.relieve().await;
        self.leave().await
    }

    /// Lets one that is ready begin. It is given back once it serves; where it does not, this process
    /// goes on as if nobody had asked.
    pub(super) async fn give_turn(&mut self, mut successor: Successor) -> Option<Successor> {
        let turn = async {
            self.hand_over().await;
            successor.begins().await
        };
        let error = match tokio::time::timeout(TURN, turn).await {
            Ok(Ok(())) => return Some(successor),
            Ok(Err(error)) => error,
            Err(late) => late.into(),
        };
        tracing::warn!(%error, "Another process was ready to take over and does not serve; this one goes on.");
        let remains = successor.refuse().await;
        match &mut self.beside {
            Beside::Database(joined) => joined.resume(&self.handle).await,
            Beside::File { clock, quotas, .. } => {
                *quotas = Some(Keeping::of(&self.handle, &self.data, clock));
            }
        }
        self.count_on(remains);
        None
    }

    /// The files are another process's from now on. This one still accepts; what it counts is for
    /// [`DataPlane::leave`] to tell.
    async fn hand_over(&mut self) {
        match &mut self.beside {
            Beside::Database(joined) => joined.hand_over().await,
            Beside::File { quotas, .. } => {
                let Some(keeping) = quotas.take() else {
                    return;
                };
                keeping.end().await;
                let handed = file_of_quotas::hand_over(&self.handle.quotas, &self.data);
                if let Err(error) = handed {
                    tracing::error!(%error, "Quota counters could not be written.");
                }
            }
        }
    }

    /// Another process does both from now on.
    pub(super) async fn relieve(&mut self) {
        self.hand_over().await;
        match &mut self.beside {
            Beside::Database(joined) => joined.relieve(&self.handle).await,
            Beside::File { .. } => self.handle.relieve(),
        }
    }

    /// Adds what another process still counts, as soon as that is known.
    pub(super) fn count_on(&self, remains: Remains) {
        let quotas = self.handle.quotas.clone();
        tokio::spawn(async move { quotas.credit(remains.counted().await) });
    }

    /// Drains, then lets the last records and counts out. Gives back what was counted after it was
    /// relieved and nobody else was told of.
    pub(super) async fn leave(self) -> Vec<Used> {
        let counted = self.handle.quotas.clone();
        self.handle.shutdown().await;
        match self.beside {
            Beside::Database(joined) => {
                joined.leave().await;
                Vec::new()
            }
            Beside::File { writer, quotas, .. } => {
                let rest = match quotas {
                    Some(keeping) => {
                        keeping.end().await;
                        Vec::new()
                    }
                    None => counted.take(usize::MAX),
                };
                writer.stop(PATIENCE).await;
                rest
            }
        }
    }
}

fn plain(
    settings: &Settings,
    node: &str,
    ring: Option<KeyRing>,
    portal_url: Option<String>,
) -> gateway::Settings {
    gateway::Settings {
        listen: settings.gateway,
        listen_tls: settings.gateway_tls,
        proxy_protocol: settings.proxy_protocol,
        admin: Some(admin(settings)),
        workers: settings.workers,
        node: node.to_owned(),
        region: settings.region.clone(),
        data: Some(settings.data.clone()),
        portal_url,
        trusted_proxies: settings.trusted_proxies.clone(),
        gateway_key: ring,
        session_cookie: SESSION_COOKIE.to_owned(),
        drain: settings.drain,
        redis_url: settings.redis_url.clone().map(gateway::RedisUrl::new),
        limits: settings.limits,
        ..gateway::Settings::default()
    }
}

/// What explaining needs of a gateway's settings.
pub(super) fn explaining(settings: &Settings, ring: Option<KeyRing>) -> gateway::Settings {
    plain(settings, "explain", ring, None)
}

/// Health and metrics of a process with a gateway in it.
pub(super) fn admin(settings: &Settings) -> std::net::SocketAddr {
    let usual = ([127, 0, 0, 1], 9090).into();
    settings.admin.unwrap_or(usual)
}

/// What another process hands over of a gateway with these settings.
pub(super) fn inherited(settings: &Settings, predecessor: Option<&mut Predecessor>) -> Inherited {
    predecessor.map_or_else(Inherited::default, |predecessor| {
        predecessor.gateway(settings.gateway, settings.gateway_tls, admin(settings))
    })
}

/// The addresses that are still to be opened, with their names.
pub(super) fn to_open(
    settings: &Settings,
    inherited: &Inherited,
) -> Vec<(&'static str, std::net::SocketAddr)> {
    let wanted = [
        (
            "gateway",
            Some(settings.gateway),
            !inherited.plain.is_empty(),
        ),
        (
            "gateway TLS",
            settings.gateway_tls,
            !inherited.tls.is_empty(),
        ),
        ("admin", Some(admin(settings)), inherited.admin.is_some()),
    ];
    let missing = wanted.into_iter().filter(|(_, _, is_there)| !is_there);
    missing
        .filter_map(|(name, address, _)| Some((name, address?)))
        .collect()
}

fn refused(error: StartError) -> Problems {
    Problems(vec![error.to_string()])
}

/// What a gateway beside a portal knows of it.
pub(super) struct Neighbours {
    pub(super) portal_url: Option<String>,
    /// The newest change number of this process.
    pub(super) told: Option<watch::Receiver<u64>>,
    /// Addresses that no target may have.
    pub(super) own: Vec<std::net::SocketAddr>,
}

/// Prepares a gateway on the shared database, which may be away.
pub(super) fn from_database(
    settings: &Settings,
    databases: Databases,
    ring: KeyRing,
    neighbours: Neighbours,
    inherited: Inherited,
) -> anyhow::Result<DataPlane> {
    let (id, name) = store::node(settings.node.as_deref(), &settings.data)?;
    let disk = Disk::new(&settings.data, &ring);
    let mut plain = plain(settings, &name, Some(ring), neighbours.portal_url);
    plain.own_addresses.extend(neighbours.own);
    let clock = plain.clock.clone();
    let (changes, received) = source::channel();
    let handle = gateway::prepare(plain, received, inherited).map_err(refused)?;
    let join = Join {
        databases,
        database_url: store::address(settings).url,
        told: neighbours.told,
        identity: Identity {
            id,
            name,
            kind: "gateway".into(),
            started_at: chrono::Utc::now(),
        },
        data: settings.data.clone(),
        disk: Some(disk),
        clock,
    };
    let joined = join.prepare(&handle, changes)?;
    Ok(DataPlane {
        handle,
        data: settings.data.clone(),
        beside: Beside::Database(Box::new(joined)),
    })
}

/// Prepares a gateway on a declarative file, without any database.
pub(super) fn from_file(
    settings: &Settings,
    path: &Path,
    inherited: Inherited,
) -> anyhow::Result<DataPlane> {
    let first = file::read(path, 1, &|name| std::env::var(name).ok())
        .map_err(|found| told(path, &found))?;
    let (_, name) = store::node(settings.node.as_deref(), &settings.data)?;
    let plain = plain(
        settings,
        &name,
        settings.gateway_key.clone(),
        settings.portal_url.clone(),
    );
    let clock = plain.clock.clone();
    let (changes, received) = source::channel();
    let handle = gateway::prepare(plain, received, inherited).map_err(refused)?;
    let lines = Lines::new(settings.data.join("traffic.jsonl"), LINES_BYTES);
    let writer = Writer::start(Arc::clone(&handle.rings), name, Destination::Lines(lines))?;
    let figures = writer.figures();
    handle.add_metrics(Box::new(move |out| {
        figures.write(out, gateway::traffic::now_us());
    }));
    tokio::spawn(file::follow(path.to_owned(), first, changes));
    Ok(DataPlane {
        handle,
        data: settings.data.clone(),
        beside: Beside::File {
            writer,
            clock,
            quotas: None,
        },
    })
}

/// What is wrong with a file, a sentence per problem.
pub(super) fn told(path: &Path, found: &[Invalid]) -> Problems {
    let line = |invalid: &Invalid| match invalid.pointer.as_str() {
        "" => format!("{}: {}", path.display(), invalid.message),
        pointer => format!("{}: {pointer}: {}", path.display(), invalid.message),
    };
    Problems(found.iter().map(line).collect())
}
