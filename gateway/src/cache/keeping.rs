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
    /// Taken when all of it is there.
    draft: Option<Draft>,
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
            draft: Some(draft),
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
    pub(super) fn finish(mut self) {
        let body = std::mem::take(&mut self.body);
        self.cache.end_fill(body.len());
        let Some(draft) = self.draft.take() else {
            return;
        };
        let stored = draft.finish(Bytes::from(body.into_boxed_slice()));
        let is_kept = self.cache.insert(self.place, self.moment, stored);
        if let Some(flight) = self.flight.take().filter(|_| is_kept) {
            flight.land();
        }
    }
}

/// What is not finished is not kept.
impl Drop for Filling {
    fn drop(&mut self) {
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
            return polled;
        }
        match polled {
            // What came behind the body would be missing.
            Poll::Ready(Ok(true)) if self.inner.trailers().is_none() => filling.finish(),
            Poll::Ready(Ok(true) | Err(Cut)) => drop(filling),
            Poll::Ready(Ok(false)) | Poll::Pending => self.filling = Some(filling),
        }
        polled
    }
}
