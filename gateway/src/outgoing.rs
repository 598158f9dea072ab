//! Requests of our own to servers that tenants name: no redirects, a bounded answer, and only where
//! upstreams may lie as well.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use domain::address;
use domain::snapshot;
use domain::upstream::Protocol;
use http::header::{ACCEPT, CONNECTION, ETAG, HOST, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::upstream::{Resolved, Resolver, Roots, client_config};

/// Why there is no answer; a clause about the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("its address is none")]
    Address,
    #[error("it does not resolve")]
    Unresolved,
    #[error("it lies where this gateway may not ask")]
    Refused,
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("the exchange failed: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("it answered {0}")]
    Status(u16),
    #[error("its answer is too large or breaks off")]
    Body,
}

/// Where requests may go, and how servers are known.
pub(crate) struct Reach<'a> {
    pub(crate) allowed: &'a snapshot::Settings,
    /// Addresses of this installation, which are nobody's to ask.
    pub(crate) own: &'a [SocketAddr],
    pub(crate) resolver: &'a Resolver,
    pub(crate) roots: &'a Roots,
    /// PEM in the place of the system's roots.
    pub(crate) ca: Option<&'a str>,
}

/// What is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a Url,
    pub(crate) accept: &'static str,
    /// Of what is known already (RFC 9110 §13.1.2).
    pub(crate) tag: Option<&'a str>,
    /// Most bytes of an answer.
    pub(crate) most: usize,
}

/// An answer of 200, or of 304 without a body.
pub(crate) struct Answer {
    pub(crate) is_same: bool,
    pub(crate) tag: Option<String>,
    pub(crate) body: Bytes,
}

/// One GET.
pub(crate) async fn get(reach: &Reach<'_>, asked: &Asked<'_>) -> Result<Answer, Failed> {
    let url = asked.url;
    let host = url.host().ok_or(Failed::Address)?;
    let port = url.port_or_known_default().ok_or(Failed::Address)?;
    let stream = connect(reach, &host, port).await?;
    if url.scheme() != "https" {
        return exchange(stream, asked).await;
    }
    let tls = |error: String| Failed::Tls(error);
    let name = match &host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()),
        Host::Ipv4(ip) => ServerName::try_from(ip.to_string()),
        Host::Ipv6(ip) => ServerName::try_from(ip.to_string()),
    };
    let name = name.map_err(|error| tls(error.to_string()))?;
    let config = client_config(reach.ca, Protocol::Http1, reach.roots, None);
    let config = config.map_err(|error| tls(error.to_string()))?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    exchange(stream.map_err(|error| tls(error.to_string()))?, asked).await
}

async fn connect(reach: &Reach<'_>, host: &Host<&str>, port: u16) -> Result<TcpStream, Failed> {
    let addresses = match host {
        Host::Ipv4(ip) => vec![SocketAddr::new((*ip).into(), port)],
        Host::Ipv6(ip) => vec![SocketAddr::new((*ip).into(), port)],
        Host::Domain(name) if address::is_metadata_name(name) => return Err(Failed::Refused),
        Host::Domain(name) => {
            let resolved = Resolved::new(name, port);
            resolved.addresses(reach.resolver).await.to_vec()
        }
    };
    let mut last = Failed::Unresolved;
    for address in addresses {
        if address::judge(address, reach.allowed, reach.own).is_err() {
            last = Failed::Refused;
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Failed::Unreachable(error),
        }
    }
    Err(last)
}

async fn exchange<S>(stream: S, asked: &Asked<'_>) -> Result<Answer, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let url = asked.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(Failed::Address),
    };
    let mut request = Request::get(target)
        .header(HOST, host)
        .header(ACCEPT, HeaderValue::from_static(asked.accept))
        .header(USER_AGENT, HeaderValue::from_static("portunus"))
        .header(CONNECTION, HeaderValue::from_static("close"));
    if let Some(tag) = asked.tag {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|_| Failed::Address)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let tag = answer.headers().get(ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        match status {
            200 => {}
            304 if asked.tag.is_some() => {
                return Ok(Answer {
                    is_same: true,
                    tag,
                    body: Bytes::new(),
                });
            }
            _ => return Err(Failed::Status(status)),
        }
        let body = Limited::new(answer.into_body(), asked.most).collect().await;
        Ok(Answer {
            is_same: false,
            tag,
            body: body.map_err(|_| Failed::Body)?.to_bytes(),
        })
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // It may have brought the answer with its last step.
        _ = connection => answer.await,
    }
}

/// Fetches texts from addresses that people of an organization name: what the management plane does
/// with the gateway's code.
#[derive(Debug, Default)]
pub struct Fetcher {
    resolver: Resolver,
    roots: Roots,
    ca: Option<String>,
}

/// How long a fetch takes at most, from the name to the last byte.
const PATIENCE: Duration = Duration::from_secs(30);

const LONGEST_TAG: usize = 500;

/// What came of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is as it was.
    Same,
    New {
        body: Vec<u8>,
        /// What the server calls this state of it.
        tag: Option<String>,
    },
}

/// Why nothing came of it; a clause about the server.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotFetched(#[from] Failed);

impl Fetcher {
    /// One that asks `resolver`, and trusts the authorities of `ca` (PEM) in the place of the
    /// system's.
    pub fn new(resolver: Resolver, ca: Option<String>) -> Self {
        Self {
            resolver,
            roots: Roots::default(),
            ca,
        }
    }

    /// One GET, where upstreams may lie as `allowed` says, and never at one of `own`. `tag` is of
    /// what is known already; an answer has at most `most` bytes.
    pub async fn fetch(
        &self,
        url: &Url,
        tag: Option<&str>,
        most: usize,
        allowed: &snapshot::Settings,
        own: &[SocketAddr],
    ) -> Result<Fetched, NotFetched> {
        let reach = Reach {
            allowed,
            own,
            resolver: &self.resolver,
            roots: &self.roots,
            ca: self.ca.as_deref(),
        };
        let asked = Asked {
            url,
            accept: "text/plain, */*;q=0.1",
            tag,
            most,
        };
        let answer = timeout(PATIENCE, get(&reach, &asked)).await;
        let answer = answer.unwrap_or(Err(Failed::TimedOut))?;
        Ok(match answer.is_same {
            true => Fetched::Same,
            false => Fetched::New {
                body: answer.body.to_vec(),
                // It comes back with each question.
                tag: answer.tag.filter(|tag| tag.len() <= LONGEST_TAG),
            },
        })
    }
}
