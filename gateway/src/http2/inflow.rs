//! The body of a request that came as a stream of HTTP/2, counted and bounded.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use domain::problem::Code;
use http_body::Body;
use hyper::body::Incoming;

use crate::body::{Cut, Inflow};
use crate::client::Client;
use crate::detail::Of;

pub(super) struct Streamed {
    incoming: Incoming,
    client: Rc<Client>,
    length: Option<u64>,
    is_done: bool,
}

impl Streamed {
    pub(super) fn new(incoming: Incoming, client: Rc<Client>) -> Self {
        let is_done = incoming.is_end_stream();
        Self {
            length: if is_done {
                Some(0)
            } else {
                incoming.size_hint().exact()
            },
            incoming,
            client,
            is_done,
        }
    }
}

impl Inflow for Streamed {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        while !self.is_done {
            let polled = Pin::new(&mut self.incoming).poll_frame(cx);
            if polled.is_pending() && self.client.is_too_slow(cx) {
                return Poll::Ready(Err(Cut));
            }
            let Some(frame) = ready!(polled) else {
                // The library takes a reset without an error for an end, and the client may be the
                // one who sent it: what came is not the whole, and must not pass for it.
                if !self.incoming.is_end_stream() {
                    return Poll::Ready(Err(Cut));
                }
                self.is_done = true;
                break;
            };
            // Trailers of requests are not forwarded.
            let Ok(data) = frame.map_err(|_| Cut)?.into_data() else {
                continue;
            };
            let total = self.client.body_bytes.get() + data.len() as u64;
            self.client.body_bytes.set(total);
            if total > self.client.body_limit.get() {
                self.client.fault.set(Some(Code::BodyTooLarge));
                return Poll::Ready(Err(Cut));
            }
            self.client.copy(Of::Request, &data, false);
            out.extend_from_slice(&data);
            self.is_done = self.incoming.is_end_stream();
            if !data.is_empty() {
                break;
            }
        }
        if self.is_done {
            self.client.copy(Of::Request, &[], true);
        }
        Poll::Ready(Ok(()))
    }

    /// The library lets go of the whole exchange when its stream is reset.
    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
