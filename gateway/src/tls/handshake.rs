//! A client's TLS handshake, within its deadline.

use std::io;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Secure;
use crate::worker::Worker;

/// Shakes hands under the state that is served now. Which settings apply is known only when the
/// client has named its host.
pub(crate) async fn handshake(
    worker: &Worker,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Secure)> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let (config, secure) = {
        let held = worker.state.borrow().clone();
        let state = held.ok_or_else(|| io::Error::other("there is no configuration yet"))?;
        let hello = start.client_hello();
        state.tls.choose(hello.server_name())
    };
    let config = config.ok_or_else(|| io::Error::other("nothing can be shown for this host"))?;
    Ok((start.into_stream(config).await?, secure))
}
