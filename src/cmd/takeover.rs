//! `--takeover`: a new process takes the listening sockets and the data directory of one that
//! serves, once it could serve itself, so that no connection is refused and none is reset.
//!
//! The two speak over a socket in the data directory, which only its owner can open. The new one
//! asks, gets the sockets, prepares everything, and says that it is ready; the old one lets go of the
//! files and says that it is the other's turn. Once that one says that it serves, the old one stops
//! accepting, says that it is relieved, and ends what it has begun. If the new one fails before,
//! nothing has happened. Each waits for the other for a while only.

mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::Inherited;
use gateway::quota::Used;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;

use self::wire::{Line, Name, Wire};
use crate::settings::Problems;

/// Name of the socket inside of the data directory.
const NAME: &str = "takeover.sock";
/// How long the other side may take to answer what needs no work.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the old one may take to let go: it may have to wait for its database.
const TURN: Duration = Duration::from_secs(30);

/// What a process gives away: everything that only one can have.
#[derive(Debug)]
pub(super) struct Offer {
    /// The file that holds the data directory's lock.
    pub(super) lock: OwnedFd,
    pub(super) gateway: Inherited,
    pub(super) portal: Option<TcpListener>,
}

/// The side of the process that serves: waits for one that wants to take over.
#[derive(Debug)]
pub(super) struct Successors {
    listener: Option<UnixListener>,
    /// One that was given everything, and is not ready yet.
    preparing: Mutex<Option<Wire>>,
}

impl Successors {
    /// In the data directory, which is this process's own. A place where no socket can be made
    /// means no more than that nobody can take over.
    pub(super) fn listen(data: &Path) -> Self {
        let listen = || -> io::Result<UnixListener> {
            let path = data.join(NAME);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            // The directory is its owner's alone, so that nobody gets in between these two.
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            Ok(listener)
        };
        let listener = listen().inspect_err(|error| {
            tracing::warn!(%error, "No other process can take over from this one.");
        });
        Self {
            listener: listener.ok(),
            preparing: Mutex::default(),
        }
    }

    /// Who prepares just now, for a process that is told to end meanwhile: the two must not both have
    /// what only one can have while this one ends.
    pub(super) fn preparing(self) -> Option<Successor> {
        self.preparing.into_inner().map(Successor)
    }

    /// Resolves when another process is ready to serve in this one's place.
    pub(super) async fn next(&self, offer: impl Fn() -> io::Result<Offer>) -> Successor {
        let Some(listener) = &self.listener else {
            return std::future::pending().await;
        };
        loop {
            let prepared = match listener.accept().await {
                Ok((stream, _)) => self.prepare(stream, &offer).await,
                Err(error) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Err(error)
                }
            };
            match prepared {
                Ok(successor) => return successor,
                Err(error) => {
                    tracing::warn!(%error, "Another process wanted to take over and did not.");
                }
            }
        }
    }

    /// Gives everything away, and waits for the other to be ready, however long that takes.
    async fn prepare(
        &self,
        stream: UnixStream,
        offer: &impl Fn() -> io::Result<Offer>,
    ) -> io::Result<Successor> {
        let mut wire = Wire::new(stream);
        match within(wire.receive()).await? {
            Line::Ask { version: _ } => {}
            other => return Err(wire::unexpected(&other)),
        }
        tracing::info!("Another process prepares to take over.");
        let Offer {
            lock,
            gateway,
            portal,
        } = offer()?;
        let listeners = [
            (Name::Gateway, gateway.plain),
            (Name::GatewayTls, gateway.tls),
            (Name::Admin, gateway.admin.into_iter().collect()),
            (Name::Portal, portal.into_iter().collect()),
        ];
        let mut given = vec![(Name::Lock, lock)];
        for (name, listeners) in listeners {
            given.extend(listeners.into_iter().map(|one| (name, OwnedFd::from(one))));
        }
        within(wire.give(given)).await?;
        let mut preparing = self.preparing.lock().await;
        let said = preparing.insert(wire).receive().await;
        match (said, preparing.take()) {
            (Ok(Line::Ready), Some(wire)) => Ok(Successor(wire)),
            (Ok(other), _) => Err(wire::unexpected(&other)),
            (Err(error), _) => Err(error),
        }
    }
}

