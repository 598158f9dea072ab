//! The data plane as roles start it: from a file, or joined to the database.

use std::path::Path;
use std::sync::Arc;

use domain::problem::Invalid;
use domain::seal::KeyRing;
use entity::database::Databases;
use gateway::source::disk::Disk;
use gateway::source::{self, file};
use gateway::store::node::Identity;
use gateway::store::{Join, Joined};
use gateway::traffic::{Destination, Lines, Writer};
use gateway::{Handle, StartError};
use tokio::sync::watch;

use super::store;
use crate::settings::{Problems, Settings};

/// The log of a gateway without a database is bounded: two files of this size at most.
const LINES_BYTES: u64 = 256 * 1024 * 1024;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Name of the portal's session cookie (`portal` gives it, with `__Host-` over https).
const SESSION_COOKIE: &str = "portunus";

/// A gateway that runs, and what runs beside it.
pub(super) struct DataPlane {
    pub(super) handle: Handle,
    beside: Beside,
}

enum Beside {
    Database(Box<Joined>),
    File {
        writer: Writer,
        stop: watch::Sender<bool>,
        quotas: tokio::task::JoinHandle<()>,
    },
}

impl DataPlane {
    /// Drains, then lets the last records and counts out.
    pub(super) async fn leave(self) {
        self.handle.shutdown().await;
        match self.beside {
            Beside::Database(joined) => joined.leave().await,
            Beside::File {
                writer,
                stop,
                quotas,
            } => {
                stop.send_replace(true);
                let _ = quotas.await;
                writer.stop(PATIENCE).await;
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

/// The address for TLS with its name, if there is one.
pub(super) fn tls(settings: &Settings) -> Option<(&'static str, std::net::SocketAddr)> {
    settings.gateway_tls.map(|address| ("gateway TLS", address))
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

/// Starts a gateway on the shared database, which may be away.
pub(super) fn from_database(
    settings: &Settings,
    databases: Databases,
    ring: KeyRing,
    neighbours: Neighbours,
) -> anyhow::Result<DataPlane> {
    let (id, name) = store::node(settings.node.as_deref(), &settings.data)?;
    let disk = Disk::new(&settings.data, &ring);
    let mut plain = plain(settings, &name, Some(ring), neighbours.portal_url);
    plain.own_addresses.extend(neighbours.own);
    let clock = plain.clock.clone();
    let (changes, received) = source::channel();
    let handle = gateway::start(plain, received).map_err(refused)?;
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
    let joined = join.start(&handle, changes)?;
    Ok(DataPlane {
        handle,
        beside: Beside::Database(Box::new(joined)),
    })
}

/// Starts a gateway on a declarative file, without any database.
pub(super) fn from_file(settings: &Settings, path: &Path) -> anyhow::Result<DataPlane> {
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
    let handle = gateway::start(plain, received).map_err(refused)?;
    gateway::quota::file::load(&handle.quotas, &settings.data, chrono::Utc::now())?;
    let (stop, stopped) = watch::channel(false);
    let quotas = tokio::spawn(gateway::quota::file::keep(
        handle.quotas.clone(),
        settings.data.clone(),
        clock,
        gateway::quota::file::ALONE,
        stopped,
    ));
    let lines = Lines::new(settings.data.join("traffic.jsonl"), LINES_BYTES);
    let writer = Writer::start(Arc::clone(&handle.rings), name, Destination::Lines(lines))?;
    let figures = writer.figures();
    handle.add_metrics(Box::new(move |out| {
        figures.write(out, gateway::traffic::now_us());
    }));
    tokio::spawn(file::follow(path.to_owned(), first, changes));
    Ok(DataPlane {
        handle,
        beside: Beside::File {
            writer,
            stop,
            quotas,
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
