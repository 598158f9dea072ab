//! The body of an answer, which knows whether its client takes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::{Exchange, Stream};
use crate::body::{Cut, Delivery};
use crate::http2::inflow::Streamed;
use crate::http2::request;

/// An answer's body that knows whether the client takes it.
pub(in crate::http2) struct Answered {
    /// With what is left of the request; `None` for nothing at all.
    delivery: Option<(Delivery, Streamed)>,
    exchange: Exchange,
}

/// A part of an answer. Its stream is known until the library has written or dropped it.
pub(in crate::http2) struct Piece {
    bytes: Bytes,
    _stream: Rc<Stream>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

/// As the library's type for errors wants it.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut off")]
pub(in crate::http2) struct CutOff;

impl From<Cut> for CutOff {
    fn from(_: Cut) -> Self {
        Self
    }
}

impl Answered {
    pub(in crate::http2) fn new(
        delivery: Delivery,
        inflow: Streamed,
        mut exchange: Exchange,
    ) -> Self {
        exchange.is_done = delivery.is_over();
        let mut answered = Self {
            delivery: Some((delivery, inflow)),
            exchange,
        };
        if answered.exchange.is_done {
            // Nobody polls a body that is empty: its connection goes back now.
            answered.end();
        }
        answered
    }

    pub(in crate::http2) const fn nothing(mut exchange: Exchange) -> Self {
        exchange.is_done = true;
        Self {
            delivery: None,
            exchange,
        }
    }

    fn end(&mut self) {
        if let Some((delivery, inflow)) = &mut self.delivery {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let _ = delivery.poll_fill(&mut cx, inflow, &mut Vec::new());
        }
    }
}

impl Body for Answered {
    type Data = Piece;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, CutOff>>> {
        let this = self.get_mut();
        let Some((delivery, inflow)) = &mut this.delivery else {
            return Poll::Ready(None);
        };
        // Whoever asks for more has got rid of what there was.
        this.exchange.stream.offered.set(0);
        let mut data = Vec::new();
        // The library's task lets go of this behind a panic, and not while that unwinds: the record
        // would not tell of it.
        let polled = || delivery.poll_fill(cx, inflow, &mut data);
        let filled = match catch_unwind(AssertUnwindSafe(polled)) {
            Ok(polled) => ready!(polled),
            Err(_) => {
                delivery.report.break_off();
                Err(Cut)
            }
        };
        let is_over = match filled {
            Ok(is_over) => is_over,
            // An upstream's fault is not held against the client.
            Err(cut) => {
                this.exchange.is_done = true;
                return Poll::Ready(Some(Err(cut.into())));
            }
        };
        if is_over && data.is_empty() {
            this.exchange.is_done = true;
            let trailers = delivery.trailers().map(request::map);
            // Nobody asks any more what became of the last part.
            this.exchange.offer();
            // What is counted ends here.
            this.delivery = None;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        if is_over && delivery.trailers().is_none() {
            this.exchange.is_done = true;
            this.delivery = None;
        }
        this.exchange.connection.control.give_back();
        this.exchange.offer();
        Poll::Ready(Some(Ok(Frame::data(Piece {
            bytes: data.into(),
            _stream: this.exchange.stream.clone(),
        }))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.delivery {
            None => true,
            Some((delivery, _)) => delivery.is_over() && delivery.trailers().is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.delivery.as_ref().map(|(delivery, _)| delivery.left()) {
            None => SizeHint::with_exact(0),
            Some(Some(left)) => SizeHint::with_exact(left),
            Some(None) => SizeHint::default(),
        }
    }
}
