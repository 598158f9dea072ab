//! A connection that speaks WebSocket from here on (RFC 6455): bytes both ways as they come, until
//! either side ends it, nothing passes for too long, or its caller may not call any more.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use domain::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inlet::Inlet;
use crate::buffer::Buffer;
use crate::metrics::Late;
use crate::report::Report;
use crate::socket::Socket;
use crate::upstream::Link;
use crate::worker::Worker;

/// One direction.
struct Way {
    held: Buffer,
    at: usize,
    ended: bool,
    closed: bool,
    passed: u64,
}

impl Way {
    /// `held` came already.
    const fn of(held: Buffer) -> Self {
        Self {
            held,
            at: 0,
            ended: false,
            closed: false,
            passed: 0,
        }
    }

    /// Moves bytes as far as they go; true when any did. `Err`: this way is broken.
    fn pump(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &mut Socket,
        to: &mut Socket,
    ) -> Result<bool, ()> {
        let mut moved = false;
        loop {
            while self.at < self.held.len() {
                match Pin::new(&mut *to).poll_write(cx, &self.held[self.at..]) {
                    Poll::Ready(Ok(count)) if count > 0 => {
                        self.at += count;
                        self.passed += count as u64;
                        moved = true;
                    }
                    Poll::Ready(_) => return Err(()),
                    Poll::Pending => return Ok(moved),
                }
            }
            self.held.close();
            self.at = 0;
            if self.ended {
                if !self.closed && Pin::new(&mut *to).poll_shutdown(cx).is_ready() {
                    self.closed = true;
                }
                return Ok(moved);
            }
            let mut scratch = worker.scratch.borrow_mut();
            let mut read = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *from).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => self.ended = true,
                Poll::Ready(Ok(())) => self.held.open().extend_from_slice(read.filled()),
                Poll::Ready(Err(_)) => return Err(()),
                Poll::Pending => {
                    // TLS keeps bytes of its own.
                    let _ = Pin::new(&mut *to).poll_flush(cx);
                    return Ok(moved);
                }
            }
        }
    }
}

/// Runs until it is over. What passed is counted into the report.
pub(super) async fn run(
    worker: &Worker,
    inlet: &mut Inlet<'_>,
    socket: &RefCell<Socket>,
    link: Link,
    report: &mut Report,
) {
    let (idle_ms, target) = (link.idle_ms, link.target);
    let (mut far, answered, _ticket) = link.into_tunnel();
    let (mut up, mut down) = (Way::of(inlet.take_ahead()), Way::of(answered));
    let idle = worker.sweeper.deadline();
    idle.set(idle_ms);
    poll_fn(|cx| {
        if let Some(code) = report.connection.standing.lost() {
            worker.metrics.streams_revoked.add(1);
            report.code = Some(code);
            return Poll::Ready(());
        }
        worker.lasting.wait(&report.connection, cx);
        let near = &mut *socket.borrow_mut();
        let (Ok(sent), Ok(got)) = (
            up.pump(cx, worker, near, &mut far),
            down.pump(cx, worker, &mut far, near),
        ) else {
            return Poll::Ready(());
        };
        if up.closed && down.closed {
            return Poll::Ready(());
        }
        if sent || got {
            idle.set(idle_ms);
        }
        if worker.pool.cuts(target, worker.sweeper.now()) {
            worker.metrics.upstream_removed.add(1);
            report.code = Some(Code::UpstreamRemoved);
            return Poll::Ready(());
        }
        if idle.has_passed(cx) {
            worker.metrics.late(Late::Upstream);
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    report.bytes_out += down.passed;
    let received = &report.connection.body_bytes;
    received.set(received.get() + up.passed);
}
