//! The way of bytes between a client's socket and the HTTP library: holds heads back until they
//! are whole and unambiguous, and keeps the deadlines of reading and writing.
//!
//! What is wrong before a request exists is answered here, with a bare status, once everything
//! before it has been answered; the library sees the end of the input instead.

mod chunk;
mod head;
mod scan;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use domain::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::Client;
use crate::metrics::Late;
use crate::socket::Socket;
use crate::worker::Worker;
use scan::{Scan, Wrong};

/// A client's connection as the HTTP library sees it.
pub(crate) struct Guard {
    stream: Socket,
    client: Rc<Client>,
    worker: Rc<Worker>,
    scan: Scan,
    /// Checked bytes that found no room yet, and how many of them are gone.
    ready: Vec<u8>,
    ready_at: usize,
    /// Set once nothing more of the input is passed on: the bare status to end with, 0 for none.
    ended: Option<u16>,
    /// The present body does not follow its grammar; said after what was good before it.
    broken: bool,
    /// Bytes of the last words that were written.
    said: usize,
    discarded: usize,
    first: bool,
    /// Body bytes when the present window of the least rate began.
    window_from: u64,
}

impl Guard {
    pub(crate) fn new(stream: Socket, client: Rc<Client>, worker: Rc<Worker>) -> Self {
        Self {
            stream,
            client,
            worker,
            scan: Scan::new(),
            ready: Vec::new(),
            ready_at: 0,
            ended: None,
            broken: false,
            said: 0,
            discarded: 0,
            first: true,
            window_from: 0,
        }
    }

    fn end(&mut self, status: u16) {
        self.worker.metrics.refuse_framing(status);
        self.client.read_by.clear();
        self.ended = Some(status);
    }

    /// Nothing can be read now: waits, unless the deadline for what is awaited has passed.
    fn wait(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let limits = &self.worker.settings.limits;
        let read_by = &self.client.read_by;
        if self.scan.in_body() {
            let total = self.client.received.get();
            if read_by.is_set() && read_by.has_passed(cx) {
                if total - self.window_from < limits.body_rate {
                    self.client.fault.set(Some(Code::RequestTimeout));
                    self.worker.metrics.late(Late::Body);
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                read_by.clear();
            }
            if !read_by.is_set() {
                self.window_from = total;
                read_by.set(limits.body_window.as_millis() as u64);
            }
        } else if self.client.open.get() > 0 && !self.scan.in_head() {
            // A request is being answered; the client owes nothing.
            read_by.clear();
        } else if !read_by.is_set() {
            let first = self.first || self.scan.in_head();
            let wait = if first { limits.head_read } else { limits.idle };
            read_by.set(wait.as_millis() as u64);
        }
        if read_by.has_passed(cx) {
            // Also before its first byte: whoever connects has this long to say what it wants.
            let head = self.scan.in_head() || self.first;
            self.worker
                .metrics
                .late(if head { Late::Head } else { Late::Idle });
            self.end(if head { 408 } else { 0 });
            return self.at_end(cx);
        }
        // When the present request is answered the library reads again by itself.
        Poll::Pending
    }

    /// After the end: the library hears of it when every request before is answered.
    fn at_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.client.open.get() > 0 {
            self.client.wake_reader_by(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes over `input` from the socket: good bytes into `buf` as far as there is room.
    fn take(&mut self, input: &[u8], buf: &mut ReadBuf<'_>) {
        let Self {
            scan,
            ready,
            worker,
            client,
            ..
        } = self;
        let was_in_head = scan.in_head();
        let in_body = scan.in_body();
        let fed = scan.feed(input, &worker.settings.limits, |bytes| {
            let (now, later) = bytes.split_at(bytes.len().min(buf.remaining()));
            buf.put_slice(now);
            ready.extend_from_slice(later);
        });
        client
            .received
            .set(client.received.get() + input.len() as u64);
        client.open.set(client.open.get() + fed.heads);
        if fed.heads > 0 {
            self.first = false;
        }
        // Each phase has a deadline of its own; that of a head counts from its first byte.
        if fed.heads > 0 || scan.in_head() != was_in_head || in_body != scan.in_body() {
            client.read_by.clear();
        }
        match fed.refused {
            None => {}
            Some(Wrong::Head(status)) => self.end(status),
            Some(Wrong::Body) => {
                self.worker.metrics.refuse_framing(400);
                self.broken = true;
            }
        }
    }

    fn last_words(&self) -> &'static [u8] {
        match self.ended {
            None | Some(0) => b"",
            Some(408) => b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            Some(414) => b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            Some(431) => b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            Some(501) => b"HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            Some(505) => b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            Some(_) => b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        }
    }

    /// Bounds how long a write may make no progress.
    fn written<T>(&self, cx: &Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let write_by = &self.client.write_by;
        match poll {
            Poll::Pending => {
                if !write_by.is_set() {
                    write_by.set(self.worker.settings.limits.write_stall.as_millis() as u64);
                }
                if write_by.has_passed(cx) {
                    self.worker.metrics.late(Late::Write);
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending
            }
            Poll::Ready(result) => {
                write_by.clear();
                Poll::Ready(result)
            }
        }
    }
}

/// Read and thrown away after our last words, so that closing does not reset them off the wire.
const LINGER_BYTES: usize = 64 * 1024;
const LINGER_MS: u64 = 500;

impl AsyncRead for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.ready_at < guard.ready.len() {
            let rest = &guard.ready[guard.ready_at..];
            let now = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..now]);
            guard.ready_at += now;
            if guard.ready_at == guard.ready.len() {
                guard.ready = Vec::new();
                guard.ready_at = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let worker = guard.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        loop {
            if guard.broken {
                guard.client.fault.set(Some(Code::FramingInvalid));
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            if guard.ended.is_some() {
                return guard.at_end(cx);
            }
            let room = buf.remaining().clamp(1, scratch.len());
            let mut input = ReadBuf::new(&mut scratch[..room]);
            match Pin::new(&mut guard.stream).poll_read(cx, &mut input) {
                Poll::Pending => return guard.wait(cx),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if input.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => guard.take(input.filled(), buf),
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let poll = Pin::new(&mut guard.stream).poll_write(cx, bytes);
        guard.written(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let poll = Pin::new(&mut guard.stream).poll_write_vectored(cx, parts);
        guard.written(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let words = guard.last_words();
        while guard.said < words.len() {
            let poll = Pin::new(&mut guard.stream).poll_write(cx, &words[guard.said..]);
            let count = ready!(guard.written(cx, poll))?;
            guard.said += count;
        }
        ready!(Pin::new(&mut guard.stream).poll_shutdown(cx))?;
        if words.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if !guard.client.read_by.is_set() {
            guard.client.read_by.set(LINGER_MS);
        }
        let worker = guard.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        while guard.discarded < LINGER_BYTES {
            let mut input = ReadBuf::new(&mut scratch[..]);
            match Pin::new(&mut guard.stream).poll_read(cx, &mut input) {
                Poll::Ready(Ok(())) if !input.filled().is_empty() => {
                    guard.discarded += input.filled().len()
                }
                Poll::Ready(_) => break,
                Poll::Pending if guard.client.read_by.has_passed(cx) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}