async fn within<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    in_time(PATIENCE, future).await
}

async fn in_time<T>(
    patience: Duration,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::time::timeout(patience, future)
        .await
        .unwrap_or_else(|late| Err(late.into()))
}

/// A process that is ready to serve, or will be.
#[derive(Debug)]
pub(super) struct Successor(Wire);

impl Successor {
    /// It is the other's turn: resolves once it accepts.
    pub(super) async fn begins(&mut self) -> io::Result<()> {
        let begun = async {
            self.0.send(&Line::Turn).await?;
            match self.0.receive().await? {
                Line::Serving => Ok(()),
                other => Err(wire::unexpected(&other)),
            }
        };
        within(begun).await
    }

    /// This one has stopped accepting.
    pub(super) async fn go(&mut self) {
        self.say(&Line::Relieved).await;
    }

    /// What was counted since.
    pub(super) async fn counted(&mut self, quotas: Vec<Used>) {
        self.say(&Line::Counted { quotas }).await;
    }

    /// This one goes on. The other finds out, should it still be there: it may have served for a
    /// moment.
    pub(super) async fn refuse(mut self) -> Remains {
        if let Err(error) = self.0.fall_silent().await {
            tracing::warn!(%error, "The process that was ready cannot be told.");
        }
        Remains {
            wire: self.0,
            has_served: false,
        }
    }

    async fn say(&mut self, line: &Line) {
        if let Err(error) = within(self.0.send(line)).await {
            tracing::warn!(%error, "The process that took over cannot be told.");
        }
    }
}

/// The side of the process that takes over.
#[derive(Debug)]
pub(super) struct Predecessor {
    path: PathBuf,
    wire: Wire,
    /// It accepts nothing any more, and waits for no answer.
    has_let_go: bool,
    lock: Option<OwnedFd>,
    listeners: Vec<(Name, TcpListener)>,
}

