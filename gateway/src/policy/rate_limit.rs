//! `rate_limit`: a token bucket per subject, on this node.

use std::sync::Arc;

use domain::policy::{self, PolicyKind};
use domain::problem::Code;
use uuid::Uuid;

use super::subject::By;
use super::{Context, Flow};
use crate::answer::{Refusal, Shown};
use crate::call::{Call, Taken};
use crate::limiter::{Cell, CellKey, Rate, Verdict};

/// The running form.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// Number of (attach point, kind, name).
    number: u32,
    name: Box<str>,
    limit: u32,
    window_secs: u64,
    rate: Rate,
    by: By,
    /// Attached to a plan and counted by subscription: the subscription holds the cell.
    in_subscription: bool,
}

impl RateLimit {
    pub(crate) fn compile(
        policy: &policy::RateLimit,
        name: &str,
        attach: Uuid,
        in_plan: bool,
        context: &Context<'_>,
    ) -> Self {
        let by = By::new(&policy.by, in_plan);
        Self {
            number: context.limits.number(attach, PolicyKind::RateLimit, name),
            name: name.into(),
            limit: policy.limit,
            window_secs: policy.window.as_secs_ceil(),
            rate: Rate::new(policy.limit, policy.window.as_millis(), policy.burst()),
            in_subscription: in_plan && by.is_subscription(),
            by,
        }
    }

    /// `place` is this step's place in its chain, which is its slot's place in a subscription.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, place: usize) -> Flow {
        let cell = self.cell(call, place);
        let verdict = cell.admit(call.now_ns(), self.rate);
        call.shown.push(self.shown(verdict));
        if verdict.admitted {
            call.taken.push(Taken::Cell(cell, self.rate));
            return Flow::Next;
        }
        self.refuse(verdict)
    }

    /// What [`RateLimit::run`] would say, and nothing is counted.
    pub(crate) fn peek<'a>(&'a self, call: &Call<'a>, place: usize) -> (Flow, Shown<'a>) {
        let verdict = self.cell(call, place).peek(call.now_ns(), self.rate);
        let flow = if verdict.admitted {
            Flow::Next
        } else {
            self.refuse(verdict)
        };
        (flow, self.shown(verdict))
    }

    fn shown(&self, verdict: Verdict) -> Shown<'_> {
        Shown {
            name: &self.name,
            quota: u64::from(self.limit),
            window: self.window_secs,
            left: verdict.left,
            reset: seconds(verdict.full_in),
            taken: verdict.admitted,
        }
    }

    fn refuse(&self, verdict: Verdict) -> Flow {
        Flow::refuse(
            Refusal::new(Code::RateLimited)
                .detail(format!(
                    "The limit \"{}\" admits {} requests in {} s.",
                    self.name, self.limit, self.window_secs
                ))
                .retry_after(seconds(verdict.retry_in)),
        )
    }

    fn cell(&self, call: &Call<'_>, place: usize) -> Arc<Cell> {
        let find = |key, known| call.cells().get(key, known, call.now_ns());
        if self.in_subscription
            && let Some(subscription) = call.subscription()
        {
            let key = self.key(subscription.id.uuid().as_u128());
            let slots = &subscription.slots;
            if let Some(cell) = slots.cell(place, self.number, || find(key, true)) {
                return cell.clone();
            }
        }
        let (subject, known) = self.by.subject(call);
        let key = self.key(subject);
        call.worker.cell(key, || find(key, known))
    }

    /// What its subjects are, in words.
    pub(crate) fn counted_by(&self, call: &Call<'_>) -> String {
        self.by.words(call)
    }

    const fn key(&self, subject: u128) -> CellKey {
        CellKey {
            limit: self.number,
            subject,
        }
    }
}

const fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}
