//! Further tries beside one that takes long: the first answer wins, and the others are cancelled
//! with their connections.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::snapshot;
use domain::upstream::After;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::{Attempts, Stay};
use crate::body::Inflow;
use crate::upstream::{Copied, Failure, Outgoing, Sent, Target, send};
use crate::worker::Worker;

/// A try that runs beside others.
struct Lane {
    index: usize,
    stay: Option<Stay>,
    began_us: u64,
}

/// A try, and which one it was.
type Over = (usize, Result<Sent, (Failure, u8)>);

impl<'a> Attempts<'a> {
    /// Sends to `target`, where [`Attempts::next`] said so, and to others for as long as there is
    /// no answer. Each gets a body of its own; `inflow` only tells whether the client is there.
    pub(crate) async fn race(
        &mut self,
        settings: &Arc<snapshot::Settings>,
        target: &'a Arc<Target>,
        outgoing: Outgoing<'_>,
        body: &Copied,
        inflow: &mut dyn Inflow,
    ) -> Result<Sent, (Failure, u8)> {
        let worker = self.worker;
        let hedge = self.upstream.hedge.as_ref();
        let delay = hedge.and_then(|hedge| hedge.delay.as_deref());
        let clock = &worker.settings.clock;
        let began_us = delay.map_or(0, |_| clock.micros());
        let after = hedge.and_then(|hedge| match hedge.rule.after {
            After::Fixed(after) => Some(after.duration()),
            After::Percentile(percent) => {
                let usual = delay?.of(percent, began_us / 1000)?;
                Some(usual.max(hedge.rule.least.duration()))
            }
        });
        let mut ahead = hedge.map_or(0, |hedge| hedge.rule.max);
        if after.is_none() {
            ahead = 0;
        }
        let after = after.unwrap_or(Duration::MAX);
        let begin = |number, target| one(worker, settings, target, outgoing, body.clone(), number);
        let mut running = FuturesUnordered::new();
        let mut lanes = vec![Some(self.lane())];
        running.push(begin(0, target));
        let mut timer = pin!(sleep(after));
        let mut tries = 0;
        loop {
            let over = tokio::select! {
                biased;
                over = running.next() => over,
                () = &mut timer, if ahead > 0 => {
                    ahead -= 1;
                    match self.beside() {
                        Some(target) => {
                            running.push(begin(lanes.len(), target));
                            lanes.push(Some(self.lane()));
                            timer.as_mut().reset(Instant::now() + after);
                        }
                        None => ahead = 0,
                    }
                    continue;
                }
                () = poll_fn(|cx| inflow.poll_gone(cx)) => {
                    return Err((Failure::Client, tries + running.len() as u8));
                }
            };
            let Some((number, result)) = over else {
                return Err((Failure::Reset, tries));
            };
            if let Some(lane) = lanes[number].take() {
                self.take_up(lane);
            }
            match result {
                Ok(mut sent) => {
                    if number > 0 {
                        worker.metrics.upstream_hedges_won.add(1);
                    }
                    self.outrun(lanes.iter().flatten());
                    // The first try says how long answers take: of itself, or at least so long.
                    if let Some(delay) = delay
                        && (number == 0 || lanes[0].is_some())
                    {
                        delay.note(clock.micros() - began_us);
                    }
                    sent.tries += tries + running.len() as u8;
                    return Ok(sent);
                }
                Err((failure, count)) => {
                    tries += count;
                    if running.is_empty() {
                        return Err((failure, tries));
                    }
                    if failure.is_the_targets() {
                        self.failed();
                    }
                }
            }
        }
    }

    /// Another target for one more try, if there is one and the budget allows it.
    fn beside(&mut self) -> Option<&'a Arc<Target>> {
        let index = self.choose()?;
        if self.tried & 1 << index != 0 {
            return None;
        }
        let retries = &self.upstream.retries;
        let metrics = &self.worker.metrics;
        let vitals = &self.upstream.vitals;
        if !vitals.begin_retry(retries.budget, retries.least) {
            metrics.upstream_budget_spent.add(1);
            return None;
        }
        self.hedges += 1;
        metrics.upstream_hedged.add(1);
        Some(self.go_to(index))
    }

    /// Sets the present try aside.
    fn lane(&mut self) -> Lane {
        Lane {
            index: self.current,
            stay: self.stay.take(),
            began_us: self.began_us,
        }
    }

    fn take_up(&mut self, lane: Lane) {
        self.current = lane.index;
        self.stay = lane.stay;
        self.began_us = lane.began_us;
    }

    /// Those that were slower took at least as long as they ran.
    fn outrun<'l>(&self, slower: impl Iterator<Item = &'l Lane>) {
        let now = self.now();
        for lane in slower.filter(|lane| lane.stay.is_some()) {
            let took = self.worker.settings.clock.micros() - lane.began_us;
            let took = u32::try_from(took).unwrap_or(u32::MAX);
            self.upstream.targets[lane.index].pulse.note(took, now);
        }
    }
}

async fn one(
    worker: &Worker,
    settings: &Arc<snapshot::Settings>,
    target: &Arc<Target>,
    outgoing: Outgoing<'_>,
    mut body: Copied,
    number: usize,
) -> Over {
    let mut sent = send(worker, settings, target, outgoing, &mut body).await;
    if let Ok(sent) = &mut sent {
        body.hand_over(&mut sent.outflow);
    }
    (number, sent)
}
