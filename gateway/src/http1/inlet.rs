//! What a client sends: heads, bodies by their framing, and the deadlines of both. Bytes are read
//! into the worker's own memory; a connection that waits holds none.

mod body;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chunk::Chunked;
use super::head::{self, Framing, Parsed, Refused};
use crate::body::Inflow;
use crate::buffer::Buffer;
use crate::client::Client;
use crate::metrics::Late;
use crate::socket::Socket;
use crate::worker::Worker;

/// Why no further request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is nobody's fault.
    Closed,
    /// What came is no request.
    Refused(Refused),
}

type Next = Result<Parsed, End>;

/// What of the present body is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Length(u64),
    Chunked(Chunked),
}

const DONE: Phase = Phase::Length(0);

/// How much of a body that nobody wants is read, for the sake of the connection.
const DRAINED: u64 = 64 * 1024;
/// The same after our last words, so that closing does not reset them off the wire.
const LINGER_BYTES: usize = 64 * 1024;
const LINGER_MS: u64 = 500;
/// What is read of later requests while one is answered.
const AHEAD: usize = 16 * 1024;

pub(super) struct Inlet<'c> {
    worker: &'c Rc<Worker>,
    client: &'c Client,
    socket: &'c RefCell<Socket>,
    /// Read and not used, from `at` on.
    ahead: Buffer,
    at: usize,
    /// How far a head that is not whole was searched for its end.
    searched: usize,
    /// The first byte of the next head is there, from which its time counts.
    has_begun: bool,
    phase: Phase,
    /// Of the present body as a whole.
    length: Option<u64>,
    /// What is left to say before a client sends its body.
    go_on: &'static [u8],
    is_first: bool,
    is_gone: bool,
    /// Bytes received when the present window of the least rate began.
    window_from: u64,
}

