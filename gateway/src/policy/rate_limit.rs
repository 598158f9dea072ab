//! `rate_limit`: a token bucket per subject, on this node.

use std::sync::Arc;

use domain::policy::{self, PolicyKind, Subject};
use domain::problem::Code;
use uuid::Uuid;

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
    by: Box<[Subject]>,
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
        Self {
            number: context.limits.number(attach, PolicyKind::RateLimit, name),
            name: name.into(),
            limit: policy.limit,
            window_secs: policy.window.as_secs_ceil(),
            rate: Rate::new(policy.limit, policy.window.as_millis(), policy.burst()),
            by: policy.by.clone().into(),
            in_subscription: in_plan
                && (policy.by.is_empty() || *policy.by == [Subject::Subscription]),
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
        let (subject, known) = self.subject(call);
        let key = self.key(subject);
        call.worker.cell(key, || find(key, known))
    }

    /// What its subjects are, in words.
    pub(crate) fn counted_by(&self, call: &Call<'_>) -> String {
        let one = |subject: &Subject| match subject {
            Subject::Route => "route",
            Subject::Subscription if call.subscription().is_some() => "subscription",
            Subject::Application if call.caller.is_some() => "application",
            Subject::Key if call.caller.is_some() => "key",
            Subject::Subscription | Subject::Application | Subject::Key | Subject::Address => {
                "address"
            }
        };
        match &*self.by {
            [] if self.in_subscription && call.subscription().is_some() => "subscription".into(),
            [] if call.caller.is_some() => "application".into(),
            [] => "address".into(),
            several => {
                let names: Vec<&str> = several.iter().map(one).collect();
                names.join(" and ")
            }
        }
    }

    const fn key(&self, subject: u128) -> CellKey {
        CellKey {
            limit: self.number,
            subject,
        }
    }

    /// The subject as one number, and whether it is one of those configured.
    fn subject(&self, call: &Call<'_>) -> (u128, bool) {
        match &*self.by {
            [] => match call.caller_id() {
                Some(application) => (application, true),
                None => (call.address(), false),
            },
            [one] => self.part(*one, call),
            several => {
                let mut known = true;
                let parts = several.iter().map(|subject| {
                    let (part, is_known) = self.part(*subject, call);
                    known &= is_known;
                    part
                });
                let subject = call.worker.tuple(parts);
                (subject, known)
            }
        }
    }

    /// Without a caller, what would be counted by caller is counted by address.
    fn part(&self, subject: Subject, call: &Call<'_>) -> (u128, bool) {
        let known = match subject {
            Subject::Subscription => call.subscription().map(|s| s.id.uuid()),
            Subject::Application => call.caller.map(|caller| caller.application.id.uuid()),
            Subject::Key => call.caller.map(|caller| caller.key.id.uuid()),
            Subject::Route => Some(call.route.version.uuid()),
            Subject::Address => None,
        };
        match known {
            Some(id) => (id.as_u128(), true),
            None => (call.address(), false),
        }
    }
}

const fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}
