//! The bodies of requests: by length or in chunks, counted, bounded, and not slower than they may
//! be.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use domain::problem::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{AHEAD, DONE, Inlet, Phase};
use crate::body::{Cut, Inflow, ROOM};
use crate::detail::Of;
use crate::http1::Chunked;
use crate::metrics::Late;

impl Inlet<'_> {
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
        if total > client.body_limit.get() {
            client.fault.set(Some(Code::BodyTooLarge));
            return Poll::Ready(Err(Cut));
        }
        let is_last = self.phase == DONE;
        if is_last {
            client.read_by.clear();
        }
        client.copy(Of::Request, &out[before..], is_last);
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
