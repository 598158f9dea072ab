//! Requests of ours to servers that people of an organization name: what is fetched and what is sent
//! goes through one client. It connects to addresses that were judged, and to no others, follows
//! nothing, and ends by itself.

mod reach;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::snapshot;
use http::header::{ACCEPT, CONNECTION, ETAG, HOST, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

pub(crate) use reach::{Refused, addresses};

/// Where a request may go, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// Which networks are open.
    pub allowed: &'a snapshot::Settings,
    /// Addresses of this installation, which are never asked.
    pub own: &'a [SocketAddr],
    /// For all of it, from the name to the last byte.
    pub patience: Duration,
}

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

/// Why nothing came of it, as a sentence. Nothing that the other side said is in it but its status.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("Its address is none.")]
    Address,
    #[error("{0}")]
    Refused(String),
    #[error("It cannot be reached.")]
    Unreachable,
    #[error("{}", of_certificate(.0))]
    Certificate(CertificateError),
    #[error("TLS failed.")]
    Tls,
    #[error("It did not answer in {} s.", .0.as_secs())]
    TimedOut(Duration),
    #[error("The exchange broke off.")]
    Exchange(#[from] hyper::Error),
    #[error("It answered {0}.")]
    Status(u16),
    #[error("Its answer is too large or breaks off.")]
    Body,
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "Its certificate is for another name."
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "Its certificate has expired."
        }
        CertificateError::UnknownIssuer => {
            "Its certificate is of an authority that is not trusted here."
        }
        _ => "Its certificate is not good.",
    }
}

/// The client. It knows servers by the system's authorities and those that it is given.
#[derive(Debug)]
pub struct Client {
    authorities: Vec<CertificateDer<'static>>,
    /// Made once, at the first request that needs it.
    tls: OnceLock<Option<Arc<ClientConfig>>>,
}

/// The most that is remembered of what a server calls a state: it comes back with each question.
const LONGEST_TAG: usize = 500;

impl Client {
    /// One that trusts `authorities` as well as the system's.
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> Self {
        Self {
            authorities,
            tls: OnceLock::new(),
        }
    }

    /// A text, unless it is as it was when it was called `tag`; it has at most `most` bytes.
    pub async fn fetch(
        &self,
        reach: &Reach<'_>,
        url: &Url,
        tag: Option<&str>,
        most: usize,
    ) -> Result<Fetched, Failed> {
        let mut request = Request::get("/").header(ACCEPT, "text/plain, */*;q=0.1");
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Full::default()).map_err(|_| Failed::Address)?;
        let fetching = async {
            let answer = self.exchange(reach, url, request, Some(most)).await?;
            match answer.status {
                304 if tag.is_some() => Ok(Fetched::Same),
                200 => Ok(Fetched::New {
                    tag: named(&answer.fields),
                    body: answer.body.into(),
                }),
                status => Err(Failed::Status(status)),
            }
        };
        within(reach.patience, fetching).await
    }

    /// Sends `body` with `fields`, which are complete but for those about the connection. The status
    /// that it is answered with is all that is looked at.
    pub async fn post(
        &self,
        reach: &Reach<'_>,
        url: &Url,
        fields: HeaderMap,
        body: String,
    ) -> Result<u16, Failed> {
        let request = Request::post("/").body(Full::new(Bytes::from(body)));
        let mut request = request.map_err(|_| Failed::Address)?;
        *request.headers_mut() = fields;
        let posting = async {
            let answer = self.exchange(reach, url, request, None).await?;
            Ok(answer.status)
        };
        within(reach.patience, posting).await
    }

    /// One request on a connection of its own. Without `most` the answer's body is left alone.
    async fn exchange(
        &self,
        reach: &Reach<'_>,
        url: &Url,
        mut request: Request<Full<Bytes>>,
        most: Option<usize>,
    ) -> Result<Answer, Failed> {
        address(&mut request, url).ok_or(Failed::Address)?;
        let addresses = addresses(url, reach.allowed, reach.own).await;
        let addresses = addresses.map_err(|refused| Failed::Refused(refused.message))?;
        if url.scheme() != "https" {
            // Whatever its name says now: plain only within this machine.
            if !addresses.iter().all(|address| address.ip().is_loopback()) {
                return Err(Failed::Address);
            }
            return exchange(connect(&addresses).await?, request, most).await;
        }
        let stream = self.secured(url, &addresses).await?;
        exchange(stream, request, most).await
    }

    async fn secured(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
    ) -> Result<TlsStream<TcpStream>, Failed> {
        let name = match url.host().ok_or(Failed::Address)? {
            Host::Domain(name) => ServerName::try_from(name.to_owned()),
            Host::Ipv4(ip) => ServerName::try_from(ip.to_string()),
            Host::Ipv6(ip) => ServerName::try_from(ip.to_string()),
        };
        let name = name.map_err(|_| Failed::Address)?;
        let config = self.tls.get_or_init(|| config(&self.authorities));
        let config = config.clone().ok_or(Failed::Tls)?;
        let stream = connect(addresses).await?;
        let stream = TlsConnector::from(config).connect(name, stream).await;
        stream.map_err(|error| {
            let inner = error
                .get_ref()
                .and_then(|error| error.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidCertificate(why)) => Failed::Certificate(why.clone()),
                Some(_) | None => Failed::Tls,
            }
        })
    }
}

struct Answer {
    status: u16,
    fields: HeaderMap,
    body: Bytes,
}

async fn within<T>(
    patience: Duration,
    exchange: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let done = timeout(patience, exchange).await;
    done.unwrap_or(Err(Failed::TimedOut(patience)))
}

fn named(fields: &HeaderMap) -> Option<String> {
    let tag = fields.get(ETAG)?.to_str().ok()?;
    (tag.len() <= LONGEST_TAG).then(|| tag.to_owned())
}

fn config(authorities: &[CertificateDer<'static>]) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Some(Arc::new(config))
}

/// For one address where there are others: one that is dead does not take the time of all.
const ONE_ADDRESS: Duration = Duration::from_secs(2);

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failed> {
    let Some((last, others)) = addresses.split_last() else {
        return Err(Failed::Unreachable);
    };
    for address in others {
        if let Ok(Ok(stream)) = timeout(ONE_ADDRESS, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    let stream = TcpStream::connect(last).await;
    stream.map_err(|_| Failed::Unreachable)
}

/// Gives a request its target, and the fields that are about the connection.
fn address(request: &mut Request<Full<Bytes>>, url: &Url) -> Option<()> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str()?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::try_from(host).ok()?);
    fields.insert(USER_AGENT, HeaderValue::from_static("portunus"));
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    Some(())
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    most: Option<usize>,
) -> Result<Answer, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let status = head.status.as_u16();
        let body = match most {
            Some(most) if status == 200 => read(body, most).await?,
            Some(_) | None => Bytes::new(),
        };
        Ok::<Answer, Failed>(Answer {
            status,
            fields: head.headers,
            body,
        })
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // It may have brought the answer with its last step.
        _ = connection => answer.await,
    }
}

async fn read(body: Incoming, most: usize) -> Result<Bytes, Failed> {
    let read = Limited::new(body, most).collect().await;
    Ok(read.map_err(|_| Failed::Body)?.to_bytes())
}
