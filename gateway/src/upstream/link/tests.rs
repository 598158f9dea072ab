//! What goes out over a connection: all of it, and little of it at a time.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::upstream::Protocol;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::coop::consume_budget;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::deadline::Sweeper;
use crate::upstream::{Roots, client_config};

const CA: &str = include_str!("../../../tests/it/tls/ca.pem");
const CERTIFICATE: &str = include_str!("../../../tests/it/tls/server.pem");
const KEY: &str = include_str!("../../../tests/it/tls/server.key");

const HEAD: &[u8] = b"PUT / HTTP/1.1\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// So many bytes, of which the next part is always there.
struct Prompt(usize);

impl Inflow for Prompt {
    fn length(&self) -> Option<u64> {
        Some(self.0 as u64)
    }

    fn is_done(&self) -> bool {
        self.0 == 0
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        let part = self.0.min(ROOM);
        out.resize(out.len() + part, b'x');
        self.0 -= part;
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// Both ends of a connection that holds little on its way.
async fn narrow() -> (TcpStream, TcpStream) {
    let (near, far) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
    near.set_send_buffer_size(8 * 1024).unwrap();
    far.set_recv_buffer_size(8 * 1024).unwrap();
    far.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = far.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(near.connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// Sends a body of `size` bytes, as whoever uses the connection does, until it counts as sent; all of
/// it comes to `far`, which begins to read once nothing more goes. How much was held at most.
async fn send_all<S>(socket: Socket, mut far: S, size: usize) -> usize
where
    S: AsyncRead + Unpin + Send + 'static,
{
    let reading = tokio::spawn(async move {
        let mut got = vec![0; HEAD.len() + size];
        far.read_exact(&mut got).await
    });
    let sweeper = Sweeper::default();
    let mut link = Link::new(socket, sweeper.deadline(), 0);
    let mut body = Prompt(size);
    link.begin(Some(size as u64)).extend_from_slice(HEAD);
    let mut most = 0;
    poll_fn(|cx| {
        let sent = link.send(cx, &mut body);
        assert!(sent.is_ok());
        most = most.max(link.out.len());
        if link.is_sent() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    let read = tokio::time::timeout(PATIENCE, reading).await;
    read.expect("all of it, in time").unwrap().unwrap();
    most
}

#[tokio::test]
async fn a_body_that_comes_faster_than_it_goes_does_not_pile_up() {
    let (near, far) = narrow().await;
    let most = send_all(Socket::Plain(near), far, 16 * ROOM).await;
    assert!(most <= 3 * ROOM + HEAD.len(), "{most}");
}

/// The same behind handshakes, of which nothing is on its way any more.
async fn secured((near, far): (TcpStream, TcpStream)) -> (Socket, TlsStream<TcpStream>) {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut theirs = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    theirs.send_tls13_tickets = 0;
    let ours = client_config(Some(CA), Protocol::Http1, &Roots::default(), None).unwrap();
    let (acceptor, connector) = (
        TlsAcceptor::from(Arc::new(theirs)),
        TlsConnector::from(ours),
    );
    let name = ServerName::try_from("upstream.test").unwrap();
    let (near, far) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
    (Socket::Tls(Box::new(near.unwrap().into())), far.unwrap())
}

#[tokio::test]
async fn what_tls_keeps_to_itself_goes_as_well() {
    let (socket, far) = secured(narrow().await).await;
    // More than is on its way, and less than TLS takes: all of it counts as written at once.
    send_all(socket, far, 60 * 1024).await;
}

/// Whether an idle connection is still good once its other side has written, or closed it, as a task
/// finds it that has done all that it may in one go.
async fn is_good_behind<S>(socket: Socket, mut far: S, closes: bool) -> bool
where
    S: AsyncWrite + Unpin,
{
    let sweeper = Sweeper::default();
    let mut link = Link::new(socket, sweeper.deadline(), 0);
    assert!(link.is_usable());
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    far.flush().await.unwrap();
    if closes {
        drop(far);
    }
    let stream = match &link.socket {
        Socket::Plain(stream) => stream,
        Socket::Tls(stream) => stream.get_ref().0,
    };
    let arrived = tokio::time::timeout(PATIENCE, stream.readable()).await;
    arrived.expect("in time").unwrap();
    poll_fn(|cx| {
        while pin!(consume_budget()).poll(cx).is_ready() {}
        Poll::Ready(link.is_usable())
    })
    .await
}

#[tokio::test]
async fn what_was_written_to_while_nobody_asked_is_used_no_more() {
    for closes in [false, true] {
        let (near, far) = narrow().await;
        assert!(!is_good_behind(Socket::Plain(near), far, closes).await);
        let (near, far) = secured(narrow().await).await;
        assert!(!is_good_behind(near, far, closes).await);
    }
}
