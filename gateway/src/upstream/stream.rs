//! One request over a connection of HTTP/2 that many share (RFC 9113): its body on the way, its
//! answer, and the trailers that gRPC says its status in.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};

use super::Ticket;
use super::grpc_web::Web;
use super::head::{Framing, Head};
use super::pool::{Place, Shared};
use crate::body::{Cut, Inflow};
use crate::deadline::Deadline;
use crate::fields::{Fields, Name};
use crate::http1::content_length;
use crate::metrics::Late;
use crate::worker::Worker;

/// Until it is dropped; then the other side is told that nobody listens any more.
pub(crate) struct Stream {
    pub(super) place: Rc<Place>,
    pub(crate) target: u32,
    send: SendStream<Bytes>,
    /// All of the request is handed over, or nobody takes it.
    is_sent: bool,
    answer: ResponseFuture,
    body: Option<RecvStream>,
    /// Of the answer's body, where it is known.
    left: Option<u64>,
    is_over: bool,
    trailers: Option<Fields>,
    /// A browser's call, translated.
    web: Option<Web>,
    pub(crate) deadline: Deadline,
    pub(crate) idle_ms: u64,
    /// When the answer's last byte must have come, in the worker's milliseconds; 0 for whenever.
    pub(crate) ends_at: u64,
    pub(crate) ticket: Option<Ticket>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The other side says that it did nothing with it.
    Refused,
    /// The same of all that it had not looked at when it ended the connection.
    Unseen,
    Ended,
    /// The client's body was cut off, or the client is gone.
    Client,
    /// The target is gone from the configuration, and its time is over.
    Removed,
}

impl From<h2::Error> for Lost {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            Some(Reason::REFUSED_STREAM) => Self::Refused,
            // A GOAWAY without an error comes to streams that were not looked at.
            Some(Reason::NO_ERROR) if error.is_go_away() => Self::Unseen,
            Some(_) | None => Self::Ended,
        }
    }
}

impl Stream {
    /// Hands the head over. `is_bare`: it has no body.
    pub(super) fn begin(
        shared: Shared,
        target: u32,
        request: Request<()>,
        is_bare: bool,
        web: Option<Web>,
        deadline: Deadline,
    ) -> Result<Self, Lost> {
        let Shared { mut sender, place } = shared;
        let (answer, send) = sender.send_request(request, is_bare)?;
        Ok(Self {
            place,
            target,
            send,
            is_sent: is_bare,
            answer,
            body: None,
            left: None,
            is_over: false,
            trailers: None,
            web,
            deadline,
            idle_ms: 0,
            ends_at: 0,
            ticket: None,
        })
    }

