//! A new upstream connection: resolve, judge every address, connect to the one judged, TLS.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::address;
use domain::snapshot;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use h2::Reason;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::link::Link;
use super::pool::STREAMS;
use super::{Host, Resolver, Target};
use crate::http2;
use crate::settings::Settings;
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
    #[error("it does not speak HTTP/2")]
    NotHttp2,
    #[error("HTTP/2 failed: {0}")]
    Http2(#[from] h2::Error),
}

impl ConnectError {
    /// The same for another who waited for that connection.
    pub(super) fn again(&self) -> Self {
        let same = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
        match self {
            Self::Unresolved => Self::Unresolved,
            Self::Refused => Self::Refused,
            Self::TimedOut => Self::TimedOut,
            Self::Unreachable(error) => Self::Unreachable(same(error)),
            Self::Tls(error) => Self::Tls(same(error)),
            Self::NotHttp2 => Self::NotHttp2,
            Self::Http2(error) => {
                Self::Http2(error.reason().unwrap_or(Reason::INTERNAL_ERROR).into())
            }
        }
    }
}

/// A connection of HTTP/1.1 within `limit_ms`, handshakes included.
pub(super) async fn connect(
    worker: &Worker,
    target: &Target,
    settings: &snapshot::Settings,
    limit_ms: u64,
) -> Result<Box<Link>, ConnectError> {
    let dialled = timeout(
        Duration::from_millis(limit_ms),
        dial(&worker.settings, target, settings),
    );
    let socket = dialled.await.map_err(|_| ConnectError::TimedOut)??;
    worker.metrics.upstream_dialled.add(1);
    let deadline = worker.sweeper.deadline();
    Ok(Box::new(Link::new(socket, deadline, target.number)))
}

/// The same of HTTP/2 within `limit`: it is driven by a task of its own, as many requests share it.
pub(super) async fn connect_http2(
    settings: &Settings,
    target: &Target,
    allowed: &snapshot::Settings,
    limit: Duration,
) -> Result<SendRequest<Bytes>, ConnectError> {
    let dialled = timeout(limit, async {
        let socket = dial(settings, target, allowed).await?;
        if let Socket::Tls(stream) = &socket
            && stream.get_ref().1.alpn_protocol() != Some(http2::ALPN)
        {
            return Err(ConnectError::NotHttp2);
        }
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(UNTOLD)
            .max_header_list_size(HEADER_LIST);
        let (sender, mut connection) = builder.handshake::<_, Bytes>(socket).await?;
        // Its first frame says how many requests it takes at a time (RFC 9113 §3.4): those who share
        // it are to know before they send more.
        let told = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(ended())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending if sender.current_max_send_streams() == UNTOLD => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(())),
        });
        told.await?;
        Ok((sender, connection))
    });
    let (sender, connection) = dialled.await.map_err(|_| ConnectError::TimedOut)??;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "An upstream connection ended.");
        }
    });
    Ok(sender)
}

/// How much of one answer may be on its way before it is taken.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same of all on a connection: as much as those that share it may have together, so that answers
/// which their clients do not take hold up none of the others.
const CONNECTION_WINDOW: u32 = STREAMS as u32 * STREAM_WINDOW;
const HEADER_LIST: u32 = 64 * 1024;
/// Requests at a time before the other side has said how many: more than it can say, and not what
/// the library takes where it leaves it open.
const UNTOLD: usize = usize::MAX - 1;

fn ended() -> ConnectError {
    ConnectError::Unreachable(io::ErrorKind::UnexpectedEof.into())
}

async fn dial(
    settings: &Settings,
    target: &Target,
    allowed: &snapshot::Settings,
) -> Result<Socket, ConnectError> {
    let stream = reach(settings, allowed, target).await?;
    establish(target, stream).await
}

/// Connects to one of the target's addresses.
pub(super) async fn reach(
    settings: &Settings,
    allowed: &snapshot::Settings,
    target: &Target,
) -> Result<TcpStream, ConnectError> {
    let mut known = addresses(target, &settings.resolver).await?;
    // Judged here and not only when it was saved: names change what they resolve to.
    known.retain(|known| address::judge(*known, allowed, &settings.own_addresses).is_ok());
    if known.is_empty() {
        return Err(ConnectError::Refused);
    }
    let mut found = Found {
        target,
        answers: false,
    };
    let stream = first_of(&known).await.map_err(ConnectError::Unreachable)?;
    found.answers = true;
    Ok(stream)
}

/// The addresses that a target's name was resolved to: where none of them answers, until whoever
/// waits has had enough, the name may lead elsewhere meanwhile.
struct Found<'a> {
    target: &'a Target,
    answers: bool,
}

impl Drop for Found<'_> {
    fn drop(&mut self) {
        if let Host::Name(resolved) = &self.target.host
            && !self.answers
        {
            resolved.doubt();
        }
    }
}

/// After which an address that is silent is not waited for alone (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that accepts: a name stays good while one of them is.
pub(crate) async fn first_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut others = addresses.iter();
    let mut running = FuturesUnordered::new();
    running.extend(others.next().map(|first| TcpStream::connect(*first)));
    loop {
        let failed = tokio::select! {
            biased;
            over = running.next() => match over {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => Some(error),
                None => return Err(io::ErrorKind::AddrNotAvailable.into()),
            },
            () = sleep(HEAD_START), if others.len() > 0 => None,
        };
        match (others.next(), failed) {
            (Some(next), _) => running.push(TcpStream::connect(*next)),
            (None, Some(error)) if running.is_empty() => return Err(error),
            (None, _) => {}
        }
    }
}

/// Where a target may be, not judged yet.
async fn addresses(target: &Target, resolver: &Resolver) -> Result<Vec<SocketAddr>, ConnectError> {
    let resolved = match &target.host {
        Host::Address(ip) => return Ok(vec![SocketAddr::new(*ip, target.port)]),
        Host::Name(resolved) => resolved,
    };
    if address::is_metadata_name(resolved.name()) {
        return Err(ConnectError::Refused);
    }
    let known = resolved.addresses(resolver).await;
    if known.is_empty() {
        return Err(ConnectError::Unresolved);
    }
    Ok(known.to_vec())
}

async fn establish(target: &Target, stream: TcpStream) -> Result<Socket, ConnectError> {
    stream
        .set_nodelay(true)
        .map_err(ConnectError::Unreachable)?;
    Ok(match &target.tls {
        None => Socket::Plain(stream),
        Some(tls) => {
            let connector = TlsConnector::from(tls.config.clone());
            let stream = connector.connect(tls.name.clone(), stream);
            Socket::Tls(Box::new(stream.await.map_err(ConnectError::Tls)?.into()))
        }
    })
}
