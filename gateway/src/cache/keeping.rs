//! An answer's body on its way to the client, copied as it passes. Only a whole one is kept: a
//! client that leaves, or an upstream that breaks off, leaves nothing behind.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use uuid::Uuid;

use super::flight::Flight;
use super::second::{Name, Share};
use super::stored::{Draft, Stored};
use super::{Cache, Moment};
use crate::body::{Cut, Inflow, Outflow};
use crate::worker::Worker;

pub(crate) struct Keeping {
    pub(crate) inner: Outflow,
    then: Option<Then>,
    /// Whether it is kept is somebody else's to say.
    waits: bool,
    is_whole: bool,
}

/// What is done when all of it has passed.
pub(super) enum Then {
    Keep(Box<Filling>),
    /// It is not kept, and takes the place of what is.
    TakeOut(Removal),
}

impl Then {
    fn finish(self) {
        match self {
            Self::Keep(filling) => filling.finish(),
            Self::TakeOut(removal) => removal.finish(),
        }
    }
}

/// A kept answer that is to go.
pub(super) struct Removal {
    pub(super) cache: Arc<Cache>,
    pub(super) place: u128,
    pub(super) old: Old,
    pub(super) share: Option<Share>,
}

/// Where it is.
pub(super) enum Old {
    /// Here, and perhaps in the second level.
    Here(Arc<Stored>),
    /// Perhaps in the second level, of a version and by this name: nobody has seen it.
    Unseen(Uuid, Name),
}

impl Removal {
    /// Out of the second level first: from there it would come back.
    pub(super) fn finish(self) {
        match (self.old, &self.share) {
            (Old::Here(stored), share) => {
                if let Some(share) = share {
                    share.forget(&stored);
                }
                self.cache.remove(self.place, &stored);
            }
            (Old::Unseen(version, name), Some(share)) => share.forget_unseen(version, name),
            (Old::Unseen(..), None) => {}
        }
    }
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
    /// By what it is kept for other nodes.
    share: Option<Share>,
}

impl Filling {
    pub(super) fn new(
        cache: Arc<Cache>,
        draft: Draft,
        (place, moment): (u128, Moment),
        longest: usize,
        (flight, share): (Option<Flight>, Option<Share>),
    ) -> Self {
        Self {
            cache,
            draft: Some(draft),
            place,
            moment,
            body: Vec::new(),
            longest,
            flight,
            share,
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
        let stored = Arc::new(draft.finish(Bytes::from(body.into_boxed_slice())));
        let is_kept = self.cache.insert(self.place, self.moment, stored.clone());
        if let Some(share) = self.share.take().filter(|_| is_kept) {
            share.keep(&stored);
        }
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
    pub(super) const fn new(inner: Outflow, then: Then) -> Self {
        Self {
            inner,
            then: Some(then),
            waits: false,
            is_whole: false,
        }
    }

    /// Nothing is done before [`Keeping::keep`] says so. Until then it can be dropped.
    pub(crate) const fn wait(&mut self) {
        self.waits = true;
    }

    /// It is good: done now, where all of it has passed, or then.
    pub(crate) fn keep(&mut self) {
        self.waits = false;
        if self.is_whole
            && let Some(then) = self.then.take()
        {
            then.finish();
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
        let Some(mut then) = self.then.take() else {
            return polled;
        };
        if let Then::Keep(filling) = &mut then
            && out.len() > before
            && !filling.add(&out[before..])
        {
            return polled;
        }
        let is_over = polled == Poll::Ready(Ok(true));
        // What came behind the body would be missing.
        let is_short = matches!(then, Then::Keep(_)) && self.inner.trailers().is_some();
        match polled {
            Poll::Ready(Err(Cut)) => {}
            Poll::Ready(Ok(true)) if is_short => {}
            Poll::Ready(Ok(true)) if !self.waits => then.finish(),
            Poll::Ready(Ok(_)) | Poll::Pending => {
                self.is_whole |= is_over;
                self.then = Some(then);
            }
        }
        polled
    }
}
