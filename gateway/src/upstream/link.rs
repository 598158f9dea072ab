//! One upstream connection. It has no task of its own: whoever uses it polls it along, so a
//! request and its connection are one wake-up instead of three.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::Request;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::stream::{Stream, Trace};
use super::{Ticket, replay};
use crate::body::Inbound;
use crate::deadline::Deadline;

pub(crate) struct Link {
    pub(super) sender: SendRequest<Inbound>,
    connection: Pin<Box<Connection<TokioIo<Stream>, Inbound>>>,
    pub(super) trace: Rc<Trace>,
    /// For the present phase of the exchange.
    pub(crate) deadline: Deadline,
    /// Between two reads of an answer's body, of the upstream in use.
    pub(crate) idle_ms: u64,
    /// How long it may lie in the pool.
    pub(super) keep_ms: u64,
    /// When it was put there, in the worker's milliseconds.
    pub(super) kept_at: u64,
    pub(super) target: u32,
    /// The request in flight, where such are counted.
    pub(crate) ticket: Option<Ticket>,
    closed: bool,
}

impl Link {
    pub(super) fn new(
        sender: SendRequest<Inbound>,
        connection: Connection<TokioIo<Stream>, Inbound>,
        trace: Rc<Trace>,
        deadline: Deadline,
        target: u32,
    ) -> Self {
        Self {
            sender,
            connection: Box::pin(connection),
            trace,
            deadline,
            idle_ms: 0,
            keep_ms: 0,
            kept_at: 0,
            target,
            ticket: None,
            closed: false,
        }
    }

    /// Moves bytes both ways as far as possible.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.closed
            && let Poll::Ready(result) = self.connection.as_mut().poll(cx)
        {
            self.closed = true;
            if let Err(error) = result {
                tracing::debug!(%error, "An upstream connection ended.");
            }
        }
    }

    /// The request as it was sent, if it may be sent once more.
    pub(crate) fn replay(&self) -> Option<Request<Inbound>> {
        let kept = self.trace.keep.get();
        kept.then(|| replay::request(&self.trace.written.borrow()))
            .flatten()
    }

    /// Whether another request may be sent: nothing outstanding, not closed by the other side.
    pub(super) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.closed && self.sender.is_ready()
    }
}
