//! What a gateway is started with, and why a start may fail.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use domain::seal::KeyRing;
use ipnet::IpNet;

use crate::clock::Clock;
use crate::upstream::Resolver;

/// Settings of one gateway node. The executable fills them from flags, `PORTUNUS_*` and files.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PORTUNUS_GATEWAY`, default `127.0.0.1:8080`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `PORTUNUS_GATEWAY_TLS`: a second address, for TLS; none unless set.
    pub listen_tls: Option<SocketAddr>,
    /// `PORTUNUS_PROXY_PROTOCOL`: connections from [`Settings::trusted_proxies`] begin with a PROXY
    /// header.
    pub proxy_protocol: bool,
    /// `PORTUNUS_ADMIN`, default `127.0.0.1:9090`; `None`: no health and metrics address.
    pub admin: Option<SocketAddr>,
    /// `PORTUNUS_WORKERS`: threads of the data plane; one per core unless set.
    pub workers: Option<usize>,
    /// `PORTUNUS_NODE`: stands in records and metrics.
    pub node: String,
    /// `PORTUNUS_REGION`: targets of the same region are preferred; none unless set.
    pub region: Option<String>,
    /// `PORTUNUS_DATA`: where the source keeps the last good state, whose age is a metric.
    pub data: Option<PathBuf>,
    /// `PORTUNUS_PORTAL_URL`, without trailing slash: problems link to its pages.
    pub portal_url: Option<String>,
    /// `PORTUNUS_TRUSTED_PROXIES`: peers whose `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `PORTUNUS_GATEWAY_KEY`: opens upstream credentials, signs the last good state. A file
    /// configuration needs none.
    pub gateway_key: Option<KeyRing>,
    /// Name of the portal's session cookie, cut out of requests and answers; default
    /// `portunus_session`. With `__Host-` in front as well.
    pub session_cookie: String,
    /// `PORTUNUS_DRAIN`, default 30 s: how long a shutdown waits for requests in flight.
    pub drain: Duration,
    /// Addresses that no target may have: portal, database, Redis, mail host. The gateway adds
    /// its own.
    pub own_addresses: Vec<SocketAddr>,
    /// `PORTUNUS_REDIS_URL`: what rate limits of the cluster, and
    /// answers that are kept for all nodes, are shared by; none unless set.
    pub redis_url: Option<RedisUrl>,
    /// How long a request waits for answers that are kept in Redis, in all, default 100 ms. Tests
    /// hand in more, as a busy machine may stand still.
    pub redis_patience: Duration,
    pub limits: Limits,
    pub issuer_keys: IssuerKeys,
    /// Tests hand in one that stands still.
    pub clock: Clock,
    /// Who tells the addresses of targets; tests hand in their own.
    pub resolver: Resolver,
}

impl Default for Settings {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            listen: loopback(8080),
            listen_tls: None,
            proxy_protocol: false,
            admin: Some(loopback(9090)),
            workers: None,
            node: "node".to_owned(),
            region: None,
            data: None,
            portal_url: None,
            trusted_proxies: Vec::new(),
            gateway_key: None,
            session_cookie: "portunus_session".to_owned(),
            drain: Duration::from_secs(30),
            own_addresses: Vec::new(),
            redis_url: None,
            redis_patience: Duration::from_millis(100),
            limits: Limits::default(),
            issuer_keys: IssuerKeys::default(),
            clock: Clock::default(),
            resolver: Resolver::default(),
        }
    }
}

/// Where a Redis is: `redis://` or `rediss://`. A password in it is not shown.
#[derive(Clone)]
pub struct RedisUrl(String);

impl RedisUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisUrl")
    }
}

/// When keys of issuers of tokens are asked for (gateway.md §8, `jwt`).
#[derive(Debug, Clone, Copy)]
pub struct IssuerKeys {
    /// From one time to the next.
    pub fresh: Duration,
    /// Between two times because a token names a key that is not known: a flood of names must not
    /// become one of questions.
    pub apart: Duration,
    /// How long keys are used whose issuer does not answer.
    pub stale: Duration,
}

impl Default for IssuerKeys {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(300),
            apart: Duration::from_secs(30),
            stale: Duration::from_secs(24 * 3600),
        }
    }
}

/// Bounds on what clients and upstreams may do (gateway.md §3).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Request line and header fields together, default 32 KiB.
    pub head_bytes: usize,
    /// One field, name and value, default 16 KiB.
    pub field_bytes: usize,
    /// Header fields, default 100.
    pub fields: usize,
    /// Request target, default 8 KiB.
    pub target_bytes: usize,
    /// Request body, default 10 MiB.
    pub body_bytes: u64,
    /// From the first byte awaited to the head's last, default 10 s.
    pub head_read: Duration,
    /// From the connection to the end of its TLS handshake, default 10 s.
    pub tls_handshake: Duration,
    /// Least bytes of a request body in any [`Limits::body_window`], default 2,400 (240 B/s).
    pub body_rate: u64,
    /// Default 10 s.
    pub body_window: Duration,
    /// Requests at a time on one connection of HTTP/2, default 100.
    pub http2_streams: u32,
    /// Streams that a client may reset in 30 s before its connection is ended, default 200.
    pub http2_resets: u32,
    /// Between two requests of a connection, default 60 s.
    pub idle: Duration,
    /// Without progress of a write to the client, default 30 s.
    pub write_stall: Duration,
    /// Upstream connections are used again this long after their last use, default 4 s: below the
    /// 5 s after which a common server closes them.
    pub upstream_idle: Duration,
    /// Idle upstream connections kept per worker and target, default 256.
    pub upstream_kept: usize,
    /// Client connections, default 10,000 and at most half of the process's file limit.
    pub connections: usize,
    /// Client connections of one address, default 100; not counted behind trusted proxies.
    pub connections_per_address: usize,
    /// Requests in flight of all workers, default 10,000; what is above is answered 503.
    pub requests: usize,
    /// Limiter cells for subjects that are only met on the way, default 1,000,000.
    pub cells: usize,
    /// Bytes of answers that `cache` keeps, of all workers together, default 64 MiB.
    pub cache: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            field_bytes: 16 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
            body_bytes: 10 * 1024 * 1024,
            head_read: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            body_rate: 2400,
            body_window: Duration::from_secs(10),
            http2_streams: 100,
            http2_resets: 200,
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            upstream_idle: Duration::from_secs(4),
            upstream_kept: 256,
            connections: 10_000,
            connections_per_address: 100,
            requests: 10_000,
            cells: 1_000_000,
            cache: 64 * 1024 * 1024,
        }
    }
}

/// Why a gateway did not start; nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("The address {0} is taken by another process.")]
    Taken(SocketAddr),
    #[error("The address {0} cannot be listened on: {1}.")]
    Listen(SocketAddr, std::io::Error),
    #[error("The setting redis_url is no address of a Redis like redis://host:6379.")]
    Redis,
    #[error("A thread of the data plane could not be started: {0}.")]
    Thread(std::io::Error),
}
