//! A client's TLS handshake, within its deadline.

use std::io;
use std::rc::Rc;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Certificate, Secure};
use crate::worker::Worker;

/// Shakes hands under the state that is served now. Which settings apply is known only when the
/// client has named its host.
pub(crate) async fn handshake(
    worker: &Worker,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Secure)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let (config, mut secure) = {
        let held = worker.state.borrow().clone();
        let state = held.ok_or_else(|| io::Error::other("there is no configuration yet"))?;
        let hello = start.client_hello();
        state.tls.choose(hello.server_name())
    };
    let config = config.ok_or_else(|| io::Error::other("nothing can be shown for this host"))?;
    let stream = start.into_stream(config).await?;
    if secure.clients.is_some() {
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(Certificate::of);
        if shown.as_ref().is_some_and(|shown| shown.has_more_names) {
            worker.metrics.names_passed_over.add(1);
        }
        secure.certificate = shown.map(Rc::new);
    }
    Ok((stream, secure))
}
