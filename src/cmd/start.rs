//! What every long-running role does first and last: log, settings, data directory, signals, the
//! line that says it is ready.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::say;
use super::takeover::Predecessor;
use crate::settings::{Layers, Problems, Settings};

/// Reads the settings of a role and starts its log.
pub(super) fn settings(
    file: Option<&Path>,
    flags: &[(&'static str, String)],
) -> anyhow::Result<Settings> {
    let layers = Layers::load(file, std::env::vars().collect(), flags);
    let settings = Settings::read(&layers)?;
    log(&settings)?;
    crate::memory::at_start();
    for name in &layers.unknown {
        tracing::warn!("There is no setting {name}, so the variable does nothing.");
    }
    // The first thing before any TLS: the one provider that this product is built with.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(settings)
}

fn log(settings: &Settings) -> Result<(), Problems> {
    // Each migration would be two lines at every first start.
    let filter = EnvFilter::try_new(format!("sea_orm_migration=warn,{}", settings.log))
        .map_err(|error| Problems(vec![format!("The setting log is not a filter: {error}.")]))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let done = if settings.log_json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    done.map_err(|error| Problems(vec![format!("The log cannot be started: {error}.")]))
}

/// The data directory as this process's own, until it is dropped.
#[derive(Debug)]
pub(super) struct DataDirectory(std::fs::File);

impl DataDirectory {
    /// For another process, which holds the lock then as well.
    pub(super) fn try_clone(&self) -> std::io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }
}

/// The data directory from the process that hands it over, else as [`data_directory`].
pub(super) fn take_data_directory(
    settings: &Settings,
    predecessor: Option<&mut Predecessor>,
) -> Result<DataDirectory, Problems> {
    match predecessor.and_then(Predecessor::lock) {
        Some(lock) => Ok(DataDirectory(lock.into())),
        None => data_directory(&settings.data),
    }
}

/// Makes the data directory, readable by its owner only, and takes it: two processes in one would
/// write each other's counters, spool and last state away.
pub(super) fn data_directory(data: &Path) -> Result<DataDirectory, Problems> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let problem = |what: &str| {
        Problems(vec![format!(
            "The data directory {} {what}.",
            data.display()
        )])
    };
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(data);
    made.map_err(|error| problem(&format!("cannot be made: {error}")))?;
    let mut options = std::fs::OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options
        .open(data.join("lock"))
        .map_err(|error| problem(&format!("cannot be written: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(DataDirectory(file)),
        Err(std::fs::TryLockError::WouldBlock) => Err(problem("is in use by another process")),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(problem(&format!("cannot be locked: {error}")))
        }
    }
}

/// Binds a listener of the management side; the gateway binds its own, one per worker.
pub(super) async fn bind(
    name: &str,
    address: SocketAddr,
) -> Result<tokio::net::TcpListener, Problems> {
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| {
            Problems(vec![format!(
                "The {name} address {address} cannot be used: {error}."
            )])
        })
}

/// The runtime of everything but the data plane.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("portunus")
        .enable_all()
        .build()?;
    runtime.spawn(crate::memory::give_back());
    Ok(runtime)
}

/// Resolves at SIGTERM or SIGINT. They are listened for from the call on: to be made before the
/// process says that it is ready, as whoever hears that may end it at once.
pub(super) fn told_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    async {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// What `--ready-json` prints once everything serves (gateway.md §10).
#[derive(Debug, Default, Serialize)]
pub(super) struct Ready {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) portal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gateway_tls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) demo: Option<serde_json::Value>,
}

impl Ready {
    /// One line on stdout for programs, or a few on stderr for people. The first-run link goes to
    /// stderr only when nobody reads the line.
    pub(super) fn say(&self, json: bool) -> anyhow::Result<()> {
        if json {
            let said = say::line(serde_json::to_string(self)?);
            // Whoever reads nothing gets a server all the same.
            return said.or_else(|error| match error.is::<say::Unheard>() {
                true => Ok(()),
                false => Err(error),
            });
        }
        for (name, url) in [
            ("portal", &self.portal),
            ("gateway", &self.gateway),
            ("tls", &self.gateway_tls),
            ("admin", &self.admin),
        ] {
            if let Some(url) = url {
                eprintln!("{name:<8} {url}");
            }
        }
        if let Some(link) = &self.first_run {
            eprintln!(
                "\nThere is no operator yet. Open this link once, within 24 hours, to make one:\n  {link}"
            );
        }
        if let Some(demo) = &self.demo {
            say_demo(demo);
        }
        Ok(())
    }
}

/// The demo's accounts. Their passwords are for a person's eyes: a captured log gets only the name
/// of the file that holds them.
fn say_demo(demo: &serde_json::Value) {
    use std::io::IsTerminal;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    if !std::io::stderr().is_terminal() {
        eprintln!("\nThe demo's accounts and its key are in demo.json in the data directory.");
        return;
    }
    eprintln!("\nThe demo's accounts (also in demo.json in the data directory):");
    for user in demo["users"].as_array().into_iter().flatten() {
        let (role, email) = (text(&user["role"]), text(&user["email"]));
        eprintln!("  {role:<11} {email:<20} {}", text(&user["password"]));
    }
    let (key, call) = (text(&demo["key"]), text(&demo["call"]));
    eprintln!("\nIts first call:\n  curl -H 'X-Api-Key: {key}' {call}");
}

/// `http://` and the address, for a listener that is bound.
pub(super) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The same for one that speaks TLS.
pub(super) fn secure_url(address: SocketAddr) -> String {
    format!("https://{address}")
}
