//! What the cache does with a request: answers it, or lets it go on and keeps what comes back.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::problem::Code;
use domain::traffic::Cached;
use domain::upstream::NamedBy;
use tokio::time::Instant;

use super::aside::Aside;
use super::flight::{Joined, wait};
use super::give::{Forwarded, How, give, mark};
use super::invalidate;
use super::key::{self, Resource, Shown, Spot};
use super::look::{Look, Verdict, judge};
use super::refresh;
use super::stored::{Asker, Stored};
use super::wishes::Wishes;
use super::{Cache, Moment};
use crate::answer::Refusal;
use crate::body::{Answer, Inflow, Outflow};
use crate::call::Call;
use crate::forward::{self, Stop};
use crate::passage;
use crate::policy::{self, Step};
use crate::state::{Beside, Upstream};

/// How long a request waits for one that asks the same, in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request at the cache.
pub(super) struct Visit<'a> {
    pub(super) cache: &'a Arc<Cache>,
    pub(super) step: &'a Step<policy::Cache>,
    pub(super) upstream: &'a Upstream,
    pub(super) beside: &'a Beside,
    pub(super) wishes: Wishes,
    pub(super) asker: Asker,
    pub(super) place: u128,
    pub(super) moment: Moment,
    /// The request is ready to go, with what [`passage::add_request`] adds.
    is_ready: bool,
    /// Where answers are kept for all nodes as well.
    pub(super) aside: Option<Aside<'a>>,
}

/// How far a request comes at once.
enum Begun<'f> {
    Ended(Result<Answer, Stop>),
    /// In a box: what is answered with what is kept does not pay for its size.
    Goes(Pin<Box<dyn Future<Output = Result<Answer, Stop>> + 'f>>),
}

/// Answers a request that nothing refused, from the cache or the upstream.
pub(crate) async fn exchange<'a>(
    call: &mut Call<'a>,
    step: &'a Step<policy::Cache>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    match begin(call, step, inflow) {
        Begun::Ended(answer) => answer,
        Begun::Goes(rest) => rest.await,
    }
}

fn begin<'f, 'a>(
    call: &'f mut Call<'a>,
    step: &'a Step<policy::Cache>,
    inflow: &'f mut dyn Inflow,
) -> Begun<'f> {
    let mut visit = match arrive(call, step).inspect_err(|_| call.give_back()) {
        Ok(Some(visit)) => visit,
        Ok(None) => return Begun::Goes(Box::pin(pass(call, step, inflow))),
        Err(refusal) => return Begun::Ended(Err(refusal.into())),
    };
    match visit.look(call, false) {
        Look::Given(answer) => Begun::Ended(Ok(answer)),
        look => Begun::Goes(Box::pin(search(call, visit, look, inflow))),
    }
}

/// Goes on behind a first `look`: to the others who ask the same, to the second level, and to the
/// upstream.
async fn search<'a>(
    call: &mut Call<'a>,
    mut visit: Visit<'a>,
    mut look: Look,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    let step = visit.step;
    let mut waits_until = None;
    let (found, why, flight) = loop {
        let (found, why) = match look {
            Look::Given(answer) => return Ok(answer),
            Look::Watched => break (None, Forwarded::Bypass, None),
            Look::Goes(found, why) => (found, why),
        };
        if visit.wishes.asked.only_if_cached {
            break (found, why, None);
        }
        let now = seconds(call);
        let key = key::flight(visit.place, visit.asker.owner).filter(|key| {
            !visit.cache.shard(visit.place).is_unkept(*key, now) && why != Forwarded::Request
        });
        let is_over = waits_until.is_some_and(|until| Instant::now() >= until);
        let Some(key) = key.filter(|_| !step.observe && !is_over) else {
            break (found, why, None);
        };
        match visit.cache.flights.join(key) {
            Joined::Leads(flight) => {
                // What this one gets may be for nobody else.
                let is_asked = |stored: &Arc<Stored>| refresh::can_be_asked(stored);
                let leads = visit.wishes.is_plain()
                    || visit.wishes.is_get && found.as_ref().is_some_and(is_asked);
                break (found, why, leads.then_some(flight));
            }
            Joined::Waits(waits) => {
                call.worker.metrics.cache_collapsed.add(1);
                let gone = std::future::poll_fn(|cx| inflow.poll_gone(cx));
                let until = *waits_until.get_or_insert_with(|| Instant::now() + PATIENCE);
                let is_kept = tokio::select! {
                    is_kept = tokio::time::timeout_at(until, wait(waits)) => is_kept == Ok(true),
                    () = gone => return Err(Stop::Gone),
                };
                // Kept, and yet not for this one: it asks by itself.
                if is_kept && visit.is_missing(call) {
                    break (None, Forwarded::VaryMiss, None);
                }
                look = visit.look(call, true);
            }
        }
    };
    visit.make_ready(call);
    let (shared, share) = visit.look_aside(call, why).await;
    // What is here may be newer.
    let shared = shared.filter(|stored| {
        let now = seconds(call);
        let newer = |found: &Arc<Stored>| stored.usage.age_at(now) < found.usage.age_at(now);
        let (cache, place) = (visit.cache, visit.place);
        found.as_ref().is_none_or(newer) && cache.adopt(place, visit.moment, stored, now)
    });
    if let Some(stored) = &shared {
        let now = seconds(call);
        if let Verdict::Give { stale } = judge(stored, &visit.wishes, now)
            && step.decides(call)
        {
            if let Some(flight) = flight {
                flight.land();
            }
            let metrics = &call.worker.metrics;
            if stale {
                call.record.cached = Cached::Stale;
                metrics.cache_stale.add(1);
                refresh::begin(call, &visit, stored);
            } else {
                call.record.cached = Cached::Shared;
                metrics.cache_hits.add(1);
            }
            let waited = waits_until.is_some();
            let how = How::Hit {
                waited,
                shared: true,
            };
            return Ok(visit.give(call, stored, now, how));
        }
    }
    if visit.wishes.asked.only_if_cached && !step.observe {
        call.record.decided_by = step.label;
        call.record.cached = Cached::Miss;
        call.give_back();
        return Err(Refusal::new(Code::NotCached).into());
    }
    call.worker.metrics.cache_misses.add(1);
    visit.note(call, Cached::Miss);
    // Where it only watches, nothing that is kept is given, in no case.
    let found = shared.or(found).filter(|_| !step.observe);
    // In a box of its own: what others who ask the same bring does not pay for its size.
    Box::pin(visit.ask(call, inflow, found, why, flight, share)).await
}

