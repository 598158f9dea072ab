//! What a client gets: heads and bodies in as few writes as they come in, and the deadline of a
//! client that does not read.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::StatusCode;
use tokio::io::AsyncWrite;

use super::chunk::{self, LAST_CHUNK};
use super::inlet::Inlet;
use crate::body::{Answer, Cut, Delivery, Outflow, ROOM, make_room};
use crate::buffer::Buffer;
use crate::client::Client;
use crate::date;
use crate::fields::Name;
use crate::metrics::Late;
use crate::socket::Socket;
use crate::text::Text;
use crate::worker::Worker;

/// What of a request says how its answer looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// To a HEAD: the fields of a GET's answer, without its body.
    pub(super) to_head: bool,
    /// In HTTP/1.0.
    pub(super) is_old: bool,
    /// The connection lives on.
    pub(super) keeps: bool,
}

/// One answer on its way.
pub(super) struct Outlet<'c> {
    worker: &'c Worker,
    client: &'c Client,
    socket: &'c RefCell<Socket>,
    /// Not written yet from `at` on.
    out: Buffer,
    at: usize,
    in_chunks: bool,
    /// The head is all that may come.
    is_bare: bool,
    /// The end of the connection would be taken for that of the body, which has not come.
    lacks_end: bool,
    /// The connection lives on behind this answer.
    pub(super) keeps: bool,
}

impl<'c> Outlet<'c> {
    pub(super) const fn new(
        worker: &'c Worker,
        client: &'c Client,
        socket: &'c RefCell<Socket>,
    ) -> Self {
        Self {
            worker,
            client,
            socket,
            out: Buffer::new(),
            at: 0,
            in_chunks: false,
            is_bare: false,
            lacks_end: false,
            keeps: false,
        }
    }

    /// A bare status, before there is a request.
    pub(super) fn say(&mut self, status: u16) {
        self.status(status);
        let rest = b"connection: close\r\ncontent-length: 0\r\n\r\n";
        self.out.extend_from_slice(rest);
    }

