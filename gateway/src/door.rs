//! From an accepted socket to a connection that can be served: who is at the other end, behind a
//! proxy that says so, and TLS where the address is for it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::client::Peer;
use crate::metrics::Late;
use crate::proxy_protocol;
use crate::socket::Socket;
use crate::tls;
use crate::worker::Worker;

/// Which of the addresses a client came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    Tls,
}

/// `None` when it ended before it could begin; that is counted.
pub(crate) async fn enter(
    worker: &Worker,
    mut stream: TcpStream,
    address: IpAddr,
    door: Door,
) -> Option<(Socket, Peer)> {
    let limits = &worker.settings.limits;
    let mut peer = worker.peer(address);
    if worker.settings.proxy_protocol && peer.trusted {
        let header = proxy_protocol::receive(&mut stream);
        let header = within(worker, limits.head_read, Late::Head, Box::pin(header)).await?;
        match header {
            Ok(Some(source)) => peer = worker.peer(source),
            Ok(None) => {}
            Err(error) => {
                // Whoever closes without a word is a health check, and no fault.
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    worker.metrics.refuse_framing(400);
                }
                return None;
            }
        }
    }
    match door {
        Door::Plain => Some((Socket::Plain(stream), peer)),
        Door::Tls => {
            let shake = Box::pin(tls::handshake(worker, stream));
            let done = within(worker, limits.tls_handshake, Late::Handshake, shake).await;
            let Some(Ok((stream, secure))) = done else {
                worker.metrics.tls_failed.add(1);
                return None;
            };
            worker.metrics.tls_handshakes.add(1);
            peer.secure = Some(secure);
            Some((Socket::Tls(Box::new(stream)), peer))
        }
    }
}

/// Within an absolute time, counted when it is missed. It goes on while the worker drains: whoever
/// was accepted is also served.
async fn within<F: Future>(
    worker: &Worker,
    limit: Duration,
    late: Late,
    future: F,
) -> Option<F::Output> {
    let deadline = worker.sweeper.deadline();
    deadline.set(limit.as_millis() as u64);
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if deadline.has_passed(cx) => {
            worker.metrics.late(late);
            Poll::Ready(None)
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}
