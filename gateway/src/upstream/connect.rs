//! A new upstream connection: resolve, judge every address, connect to the one judged, TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use domain::address;
use domain::snapshot;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::link::Link;
use super::{Host, Target};
use crate::socket::Socket;
use crate::worker::Worker;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("its name does not resolve")]
    Unresolved,
    #[error("its address is not allowed")]
    Refused,
    #[error("it did not accept in time")]
    TimedOut,
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("TLS failed: {0}")]
    Tls(io::Error),
}

/// Connects within `limit_ms`, handshakes included.
pub(super) async fn connect(
    worker: &Worker,
    target: &Target,
    settings: &snapshot::Settings,
    limit_ms: u64,
) -> Result<Box<Link>, ConnectError> {
    let link = timeout(
        Duration::from_millis(limit_ms),
        dial(worker, target, settings),
    );
    let link = link.await.map_err(|_| ConnectError::TimedOut)??;
    worker.metrics.upstream_dialled.add(1);
    Ok(link)
}

async fn dial(
    worker: &Worker,
    target: &Target,
    settings: &snapshot::Settings,
) -> Result<Box<Link>, ConnectError> {
    let mut last = ConnectError::Unresolved;
    for address in addresses(worker, target).await? {
        // Judged here and not only when it was saved: names change what they resolve to.
        if address::judge(address, settings, &worker.settings.own_addresses).is_err() {
            last = ConnectError::Refused;
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return establish(worker, target, stream).await,
            Err(error) => last = ConnectError::Unreachable(error),
        }
    }
    Err(last)
}

async fn addresses(worker: &Worker, target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &target.host {
        Host::Address(ip) => return Ok(vec![SocketAddr::new(*ip, target.port)]),
        Host::Name(name) => name,
    };
    if address::is_metadata_name(name) {
        return Err(ConnectError::Refused);
    }
    let now = worker.sweeper.now();
    if let Some(known) = worker.pool.resolved(target.number, now) {
        return Ok(known);
    }
    match tokio::net::lookup_host((&**name, target.port)).await {
        Ok(found) => {
            let found: Vec<SocketAddr> = found.collect();
            worker.pool.remember(target.number, &found, now);
            Ok(found)
        }
        Err(_) => match worker.pool.stale(target.number) {
            none if none.is_empty() => Err(ConnectError::Unresolved),
            stale => Ok(stale),
        },
    }
}

async fn establish(
    worker: &Worker,
    target: &Target,
    stream: TcpStream,
) -> Result<Box<Link>, ConnectError> {
    stream
        .set_nodelay(true)
        .map_err(ConnectError::Unreachable)?;
    let socket = match &target.tls {
        None => Socket::Plain(stream),
        Some(tls) => {
            let connector = TlsConnector::from(tls.config.clone());
            let stream = connector.connect(tls.name.clone(), stream);
            Socket::Tls(Box::new(stream.await.map_err(ConnectError::Tls)?.into()))
        }
    };
    let deadline = worker.sweeper.deadline();
    Ok(Box::new(Link::new(socket, deadline, target.number)))
}
