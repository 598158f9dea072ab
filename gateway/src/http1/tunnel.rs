//! A connection that speaks WebSocket from here on (RFC 6455): bytes both ways as they come, until
//! either side ends it, nothing passes for too long, or its caller may not call any more.

mod frames;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use domain::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::frames::Frames;
use super::inlet::Inlet;
use crate::buffer::Buffer;
use crate::metrics::Late;
use crate::report::Report;
use crate::socket::Socket;
use crate::upstream::Link;
use crate::worker::Worker;

/// Once one side has ended its connection, the other has so long to end its own: half of a WebSocket
/// is none.
const END_MS: u64 = 5_000;

/// One direction.
struct Way {
    held: Buffer,
    at: usize,
    ended: bool,
    closed: bool,
    passed: u64,
    /// Of what has passed, where somebody may have to say something behind it.
    frames: Option<Frames>,
}

impl Way {
    /// `held` came already.
    const fn of(held: Buffer, frames: Option<Frames>) -> Self {
        Self {
            held,
            at: 0,
            ended: false,
            closed: false,
            passed: 0,
            frames,
        }
    }

    /// Says that the caller may not call any more, where that fits: never in the middle of a frame,
    /// and not where the client does not even take what came before. True when it was said.
    fn dismiss(&self, cx: &mut Context<'_>, to: &mut Socket) -> bool {
        let fits = self.frames.as_ref().is_some_and(Frames::is_between);
        fits && Pin::new(to).poll_write(cx, &frames::NOT_ALLOWED).is_ready()
    }

    /// Whether it is at its end: everything that came is handed over, and nothing more comes.
    /// [`Way::close`] must follow.
    const fn is_over(&self) -> bool {
        self.ended && !self.closed
    }

    /// Tells the other side that it is.
    fn close(&mut self, cx: &mut Context<'_>, to: &mut Socket) {
        self.closed = Pin::new(to).poll_shutdown(cx).is_ready();
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
                        if let Some(frames) = &mut self.frames {
                            frames.pass(&self.held[self.at..self.at + count]);
                        }
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
    let (mut far, answered, ticket) = link.into_tunnel();
    let mut up = Way::of(inlet.take_ahead(), None);
    let mut down = Way::of(answered, Some(Frames::new()));
    let idle = worker.sweeper.deadline();
    idle.set(idle_ms);
    let end = worker.sweeper.deadline();
    let mut is_told = false;
    poll_fn(|cx| {
        if let Some(code) = report.connection.standing.lost() {
            worker.metrics.streams_revoked.add(1);
            report.code = Some(code);
            let near = &mut *socket.borrow_mut();
            is_told = down.dismiss(cx, near);
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
        if down.is_over() {
            // Nothing more comes for the client. A place is free before it can know that.
            report.leave_places();
            down.close(cx, near);
        }
        if up.is_over() {
            up.close(cx, &mut far);
        }
        if up.closed && down.closed {
            return Poll::Ready(());
        }
        if (up.ended || down.ended) && !end.is_set() {
            end.set(END_MS);
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
        if end.has_passed(cx) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    report.leave_places();
    if is_told {
        // Nobody else waits for that, but what the client has sent meanwhile would reset it off the
        // wire.
        drop((far, ticket));
        inlet.linger().await;
    }
    report.bytes_out += down.passed;
    let received = &report.connection.body_bytes;
    received.set(received.get() + up.passed);
}
