//! `concurrency`: so many requests at a time and subject, on this node, and a queue before them.

use domain::policy::{self, PolicyKind, Scope};
use domain::problem::Code;
use uuid::Uuid;

use super::queue::Wait;
use super::subject::By;
use super::{Context, Flow};
use crate::answer::Refusal;
use crate::call::Call;
use crate::limiter::CellKey;
use crate::record::NameId;

/// The running form.
#[derive(Debug)]
pub(crate) struct Concurrency {
    /// Number of (attach point, kind, name).
    number: u32,
    name: Box<str>,
    pub(super) limit: u32,
    by: By,
    /// Where requests wait for a place.
    pub(super) queue: Option<Queue>,
}

/// How they wait.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) most: usize,
    /// Milliseconds.
    pub(super) millis: u64,
}

impl Concurrency {
    pub(crate) fn compile(
        policy: &policy::Concurrency,
        name: &str,
        attach: Uuid,
        in_plan: bool,
        context: &Context<'_>,
    ) -> Self {
        Self {
            number: context.limits.number(attach, PolicyKind::Concurrency, name),
            name: name.into(),
            limit: policy.limit,
            by: By::new(&policy.by, in_plan, Scope::Node),
            queue: policy.queue.as_ref().map(|queue| Queue {
                most: queue.max as usize,
                millis: queue.timeout.as_millis(),
            }),
        }
    }

    pub(super) fn key(&self, call: &Call<'_>) -> CellKey {
        CellKey {
            limit: self.number,
            subject: self.by.subject(call).0,
        }
    }

    /// The place is the request's until the end of its answer is there, or until its report is made
    /// where no answer comes to its end: whatever becomes of it, it is given back once. A request that
    /// has to wait for something takes none before that.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, label: NameId, observe: bool) -> Flow {
        let (key, places) = (self.key(call), &call.worker.shared.places);
        if observe || call.waits.is_none() {
            if let Some(place) = places.enter(key, self.limit) {
                call.record.places.push(place);
                return Flow::Next;
            }
            if observe || self.queue.is_none() {
                return self.refuse();
            }
        }
        let most = self.queue.as_ref().map_or(0, |queue| queue.most);
        if !places.may_join(&key, self.limit, call.priority(), most) {
            return self.refuse();
        }
        call.wait(label, Wait::Place(self));
        Flow::Next
    }

    /// What [`Concurrency::run`] would say, and nothing is taken.
    pub(crate) fn peek(&self, call: &Call<'_>) -> (Flow, String) {
        let (key, places) = (self.key(call), &call.worker.shared.places);
        let (taken, waiting) = places.taken(&key);
        let most = self.queue.as_ref().map_or(0, |queue| queue.most);
        let flow = if places.may_join(&key, self.limit, call.priority(), most) {
            Flow::Next
        } else {
            self.refuse()
        };
        let by = self.by.words(call);
        let line = match most {
            0 => String::new(),
            most => format!(" {waiting} of {most} wait."),
        };
        (
            flow,
            format!("{taken} of {} in flight, by {by}.{line}", self.limit),
        )
    }

    fn refuse(&self) -> Flow {
        Flow::refuse(self.refusal())
    }

    pub(super) fn refusal(&self) -> Refusal {
        let (name, limit) = (&self.name, self.limit);
        let detail = format!("The limit \"{name}\" admits {limit} requests at a time.");
        let refusal = Refusal::new(Code::TooManyConcurrent);
        // How long the others take nobody knows.
        refusal.detail(detail).retry_after(1)
    }
}
