//! `rate_limit`: a count per subject, as a token bucket, on this node or shared by all, or by windows.

mod cost;
mod delay;

use std::sync::Arc;

use domain::bound::Bound;
use domain::policy::rate_limit::Algorithm;
use domain::policy::{self, PolicyKind, Scope};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::subject::By;
use super::{Context, Flow};
use crate::answer::Shown;
use crate::call::{Call, Taken};
use crate::limiter::{Cell, CellKey, Now, Rate, Verdict, Window};
use crate::record::NameId;

use cost::Told;
pub(crate) use cost::{Owed, settle};
use delay::Delay;

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
    /// Where answers say what it really costs.
    told: Option<Box<Told>>,
    by: By,
    /// Attached to a plan and counted by subscription: the subscription holds the cell.
    in_subscription: bool,
    /// Where all nodes have one bucket.
    shared: Option<Box<Shared>>,
    /// Where it counts by windows.
    window: Option<Window>,
    /// Where requests above it wait.
    delay: Option<Delay>,
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
        let cost = policy.cost();
        // Another scope, or another way of counting, is another count. No name has a blank.
        let length = policy.window.as_millis().max(1);
        let whose = match policy.scope {
            Scope::Node => "",
            Scope::Cluster => " of all",
        };
        let known = match policy.algorithm {
            Algorithm::TokenBucket => format!("{name}{whose}"),
            Algorithm::SlidingWindow => format!("{name}{whose} sliding {length}"),
            Algorithm::FixedWindow => format!("{name}{whose} fixed {length}"),
        };
        let number = context.limits.number(attach, PolicyKind::RateLimit, &known);
        let rate = Rate::new(policy.limit, policy.window.as_millis(), policy.burst()).times(cost);
        let window = |slides| Window {
            slides,
            length,
            limit: policy.limit,
            cost,
        };
        Self {
            number,
            name: name.into(),
            limit: policy.limit,
            window_secs: policy.window.as_secs_ceil(),
            rate: match policy.cost_from {
                None => rate,
                Some(_) => rate.owing(),
            },
            cost,
            told: policy
                .cost_from
                .as_ref()
                .map(|from| Box::new(Told::compile(from))),
            in_subscription: in_plan && by.is_subscription(),
            by,
            shared,
            window: match policy.algorithm {
                Algorithm::TokenBucket => None,
                Algorithm::SlidingWindow => Some(window(true)),
                Algorithm::FixedWindow => Some(window(false)),
            },
            delay: Delay::compile(policy),
        }
    }

    /// `place` is this step's place in its chain, which is its slot's place in a subscription.
    /// One that only observes lets nobody wait.
    pub(crate) fn run<'a>(
        &'a self,
        call: &mut Call<'a>,
        place: usize,
        label: NameId,
        observe: bool,
    ) -> Flow {
        let cell = self.cell(call, place);
        if let Some(window) = &self.window {
            let wall_ms = self.wall_ms(call);
            let (verdict, hit) = match cell.share() {
                None => window.admit(&cell, wall_ms),
                Some(share) => call.leases().admit_window(&cell, share, wall_ms, *window),
            };
            self.show(call, verdict, observe);
            if verdict.admitted {
                self.owe(call, || Owed::hit(self, &cell, hit));
                call.taken.push(Taken::Hit(cell, hit));
                return Flow::Next;
            }
            return self.exceeded(call, verdict, observe);
        }
        if let Some(delay) = &self.delay
            && !observe
        {
            return self.wait(call, delay, cell, label);
        }
        let (verdict, cost) = self.admit(call, &cell);
        self.show(call, verdict, observe);
        if verdict.admitted {
            let full_at = call.now_ns().saturating_add(verdict.full_in);
            self.take(call, cell, cost, full_at);
            return Flow::Next;
        }
        self.exceeded(call, verdict, observe)
    }

    /// What nobody is held to is shown to nobody.
    fn show<'a>(&'a self, call: &mut Call<'a>, verdict: Verdict, observe: bool) {
        if !observe {
            call.shown.push(self.shown(verdict));
        }
    }

    /// It has none. One that only observes lets the request go on, and keeps the cost to itself.
    fn exceeded<'a>(&'a self, call: &mut Call<'a>, verdict: Verdict, observe: bool) -> Flow {
        if observe {
            self.owe(call, || Owed::nothing(self));
        }
        self.refuse(verdict)
    }

    /// Takes a request out of a bucket, if it has one; and what it cost, for whoever gives it back.
    fn admit(&self, call: &Call<'_>, cell: &Arc<Cell>) -> (Verdict, Rate) {
        match cell.lease() {
            None => (cell.admit(call.now_ns(), self.rate), self.rate),
            Some(lease) => call.leases().admit(cell, lease, call.now_ns(), self.rate),
        }
    }

    /// Notes what was taken of a bucket, which is full again at `full_at`.
    fn take<'a>(&'a self, call: &mut Call<'a>, cell: Arc<Cell>, cost: Rate, full_at: u64) {
        self.owe(call, || Owed::cost(self, &cell, full_at));
        let portion = cell.portion(cost);
        call.taken.push(Taken::Cell(cell, portion));
    }

    fn owe<'a>(&self, call: &mut Call<'a>, owed: impl FnOnce() -> Owed<'a>) {
        if self.told.is_some() {
            call.owed.push(owed());
        }
    }

    /// What [`RateLimit::run`] would say, and nothing is counted.
    pub(crate) fn peek<'a>(&'a self, call: &Call<'a>, place: usize) -> (Flow, Shown<'a>) {
        let cell = self.cell(call, place);
        let verdict = match (cell.lease(), &self.window) {
            (_, Some(window)) => {
                let wall_ms = self.wall_ms(call);
                match cell.share() {
                    None => window.peek(&cell, wall_ms),
                    Some(share) => call.leases().peek_window(&cell, share, wall_ms, *window),
                }
            }
            (None, None) => cell.peek(call.now_ns(), self.rate),
            (Some(lease), None) => call.leases().peek(&cell, lease, call.now_ns(), self.rate),
        };
        let waits = |delay: &Delay| cell.may_join(verdict, &delay.wish(self.rate, call));
        let flow = if verdict.admitted || self.delay.as_ref().is_some_and(waits) {
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
            cost: u64::from(self.cost),
            taken: verdict.admitted,
        }
    }

    fn refuse(&self, verdict: Verdict) -> Flow {
        Flow::refuse(self.refusal(verdict.retry_in))
    }

    /// The time of its windows: those that all nodes share are of Redis' clock.
    fn wall_ms(&self, call: &Call<'_>) -> u64 {
        match self.shared {
            None => call.wall_ms(),
            Some(_) => call.leases().wall_ms(call.wall_ms()),
        }
    }

    fn cell(&self, call: &Call<'_>, place: usize) -> Arc<Cell> {
        let make = |subject| {
            if let Some(window) = self.window {
                call.cells().note(self.number, window);
            }
            let bucket = |shared: &Shared| shared.bucket(&self.name, subject);
            match (&self.shared, self.window) {
                (None, _) => Cell::default(),
                (Some(shared), None) => call.leases().cell(bucket(shared), self.rate),
                (Some(shared), Some(window)) => call.leases().window_cell(bucket(shared), window),
            }
        };
        let now = Now {
            nanos: call.now_ns(),
            wall_ms: call.wall_ms(),
        };
        let find = |key, known| call.cells().get(key, known, now, make);
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
    pub(crate) fn bound(&self, nodes: u32) -> Option<Bound> {
        self.shared.as_ref()?.policy.bound(nodes)
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
