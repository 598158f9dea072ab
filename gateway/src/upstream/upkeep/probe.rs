//! One probe of a target: a connection of its own, and a GET over it where a path is asked.

use std::pin::pin;

use bytes::Bytes;
use domain::snapshot;
use domain::upstream::{Active, Protocol};
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::grpc;
use crate::settings::Settings;
use crate::upstream::Target;
use crate::upstream::connect::{ConnectError, reach};

/// Why a target did not pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("it ended the exchange: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("it answered {0}")]
    Status(u16),
    #[error("it is not serving")]
    NotServing,
    #[error("the path is none")]
    Path,
}

/// Asks `target`, within the time that `rule` gives. Its address is judged and its certificate
/// verified as for requests of clients; its credential is not shown.
pub(super) async fn probe(
    settings: &Settings,
    allowed: &snapshot::Settings,
    target: &Target,
    rule: &Active,
) -> Result<(), Failed> {
    let asked = ask(settings, allowed, target, rule);
    tokio::time::timeout(rule.timeout.duration(), asked)
        .await
        .unwrap_or(Err(Failed::TimedOut))
}

async fn ask(
    settings: &Settings,
    allowed: &snapshot::Settings,
    target: &Target,
    rule: &Active,
) -> Result<(), Failed> {
    let stream = reach(settings, allowed, target).await?;
    match &target.tls {
        None => exchange(stream, target, rule).await,
        Some(tls) => {
            let connector = TlsConnector::from(tls.config.clone());
            let stream = connector.connect(tls.name.clone(), stream).await;
            exchange(stream.map_err(ConnectError::Tls)?, target, rule).await
        }
    }
}

/// The answer's head is all that is wanted: whatever comes behind it is dropped.
async fn first<T>(
    answer: impl Future<Output = Result<T, hyper::Error>>,
    connection: impl Future<Output = Result<(), hyper::Error>>,
) -> Result<T, hyper::Error> {
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // It may have brought the answer with its last step.
        _ = connection => answer.await,
    }
}

async fn exchange<S>(stream: S, target: &Target, rule: &Active) -> Result<(), Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if rule.is_grpc() {
        return ask_grpc(stream, target, rule).await;
    }
    let Some(path) = &rule.path else {
        return Ok(());
    };
    let request = Request::get(path)
        .header(USER_AGENT, HeaderValue::from_static("portunus-health"))
        .body(Empty::<Bytes>::new());
    let mut request = request.map_err(|_| Failed::Path)?;
    let answer = match target.protocol {
        Protocol::Http1 => {
            let headers = request.headers_mut();
            headers.insert(HOST, target.authority.clone());
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            first(sender.send_request(request), connection).await?
        }
        Protocol::Http2 => {
            *request.uri_mut() = uri(target, path)?;
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            first(sender.send_request(request), connection).await?
        }
    };
    match answer.status().as_u16() {
        status if rule.accepts(status) => Ok(()),
        status => Err(Failed::Status(status)),
    }
}

fn uri(target: &Target, path: &str) -> Result<Uri, Failed> {
    let scheme = if target.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(target.authority.as_bytes())
        .path_and_query(path);
    uri.build().map_err(|_| Failed::Path)
}

/// The body and the trailers are part of the answer here.
async fn ask_grpc<S>(stream: S, target: &Target, rule: &Active) -> Result<(), Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = rule.service.as_deref().unwrap_or_default();
    let request = grpc::request(uri(target, grpc::PATH)?, service);
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let is_serving = grpc::is_serving(answer.into_body()).await?;
        Ok((status, is_serving))
    };
    match first(answer, connection).await? {
        (200, true) => Ok(()),
        (200, false) => Err(Failed::NotServing),
        (status, _) => Err(Failed::Status(status)),
    }
}
