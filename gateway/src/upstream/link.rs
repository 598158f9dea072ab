//! One upstream connection of HTTP/1.1. It has no task of its own: whoever uses it polls it along,
//! so a request and its connection are one wake-up instead of three.

mod answer;

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Ticket;
use super::head::{self, Framing, Head};
use crate::body::{Cut, Inflow, ROOM, make_room};
use crate::buffer::Buffer;
use crate::deadline::Deadline;
use crate::http1::{self, Chunked};
use crate::socket::Socket;
use crate::worker::Worker;

/// How far the request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Body {
        chunked: bool,
    },
    /// Everything is handed over, if not written yet.
    Done,
    /// The other side takes nothing more; it may have answered all the same.
    Broken,
}

/// What of the answer is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Head,
    Length(u64),
    Chunked(Chunked),
    Close,
}

const DONE: Reading = Reading::Length(0);

pub(crate) struct Link {
    socket: Socket,
    /// Of the request, not written yet from `sent` on.
    out: Buffer,
    sent: usize,
    /// Whether anything of the request was written.
    has_sent: bool,
    /// TLS keeps nothing of what was written to itself.
    is_flushed: bool,
    sending: Sending,
    /// Of the answer, not taken yet from `taken` on.
    input: Buffer,
    taken: usize,
    reading: Reading,
    /// Whether anything came back.
    heard: bool,
    keeps: bool,
    /// For the present phase of the exchange.
    pub(crate) deadline: Deadline,
    /// Between two reads of an answer's body, of the upstream in use.
    pub(crate) idle_ms: u64,
    /// When the answer's last byte must have come, in the worker's milliseconds; 0 for whenever.
    pub(crate) ends_at: u64,
    /// How long it may lie in the pool.
    pub(super) keep_ms: u64,
    /// When it was put there, in the worker's milliseconds.
    pub(super) kept_at: u64,
    pub(crate) target: u32,
    /// The request in flight, where such are counted.
    pub(crate) ticket: Option<Ticket>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The connection ended, or what came was no answer.
    Ended,
    /// The client's body was cut off, or the client is gone.
    Client,
    /// The target is gone from the configuration, and its time is over.
    Removed,
}

impl From<Cut> for Broken {
    fn from(_: Cut) -> Self {
        Self::Client
    }
}

impl Link {
    pub(super) const fn new(socket: Socket, deadline: Deadline, target: u32) -> Self {
        Self {
            socket,
            out: Buffer::new(),
            sent: 0,
            has_sent: false,
            is_flushed: true,
            sending: Sending::Done,
            input: Buffer::new(),
            taken: 0,
            reading: DONE,
            heard: false,
            keeps: true,
            deadline,
            idle_ms: 0,
            ends_at: 0,
            keep_ms: 0,
            kept_at: 0,
            target,
            ticket: None,
        }
    }

    /// Begins an exchange: the request's head goes into the buffer that is returned. `length` is
    /// that of its body.
    pub(super) fn begin(&mut self, length: Option<u64>) -> &mut Vec<u8> {
        self.sending = match length {
            Some(0) => Sending::Done,
            length => Sending::Body {
                chunked: length.is_none(),
            },
        };
        self.reading = Reading::Head;
        self.has_sent = false;
        self.heard = false;
        self.sent = 0;
        self.out.open()
    }

    /// Whether the other side has seen nothing of the request, as far as this side knows.
    pub(super) const fn is_unsent(&self) -> bool {
        !self.has_sent
    }

    pub(super) const fn heard(&self) -> bool {
        self.heard
    }

    /// The next part of the request's body, from elsewhere than where the rest comes from;
    /// `is_all`: there is no rest.
    pub(crate) fn owe(&mut self, bytes: &[u8], is_all: bool) {
        let Sending::Body { chunked } = self.sending else {
            return;
        };
        let out = self.out.open();
        for part in bytes.chunks(ROOM) {
            let start = out.len();
            if chunked {
                http1::begin_chunk(out);
            }
            out.extend_from_slice(part);
            if chunked {
                http1::end_chunk(out, start);
            }
        }
        if is_all {
            if chunked {
                out.extend_from_slice(http1::LAST_CHUNK);
            }
            self.sending = Sending::Done;
        }
    }

