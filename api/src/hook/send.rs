//! One message on its way: signed as Standard Webhooks says, to an address that was judged before,
//! without following anything, and nothing of the answer is kept but its status.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::snapshot;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};
use uuid::Uuid;

use crate::service::outgoing;

/// For all of it, from the name to the status.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent.
pub(super) struct Message<'a> {
    pub(super) url: &'a str,
    /// Of the delivery, the same in each try.
    pub(super) id: Uuid,
    pub(super) at: DateTime<Utc>,
    /// JSON.
    pub(super) body: &'a str,
    pub(super) secret: &'a [u8],
}

/// Why there is no status. Nothing that the other side said is in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("Its secret cannot be opened.")]
    Secret,
    #[error("Its address is none.")]
    Address,
    #[error("{0}")]
    Refused(String),
    #[error("It cannot be reached.")]
    Unreachable,
    #[error("TLS failed.")]
    Tls,
    #[error("It did not answer in 10 s.")]
    TimedOut,
    #[error("The exchange broke off.")]
    Exchange(#[from] hyper::Error),
}

/// The status that it is answered with.
pub(super) async fn post(
    message: &Message<'_>,
    rules: &snapshot::Settings,
    own: &[SocketAddr],
) -> Result<u16, Failed> {
    timeout(PATIENCE, try_post(message, rules, own))
        .await
        .unwrap_or(Err(Failed::TimedOut))
}

async fn try_post(
    message: &Message<'_>,
    rules: &snapshot::Settings,
    own: &[SocketAddr],
) -> Result<u16, Failed> {
    let url = Url::parse(message.url).map_err(|_| Failed::Address)?;
    let request = request(&url, message)?;
    let addresses = outgoing::addresses(&url, rules, own).await;
    let addresses = addresses.map_err(|refused| Failed::Refused(refused.message))?;
    if url.scheme() != "https" {
        // Whatever its name says now: plain only within this machine.
        if !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(Failed::Address);
        }
        return exchange(connect(&addresses).await?, request).await;
    }
    let name = match url.host().ok_or(Failed::Address)? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()),
        Host::Ipv4(ip) => ServerName::try_from(ip.to_string()),
        Host::Ipv6(ip) => ServerName::try_from(ip.to_string()),
    };
    let name = name.map_err(|_| Failed::Address)?;
    let config = TLS.clone().ok_or(Failed::Tls)?;
    let stream = connect(&addresses).await?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    exchange(stream.map_err(|_| Failed::Tls)?, request).await
}

/// By the system's roots, read once.
static TLS: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Some(Arc::new(config))
});

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failed> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(address).await {
            return Ok(stream);
        }
    }
    Err(Failed::Unreachable)
}

fn request(url: &Url, message: &Message<'_>) -> Result<Request<Full<Bytes>>, Failed> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(Failed::Address),
    };
    let (id, at) = (
        format!("msg_{}", message.id.simple()),
        message.at.timestamp(),
    );
    Request::post(target)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "portunus")
        .header(CONNECTION, "close")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at)
        .header(
            "webhook-signature",
            signature(message.secret, &id, at, message.body)?,
        )
        .body(Full::new(Bytes::from(message.body.to_owned())))
        .map_err(|_| Failed::Address)
}

/// HMAC-SHA256 of id, time and body, as Standard Webhooks says.
fn signature(secret: &[u8], id: &str, at: i64, body: &str) -> Result<String, Failed> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Failed::Secret)?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body.as_bytes());
    let code = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{code}"))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        Ok::<u16, hyper::Error>(answer.status().as_u16())
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        status = &mut answer => Ok(status?),
        // It may have brought the answer with its last step.
        _ = connection => Ok(answer.await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    #[test]
    fn messages_are_signed_as_the_standard_says() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
