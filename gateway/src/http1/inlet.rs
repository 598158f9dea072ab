//! What a client sends: heads, bodies by their framing, and the deadlines of both. Bytes are read
//! into the worker's own memory; a connection that waits holds none.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use domain::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::chunk::Chunked;
use super::head::{self, Framing, Parsed, Refused};
use crate::body::{Cut, Inflow, ROOM};
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
const AHEAD: usize = 64 * 1024;

pub(super) struct Inlet<'c> {
    worker: &'c Rc<Worker>,
    client: &'c Client,
    socket: &'c RefCell<Socket>,
    /// Read and not used, from `at` on.
    ahead: Buffer,
    at: usize,
    /// How far a head that is not whole was searched for its end.
    searched: usize,
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
                if self.is_gone || (worker.draining.get() && !self.is_first) {
                    return Poll::Ready(Err(End::Closed));
                }
            }
            let mut scratch = worker.scratch.borrow_mut();
            let mut read = ReadBuf::new(&mut scratch);
            let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut read);
            let input = match polled {
                Poll::Pending => {
                    drop(scratch);
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
                // A head's time counts from its first byte.
                self.client.read_by.clear();
                continue;
            }
            if let Some(next) = self.next_ahead() {
                return Poll::Ready(next);
            }
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

    /// Nothing of a body is there: waits, unless too little came in the window that is over.
    fn wait_body(&mut self, cx: &Context<'_>) -> Poll<Result<(), Cut>> {
        let limits = &self.worker.settings.limits;
        let read_by = &self.client.read_by;
        let total = self.client.received.get();
        if read_by.is_set() && read_by.has_passed(cx) {
            if total - self.window_from < limits.body_rate {
                self.client.fault.set(Some(Code::RequestTimeout));
                self.worker.metrics.late(Late::Body);
                return Poll::Ready(Err(Cut));
            }
            read_by.clear();
        }
        if !read_by.is_set() {
            self.window_from = total;
            read_by.set(limits.body_window.as_millis() as u64);
            // Asks to be woken.
            read_by.has_passed(cx);
        }
        Poll::Pending
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

    /// Appends what is there of a body with a length.
    fn fill_length(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        left: u64,
    ) -> Poll<Result<(), Cut>> {
        let room = ROOM.min(usize::try_from(left).unwrap_or(ROOM));
        let count = if self.at < self.ahead.len() {
            let count = room.min(self.ahead.len() - self.at);
            out.extend_from_slice(&self.ahead[self.at..self.at + count]);
            self.at += count;
            count
        } else {
            out.reserve(room);
            let mut socket = self.socket.borrow_mut();
            let read = poll_read_buf(Pin::new(&mut *socket), cx, &mut (&mut *out).limit(room));
            drop(socket);
            match read {
                Poll::Pending => return self.wait_body(cx),
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.received(count);
                    count
                }
                Poll::Ready(_) => {
                    self.is_gone = true;
                    return Poll::Ready(Err(Cut));
                }
            }
        };
        self.phase = Phase::Length(left - count as u64);
        Poll::Ready(Ok(()))
    }

    /// The same for one in chunks. Ready and nothing appended: only a frame was there.
    fn fill_chunked(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        mut state: Chunked,
    ) -> Poll<Result<(), Cut>> {
        let decoded = if self.at < self.ahead.len() {
            let end = self.ahead.len().min(self.at + ROOM);
            let used = state.decode(&self.ahead[self.at..end], out);
            self.at += used.unwrap_or(0);
            used
        } else {
            let worker = self.worker;
            let mut scratch = worker.scratch.borrow_mut();
            let mut read = ReadBuf::new(&mut scratch[..ROOM]);
            let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut read);
            match polled {
                Poll::Pending => return self.wait_body(cx),
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                Poll::Ready(_) => {
                    self.is_gone = true;
                    return Poll::Ready(Err(Cut));
                }
            }
            let input = read.filled();
            self.received(input.len());
            let used = state.decode(input, out);
            if let Ok(used) = used
                && used < input.len()
            {
                self.ahead.clear();
                self.at = 0;
                self.ahead.open().extend_from_slice(&input[used..]);
            }
            used
        };
        if decoded.is_err() {
            self.worker.metrics.refuse_framing(400);
            self.client.fault.set(Some(Code::FramingInvalid));
            return Poll::Ready(Err(Cut));
        }
        self.phase = match state {
            Chunked::Done => DONE,
            state => Phase::Chunked(state),
        };
        Poll::Ready(Ok(()))
    }
}

impl Inflow for Inlet<'_> {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn is_done(&self) -> bool {
        self.phase == DONE
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        while !self.go_on.is_empty() {
            let polled = Pin::new(&mut *self.socket.borrow_mut()).poll_write(cx, self.go_on);
            match ready!(polled) {
                Ok(count) if count > 0 => self.go_on = &self.go_on[count..],
                Ok(_) | Err(_) => return Poll::Ready(Err(Cut)),
            }
        }
        let before = out.len();
        loop {
            match self.phase {
                DONE => break,
                Phase::Length(left) => ready!(self.fill_length(cx, out, left))?,
                Phase::Chunked(state) => ready!(self.fill_chunked(cx, out, state))?,
            }
            if out.len() > before {
                break;
            }
        }
        let client = self.client;
        let total = client.body_bytes.get() + (out.len() - before) as u64;
        client.body_bytes.set(total);
        if total > self.worker.settings.limits.body_bytes {
            client.fault.set(Some(Code::BodyTooLarge));
            return Poll::Ready(Err(Cut));
        }
        if self.phase == DONE {
            client.read_by.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_gone {
            if self.ahead.len() - self.at >= AHEAD {
                return Poll::Pending;
            }
            let worker = self.worker;
            // Somebody may be reading with it: then this comes later.
            let mut scratch = worker.scratch.borrow_mut();
            let mut read = ReadBuf::new(&mut scratch[..AHEAD]);
            match Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    self.received(read.filled().len());
                    self.ahead.open().extend_from_slice(read.filled());
                }
                Poll::Ready(_) => self.is_gone = true,
            }
        }
        Poll::Ready(())
    }
}