    /// Hands over what there is of the request's body and there is room for. True when anything
    /// moved, and when it is the client that is waited for.
    fn send(&mut self, cx: &mut Context<'_>, inflow: &mut dyn Inflow) -> Result<bool, Cut> {
        let mut moved = false;
        while !self.is_sent {
            if !inflow.is_done() {
                self.send.reserve_capacity(1);
                // The library tells of room once only.
                let room = match self.send.capacity() {
                    0 => self.send.poll_capacity(cx),
                    room => Poll::Ready(Some(Ok(room))),
                };
                match room {
                    Poll::Pending => return Ok(moved),
                    Poll::Ready(Some(Ok(1..))) => {}
                    Poll::Ready(Some(Ok(0))) => continue,
                    Poll::Ready(_) => {
                        // It may have answered all the same.
                        self.is_sent = true;
                        return Ok(true);
                    }
                }
            }
            let mut data = Vec::new();
            match inflow.poll_fill(cx, &mut data) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Err(cut)) => return Err(cut),
                Poll::Ready(Ok(())) => {}
            }
            moved = true;
            let is_done = inflow.is_done();
            if let Some(web) = &mut self.web {
                data = web.decode(data, is_done)?;
            }
            self.is_sent = self.send.send_data(data.into(), is_done).is_err() || is_done;
        }
        Ok(moved)
    }

    /// As [`super::Link::owe`]. The library holds what there is no room for yet.
    pub(crate) fn owe(&mut self, bytes: &[u8], is_all: bool) {
        if self.is_sent {
            return;
        }
        let mut data = bytes.to_vec();
        if let Some(web) = &mut self.web {
            match web.decode(data, is_all) {
                Ok(decoded) => data = decoded,
                Err(Cut) => return self.is_sent = true,
            }
        }
        self.is_sent = self.send.send_data(data.into(), is_all).is_err() || is_all;
    }

    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        first_byte_ms: u64,
    ) -> Poll<Result<Head, Lost>> {
        match self.send(cx, inflow) {
            Ok(true) => self.deadline.set(first_byte_ms),
            Ok(false) => {}
            Err(Cut) => return Poll::Ready(Err(Lost::Client)),
        }
        let Poll::Ready(answered) = Pin::new(&mut self.answer).poll(cx) else {
            if worker.pool.cuts(self.target, worker.sweeper.now()) {
                worker.metrics.upstream_removed.add(1);
                return Poll::Ready(Err(Lost::Removed));
            }
            if inflow.is_done() && inflow.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Lost::Client));
            }
            return Poll::Pending;
        };
        let (parts, body) = answered?.into_parts();
        self.place.set(worker.sweeper.now());
        self.deadline.clear();
        let mut fields = fields_of(&parts.headers);
        if let Some(web) = &self.web {
            web.head(&mut fields);
        }
        // The library takes several of one value, and more digits than others do: a client of
        // HTTP/1.1 would get a body that ends in two places.
        let mut lengths = fields.all(Name::ContentLength);
        let length = match (lengths.next(), lengths.next()) {
            (None, _) => None,
            (Some(value), None) => Some(content_length(value).ok_or(Lost::Ended)?),
            (Some(_), Some(_)) => return Poll::Ready(Err(Lost::Ended)),
        };
        drop(lengths);
        // Nor does it mind what comes behind a head that ends an answer (RFC 9110 §6.4.1): such a
        // client would take it for the next one.
        self.is_over = body.is_end_stream() || matches!(parts.status.as_u16(), 204 | 304);
        self.left = if self.is_over { Some(0) } else { length };
        self.body = Some(body);
        Poll::Ready(Ok(Head {
            status: parts.status.as_u16(),
            fields,
            framing: self.left.map_or(Framing::Chunked, Framing::Length),
            keeps: true,
            promised: None,
        }))
    }

    pub(crate) const fn left(&self) -> Option<u64> {
        self.left
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// What came behind the body.
    pub(crate) const fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// Appends what there is of the answer's body; true at its end.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        if self.is_over {
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
        self.send(cx, inflow)?;
        let start = out.len();
        let polled = self.read(cx, out);
        if let Some(web) = &self.web {
            web.encode(out, start);
            if let Some(trailers) = self.trailers.take() {
                web.end(&trailers, out);
            }
        }
        if let Poll::Ready(read) = polled {
            if read.is_ok() {
                self.place.set(worker.sweeper.now());
            }
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

    fn read(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<bool, Cut>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Err(Cut));
        };
        loop {
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => {
                    // It is copied: there is room for as much again.
                    let _ = body.flow_control().release_capacity(data.len());
                    out.extend_from_slice(&data);
                    if let Some(left) = &mut self.left {
                        *left = left.saturating_sub(data.len() as u64);
                    }
                    if !data.is_empty() {
                        // Told with the last bytes, so that a copy is kept before those go on.
                        self.is_over = body.is_end_stream();
                        return Poll::Ready(Ok(self.is_over));
                    }
                }
                Some(Err(_)) => return Poll::Ready(Err(Cut)),
                None => break,
            }
        }
        let trailers = ready!(body.poll_trailers(cx)).map_err(|_| Cut)?;
        self.trailers = trailers.as_ref().map(fields_of);
        self.is_over = true;
        Poll::Ready(Ok(true))
    }
}

fn fields_of(headers: &HeaderMap) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in headers {
        fields.push(name.as_str(), value.as_bytes());
    }
    fields
}
