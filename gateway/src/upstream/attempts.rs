//! The tries of one request: which target is next, whether there is one more try and after what
//! pause, and what the counters are told. `forward` only loops over it.

mod hedge;
mod outcome;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::upstream::Algorithm;

use super::balance::{self, Tier, each};
use super::budget::pause_ms;
use super::chance::chance;
use super::pulse::Pulse;
use super::way::{Place, Probing, Way};
use super::{Member, Target};
use crate::record::NameId;
use crate::state::Upstream;
use crate::worker::Worker;

/// One per request that is forwarded. With a single target it is a few words on the stack and two
/// relaxed counts.
pub(crate) struct Attempts<'a> {
    worker: &'a Worker,
    upstream: &'a Upstream,
    /// What consistent hashing hashes.
    key: u64,
    tries: u8,
    /// Targets that were tried, as bits.
    tried: u64,
    current: usize,
    /// Microseconds of the clock at the present try's begin; only taken where it counts.
    began_us: u64,
    retrying: bool,
    /// Tries that were begun beside others.
    hedges: u8,
    /// The present try, where those are counted by target.
    stay: Option<Stay>,
    place: Option<Place>,
    probe: Option<Arc<Probing>>,
    /// The target that the client's cookie names.
    preferred: Option<usize>,
    /// The targets of the request's variant, as bits.
    among: u64,
}

/// Ten that are written, each with targets near and far.
const MOST_TIERS: usize = 20;

/// A request in flight to a target.
#[derive(Debug)]
struct Stay(Arc<Pulse>);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What counts a request in flight, until it is dropped with the answer's last byte.
#[derive(Debug)]
pub(crate) struct Ticket {
    _stay: Option<Stay>,
    _place: Option<Place>,
}

impl<'a> Attempts<'a> {
    /// `key` is asked for only where it is hashed.
    pub(crate) fn new(worker: &'a Worker, way: Way<'a>, key: u64) -> Self {
        let Way {
            upstream,
            place,
            probe,
            ..
        } = way;
        upstream.vitals.active.fetch_add(1, Relaxed);
        Self {
            worker,
            upstream,
            key,
            tries: 0,
            tried: 0,
            current: 0,
            began_us: 0,
            retrying: false,
            hedges: 0,
            stay: None,
            place,
            probe,
            preferred: None,
            among: u64::MAX,
        }
    }

    /// Keeps to some of the targets, as bits, while one of them is healthy.
    pub(crate) fn keep_to(&mut self, members: u64) {
        self.among = members;
    }

    /// Asks for a target by index, for the first try and if it is healthy.
    pub(crate) fn prefer(&mut self, index: Option<usize>) {
        self.preferred = index;
    }

    /// The variant of the present try's target: not always the request's own, as that may have no
    /// healthy target.
    pub(crate) fn variant(&self) -> NameId {
        let split = self.upstream.split.as_ref();
        let variant = split.and_then(|split| split.of(self.current));
        variant.map_or(NameId::NONE, |variant| variant.label)
    }

    /// The index of the target that answered, unless it is the preferred one.
    pub(crate) fn moved_to(&self) -> Option<usize> {
        (self.preferred != Some(self.current)).then_some(self.current)
    }

