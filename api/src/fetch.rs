//! How this crate fetches what people name an address for: by the gateway's code, which it does not
//! know. The executable hands it in.

use std::net::SocketAddr;

use async_trait::async_trait;
use domain::snapshot;
use url::Url;

/// What came of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is as it was.
    Same,
    New {
        body: Vec<u8>,
        /// What the server calls this state of it (RFC 9110 §8.8.3).
        tag: Option<String>,
    },
}

/// What is asked for, and where it may be asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub url: &'a Url,
    /// Of what is known already.
    pub tag: Option<&'a str>,
    /// Most bytes of an answer.
    pub most: usize,
    /// Which networks are open.
    pub allowed: &'a snapshot::Settings,
    /// Addresses of this installation, which are never asked.
    pub own: &'a [SocketAddr],
}

/// Fetches from addresses that people name.
#[async_trait]
pub trait Fetches: std::fmt::Debug + Send + Sync {
    /// Comes to an end by itself. An error is a clause about the server: "it answered 404".
    async fn fetch(&self, wanted: Wanted<'_>) -> Result<Fetched, String>;
}
