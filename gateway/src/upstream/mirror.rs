//! Shadow requests: copies of what an upstream gets, for another one, in the background. Their
//! answers are read and thrown away; nothing that becomes of them touches the request.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use domain::snapshot;
use domain::upstream::Mirror;

use super::replay::Copied;
use super::{Attempts, Outgoing, Vitals, alone, chance, send};
use crate::body::{Inflow, Outflow};
use crate::call::Call;
use crate::head::Head;
use crate::passage;
use crate::state::Upstream;
use crate::worker::Worker;

/// What is read of an answer; of a longer one the connection is closed.
const MOST_ANSWER: usize = 1024 * 1024;

/// A copy that waits for its request's body.
pub(crate) struct Shadow {
    worker: Rc<Worker>,
    settings: Arc<snapshot::Settings>,
    upstream: Arc<Upstream>,
    head: Head,
    rest: String,
    longest: usize,
    timeout: std::time::Duration,
    /// Dropped without having been sent it counts as dropped.
    is_sent: bool,
    _place: Place,
}

/// One of the copies that an upstream may have under way, until it is dropped.
struct Place(Arc<Vitals>);

impl Place {
    fn enter(vitals: &Arc<Vitals>, most: u16) -> Option<Self> {
        let before = vitals.mirroring.fetch_add(1, Relaxed);
        let place = Self(vitals.clone());
        (before < u32::from(most)).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.mirroring.fetch_sub(1, Relaxed);
    }
}

/// Whether a request is one of the sample, by `chance` even over all its values.
fn is_sampled(percent: u8, chance: u64) -> bool {
    u128::from(chance) * 100 < u128::from(percent) << 64
}

/// What speaks something else from its answer on is no request that could be copied.
fn can_be_copied(call: &Call<'_>, rule: &Mirror, length: Option<u64>) -> bool {
    let is_short = length.is_none_or(|length| length <= u64::from(rule.body));
    is_short && !call.head.asks_websocket
}

impl Shadow {
    /// Whether `rule` wants a copy of `call`, by chance. `length` is that of its body.
    pub(crate) fn is_wanted(call: &Call<'_>, rule: &Mirror, length: Option<u64>) -> bool {
        is_sampled(rule.sample, chance()) && can_be_copied(call, rule, length)
    }

    /// A copy of `call`, which is ready for `from`, where `rule` wants one for `to`. `length` is
    /// that of its body.
    pub(crate) fn of(
        call: &Call<'_>,
        from: &Upstream,
        rule: &Mirror,
        to: &Arc<Upstream>,
        length: Option<u64>,
    ) -> Option<Self> {
        if !is_sampled(rule.sample, chance()) {
            return None;
        }
        let metrics = &call.worker.metrics;
        let place = Place::enter(&from.vitals, rule.concurrency);
        let Some(place) = place.filter(|_| can_be_copied(call, rule, length)) else {
            metrics.upstream_mirror_dropped.add(1);
            return None;
        };
        let mut head = call.head.twin();
        passage::readdress(&mut head.fields, from, to);
        head.fields.set("x-portunus-mirror", b"1");
        Some(Self {
            worker: call.record.worker.clone(),
            settings: call.state.settings.clone(),
            upstream: to.clone(),
            head,
            rest: call.rest().to_owned(),
            longest: rule.body as usize,
            timeout: rule.timeout.duration(),
            is_sent: false,
            _place: place,
        })
    }

    /// Sends it, with its body.
    pub(crate) fn send(mut self, body: Copied) {
        if body.len() > self.longest {
            return;
        }
        self.is_sent = true;
        self.worker.metrics.upstream_mirrored.add(1);
        tokio::task::spawn_local(async move {
            let exchange = tokio::time::timeout(self.timeout, self.exchange(body));
            if exchange.await != Ok(true) {
                self.worker.metrics.upstream_mirror_failed.add(1);
            }
        });
    }

    /// True when there was an answer.
    async fn exchange(&self, mut body: Copied) -> bool {
        let worker = &*self.worker;
        let Ok(way) = alone(worker, &self.upstream) else {
            return false;
        };
        let mut attempts = Attempts::new(worker, way, chance());
        let Some(target) = attempts.next() else {
            return false;
        };
        let outgoing = Outgoing {
            head: &self.head,
            rest: &self.rest,
            upstream: &self.upstream,
            patience: self.upstream.patience,
            is_safe: false,
        };
        match send(worker, &self.settings, target, outgoing, &mut body).await {
            Ok(mut sent) => {
                attempts.answered(sent.head.status);
                sent.outflow.hold(attempts.ticket());
                drop(attempts);
                swallow(worker, &mut sent.outflow, &mut body).await
            }
            Err((failure, _)) => {
                if failure.is_the_targets() {
                    attempts.failed();
                }
                false
            }
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        if !self.is_sent {
            self.worker.metrics.upstream_mirror_dropped.add(1);
        }
    }
}

/// Reads an answer's body for the sake of its connection. False when it was cut off.
async fn swallow(worker: &Worker, outflow: &mut Outflow, inflow: &mut dyn Inflow) -> bool {
    let (mut part, mut total) = (Vec::new(), 0);
    while total <= MOST_ANSWER {
        let polled = poll_fn(|cx| outflow.poll_fill(cx, worker, inflow, &mut part)).await;
        total += part.len();
        part.clear();
        match polled {
            Ok(false) => {}
            Ok(true) => {
                outflow.give_back(worker);
                return true;
            }
            Err(_) => return false,
        }
    }
    worker.metrics.upstream_mirror_cut.add(1);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64, from a seed.
    fn drawn(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }

    #[test]
    fn a_sample_is_as_large_as_it_should_be() {
        for seed in 0..100 {
            for percent in [1_u8, 10, 50, 90, 99] {
                let taken = drawn(seed)
                    .take(1000)
                    .filter(|one| is_sampled(percent, *one));
                let (taken, share) = (taken.count() as f64, f64::from(percent) / 100.0);
                // Five standard deviations of a binomial distribution.
                let spread = 5.0 * (1000.0 * share * (1.0 - share)).sqrt();
                assert!(
                    (taken - 1000.0 * share).abs() <= spread,
                    "{seed} {percent} {taken}"
                );
            }
        }
        assert!(is_sampled(100, u64::MAX) && !is_sampled(0, 0));
    }
}