impl Predecessor {
    /// Asks the process that has the data directory. `None`: there is none, so that the flag may
    /// always be given.
    pub(super) async fn ask(data: &Path) -> Result<Option<Self>, Problems> {
        let path = data.join(NAME);
        let stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(error) => {
                use io::ErrorKind::{ConnectionRefused, NotFound};
                return match error.kind() {
                    // The second is what a process leaves that was killed.
                    NotFound | ConnectionRefused => Ok(None),
                    _ => Err(cannot(&path, &error)),
                };
            }
        };
        let mut wire = Wire::new(stream);
        let asked = async {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            wire.send(&Line::Ask { version }).await?;
            wire.take().await
        };
        let given = within(asked).await.map_err(|error| cannot(&path, &error))?;
        let mut lock = None;
        let mut listeners = Vec::new();
        for (name, descriptor) in given {
            match name {
                Name::Lock => lock = Some(descriptor),
                Name::Gateway | Name::GatewayTls | Name::Admin | Name::Portal => {
                    listeners.push((name, TcpListener::from(descriptor)));
                }
            }
        }
        Ok(Some(Self {
            path,
            wire,
            has_let_go: false,
            lock,
            listeners,
        }))
    }

    /// The data directory's lock; both hold it from now on.
    pub(super) fn lock(&mut self) -> Option<OwnedFd> {
        self.lock.take()
    }

    /// The gateway's listeners on these addresses; on others this process opens its own.
    pub(super) fn gateway(
        &mut self,
        plain: SocketAddr,
        tls: Option<SocketAddr>,
        admin: SocketAddr,
    ) -> Inherited {
        Inherited {
            plain: self.on(Name::Gateway, plain),
            tls: tls.map_or_else(Vec::new, |tls| self.on(Name::GatewayTls, tls)),
            admin: self.on(Name::Admin, admin).pop(),
        }
    }

    pub(super) fn portal(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.on(Name::Portal, address).pop()
    }

    fn on(&mut self, name: Name, wanted: SocketAddr) -> Vec<TcpListener> {
        let is_it = |(named, listener): &mut (Name, TcpListener)| {
            // Port 0 is any.
            *named == name
                && listener.local_addr().is_ok_and(|bound| {
                    bound == wanted || wanted.port() == 0 && bound.ip() == wanted.ip()
                })
        };
        let taken = self.listeners.extract_if(.., is_it);
        taken.map(|(_, listener)| listener).collect()
    }

    /// Says that this process could serve, and waits for its turn. The other has let go of the files
    /// then, and accepts until [`Predecessor::relieve`]; or it has ended. An error: it serves on.
    pub(super) async fn turn(&mut self) -> Result<(), Problems> {
        // One that was told to end meanwhile has let go already, and may be gone.
        match in_time(TURN, self.wire.ask(&Line::Ready)).await {
            Ok(Line::Turn) => return Ok(()),
            Ok(Line::Relieved) => {}
            Ok(other) => return Err(cannot(&self.path, &wire::unexpected(&other))),
            Err(error) => self.ended(&error).await?,
        }
        self.has_let_go = true;
        Ok(())
    }

    /// Says that this process serves, and waits until the other has stopped accepting. Afterwards:
    /// [`Predecessor::remains`]. An error: it did not hear of it in time, and serves on; then what was
    /// counted here is to be told.
    pub(super) async fn relieve(&mut self) -> Result<(), Problems> {
        if !self.has_let_go {
            match within(self.wire.ask(&Line::Serving)).await {
                Ok(Line::Relieved) => {}
                Ok(other) => return Err(cannot(&self.path, &wire::unexpected(&other))),
                // It was stopped in the middle, and will hear of it when it goes on.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    tracing::warn!("The process before this one does not say that it is relieved.");
                }
                Err(error) => self.ended(&error).await?,
            }
        }
        Ok(())
    }

    /// What the other has counted on is still to come.
    pub(super) fn remains(self) -> Remains {
        Remains {
            wire: self.wire,
            has_served: true,
        }
    }

    /// Tells one that serves on what was counted here. It may listen no more.
    pub(super) async fn counted(mut self, quotas: Vec<Used>) {
        let told = within(self.wire.send(&Line::Counted { quotas })).await;
        if let Err(error) = told {
            tracing::warn!(%error, "What this process counted is not known to the one that goes on.");
        }
    }

    /// Whether the other is gone, or only speaks to this one no more: somebody still listens then.
    async fn ended(&self, error: &io::Error) -> Result<(), Problems> {
        let is_late = error.kind() == io::ErrorKind::TimedOut;
        if is_late || UnixStream::connect(&self.path).await.is_ok() {
            return Err(cannot(&self.path, error));
        }
        tracing::warn!(%error, "The process before this one ended without handing over.");
        Ok(())
    }
}

/// What still comes from a process that was relieved, or that has stepped down.
#[derive(Debug)]
pub(super) struct Remains {
    wire: Wire,
    /// Who has not has counted nothing.
    has_served: bool,
}

impl Remains {
    /// Resolves when it is gone, or nearly.
    pub(super) async fn counted(mut self) -> Vec<Used> {
        loop {
            match self.wire.receive().await {
                Ok(Line::Counted { quotas }) => return quotas,
                // Said late.
                Ok(Line::Relieved) => {}
                Ok(Line::Serving) => self.has_served = true,
                Ok(_) | Err(_) => {
                    if self.has_served {
                        tracing::warn!("What the other process counted last is not known.");
                    }
                    return Vec::new();
                }
            }
        }
    }
}

fn cannot(path: &Path, error: &io::Error) -> Problems {
    Problems(vec![format!(
        "Taking over through {} has failed: {error}.",
        path.display()
    )])
}

#[cfg(test)]
mod tests;
