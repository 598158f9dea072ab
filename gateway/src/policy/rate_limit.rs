//! `rate_limit`: a token bucket per subject, on this node or shared by all.

use std::sync::Arc;

use domain::policy::rate_limit::Overshoot;
use domain::policy::{self, PolicyKind, Scope};
use domain::problem::Code;
use sha2::{Digest, Sha256};
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
    /// What a request takes of the limit: an interval is so many.
    cost: u32,
    by: By,
    /// Attached to a plan and counted by subscription: the subscription holds the cell.
    in_subscription: bool,
    /// Where all nodes have one bucket.
    shared: Option<Box<Shared>>,
}

/// What a limit of the cluster is beside.
#[derive(Debug)]
struct Shared {
    attach: Uuid,
    policy: policy::RateLimit,
}

impl Shared {
    /// What the bucket of a subject is called, the same on each node. Nothing that a client sent
    /// can be read from it.
    fn bucket(&self, name: &str, subject: u128) -> [u8; 16] {
        let mut digest = Sha256::new_with_prefix(b"portunus rate_limit");
        digest.update(self.attach.as_bytes());
        digest.update(subject.to_be_bytes());
        digest.update(name);
        let mut bucket = [0; 16];
        bucket.copy_from_slice(&digest.finalize()[..16]);
        bucket
    }
}

impl RateLimit {
    pub(crate) fn compile(
        policy: &policy::RateLimit,
        name: &str,
        attach: Uuid,
        in_plan: bool,
        context: &Context<'_>,
    ) -> Self {
        let shared = (policy.scope == Scope::Cluster).then(|| {
            let policy = policy.clone();
            Box::new(Shared { attach, policy })
        });
        let by = By::new(&policy.by, in_plan, policy.scope);
        let by = by.and(&policy.headers, &policy.claims);
        let cost = policy.cost.unwrap_or(1);
        // Another scope is another count. No name has a blank.
        let number = match policy.scope {
            Scope::Node => context.limits.number(attach, PolicyKind::RateLimit, name),
            Scope::Cluster => {
                let name = format!("{name} of all");
                context.limits.number(attach, PolicyKind::RateLimit, &name)
            }
        };
        Self {
            number,
            name: name.into(),
            limit: policy.limit,
            window_secs: policy.window.as_secs_ceil(),
            rate: Rate::new(policy.limit, policy.window.as_millis(), policy.burst()).times(cost),
            cost,
            in_subscription: in_plan && by.is_subscription(),
            by,
            shared,
        }
    }

    /// `place` is this step's place in its chain, which is its slot's place in a subscription.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, place: usize) -> Flow {
        let cell = self.cell(call, place);
        let (verdict, cost) = match cell.lease() {
            None => (cell.admit(call.now_ns(), self.rate), self.rate),
            Some(lease) => call.leases().admit(&cell, lease, call.now_ns(), self.rate),
        };
        call.shown.push(self.shown(verdict));
        if verdict.admitted {
            call.taken.push(Taken::Cell(cell, cost));
            return Flow::Next;
        }
        self.refuse(verdict)
    }

    /// What [`RateLimit::run`] would say, and nothing is counted.
    pub(crate) fn peek<'a>(&'a self, call: &Call<'a>, place: usize) -> (Flow, Shown<'a>) {
        let cell = self.cell(call, place);
        let verdict = match cell.lease() {
            None => cell.peek(call.now_ns(), self.rate),
            Some(lease) => call.leases().peek(&cell, lease, call.now_ns(), self.rate),
        };
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
            left: verdict.left * u64::from(self.cost),
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
        let make = |subject| match &self.shared {
            None => Cell::default(),
            Some(shared) => {
                let bucket = shared.bucket(&self.name, subject);
                call.leases().cell(bucket, self.rate)
            }
        };
        let find = |key, known| call.cells().get(key, known, call.now_ns(), make);
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

    /// How far `nodes` together may exceed it, where they share it.
    pub(crate) fn overshoot(&self, nodes: u32) -> Option<Overshoot> {
        let shared = self.shared.as_ref()?;
        Some(shared.policy.overshoot(nodes))
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
