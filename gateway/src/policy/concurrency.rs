//! `concurrency`: so many requests at a time and subject, on this node.

use domain::policy::{self, PolicyKind, Scope};
use domain::problem::Code;
use uuid::Uuid;

use super::subject::By;
use super::{Context, Flow};
use crate::answer::Refusal;
use crate::call::Call;
use crate::limiter::CellKey;

/// The running form.
#[derive(Debug)]
pub(crate) struct Concurrency {
    /// Number of (attach point, kind, name).
    number: u32,
    name: Box<str>,
    limit: u32,
    by: By,
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
        }
    }

    fn key(&self, call: &Call<'_>) -> CellKey {
        CellKey {
            limit: self.number,
            subject: self.by.subject(call).0,
        }
    }

    /// The place is the request's until its report is made: whatever becomes of it, once.
    pub(crate) fn run(&self, call: &mut Call<'_>) -> Flow {
        match call.worker.shared.places.enter(self.key(call), self.limit) {
            Some(place) => {
                call.record.places.push(place);
                Flow::Next
            }
            None => self.refuse(),
        }
    }

    /// What [`Concurrency::run`] would say, and nothing is taken.
    pub(crate) fn peek(&self, call: &Call<'_>) -> (Flow, String) {
        let taken = call.worker.shared.places.taken(&self.key(call));
        let flow = if taken < self.limit {
            Flow::Next
        } else {
            self.refuse()
        };
        let by = self.by.words(call);
        (
            flow,
            format!("{taken} of {} in flight, by {by}.", self.limit),
        )
    }

    fn refuse(&self) -> Flow {
        let (name, limit) = (&self.name, self.limit);
        let detail = format!("The limit \"{name}\" admits {limit} requests at a time.");
        let refusal = Refusal::new(Code::TooManyConcurrent);
        // How long the others take nobody knows.
        Flow::refuse(refusal.detail(detail).retry_after(1))
    }
}
