//! The way to upstreams: targets with everything parsed, connections that the request's own task
//! drives, and a pool of them per worker.

mod attempts;
mod balance;
mod buckets;
mod budget;
mod chance;
mod circuit;
mod connect;
mod delay;
mod grpc_web;
mod head;
mod link;
mod mirror;
mod pool;
mod pulse;
mod replay;
mod resolve;
mod send;
mod split;
mod sticky;
mod stream;
mod tls;
mod upkeep;
mod way;

use std::net::IpAddr;
use std::sync::Arc;

use domain::upstream::{Hedge, Protocol};
use http::HeaderValue;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use crate::record::NameId;

pub(crate) use attempts::{Attempts, Ticket, overdue};
pub(crate) use balance::identity;
pub(crate) use budget::Vitals;
pub(crate) use chance::chance;
pub(crate) use connect::{ConnectError, first_of};
pub(crate) use delay::Delay;
pub(crate) use link::Link;
pub(crate) use mirror::Shadow;
pub(crate) use pool::Pool;
pub(crate) use pulse::Pulse;
pub(crate) use replay::{Copied, Replay, is_idempotent, is_short, is_worth_keeping};
pub(crate) use resolve::Resolved;
pub use resolve::{NameFiles, Resolver};
pub(crate) use send::{Failure, GivenUp, Outgoing, Sent, send};
pub(crate) use split::{Split, Trial, Variant, Watch};
pub(crate) use sticky::Sticky;
pub(crate) use stream::Stream;
pub(crate) use tls::{Roots, client_config, trusted};
pub(crate) use upkeep::{Upkeep, keep_up};
pub(crate) use way::{Closed, Fallback, Way, admit, alone, stand_in};

/// A further try beside one that takes long.
#[derive(Debug)]
pub(crate) struct Hedging {
    pub(crate) rule: Hedge,
    /// Where it goes by recent answers.
    pub(crate) delay: Option<Arc<Delay>>,
}

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
    pub(crate) protocol: Protocol,
}

#[derive(Debug)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(Arc<Resolved>),
}

#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}
