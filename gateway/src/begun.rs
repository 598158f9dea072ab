//! A body of which the first part was taken already: whoever took it found that it need not.

use std::task::{Context, Poll};

use crate::body::{Cut, Inflow, Outflow, ROOM};
use crate::holdings::Made;
use crate::worker::Worker;

pub(crate) struct Begun {
    first: Made,
    pub(crate) rest: Outflow,
}

impl Begun {
    pub(crate) const fn new(first: Made, rest: Outflow) -> Self {
        Self { first, rest }
    }

    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        let Made { bytes, at, .. } = &mut self.first;
        if *at == bytes.len() {
            return self.rest.poll_fill(cx, worker, inflow, out);
        }
        let end = bytes.len().min(*at + ROOM);
        out.extend_from_slice(&bytes[*at..end]);
        *at = end;
        Poll::Ready(Ok(false))
    }

    /// What is left of it, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        let first = self.first.bytes.len() - self.first.at;
        Some(self.rest.left()? + first as u64)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.first.at == self.first.bytes.len() && self.rest.is_over()
    }
}
