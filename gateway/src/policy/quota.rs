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
use crate::quota::{Counter, QuotaKey};

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

    /// A caller who is unknown has no quota: only a rate limit can count addresses.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, place: usize) -> Flow {
        let Some(counter) = self.counter(call, place) else {
            return Flow::Next;
        };
        let now = call.wall_secs();
        let admission = counter.admit(self.limit, now);
        call.shown.push(Shown {
            name: &self.name,
            quota: self.limit,
            window: counter.length(),
            left: admission.left,
            reset: admission.reset,
            taken: admission.admitted,
        });
        if admission.admitted {
            call.taken.push(Taken::Counter(counter));
            return Flow::Next;
        }
        Flow::Answer(Box::new(
            Refusal::new(Code::QuotaExhausted)
                .detail(format!(
                    "The quota \"{}\" of {} requests per {} is used up.",
                    self.name,
                    self.limit,
                    self.period.as_str()
                ))
                .retry_after(admission.reset.max(1)),
        ))
    }

    fn counter(&self, call: &Call<'_>, place: usize) -> Option<Arc<Counter>> {
        let find = |subject: Uuid| {
            let key = QuotaKey {
                attach: self.attach,
                name: self.name.clone(),
                subject,
            };
            call.quotas()
                .counter(&key, self.period, self.zone, call.utc())
        };
        if self.in_plan
            && let Some(subscription) = call.subscription()
            && let Some(slot) = subscription.slots.counters.get(place)
        {
            return Some(slot.get_or_init(|| find(subscription.id.uuid())).clone());
        }
        let subject = call.caller?.application.id.uuid();
        let key = CellKey {
            limit: self.number,
            subject: subject.as_u128(),
        };
        let counter = call
            .worker
            .counter(key, self.period, self.zone, || find(subject));
        Some(counter)
    }
}
