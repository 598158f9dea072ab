//! `quota`: so many requests per calendar period and subscription, or application outside of
//! plans.

use std::sync::Arc;

use chrono_tz::Tz;
use domain::policy::{self, Period, PolicyKind};
use domain::problem::Code;
use uuid::Uuid;

use super::{Context, Flow};
use crate::answer::{Refusal, Shown};
use crate::call::{Call, Taken};
use crate::limiter::CellKey;
use crate::quota::{Admission, Counter, QuotaKey};

/// The running form.
#[derive(Debug)]
pub(crate) struct Quota {
    number: u32,
    attach: Uuid,
    name: Arc<str>,
    limit: u64,
    period: Period,
    zone: Tz,
    in_plan: bool,
}

impl Quota {
    pub(crate) fn compile(
        policy: &policy::Quota,
        name: &str,
        attach: Uuid,
        zone: Tz,
        in_plan: bool,
        context: &Context<'_>,
    ) -> Self {
        Self {
            number: context.limits.number(attach, PolicyKind::Quota, name),
            attach,
            name: name.into(),
            limit: policy.limit,
            period: policy.period,
            zone,
            in_plan,
        }
    }

    /// A caller who is unknown has no quota: only a rate limit can count addresses. One that only
    /// `observe`s is shown to nobody, as nobody is held to it.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, place: usize, observe: bool) -> Flow {
        let Some(counter) = self.counter(call, place) else {
            return Flow::Next;
        };
        let admission = counter.admit(self.limit, call.wall_secs());
        if !observe {
            call.shown.push(self.shown(&counter, admission));
        }
        if admission.admitted {
            let period = counter.period();
            call.taken.push(Taken::Counter(counter, period));
            return Flow::Next;
        }
        self.refuse(admission)
    }

    /// What [`Quota::run`] would say, and nothing is counted. Also whose count it is and when its
    /// period began; `None` where the caller has no quota.
    pub(crate) fn peek<'a>(
        &'a self,
        call: &Call<'a>,
        place: usize,
    ) -> Option<(Flow, Shown<'a>, (QuotaKey, i64))> {
        let counter = self.counter(call, place)?;
        let admission = counter.peek(self.limit, call.wall_secs());
        let subject = match call.subscription().filter(|_| self.in_plan) {
            Some(subscription) => subscription.id.uuid(),
            None => call.caller?.application.id.uuid(),
        };
        let shown = self.shown(&counter, admission);
        let flow = if admission.admitted {
            Flow::Next
        } else {
            self.refuse(admission)
        };
        Some((flow, shown, (self.key(subject), counter.period())))
    }

    fn shown(&self, counter: &Counter, admission: Admission) -> Shown<'_> {
        Shown {
            name: &self.name,
            quota: self.limit,
            window: counter.length(),
            left: admission.left,
            reset: admission.reset,
            cost: 1,
            taken: admission.admitted,
        }
    }

    fn refuse(&self, admission: Admission) -> Flow {
        Flow::refuse(
            Refusal::new(Code::QuotaExhausted)
                .detail(format!(
                    "The quota \"{}\" of {} requests per {} is used up.",
                    self.name,
                    self.limit,
                    self.period.as_str()
                ))
                .retry_after(admission.reset.max(1)),
        )
    }

    fn counter(&self, call: &Call<'_>, place: usize) -> Option<Arc<Counter>> {
        let find = |subject: Uuid| {
            let key = self.key(subject);
            call.quotas()
                .counter(&key, self.period, self.zone, call.utc())
        };
        let subscription = call.subscription().filter(|_| self.in_plan);
        if let Some(subscription) = subscription {
            let find = || find(subscription.id.uuid());
            let counter = subscription.slots.counter(place, self.number, find);
            // The plan's period may have been another one when the place was filled.
            if let Some(counter) = counter.filter(|one| one.counts(self.period, self.zone)) {
                return Some(counter.clone());
            }
        }
        let subject = match subscription {
            Some(subscription) => subscription.id.uuid(),
            None => call.caller?.application.id.uuid(),
        };
        let key = CellKey {
            limit: self.number,
            subject: subject.as_u128(),
        };
        let counter = call
            .worker
            .counter(key, self.period, self.zone, || find(subject));
        Some(counter)
    }

    fn key(&self, subject: Uuid) -> QuotaKey {
        QuotaKey {
            attach: self.attach,
            name: self.name.clone(),
            subject,
        }
    }
}