/// Makes the request ready but for what is added last; `None` when its answer is none of the cache's business.
fn arrive<'a>(
    call: &mut Call<'a>,
    step: &'a Step<policy::Cache>,
) -> Result<Option<Visit<'a>>, Refusal> {
    let policy = &step.running;
    let wishes = Wishes::read(&call.head, call.length, policy.ignore_clients);
    if !wishes.is_eligible {
        return Ok(None);
    }
    let (upstream, beside) = forward::choose_upstream(call)?;
    let told = key::told(call);
    let cache = &call.worker.shared.cache;
    let carried = key::carried(call, |bytes| cache.number(bytes));
    // What only watches asks nobody.
    let second = cache.second(policy.second_level && !step.observe);
    let carried_there = second.and_then(|second| {
        let digest = |bytes: &[u8]| second.secret.digest("carried", &[bytes]);
        key::carried(call, digest)
    });
    forward::shape(call)?;
    // Where it is looked for by fields, those that are added may be among them.
    let split_by = upstream.split.as_ref().and_then(|split| split.by.as_ref());
    let by_field = matches!(split_by, Some(NamedBy::Header(_)));
    let is_ready = by_field || !policy.key_headers.is_empty();
    if is_ready {
        passage::add_request(call, upstream);
    }
    if let Some(split) = &upstream.split {
        call.variant = Some(forward::variant(call, split, crate::upstream::chance));
    }
    let spot = Spot {
        upstream,
        key_headers: &policy.key_headers,
    };
    let canonical = call.head.canonical();
    let resource = Resource {
        canonical,
        rest: call.rest_of(canonical),
        query: call.head.query(),
    };
    let place = key::place(cache, call, spot, call.variant, resource);
    let before = Shown {
        told: &told,
        carried,
        has_cookie: wishes.has_cookie,
    };
    let asker = key::asker(cache, call, upstream, &before);
    let aside = second.map(|second| Aside {
        second,
        told,
        carried: carried_there,
    });
    Ok(Some(Visit {
        aside,
        moment: Moment::default(),
        is_ready,
        cache,
        step,
        upstream,
        beside,
        wishes,
        asker,
        place,
    }))
}

/// Lets a request through whose answer is not kept. What it changed is taken out.
async fn pass(
    call: &mut Call<'_>,
    step: &Step<policy::Cache>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    let way = forward::prepare(call).inspect_err(|_| call.give_back())?;
    call.record.policies_us = call.record.elapsed();
    call.record.cached = Cached::Pass;
    let upstream = way.upstream;
    let mut answer = forward::forward(call, way, inflow).await?;
    if matches!(answer.body, Outflow::Switched(_)) {
        return Ok(answer);
    }
    let why = if call.head.method.is_safe() {
        call.worker.metrics.cache_bypassed.add(1);
        Forwarded::Bypass
    } else {
        invalidate::after(call, step, upstream, &answer);
        Forwarded::Method
    };
    mark(step, &mut answer, why, false);
    Ok(answer)
}

/// Of the gateway's own clock.
pub(super) fn seconds(call: &Call<'_>) -> u64 {
    call.worker.settings.clock.micros() / 1_000_000
}

/// Since 1970.
pub(super) fn wall(call: &Call<'_>) -> u64 {
    let clock = &call.worker.settings.clock;
    clock.wall(clock.micros()) / 1_000_000
}

impl Visit<'_> {
    pub(super) fn give(
        &self,
        call: &mut Call<'_>,
        stored: &Arc<Stored>,
        now: u64,
        how: How,
    ) -> Answer {
        let wishes = &self.wishes;
        let mut answer = give(stored, &wishes.conditions, wishes.is_get, now, how);
        call.record.decided_by = self.step.label;
        match how {
            How::Hit { .. } => {}
            How::Validated(_) => self.note(call, Cached::Validated),
            How::StandsIn(_) => self.note(call, Cached::Stale),
        }
        if (200..300).contains(&answer.status) {
            call.shown.write(&mut answer.fields);
        }
        answer
    }

    /// For the record. Where it only watches, the upstream is asked in any case.
    pub(super) fn note(&self, call: &mut Call<'_>, cached: Cached) {
        call.record.cached = if self.step.observe {
            Cached::Pass
        } else {
            cached
        };
    }

    /// Adds to the request what comes last, unless it has it.
    pub(super) fn make_ready(&mut self, call: &mut Call<'_>) {
        if !std::mem::replace(&mut self.is_ready, true) {
            passage::add_request(call, self.upstream);
        }
    }
}
