//! The body of an answer on its way: by length, in chunks, or to the connection's end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{DONE, Link, Reading};
use crate::body::{Cut, Inflow, ROOM};
use crate::http1::Chunked;
use crate::metrics::Late;
use crate::worker::Worker;

/// Room for a part of a body of which nothing is known.
const UNKNOWN: usize = 16 * 1024;

impl Link {
    /// Appends what there is of the answer's body; true at its end. The rest of the request goes
    /// along.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        if !self.is_sent() {
            self.send(cx, inflow)?;
        }
        if self.reading == DONE {
            return Poll::Ready(Ok(true));
        }
        if worker.pool.cuts(self.target, worker.sweeper.now()) {
            worker.metrics.upstream_removed.add(1);
            return Poll::Ready(Err(Cut));
        }
        if self.ends_at != 0 && worker.sweeper.now() >= self.ends_at {
            worker.metrics.late(Late::Upstream);
            return Poll::Ready(Err(Cut));
        }
        let before = out.len();
        let polled = loop {
            let polled = self.read_body(cx, worker, out);
            // A part of a chunk's frame is nothing to anybody.
            if polled != Poll::Ready(Ok(false)) || out.len() > before {
                break polled;
            }
        };
        if polled.is_ready() {
            self.deadline.clear();
            return polled;
        }
        if !self.deadline.is_set() {
            self.deadline.set(match self.ends_at {
                0 => self.idle_ms,
                end => self.idle_ms.min(end.saturating_sub(worker.sweeper.now())),
            });
        }
        if self.deadline.has_passed(cx) {
            worker.metrics.late(Late::Upstream);
            return Poll::Ready(Err(Cut));
        }
        if inflow.is_done() && inflow.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Cut));
        }
        Poll::Pending
    }

    fn read_body(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        if self.taken < self.input.len() {
            let end = self.input.len().min(self.taken + ROOM);
            let ahead = &self.input[self.taken..end];
            let used = match &mut self.reading {
                Reading::Length(left) => {
                    let used = (*left).min(ahead.len() as u64);
                    *left -= used;
                    out.extend_from_slice(&ahead[..used as usize]);
                    used as usize
                }
                Reading::Chunked(state) => state.decode(ahead, out).map_err(|()| Cut)?,
                Reading::Close | Reading::Head => {
                    out.extend_from_slice(ahead);
                    ahead.len()
                }
            };
            self.taken += used;
            self.finish();
            return Poll::Ready(Ok(self.reading == DONE));
        }
        let socket = Pin::new(&mut self.socket);
        match &mut self.reading {
            Reading::Chunked(state) => {
                let mut scratch = worker.scratch.borrow_mut();
                let mut read = ReadBuf::new(&mut scratch[..ROOM]);
                ready!(socket.poll_read(cx, &mut read)).map_err(|_| Cut)?;
                let read = read.filled();
                if read.is_empty() {
                    return Poll::Ready(Err(Cut));
                }
                let used = state.decode(read, out).map_err(|()| Cut)?;
                if used < read.len() {
                    self.input.open().extend_from_slice(&read[used..]);
                }
            }
            Reading::Length(left) => {
                // A byte more than is left is asked for, so that the socket is known to be empty.
                let room = ROOM.min(usize::try_from(*left).unwrap_or(ROOM).saturating_add(1));
                let before = out.len();
                out.reserve(room);
                let count = ready!(poll_read_buf(socket, cx, &mut (&mut *out).limit(room)));
                let count = count.map_err(|_| Cut)? as u64;
                if count == 0 {
                    return Poll::Ready(Err(Cut));
                }
                if count > *left {
                    out.truncate(before + *left as usize);
                    self.keeps = false;
                }
                *left -= count.min(*left);
            }
            Reading::Close | Reading::Head => {
                out.reserve(UNKNOWN);
                let count = ready!(poll_read_buf(socket, cx, &mut (&mut *out).limit(ROOM)));
                if count.map_err(|_| Cut)? == 0 {
                    self.reading = DONE;
                }
            }
        }
        self.finish();
        Poll::Ready(Ok(self.reading == DONE))
    }

    /// Sees whether that was all.
    fn finish(&mut self) {
        if self.reading == Reading::Chunked(Chunked::Done) {
            self.reading = DONE;
        }
        self.settle();
    }
}
