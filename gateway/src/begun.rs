//! A body of which the first part was taken already: whoever took it found that it need not.

use std::task::{Context, Poll};

use crate::body::{Cut, Inflow, Outflow, ROOM};
use crate::holdings::Made;
use crate::worker::Worker;

pub(crate) struct Begun {
    /// Until it is gone: nothing is held longer.
    first: Option<Made>,
    pub(crate) rest: Outflow,
}

impl Begun {
    pub(crate) fn new(first: Made, rest: Outflow) -> Self {
        let has_any = !first.bytes.is_empty();
        Self {
            first: has_any.then_some(first),
            rest,
        }
    }

    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        let Some(Made { bytes, at, .. }) = &mut self.first else {
            return self.rest.poll_fill(cx, worker, inflow, out);
        };
        let end = bytes.len().min(*at + ROOM);
        out.extend_from_slice(&bytes[*at..end]);
        *at = end;
        if end == bytes.len() {
            self.first = None;
        }
        Poll::Ready(Ok(false))
    }

    /// What is left of it, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        let first = self.first.as_ref();
        let first = first.map_or(0, |first| first.bytes.len() - first.at);
        Some(self.rest.left()? + first as u64)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.first.is_none() && self.rest.is_over()
    }
}
