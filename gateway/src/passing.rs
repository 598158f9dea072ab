//! A body that is looked into once it has passed: nobody waits for that but its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use domain::policy::PolicyKind;

use crate::body::{Cut, Inflow, Outflow};
use crate::forward::Stop;
use crate::holdings::{Beside, Made};
use crate::record::Watch;
use crate::worker::Worker;

/// The end of an answer waits no longer than this for its turn with somebody who looks into it.
const TURN_WITHIN: Duration = Duration::from_millis(10);

/// Says whether something is wrong with a whole body.
pub(crate) type Judge = Box<dyn FnOnce(Vec<u8>) -> bool + Send>;

/// The same while it waits for its turn.
type Judging = Pin<Box<dyn Future<Output = Result<bool, Stop>>>>;

pub(crate) struct Passing {
    pub(crate) inner: Outflow,
    /// What there is of it so far, and who looks at it in the end; nobody where it is too long.
    copy: Option<(Made, Judge)>,
    most: u64,
    judging: Option<Judging>,
    kind: PolicyKind,
    /// How the record notes what is wrong.
    watch: Watch,
    is_wrong: bool,
}

impl Passing {
    /// `copy` is empty; bodies of more than `most` bytes are not looked into.
    pub(crate) fn new(
        inner: Outflow,
        copy: Made,
        judge: Judge,
        most: u64,
        (kind, watch): (PolicyKind, Watch),
    ) -> Self {
        Self {
            inner,
            copy: Some((copy, judge)),
            most,
            judging: None,
            kind,
            watch,
            is_wrong: false,
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
        if self.judging.is_some() {
            return self.poll_end(cx, worker);
        }
        let before = out.len();
        let polled = self.inner.poll_fill(cx, worker, inflow, out);
        if let Some((copy, _)) = &mut self.copy {
            let more = &out[before..];
            let fits = (copy.bytes.len() + more.len()) as u64 <= self.most;
            if !(fits && copy.extend(more)) {
                worker.metrics.answers_unchecked.add(1);
                self.copy = None;
            }
        }
        if polled != Poll::Ready(Ok(true)) {
            return polled;
        }
        let Some((mut copy, judge)) = self.copy.take() else {
            return polled;
        };
        let beside = Beside::of(&worker.holdings, copy.bytes.len());
        self.judging = Some(Box::pin(async move {
            // Counted until it was looked into, also while that waits for its turn.
            let body = copy.lend();
            let judged = beside.run_within(TURN_WITHIN, move || judge(body)).await;
            drop(copy);
            judged
        }));
        match self.poll_end(cx, worker) {
            Poll::Pending if out.len() > before => Poll::Ready(Ok(false)),
            polled => polled,
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, worker: &Worker) -> Poll<Result<bool, Cut>> {
        if let Some(judging) = &mut self.judging {
            let judged = ready!(judging.as_mut().poll(cx));
            self.judging = None;
            match judged {
                Ok(true) => {
                    worker.metrics.decided(self.kind, true);
                    self.is_wrong = true;
                }
                Ok(false) => {}
                // Its turn did not come, and nothing depends on it.
                Err(_) => worker.metrics.answers_unchecked.add(1),
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Whether nothing more comes, and nothing is to be looked into.
    pub(crate) fn is_over(&self) -> bool {
        self.copy.is_none() && self.judging.is_none() && self.inner.is_over()
    }

    /// What was found, each once: by several who look, one after the other.
    pub(crate) fn found(&mut self) -> Option<Watch> {
        match std::mem::take(&mut self.is_wrong) {
            true => Some(self.watch),
            false => self.inner.found(),
        }
    }
}
