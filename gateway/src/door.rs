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
use crate::http2;
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

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1 {
        /// The time for a head is over before it began.
        is_late: bool,
    },
    Http2,
}

/// A connection that can be served.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) stream: Socket,
    pub(crate) peer: Peer,
    pub(crate) protocol: Protocol,
}

/// `None` when it ended before it could begin; that is counted.
pub(crate) async fn enter(
    worker: &Worker,
    mut stream: TcpStream,
    address: IpAddr,
    door: Door,
) -> Option<Entered> {
    let limits = &worker.settings.limits;
    let mut peer = worker.peer(address);
    if worker.settings.proxy_protocol && peer.trusted {
        let header = Box::pin(proxy_protocol::receive(&mut stream));
        let Some(header) = within(worker, limits.head_read, Drain::GoOn, header).await else {
            worker.metrics.late(Late::Head);
            return None;
        };
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
        Door::Plain => {
            let begins = within(
                worker,
                limits.head_read,
                Drain::Leave,
                begins_http2(&stream),
            );
            let protocol = match begins.await {
                Some(true) => Protocol::Http2,
                Some(false) => Protocol::Http1 { is_late: false },
                None => Protocol::Http1 {
                    is_late: !worker.leaving.get(),
                },
            };
            let stream = Socket::Plain(stream);
            Some(Entered {
                stream,
                peer,
                protocol,
            })
        }
        Door::Tls => {
            let shake = Box::pin(tls::handshake(worker, stream));
            let done = within(worker, limits.tls_handshake, Drain::GoOn, shake).await;
            if done.is_none() {
                worker.metrics.late(Late::Handshake);
            }
            let Some(Ok((stream, secure))) = done else {
                worker.metrics.tls_failed.add(1);
                return None;
            };
            worker.metrics.tls_handshakes.add(1);
            peer.secure = Some(secure);
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(http2::ALPN) => Protocol::Http2,
                Some(_) | None => Protocol::Http1 { is_late: false },
            };
            let stream = Socket::Tls(Box::new(stream.into()));
            Some(Entered {
                stream,
                peer,
                protocol,
            })
        }
    }
}

/// How long until a connection that began with a part of HTTP/2's preface is looked at again: at
/// first, and at most.
const PEEK: Duration = Duration::from_millis(5);
const PEEK_MOST: Duration = Duration::from_millis(640);

/// Whether a connection begins as one of HTTP/2 (RFC 9113 §3.3). Nothing is taken out of it.
async fn begins_http2(stream: &TcpStream) -> bool {
    let mut start = [0; http2::PREFACE.len()];
    let mut pause = PEEK;
    loop {
        // The end and errors are for the reader of HTTP/1 to see as well.
        let count = stream.peek(&mut start).await.unwrap_or(0);
        let is_part = start[..count] == http2::PREFACE[..count];
        if count == 0 || !is_part || count == start.len() {
            return is_part && count > 0;
        }
        // Clients send it in one piece; one that does not is looked at again, within its deadline,
        // and ever more rarely: thousands of them must not keep a worker busy.
        tokio::time::sleep(pause).await;
        pause = PEEK_MOST.min(2 * pause);
    }
}

/// What becomes of something that takes its time when the worker drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    /// Whoever was accepted is also served.
    GoOn,
    /// Nothing was asked yet.
    Leave,
}

/// `None` when an absolute time is over.
async fn within<F: Future>(
    worker: &Worker,
    limit: Duration,
    drain: Drain,
    future: F,
) -> Option<F::Output> {
    let deadline = worker.sweeper.deadline();
    deadline.set(limit.as_millis() as u64);
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if deadline.has_passed(cx) => Poll::Ready(None),
        Poll::Pending if drain == Drain::Leave && worker.leaving.get() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