    /// Writes as much of the request as goes. True when anything moved, and when it is the client
    /// that is waited for: neither time is the other side's.
    fn send(&mut self, cx: &mut Context<'_>, inflow: &mut dyn Inflow) -> Result<bool, Cut> {
        let mut moved = false;
        let mut waits = false;
        loop {
            if let Sending::Body { chunked } = self.sending
                && !waits
                && self.out.len() - self.sent < ROOM
            {
                make_room(&mut self.out, &mut self.sent);
                match take(cx, inflow, self.out.open(), chunked) {
                    Poll::Pending => waits = true,
                    Poll::Ready(Err(cut)) => return Err(cut),
                    Poll::Ready(Ok(())) => {
                        moved = true;
                        if inflow.is_done() {
                            self.sending = Sending::Done;
                        }
                    }
                }
            }
            if self.sent == self.out.len() {
                self.out.close();
                self.sent = 0;
                if !self.is_flushed {
                    match Pin::new(&mut self.socket).poll_flush(cx) {
                        // What is not through yet is asked for again.
                        Poll::Pending => {}
                        Poll::Ready(Ok(())) => {
                            self.is_flushed = true;
                            moved = true;
                        }
                        Poll::Ready(Err(_)) => return Ok(self.give_up()),
                    }
                }
                if waits || !matches!(self.sending, Sending::Body { .. }) {
                    return Ok(moved || waits);
                }
                continue;
            }
            match Pin::new(&mut self.socket).poll_write(cx, &self.out[self.sent..]) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.sent += count;
                    self.has_sent = true;
                    self.is_flushed = false;
                    moved = true;
                }
                Poll::Ready(_) => return Ok(self.give_up()),
            }
        }
    }

    /// The other side takes nothing more. True: that is news.
    fn give_up(&mut self) -> bool {
        self.out.close();
        self.sent = 0;
        self.is_flushed = true;
        self.sending = Sending::Broken;
        self.keeps = false;
        true
    }

    /// Sends the request along and waits for the answer's head. `first_byte_ms` counts from when
    /// the last of the request moved, and not while its client is waited for.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        first_byte_ms: u64,
        to_head: bool,
    ) -> Poll<Result<Head, Broken>> {
        if !self.is_sent() && self.send(cx, inflow)? {
            self.deadline.set(first_byte_ms);
        }
        let mut scratch = worker.scratch.borrow_mut();
        loop {
            let mut read = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.socket).poll_read(cx, &mut read) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Err(Broken::Ended)),
            }
            self.heard = true;
            match self.read_head(read.filled(), to_head) {
                Ok(Some(head)) => {
                    self.deadline.clear();
                    return Poll::Ready(Ok(head));
                }
                Ok(None) => {}
                Err(head::Malformed) => return Poll::Ready(Err(Broken::Ended)),
            }
        }
        drop(scratch);
        if worker.pool.cuts(self.target, worker.sweeper.now()) {
            worker.metrics.upstream_removed.add(1);
            return Poll::Ready(Err(Broken::Removed));
        }
        if inflow.is_done() && inflow.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Broken::Client));
        }
        Poll::Pending
    }

    /// Whether the whole request is written, or cannot be.
    fn is_sent(&self) -> bool {
        let is_written = self.sent == self.out.len() && self.is_flushed;
        is_written && !matches!(self.sending, Sending::Body { .. })
    }

    /// Takes over what was read, up to the end of a head that is an answer's.
    fn read_head(&mut self, read: &[u8], to_head: bool) -> Result<Option<Head>, head::Malformed> {
        let is_first = self.input.is_empty();
        if !is_first {
            self.input.extend_from_slice(read);
        }
        let mut at = self.taken;
        let head = loop {
            let bytes = if is_first { read } else { &**self.input };
            let Some((head, used)) = head::parse(&bytes[at..], to_head)? else {
                break None;
            };
            at += used;
            // Interim answers are this hop's (RFC 9110 §15.2), but for the one that ends HTTP.
            if head.status >= 200 || head.status == 101 {
                break Some(head);
            }
        };
        if is_first {
            if at < read.len() {
                self.input.open().extend_from_slice(&read[at..]);
            }
        } else if head.is_some() {
            self.taken = at;
        } else {
            // Interim answers do not pile up, however many there are.
            self.input.drain(..at);
            self.taken = 0;
        }
        if let Some(head) = &head {
            self.keeps &= head.keeps;
            self.reading = match head.framing {
                _ if head.status == 101 => Reading::Close,
                Framing::Length(length) => Reading::Length(length),
                Framing::Chunked => Reading::Chunked(Chunked::START),
                Framing::Close => Reading::Close,
            };
            self.settle();
        }
        Ok(head)
    }

    /// Lets go of what is not needed any more. Bytes behind an answer are nobody's.
    fn settle(&mut self) {
        if self.taken == self.input.len() {
            self.input.close();
            self.taken = 0;
        }
        if self.reading == DONE && !self.input.is_empty() {
            self.keeps = false;
        }
    }

    /// What is left of the answer's body, where that is known.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self.reading {
            Reading::Length(left) => Some(left),
            Reading::Head | Reading::Chunked(_) | Reading::Close => None,
        }
    }

    /// Whether another request may be sent, as far as is known: nothing is outstanding.
    pub(super) fn is_over(&self) -> bool {
        let is_through = self.reading == DONE && self.sending == Sending::Done && self.is_sent();
        is_through && self.keeps && self.input.is_empty()
    }

    /// The same, and whether the other side has not closed it meanwhile.
    pub(super) fn is_usable(&mut self) -> bool {
        self.is_over() && self.socket.is_quiet()
    }

    /// The socket, and what came over it already: it speaks something else from here on.
    pub(crate) fn into_tunnel(mut self) -> (Socket, Buffer, Option<Ticket>) {
        self.input.drain(..self.taken);
        (self.socket, self.input, self.ticket)
    }
}

/// Takes a part of the request's body, framed as it goes out.
fn take(
    cx: &mut Context<'_>,
    inflow: &mut dyn Inflow,
    out: &mut Vec<u8>,
    chunked: bool,
) -> Poll<Result<(), Cut>> {
    if !chunked {
        return inflow.poll_fill(cx, out);
    }
    let start = out.len();
    http1::begin_chunk(out);
    let polled = inflow.poll_fill(cx, out);
    http1::end_chunk(out, start);
    if polled == Poll::Ready(Ok(())) && inflow.is_done() {
        out.extend_from_slice(http1::LAST_CHUNK);
    }
    polled
}

#[cfg(test)]
mod tests;
