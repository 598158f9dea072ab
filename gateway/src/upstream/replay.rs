//! A request's body that is kept while it is sent, so that a try that was refused can be followed
//! by another, and so that others may have a copy of it.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;

use super::mirror::Shadow;
use crate::body::{Cut, Inflow, Outflow, ROOM};
use crate::buffer::Buffer;
use crate::metrics::WorkerMetrics;
use crate::state::Upstream;

/// Longest body that is kept.
pub(crate) const MOST: usize = 64 * 1024;

/// Of all bodies that a worker keeps.
const MOST_OF_WORKER: u64 = 16 * 1024 * 1024;

/// Whether it does no harm to do it twice (RFC 9110 §9.2.2).
pub(crate) const fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Whether a body of this length may be of use a second time. `None`: it may turn out short.
pub(crate) fn is_worth_keeping(upstream: &Upstream, method: &Method, length: Option<u64>) -> bool {
    upstream.replays
        && length.is_none_or(is_short)
        && (is_idempotent(method) || upstream.may_refuse)
}

/// Whether a body of so many bytes can be kept.
pub(crate) fn is_short(length: u64) -> bool {
    length <= MOST as u64
}

/// Bytes that count into what the worker keeps, for as long as they are there.
struct Store {
    bytes: Buffer,
    /// What it counts for: its bytes, and those that are to come where room was taken for them.
    counted: u64,
    metrics: Arc<WorkerMetrics>,
}

impl Store {
    const fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            bytes: Buffer::new(),
            counted: 0,
            metrics,
        }
    }

    /// Takes room for so many bytes in all, if there is room.
    fn take_room(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.counted);
        let fits = more == 0 || self.metrics.upstream_kept_bytes.get() + more <= MOST_OF_WORKER;
        if fits {
            self.count(more);
        } else {
            self.metrics.upstream_not_kept.add(1);
        }
        fits
    }

    fn count(&mut self, more: u64) {
        self.counted += more;
        self.metrics.upstream_kept_bytes.add(more);
    }

    fn add(&mut self, more: &[u8]) {
        self.bytes.open().extend_from_slice(more);
    }

    fn clear(&mut self) {
        self.metrics.upstream_kept_bytes.take(self.counted);
        self.counted = 0;
        self.bytes.close();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The client's body, and what was taken of it so far.
pub(crate) struct Replay<'i> {
    inner: &'i mut dyn Inflow,
    /// Shared only once nothing is added any more.
    store: Rc<Store>,
    /// How far the present try has got in what is kept.
    at: usize,
    /// Nothing of it is gone.
    is_whole: bool,
    /// Each gets a copy as soon as all is there.
    shadows: Vec<Shadow>,
}

impl<'i> Replay<'i> {
    pub(crate) fn new(
        inner: &'i mut dyn Inflow,
        metrics: Arc<WorkerMetrics>,
        shadows: Vec<Shadow>,
    ) -> Self {
        Self {
            inner,
            store: Rc::new(Store::new(metrics)),
            at: 0,
            is_whole: true,
            shadows,
        }
    }

    /// `more` was just taken.
    fn keep(&mut self, more: &[u8]) {
        let Some(store) = Rc::get_mut(&mut self.store) else {
            return;
        };
        let length = (store.bytes.len() + more.len()) as u64;
        if is_short(length) && store.take_room(length) {
            store.add(more);
            self.at = store.bytes.len();
            return;
        }
        store.clear();
        self.at = 0;
        self.is_whole = false;
        // Copies would not be whole: dropping them counts that.
        self.shadows.clear();
    }

    fn copied(&self) -> Copied {
        Copied {
            store: self.store.clone(),
            at: 0,
            length: self.inner.length(),
        }
    }

    /// Takes all of it beforehand, for a body whose length is known to be short. `None`: there is
    /// no room, and nothing was taken.
    pub(crate) async fn collect(&mut self) -> Result<Option<Copied>, Cut> {
        let length = self.inner.length().unwrap_or(MOST as u64);
        let store = Rc::get_mut(&mut self.store);
        let has_room = store.is_some_and(|store| store.take_room(length));
        if !has_room {
            return Ok(None);
        }
        let mut taken = Buffer::new();
        while !self.is_done() {
            poll_fn(|cx| self.poll_fill(cx, taken.open())).await?;
            taken.clear();
        }
        Ok(Some(self.copied()))
    }

    /// An answer came before the present try had taken all that is kept: the connection gets the
    /// rest, as nobody asks this for it any more.
    pub(crate) fn hand_over(&self, outflow: &mut Outflow) {
        if self.at < self.store.bytes.len() {
            outflow.owe(&self.store.bytes[self.at..], self.inner.is_done());
        }
    }
}

impl Inflow for Replay<'_> {
    fn length(&self) -> Option<u64> {
        self.inner.length()
    }

    fn is_done(&self) -> bool {
        self.at == self.store.bytes.len() && self.inner.is_done()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        let bytes = &*self.store.bytes;
        if self.at < bytes.len() {
            let end = bytes.len().min(self.at + ROOM);
            out.extend_from_slice(&bytes[self.at..end]);
            self.at = end;
            return Poll::Ready(Ok(()));
        }
        let before = out.len();
        let polled = self.inner.poll_fill(cx, out);
        if self.is_whole && out.len() > before {
            self.keep(&out[before..]);
        }
        if self.inner.is_done() {
            for shadow in std::mem::take(&mut self.shadows) {
                shadow.send(self.copied());
            }
        }
        polled
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_gone(cx)
    }

    /// One of an unknown length only once all of it is there: it may turn out too long.
    fn can_repeat(&self) -> bool {
        self.is_whole && (self.inner.length().is_some() || self.inner.is_done())
    }

    fn repeat(&mut self) {
        self.at = 0;
    }
}

/// A body that is there as a whole, for a request of its own.
#[derive(Clone)]
pub(crate) struct Copied {
    store: Rc<Store>,
    at: usize,
    length: Option<u64>,
}

impl Copied {
    /// Of a request without one.
    pub(crate) fn nothing(metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            store: Rc::new(Store::new(metrics)),
            at: 0,
            length: Some(0),
        }
    }

    /// Of a request of our own.
    pub(crate) fn of(bytes: &[u8], metrics: Arc<WorkerMetrics>) -> Self {
        let mut store = Store::new(metrics);
        store.count(bytes.len() as u64);
        store.add(bytes);
        Self {
            store: Rc::new(store),
            at: 0,
            length: Some(bytes.len() as u64),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.store.bytes.len()
    }

    /// As [`Replay::hand_over`].
    pub(super) fn hand_over(&self, outflow: &mut Outflow) {
        if self.at < self.len() {
            outflow.owe(&self.store.bytes[self.at..], true);
        }
    }
}

impl Inflow for Copied {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn is_done(&self) -> bool {
        self.at == self.len()
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>> {
        let end = self.len().min(self.at + ROOM);
        out.extend_from_slice(&self.store.bytes[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }

    /// Nobody is behind it who could go.
    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn can_repeat(&self) -> bool {
        true
    }

    fn repeat(&mut self) {
        self.at = 0;
    }
}

#[cfg(test)]
mod tests;
