//! The way to upstreams: targets with everything parsed, connections that the request's own task
//! drives, and a pool of them per worker.

mod attempts;
mod balance;
mod budget;
mod connect;
mod head;
mod link;
mod pool;
mod pulse;
mod send;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use crate::record::NameId;

pub(crate) use attempts::{Attempts, Ticket};
pub(crate) use balance::identity;
pub(crate) use budget::Vitals;
pub(crate) use connect::ConnectError;
pub(crate) use link::Link;
pub(crate) use pool::Pool;
pub(crate) use pulse::Pulse;
pub(crate) use send::{Failure, Outgoing, Sent, send};
pub(crate) use tls::{Roots, client_config};

/// A target in its place in an upstream.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) target: Arc<Target>,
    pub(crate) weight: u16,
    /// The same on all nodes, for consistent hashing.
    pub(crate) identity: u64,
    pub(crate) pulse: Arc<Pulse>,
}

/// One address that requests go to. Equal targets of different upstreams and states share their
/// connections by their number.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) number: u32,
    /// `host:port`, for the record.
    pub(crate) name: NameId,
    /// What the target is called in `Host`.
    pub(crate) authority: HeaderValue,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// In front of every path; without a trailing slash, empty for none.
    pub(crate) base_path: Box<str>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Debug)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(Box<str>),
}

#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}
