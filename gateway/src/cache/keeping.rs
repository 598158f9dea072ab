//! An answer's body on its way to the client, copied as it passes. Only a whole one is kept: a
//! client that leaves, or an upstream that breaks off, leaves nothing behind.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::flight::Flight;
use super::stored::Draft;
use super::{Cache, Moment};
use crate::body::{Cut, Inflow, Outflow};
use crate::worker::Worker;

pub(crate) struct Keeping {
    pub(crate) inner: Outflow,
    filling: Option<Filling>,
}

/// What there is of it so far.
pub(super) struct Filling {
    cache: Arc<Cache>,
    draft: Draft,
    place: u128,
    moment: Moment,
    body: Vec<u8>,
    longest: usize,
    /// Others wait for it.
    flight: Option<Flight>,
}

impl Filling {
    pub(super) fn new(
        cache: Arc<Cache>,
        draft: Draft,
        (place, moment): (u128, Moment),
        longest: usize,
        flight: Option<Flight>,
    ) -> Self {
        Self {
            cache,
            draft,
            place,
            moment,
            body: Vec::new(),
            longest,
            flight,
        }
    }

    /// False when it will not be kept.
    #[must_use]
    pub(super) fn add(&mut self, more: &[u8]) -> bool {
        if self.body.len() + more.len() > self.longest || !self.cache.begin_fill(more.len()) {
            return false;
        }
        self.body.extend_from_slice(more);
        true
    }

    /// All of it is there.
    pub(super) fn finish(self) {
        let Self {
            cache,
            draft,
            place,
            moment,
            body,
            longest: _,
            flight,
        } = self;
        cache.end_fill(body.len());
        let body = Bytes::from(body.into_boxed_slice());
        cache.insert(place, moment, draft.finish(body));
        if let Some(flight) = flight {
            flight.land();
        }
    }

    /// It will not be kept.
    pub(super) fn give_up(self) {
        self.cache.end_fill(self.body.len());
    }
}

impl Keeping {
    pub(super) const fn new(inner: Outflow, filling: Filling) -> Self {
        Self {
            inner,
            filling: Some(filling),
        }
    }

    /// As [`Outflow::poll_fill`].
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        let before = out.len();
        let polled = self.inner.poll_fill(cx, worker, inflow, out);
        let Some(mut filling) = self.filling.take() else {
            return polled;
        };
        if out.len() > before && !filling.add(&out[before..]) {
            filling.give_up();
            return polled;
        }
        match polled {
            // What came behind the body would be missing.
            Poll::Ready(Ok(true)) if self.inner.trailers().is_none() => filling.finish(),
            Poll::Ready(Ok(true) | Err(Cut)) => filling.give_up(),
            Poll::Ready(Ok(false)) | Poll::Pending => self.filling = Some(filling),
        }
        polled
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if let Some(filling) = self.filling.take() {
            filling.give_up();
        }
    }
}