impl<'c> Inlet<'c> {
    pub(super) const fn new(
        worker: &'c Rc<Worker>,
        client: &'c Client,
        socket: &'c RefCell<Socket>,
    ) -> Self {
        Self {
            worker,
            client,
            socket,
            ahead: Buffer::new(),
            at: 0,
            searched: 0,
            has_begun: false,
            phase: DONE,
            length: Some(0),
            go_on: b"",
            is_first: true,
            is_gone: false,
            window_from: 0,
        }
    }

    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let worker = self.worker;
        if self.at > 0 {
            // What a pipelining client sent behind its last request.
            self.ahead.drain(..self.at);
            self.at = 0;
        }
        if !self.ahead.is_empty()
            && let Some(next) = self.next_ahead()
        {
            return Poll::Ready(next);
        }
        loop {
            if self.ahead.is_empty() {
                self.ahead.close();
                if self.is_gone {
                    return Poll::Ready(Err(End::Closed));
                }
            }
            let mut scratch = worker.scratch.borrow_mut();
            let mut read = ReadBuf::new(&mut scratch);
            let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut read);
            let input = match polled {
                Poll::Pending => {
                    drop(scratch);
                    // Not before it was read: closing on a request that is there would reset it.
                    if self.ahead.is_empty() && worker.leaving.get() && !self.is_first {
                        return Poll::Ready(Err(End::Closed));
                    }
                    return self.wait_head(cx);
                }
                Poll::Ready(Ok(())) if !read.filled().is_empty() => read.filled(),
                Poll::Ready(_) => return Poll::Ready(Err(End::Closed)),
            };
            self.received(input.len());
            if !self.ahead.is_empty() {
                self.ahead.extend_from_slice(input);
                drop(scratch);
            } else if let Some(next) = self.next_in(input) {
                return Poll::Ready(next);
            } else {
                self.begin();
                continue;
            }
            if let Some(next) = self.next_ahead() {
                return Poll::Ready(next);
            }
        }
    }

    /// A head's time counts from its first byte. Once: what turns out to be an empty line before it
    /// would else keep a connection for as long as it is sent again.
    fn begin(&mut self) {
        if !self.has_begun && !self.ahead.is_empty() {
            self.has_begun = true;
            self.client.read_by.clear();
        }
    }

    fn received(&self, bytes: usize) {
        let received = &self.client.received;
        received.set(received.get() + bytes as u64);
    }

    /// Reads a head out of bytes that are the first of it.
    fn next_in(&mut self, input: &[u8]) -> Option<Next> {
        // One empty line before a request is a leftover of old clients (RFC 9112 §2.2).
        let input = input.strip_prefix(b"\r\n").unwrap_or(input);
        match self.read(input, 0) {
            Ok(Some((parsed, used))) => {
                if used < input.len() {
                    self.ahead.open().extend_from_slice(&input[used..]);
                }
                Some(Ok(parsed))
            }
            Ok(None) => {
                if !input.is_empty() {
                    self.ahead.open().extend_from_slice(input);
                }
                self.hold().err().map(|status| Err(End::Refused(status)))
            }
            Err(status) => Some(Err(End::Refused(status))),
        }
    }

    /// The same out of what was kept.
    fn next_ahead(&mut self) -> Option<Next> {
        let ahead = std::mem::take(&mut self.ahead);
        let skipped = usize::from(self.searched == 0 && ahead.starts_with(b"\r\n")) * 2;
        let read = self.read(&ahead[skipped..], self.searched);
        self.ahead = ahead;
        match read {
            Ok(Some((parsed, used))) => {
                self.at = skipped + used;
                if self.at == self.ahead.len() {
                    self.ahead.close();
                    self.at = 0;
                }
                Some(Ok(parsed))
            }
            Ok(None) => {
                self.ahead.drain(..skipped);
                self.hold().err().map(|status| Err(End::Refused(status)))
            }
            Err(status) => Some(Err(End::Refused(status))),
        }
    }

    /// A whole head, and how long it is.
    fn read(&mut self, bytes: &[u8], searched: usize) -> Result<Option<(Parsed, usize)>, Refused> {
        let limits = &self.worker.settings.limits;
        let Some(end) = head::end(bytes, searched)? else {
            return Ok(None);
        };
        let parsed = head::parse(&bytes[..end], limits)?;
        self.searched = 0;
        self.has_begun = false;
        self.is_first = false;
        self.client.read_by.clear();
        (self.phase, self.length) = match parsed.framing {
            Framing::Length(length) => (Phase::Length(length), Some(length)),
            Framing::Chunked => (Phase::Chunked(Chunked::START), None),
        };
        self.go_on = if parsed.expects {
            b"HTTP/1.1 100 Continue\r\n\r\n"
        } else {
            b""
        };
        Ok(Some((parsed, end)))
    }

    /// Keeps a head that is not whole, within its bounds.
    fn hold(&mut self) -> Result<(), Refused> {
        let limits = &self.worker.settings.limits;
        let first_line = memchr::memchr(b'\n', &self.ahead);
        let target = first_line.unwrap_or(self.ahead.len());
        if target > limits.target_bytes + 32 {
            return Err(414);
        }
        if self.ahead.len() > limits.head_bytes {
            return Err(431);
        }
        self.searched = memchr::memrchr(b'\n', &self.ahead).map_or(0, |at| at + 1);
        Ok(())
    }

    /// No head is there: waits, unless the deadline for one has passed.
    fn wait_head(&self, cx: &Context<'_>) -> Poll<Next> {
        let limits = &self.worker.settings.limits;
        let read_by = &self.client.read_by;
        // Also before its first byte: whoever connects has this long to say what it wants.
        let owes = self.is_first || !self.ahead.is_empty();
        if !read_by.is_set() {
            let wait = if owes { limits.head_read } else { limits.idle };
            read_by.set(wait.as_millis() as u64);
        }
        if !read_by.has_passed(cx) {
            return Poll::Pending;
        }
        self.worker
            .metrics
            .late(if owes { Late::Head } else { Late::Idle });
        Poll::Ready(if owes {
            Err(End::Refused(408))
        } else {
            Err(End::Closed)
        })
    }

    /// Whether the connection can go on behind the present request, as far as is known.
    pub(super) fn can_end(&self) -> bool {
        match self.phase {
            // Whoever waits for a word may or may not send its body now.
            _ if !self.go_on.is_empty() => false,
            Phase::Length(left) => left <= DRAINED,
            Phase::Chunked(_) => true,
        }
    }

    /// Reads what nobody wanted of a body; false when the connection cannot go on.
    pub(super) async fn drain(&mut self) -> bool {
        let mut unwanted = Buffer::new();
        let mut drained = 0;
        while !self.is_done() {
            let filled = poll_fn(|cx| self.poll_fill(cx, unwanted.open())).await;
            drained += unwanted.len() as u64;
            unwanted.clear();
            if filled.is_err() || drained > DRAINED || !self.can_end() {
                return false;
            }
        }
        self.client.read_by.clear();
        !self.is_gone || self.at < self.ahead.len()
    }

    /// Ends our side, and reads and throws away for a moment.
    pub(super) async fn linger(&mut self) {
        let read_by = &self.client.read_by;
        read_by.set(LINGER_MS);
        let mut discarded = 0;
        poll_fn(|cx| {
            let mut socket = self.socket.borrow_mut();
            if Pin::new(&mut *socket).poll_shutdown(cx).is_pending() {
                return if read_by.has_passed(cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                };
            }
            let mut scratch = self.worker.scratch.borrow_mut();
            while discarded < LINGER_BYTES {
                let mut read = ReadBuf::new(&mut scratch);
                match Pin::new(&mut *socket).poll_read(cx, &mut read) {
                    Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                        discarded += read.filled().len();
                    }
                    Poll::Ready(_) => break,
                    Poll::Pending if read_by.has_passed(cx) => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// What was read behind the present request.
    pub(super) fn take_ahead(&mut self) -> Buffer {
        self.ahead.drain(..self.at);
        self.at = 0;
        std::mem::take(&mut self.ahead)
    }
}
