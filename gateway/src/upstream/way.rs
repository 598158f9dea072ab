//! Whether an upstream takes a request, and what the client gets where it does not. Judged before
//! anything of the request is sent or made ready for this upstream.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use domain::problem::Code;
use domain::upstream::FixedAnswer;

use super::Vitals;
use super::circuit::{Admitted, Probe};
use crate::answer::Refusal;
use crate::record::NameId;
use crate::state::Upstream;
use crate::worker::Worker;

/// What stands in for an upstream that takes nothing.
#[derive(Debug)]
pub(crate) struct Fallback {
    /// For the record.
    pub(crate) label: NameId,
    /// `None`: another upstream, which the route knows.
    pub(crate) answer: Option<Arc<FixedAnswer>>,
}

/// An upstream that takes the request.
pub(crate) struct Way<'a> {
    pub(crate) upstream: &'a Upstream,
    /// Says in the record that this is not the upstream that was meant.
    pub(crate) instead: Option<NameId>,
    /// Where requests go that it does not take after all.
    pub(crate) spare: Option<&'a Upstream>,
    /// Where copies of its requests go.
    pub(crate) mirror: Option<&'a Arc<Upstream>>,
    pub(super) place: Option<Place>,
    /// Shared with whoever may give the request up in all, as that is an outcome as well.
    pub(crate) probe: Option<Arc<Probing>>,
}

/// One of the requests in flight that an upstream may have, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Vitals>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A request that probes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Probing {
    vitals: Arc<Vitals>,
    pub(super) probe: Probe,
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.vitals.circuit.end_probe();
    }
}

/// Why an upstream takes nothing.
pub(crate) enum Closed {
    /// For so many milliseconds.
    Open(u64),
    Full,
    NoTarget,
}

impl Closed {
    fn count(&self, worker: &Worker) {
        match self {
            Self::Open(_) | Self::Full => worker.metrics.upstream_circuit_refused.add(1),
            Self::NoTarget => {}
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Open(ms) => Refusal::new(Code::CircuitOpen).retry_after(ms.div_ceil(1000)),
            Self::Full => Refusal::new(Code::CircuitOpen)
                .detail("The API's servers have as much to do as they may. Try again soon.")
                .retry_after(1),
            Self::NoTarget => Refusal::new(Code::NoHealthyTarget).retry_after(1),
        }
    }
}

/// The way to `upstream`, or to `other` where that is its fallback. `record` gets the fallback's
/// label where an answer of our own stands in.
pub(crate) fn admit<'a>(
    worker: &Worker,
    upstream: &'a Upstream,
    other: Option<&'a Upstream>,
) -> Result<Way<'a>, Refusal> {
    if !upstream.guarded {
        return Ok(Way::open(upstream));
    }
    let closed = match enter(worker, upstream) {
        Ok(mut way) => {
            way.spare = other;
            return Ok(way);
        }
        Err(closed) => closed,
    };
    closed.count(worker);
    stand_in(worker, upstream, other, closed.refusal())
}

/// The same where nothing stands in for it.
pub(crate) fn alone<'a>(worker: &Worker, upstream: &'a Upstream) -> Result<Way<'a>, Closed> {
    if !upstream.guarded {
        return Ok(Way::open(upstream));
    }
    enter(worker, upstream).inspect_err(|closed| closed.count(worker))
}

/// What stands in for `upstream`: another one, or an answer in the `refusal`, which is returned as
/// it is where there is neither.
pub(crate) fn stand_in<'a>(
    worker: &Worker,
    upstream: &'a Upstream,
    other: Option<&'a Upstream>,
    refusal: Refusal,
) -> Result<Way<'a>, Refusal> {
    let Some(fallback) = &upstream.fallback else {
        return Err(refusal);
    };
    if let Some(answer) = &fallback.answer {
        worker.metrics.upstream_fell_back.add(1);
        return Err(refusal.instead(fallback.label, answer.clone()));
    }
    let usable = other.filter(|other| other.broken.is_none() && !other.targets.is_empty());
    let Some(other) = usable else {
        return Err(refusal);
    };
    let mut way = alone(worker, other).map_err(Closed::refusal)?;
    worker.metrics.upstream_fell_back.add(1);
    way.instead = Some(fallback.label);
    Ok(way)
}

fn enter<'a>(worker: &Worker, upstream: &'a Upstream) -> Result<Way<'a>, Closed> {
    let mut way = Way::open(upstream);
    let now = worker.sweeper.now();
    if upstream.panic == 0 && !upstream.targets.iter().any(|one| one.pulse.is_healthy(now)) {
        return Err(Closed::NoTarget);
    }
    let Some(breaker) = &upstream.breaker else {
        return Ok(way);
    };
    let vitals = &upstream.vitals;
    if let Some(most) = breaker.in_flight {
        let before = vitals.in_flight.fetch_add(1, Relaxed);
        way.place = Some(Place(vitals.clone()));
        if before >= most {
            return Err(Closed::Full);
        }
    }
    if let Some(errors) = &breaker.errors {
        match vitals.circuit.admit(errors, now) {
            Ok(Admitted::Usual) => {}
            Ok(Admitted::Probe(probe)) => {
                way.probe = Some(Arc::new(Probing {
                    vitals: vitals.clone(),
                    probe,
                }));
            }
            Err(wait) => return Err(Closed::Open(wait)),
        }
    }
    Ok(way)
}

impl<'a> Way<'a> {
    pub(super) const fn open(upstream: &'a Upstream) -> Self {
        Self {
            upstream,
            instead: None,
            spare: None,
            mirror: None,
            place: None,
            probe: None,
        }
    }
}

/// A connection that is being made, until it is dropped.
pub(super) struct Connecting(Option<Arc<Vitals>>);

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Some(vitals) = &self.0 {
            vitals.connecting.fetch_sub(1, Relaxed);
        }
    }
}

/// Leave to make one more connection; `None` when the upstream's cap is reached.
pub(super) fn begin_connect(worker: &Worker, upstream: &Upstream) -> Option<Connecting> {
    let most = upstream.breaker.as_ref().and_then(|rule| rule.connects);
    let Some(most) = most else {
        return Some(Connecting(None));
    };
    let before = upstream.vitals.connecting.fetch_add(1, Relaxed);
    let leave = Connecting(Some(upstream.vitals.clone()));
    if before >= most {
        worker.metrics.upstream_circuit_refused.add(1);
        return None;
    }
    Some(leave)
}
