//! Requests of our own to servers that tenants name: no redirects, a bounded answer, and only where
//! upstreams may lie as well.

use std::net::SocketAddr;

use bytes::Bytes;
use domain::address;
use domain::snapshot;
use domain::upstream::Protocol;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::upstream::{Resolved, Resolver, Roots, client_config, first_of};

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
}

/// What is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a Url,
    pub(crate) accept: &'static str,
    /// Most bytes of an answer.
    pub(crate) most: usize,
}

/// The body of the answer to one GET, which is to be 200.
pub(crate) async fn get(reach: &Reach<'_>, asked: &Asked<'_>) -> Result<Bytes, Failed> {
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
    let config = client_config(None, Protocol::Http1, reach.roots, None);
    let config = config.map_err(|error| tls(error.to_string()))?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    exchange(stream.map_err(|error| tls(error.to_string()))?, asked).await
}

async fn connect(reach: &Reach<'_>, host: &Host<&str>, port: u16) -> Result<TcpStream, Failed> {
    let mut addresses = match host {
        Host::Ipv4(ip) => vec![SocketAddr::new((*ip).into(), port)],
        Host::Ipv6(ip) => vec![SocketAddr::new((*ip).into(), port)],
        Host::Domain(name) if address::is_metadata_name(name) => return Err(Failed::Refused),
        Host::Domain(name) => {
            let resolved = Resolved::new(name, port);
            resolved.addresses(reach.resolver).await.to_vec()
        }
    };
    if addresses.is_empty() {
        return Err(Failed::Unresolved);
    }
    addresses.retain(|one| address::judge(*one, reach.allowed, reach.own).is_ok());
    if addresses.is_empty() {
        return Err(Failed::Refused);
    }
    let connected = first_of(&addresses).await;
    connected.map_err(Failed::Unreachable)
}

async fn exchange<S>(stream: S, asked: &Asked<'_>) -> Result<Bytes, Failed>
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
    let request = Request::get(target)
        .header(HOST, host)
        .header(ACCEPT, HeaderValue::from_static(asked.accept))
        .header(USER_AGENT, HeaderValue::from_static("portunus"))
        .header(CONNECTION, HeaderValue::from_static("close"))
        .body(Empty::<Bytes>::new())
        .map_err(|_| Failed::Address)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(Failed::Status(status));
        }
        let body = Limited::new(answer.into_body(), asked.most).collect().await;
        Ok(body.map_err(|_| Failed::Body)?.to_bytes())
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // It may have brought the answer with its last step.
        _ = connection => answer.await,
    }
}