    fn status(&mut self, status: u16) {
        let out = self.out.open();
        if status == 200 {
            return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        }
        let known = StatusCode::from_u16(status).ok();
        let reason = known.and_then(|status| status.canonical_reason());
        let digits = [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(&digits);
        out.push(b' ');
        out.extend_from_slice(reason.unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// The head that ends HTTP on this connection (RFC 9110 §15.2.2).
    pub(super) fn switch(&mut self, answer: &Answer) {
        self.status(answer.status);
        let out = self.out.open();
        answer.fields.write(out);
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n\r\n");
    }

    /// The head; it is written with the first bytes of the body.
    pub(super) fn begin(&mut self, delivery: &mut Delivery, shape: &Shape) {
        let left = delivery.left();
        let Answer {
            status,
            fields,
            body,
            closes: _,
        } = &mut delivery.answer;
        let is_bare = shape.to_head || matches!(*status, 100..=199 | 204 | 304);
        if matches!(*status, 100..=199 | 204) {
            fields.remove(Name::ContentLength);
        }
        if is_bare && let Outflow::Whole(bytes, _) = body {
            bytes.clear();
        }
        if is_bare || left == Some(0) {
            // The head is all that comes.
            delivery.report.leave_places();
        }
        let mut keeps = shape.keeps;
        self.status(*status);
        let out = self.out.open();
        fields.write(out);
        if fields.get(Name::Date).is_none() {
            date::write(self.worker, out);
        }
        if let Some(left) = left
            && !is_bare
            && fields.get(Name::ContentLength).is_none()
        {
            // What came by HTTP/2 need not say so.
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(Text::<20>::new().number(left).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !is_bare && left.is_none() {
            if shape.is_old {
                // Its end is the connection's.
                keeps = false;
                self.lacks_end = true;
            } else {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                self.in_chunks = true;
            }
        }
        self.is_bare = is_bare;
        self.keeps = keeps;
        match (keeps, shape.is_old) {
            (false, _) => out.extend_from_slice(b"connection: close\r\n\r\n"),
            (true, true) => out.extend_from_slice(b"connection: keep-alive\r\n\r\n"),
            (true, false) => out.extend_from_slice(b"\r\n"),
        }
    }

    /// Writes the head and all of the body.
    pub(super) async fn deliver(
        &mut self,
        delivery: &mut Delivery,
        inlet: &mut Inlet<'_>,
    ) -> Result<(), Cut> {
        let mut is_over = false;
        let mut cut = false;
        let delivered: Result<(), Cut> = poll_fn(|cx| {
            loop {
                let mut waits = false;
                if !is_over && !cut && self.out.len() - self.at < ROOM {
                    match self.fill(cx, delivery, inlet) {
                        Poll::Ready(Ok(end)) => is_over = end,
                        // What is there still goes out: it was good.
                        Poll::Ready(Err(Cut)) => cut = true,
                        Poll::Pending => waits = true,
                    }
                }
                if self.at < self.out.len() {
                    if self.write(cx)?.is_pending() {
                        return Poll::Pending;
                    }
                    continue;
                }
                if cut {
                    return Poll::Ready(Err(Cut));
                }
                if is_over {
                    return self.poll_flush(cx);
                }
                if waits {
                    // TLS keeps bytes of its own.
                    return match self.poll_flush(cx) {
                        Poll::Ready(Err(cut)) => Poll::Ready(Err(cut)),
                        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                    };
                }
            }
        })
        .await;
        self.lacks_end &= delivered.is_err();
        delivered
    }

    fn fill(
        &mut self,
        cx: &mut Context<'_>,
        delivery: &mut Delivery,
        inlet: &mut Inlet<'_>,
    ) -> Poll<Result<bool, Cut>> {
        make_room(&mut self.out, &mut self.at);
        let out = self.out.open();
        let start = out.len();
        if !self.in_chunks {
            let polled = delivery.poll_fill(cx, inlet, out);
            if self.is_bare && out.len() > start {
                // It would be read as the next answer.
                out.truncate(start);
                return Poll::Ready(Err(Cut));
            }
            return polled;
        }
        chunk::begin_chunk(out);
        let polled = delivery.poll_fill(cx, inlet, out);
        chunk::end_chunk(out, start);
        if polled == Poll::Ready(Ok(true)) {
            out.extend_from_slice(LAST_CHUNK);
        }
        polled
    }

    /// Writes what there is.
    pub(super) async fn flush(&mut self) -> Result<(), Cut> {
        poll_fn(|cx| {
            while self.at < self.out.len() {
                if self.write(cx)?.is_pending() {
                    return Poll::Pending;
                }
            }
            self.poll_flush(cx)
        })
        .await
    }

    /// One write, and how long it may make no progress.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Cut> {
        let bytes = &self.out[self.at..];
        let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_write(cx, bytes);
        match polled {
            Poll::Ready(Ok(count)) if count > 0 => {
                self.client.write_by.clear();
                self.at += count;
                if self.at == self.out.len() {
                    self.out.clear();
                    self.at = 0;
                }
                Ok(Poll::Ready(()))
            }
            Poll::Ready(_) => Err(Cut),
            Poll::Pending => self.stall(cx).map(|()| Poll::Pending),
        }
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_flush(cx);
        match polled {
            Poll::Ready(result) => {
                self.client.write_by.clear();
                Poll::Ready(result.map_err(|_| Cut))
            }
            Poll::Pending => {
                self.stall(cx)?;
                Poll::Pending
            }
        }
    }

    fn stall(&self, cx: &Context<'_>) -> Result<(), Cut> {
        let write_by = &self.client.write_by;
        if !write_by.is_set() {
            let limit = self.worker.settings.limits.write_stall;
            write_by.set(limit.as_millis() as u64);
        }
        if write_by.has_passed(cx) {
            self.worker.metrics.late(Late::Write);
            self.socket.borrow().discard();
            return Err(Cut);
        }
        Ok(())
    }
}

impl Drop for Outlet<'_> {
    fn drop(&mut self) {
        // Only a reset says that it is a part (RFC 9112 §8).
        if self.lacks_end
            && let Ok(socket) = self.socket.try_borrow()
        {
            socket.discard();
        }
    }
}