    /// Where the next try goes.
    pub(crate) fn next(&mut self) -> Option<&'a Arc<Target>> {
        self.tries += 1;
        if self.upstream.lone {
            return self.upstream.targets.first().map(|only| &only.target);
        }
        let index = self.choose()?;
        Some(self.go_to(index))
    }

    /// The present try is the request's first.
    pub(crate) const fn is_first(&self) -> bool {
        self.tries == 1
    }

    /// Where the present try went.
    pub(crate) fn target(&self) -> &'a Target {
        &self.upstream.targets[self.current].target
    }

    /// Begins a try.
    fn go_to(&mut self, index: usize) -> &'a Arc<Target> {
        self.current = index;
        self.tried |= 1 << index;
        let member = &self.upstream.targets[index];
        self.stay = None;
        match self.upstream.balance.algorithm {
            Algorithm::RoundRobin | Algorithm::Random => {}
            Algorithm::LeastRequests | Algorithm::Ewma | Algorithm::ConsistentHash => {
                member.pulse.enter();
                self.stay = Some(Stay(member.pulse.clone()));
            }
        }
        if self.stay.is_some() || self.watch().is_some() {
            self.began_us = self.worker.settings.clock.micros();
        }
        &member.target
    }

    fn now(&self) -> u64 {
        self.worker.sweeper.now()
    }

    /// All targets that may be chosen, and the healthy ones of them.
    fn eligible(&self, now: u64) -> (u64, u64) {
        let members = &*self.upstream.targets;
        let all = u64::MAX >> (64 - members.len().clamp(1, 64));
        let healthy = each(all)
            .filter(|index| members[*index].pulse.is_healthy(now))
            .fold(0, |set, index| set | 1 << index);
        match healthy & self.among {
            0 => (all, healthy),
            own => (all & self.among, own),
        }
    }

    fn choose(&self) -> Option<usize> {
        let now = self.now();
        let (all, healthy) = self.eligible(now);
        if let Some(preferred) = self.preferred
            && healthy & !self.tried & 1 << preferred != 0
        {
            return Some(preferred);
        }
        let set = if healthy == all && self.upstream.tiers.len() == 1 {
            all
        } else {
            self.of_tier(all, healthy)?
        };
        // Never the same again if there is another.
        let set = match set & !self.tried {
            0 => {
                let mut tiers = self.upstream.tiers.iter();
                let others = tiers.find_map(|tier| match tier & healthy & !self.tried {
                    0 => None,
                    others => Some(others),
                });
                others.unwrap_or(set)
            }
            fresh => fresh,
        };
        self.pick(set, now)
    }

    /// The healthy ones of the tier whose turn it is; in a panic all there are, or none where panic
    /// is not allowed.
    fn of_tier(&self, all: u64, healthy: u64) -> Option<u64> {
        let mut counted = [Tier::default(); MOST_TIERS];
        let tiers = &*self.upstream.tiers;
        for (tier, set) in counted.iter_mut().zip(tiers) {
            *tier = Tier {
                all: (set & all).count_ones(),
                healthy: (set & healthy).count_ones(),
            };
        }
        let counted = &counted[..tiers.len().min(MOST_TIERS)];
        match balance::tier(counted, self.upstream.panic, chance()) {
            Some(index) if tiers[index] & healthy != 0 => Some(tiers[index] & healthy),
            Some(_) | None if self.upstream.panic == 0 => None,
            Some(_) | None => {
                self.worker.metrics.upstream_panicked.add(1);
                Some(all)
            }
        }
    }

    fn pick(&self, set: u64, now: u64) -> Option<usize> {
        let members = &*self.upstream.targets;
        let weight = |index: usize| self.weight(&members[index], now);
        match self.upstream.balance.algorithm {
            Algorithm::RoundRobin => {
                let rotate = |rotation: &mut _| balance::rotate(rotation, set, weight);
                self.worker.pool.rotation(self.upstream.id, rotate)
            }
            Algorithm::Random => balance::random(set, weight, chance()),
            Algorithm::LeastRequests => {
                let load = |index: usize| u64::from(members[index].pulse.in_flight()) + 1;
                balance::lighter(set, weight, load, [chance(), chance()])
            }
            Algorithm::Ewma => {
                let load = |index: usize| {
                    let pulse = &members[index].pulse;
                    (u64::from(pulse.cost(now)) + 1) * (u64::from(pulse.in_flight()) + 1)
                };
                balance::lighter(set, weight, load, [chance(), chance()])
            }
            Algorithm::ConsistentHash => balance::hashed(
                set,
                self.key,
                self.upstream.balance.bound,
                weight,
                |index| members[index].identity,
                |index| members[index].pulse.in_flight(),
            ),
        }
    }

    /// In thousandths where there is a slow start, so that a tenth of 1 is not nothing.
    fn weight(&self, member: &Member, now: u64) -> u32 {
        let weight = u32::from(member.weight);
        let Some(slow) = self.upstream.balance.slow_start else {
            return weight;
        };
        let whole = slow.as_millis();
        match member.pulse.age(now) {
            Some(age) if age < whole => weight * (age * 1000 / whole).max(100) as u32,
            Some(_) | None => weight * 1000,
        }
    }

    /// An answer's head is there. True when it should be tried again, if the request can be.
    pub(crate) fn answered(&mut self, status: u16) -> bool {
        if self.upstream.watched {
            let took = || {
                let took = self.worker.settings.clock.micros() - self.began_us;
                u32::try_from(took).unwrap_or(u32::MAX)
            };
            if self.stay.is_some() {
                let pulse = &self.upstream.targets[self.current].pulse;
                pulse.note(took(), self.now());
            }
            let took = self.watch().map(|_| took());
            self.went(status >= 500, took);
        }
        status >= 500 && self.upstream.retries.statuses.contains(&status)
    }

    /// There was no answer.
    pub(crate) fn failed(&mut self) {
        if self.upstream.watched {
            self.went(true, None);
        }
    }

    /// The pause before one more try, if there may be one. `told` are the seconds of an answer's
    /// `Retry-After`, which count where the same target would be asked again.
    #[cold]
    pub(crate) fn again(&mut self, told: Option<u64>) -> Option<Duration> {
        let (upstream, retries) = (self.upstream, &self.upstream.retries);
        if self.tries >= retries.tries {
            return None;
        }
        let mut pause = pause_ms(retries.backoff.as_millis(), self.tries + 1, chance());
        if let Some(told) = told.map(|seconds| seconds.saturating_mul(1000))
            && !self.has_other()
        {
            if told > retries.longest_wait.as_millis() {
                return None;
            }
            pause = pause.max(told);
        }
        if !self.retrying {
            if !upstream.vitals.begin_retry(retries.budget, retries.least) {
                self.worker.metrics.upstream_budget_spent.add(1);
                return None;
            }
            self.retrying = true;
        }
        self.worker.metrics.upstream_retried.add(1);
        Some(Duration::from_millis(pause))
    }

    fn has_other(&self) -> bool {
        let (_, healthy) = self.eligible(self.now());
        !self.upstream.lone && healthy & !self.tried != 0
    }

    /// What must live as long as the answer.
    pub(crate) fn ticket(&mut self) -> Option<Ticket> {
        if self.stay.is_none() && self.place.is_none() {
            return None;
        }
        Some(Ticket {
            _stay: self.stay.take(),
            _place: self.place.take(),
        })
    }
}

/// A request was given up together with its tries, as its time in all was over: the last of them, to
/// the target of this name, has failed, and so has what it probed, if it did. Not where it had less
/// time than the upstream has for others.
#[cold]
pub(crate) fn overdue(
    worker: &Worker,
    upstream: &Upstream,
    target: NameId,
    probe: Option<Arc<Probing>>,
    total_ms: u64,
) {
    let own = upstream.patience.total_ms;
    if own.is_none_or(|own| total_ms < own) {
        return;
    }
    let mut members = upstream.targets.iter();
    if let Some(index) = members.position(|member| member.target.name == target) {
        let mut attempts = Attempts::new(worker, Way::open(upstream), 0);
        attempts.probe = probe;
        attempts.current = index;
        attempts.failed();
    }
}

impl Drop for Attempts<'_> {
    fn drop(&mut self) {
        self.upstream.vitals.active.fetch_sub(1, Relaxed);
        if self.retrying {
            self.upstream.vitals.end_retry();
        }
        for _ in 0..self.hedges {
            self.upstream.vitals.end_retry();
        }
    }
}
