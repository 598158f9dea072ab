//! A question to a running platform: one POST to its management API.

use std::time::Duration;

use anyhow::{Context, bail};
use domain::explain::{Answer, Question};
use domain::problem::Problem;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use super::super::exit::No;
use super::super::start;
use crate::settings::Problems;

const PATIENCE: Duration = Duration::from_secs(30);
/// Far above any explanation.
const MOST: usize = 4 * 1024 * 1024;
const TOKEN: &str = "PORTUNUS_TOKEN";

pub(super) fn ask(portal: &Url, question: &Question) -> anyhow::Result<Answer> {
    let token = std::env::var(TOKEN).map_err(|_| {
        Problems(vec![format!(
            "{TOKEN} is needed: a personal token with the scopes apis:read and traffic:read."
        )])
    })?;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    start::runtime()?.block_on(async {
        let answer = tokio::time::timeout(PATIENCE, send(portal, &token, question)).await;
        answer.map_err(|_| {
            No(format!(
                "{portal} did not answer within {} s.",
                PATIENCE.as_secs()
            ))
        })?
    })
}

async fn send(portal: &Url, token: &str, question: &Question) -> anyhow::Result<Answer> {
    let host = portal.host_str().context("The address names no host.")?;
    let port = portal.port_or_known_default().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await;
    let stream = stream.map_err(|error| No(format!("{portal} does not answer: {error}.")))?;
    let authority = match portal.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let base = portal.path().trim_end_matches('/');
    let request = Request::post(format!("{base}/api/v1/explain"))
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::new(Bytes::from(serde_json::to_vec(question)?)))
        .map_err(|_| Problems(vec![format!("{TOKEN} is no token.")]))?;
    let (status, body) = match portal.scheme() {
        "http" => exchange(stream, request).await?,
        "https" => {
            let name = rustls_pki_types::ServerName::try_from(bare.to_owned())?;
            let stream = connector().connect(name, stream).await?;
            exchange(stream, request).await?
        }
        other => bail!(Problems(vec![format!(
            "An address of {other} cannot be asked."
        )])),
    };
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).context("The answer is none of this release's.");
    }
    let told = match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            let fields = problem.errors.iter().map(|invalid| invalid.message.clone());
            let all: Vec<String> = std::iter::once(problem.detail.clone())
                .chain(fields)
                .collect();
            all.join(" ")
        }
        Err(_) => format!("{portal} answered {status}."),
    };
    Err(No(told).into())
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("The answer could not be read: {error}."))?;
    Ok((status, body.to_bytes()))
}

fn connector() -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
}
