//! A server whose address people of an organization name: it keeps what it is sent, and answers as it
//! is told to. By https it shows a certificate that was made for these tests, good for a hundred years.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
pub type Pair = [&'static str; 2];

/// Good for 127.0.0.1, of the authority that the management plane is told of.
pub const SERVER: Pair = [
    include_str!("../tls/server.pem"),
    include_str!("../tls/server.key"),
];
/// Of the same, for another name.
pub const OTHER: Pair = [
    include_str!("../tls/other.pem"),
    include_str!("../tls/other.key"),
];
/// Good for 127.0.0.1, of an authority that nobody knows.
pub const STRANGER: Pair = [
    include_str!("../tls/stranger.pem"),
    include_str!("../tls/stranger.key"),
];

/// Whom the management plane trusts besides the system's authorities.
pub fn authorities() -> Vec<CertificateDer<'static>> {
    vec![certificate(include_str!("../tls/ca.pem"))]
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    pub fn find(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(&start))
    }

    pub fn field(&self, name: &str) -> &str {
        let found = self.find(name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// An answer as it is sent.
pub fn answer(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{fields}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[derive(Debug, Default)]
struct Script {
    usual: Vec<u8>,
    next: VecDeque<Vec<u8>>,
    seen: Vec<Received>,
}

#[derive(Debug, Clone)]
pub struct Peer {
    /// `https://127.0.0.1:1234`
    pub origin: String,
    script: Arc<Mutex<Script>>,
    /// How many requests came.
    count: watch::Sender<usize>,
    /// Whether answers are kept back.
    held: watch::Sender<bool>,
}

impl Peer {
    /// By http. Answers 204 until it is told something else.
    pub async fn plain() -> Self {
        let (peer, listener) = Self::listen("http").await;
        let serves = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serves.clone().serve(stream));
            }
        });
        peer
    }

    /// By https, as who `pair` says.
    pub async fn secure(pair: Pair) -> Self {
        let [chain, key] = pair;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate(chain)], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (peer, listener) = Self::listen("https").await;
        let serves = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, serves) = (acceptor.clone(), serves.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serves.serve(stream).await;
                    }
                });
            }
        });
        peer
    }

    async fn listen(scheme: &str) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self {
            origin: format!("{scheme}://{}", listener.local_addr().unwrap()),
            script: Arc::default(),
            count: watch::Sender::new(0),
            held: watch::Sender::new(false),
        };
        peer.answers(204);
        (peer, listener)
    }

    /// The status of each answer from now on.
    pub fn answers(&self, status: u16) {
        let usual = answer(status, "location: http://127.0.0.1:1/\r\n", b"");
        self.script.lock().unwrap().usual = usual;
    }

    /// The answer to the next request.
    pub fn says(&self, answer: Vec<u8>) {
        self.script.lock().unwrap().next.push_back(answer);
    }

    /// Keeps answers back until it is told not to.
    pub fn hold(&self, holds: bool) {
        self.held.send_replace(holds);
    }

    /// Returns when so many requests have come since the start.
    pub async fn saw(&self, count: usize) {
        let mut seen = self.count.subscribe();
        seen.wait_for(|seen| *seen >= count).await.unwrap();
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.script.lock().unwrap().seen)
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S) {
        let Some(received) = read(&mut stream).await else {
            return;
        };
        let answer = {
            let mut script = self.script.lock().unwrap();
            script.seen.push(received);
            let next = script.next.pop_front();
            next.unwrap_or_else(|| script.usual.clone())
        };
        self.count.send_modify(|count| *count += 1);
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| !*held).await;
        // Who has heard enough may have gone.
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut got = Vec::new();
    loop {
        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&got);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let received = Received {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let length = received.find("content-length").unwrap_or("0");
        if received.body.len().to_string() == length {
            return Some(received);
        }
    }
}
