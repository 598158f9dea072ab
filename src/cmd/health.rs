//! `portunus health`: one GET of `/readyz`, so that an image needs no other program for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::exit::No;
use crate::cli::Health;
use crate::settings::{Layers, Settings};

pub(super) const PATIENCE: Duration = Duration::from_secs(3);

pub fn run(health: &Health) -> anyhow::Result<()> {
    let address = address(health)?;
    match ask(address) {
        Ok(200) => Ok(()),
        Ok(status) => Err(No(format!("{address} is not ready: it answered {status}.")).into()),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(No(format!(
            "{address} did not answer within {} s.",
            PATIENCE.as_secs()
        ))
        .into()),
        Err(error) => Err(No(format!("{address} does not answer: {error}.")).into()),
    }
}

/// Where the process that is asked has health and metrics.
pub(super) fn address(health: &Health) -> anyhow::Result<SocketAddr> {
    let flags: Vec<_> = health
        .admin
        .iter()
        .map(|addr| ("admin", addr.clone()))
        .collect();
    let settings = Settings::read(&Layers::load(
        health.settings.as_deref(),
        std::env::vars().collect(),
        &flags,
    ))?;
    let mut address = settings
        .admin
        .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9090)));
    if address.ip().is_unspecified() {
        // A process that listens everywhere is asked where it surely is.
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    Ok(address)
}

/// The status of `GET /readyz`.
fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let status = std::str::from_utf8(&head[9..])
        .ok()
        .and_then(|text| text.parse().ok());
    status.ok_or_else(|| std::io::Error::other("it does not speak HTTP"))
}
