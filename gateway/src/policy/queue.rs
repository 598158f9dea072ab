//! What a request waits for before it goes on: its turns under limits first, then places among the
//! requests in flight, in the order of the chain. So nobody holds a place while it waits for a turn,
//! and no two wait for what the other holds.
//!
//! A request stands in a line only while it does nothing else: one whose body still comes keeps
//! nobody waiting.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::PolicyKind;
use tokio::time::Instant;

use super::{Concurrency, RateLimit};
use crate::answer::Refusal;
use crate::call::Call;
use crate::limiter::Cell;
use crate::line::Lost;
use crate::places::Joined;
use crate::record::NameId;

/// One thing to wait for.
#[derive(Debug)]
pub(crate) enum Wait<'a> {
    Turn(&'a RateLimit, Arc<Cell>),
    Place(&'a Concurrency),
}

/// All of them, each with the policy that says so.
#[derive(Debug, Default)]
pub(crate) struct Waits<'a>(Vec<(NameId, Wait<'a>)>);

impl<'a> Waits<'a> {
    pub(crate) fn push(&mut self, label: NameId, wait: Wait<'a>) {
        self.0.push((label, wait));
    }
}

/// Waits. A refusal has its policy in the record and shows where all limits stand; what the request
/// took is put back.
pub(crate) async fn queue(call: &mut Call<'_>) -> Result<(), Refusal> {
    let Some(waits) = call.waits.take() else {
        return Ok(());
    };
    let Waits(waits) = *waits;
    let mut places = Vec::new();
    for (label, wait) in waits {
        match wait {
            Wait::Turn(limit, cell) => {
                let outcome = limit.queue(call, cell).await;
                decided(call, label, PolicyKind::RateLimit, outcome)?;
            }
            Wait::Place(limit) => places.push((label, limit)),
        }
    }
    for (label, limit) in places {
        let outcome = limit.queue(call).await;
        decided(call, label, PolicyKind::Concurrency, outcome)?;
    }
    Ok(())
}

fn decided(
    call: &mut Call<'_>,
    label: NameId,
    kind: PolicyKind,
    outcome: Result<(), Refusal>,
) -> Result<(), Refusal> {
    outcome.map_err(|refusal| {
        call.worker.metrics.decided(kind, false);
        call.record.decided_by = label;
        call.give_back();
        refusal.limits(&call.shown)
    })
}

impl Concurrency {
    /// Waits for a place, where it lets requests wait.
    async fn queue(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
        let (key, priority) = (self.key(call), call.priority());
        let most = self.queue.as_ref().map_or(0, |queue| queue.most);
        let places = &call.worker.shared.places;
        let place = match places.join(key, self.limit, priority, most) {
            Joined::In(place) => place,
            Joined::Full => return Err(self.refusal()),
            Joined::Waits(waiting) => {
                let patience = self.queue.as_ref().map_or(0, |queue| queue.millis);
                let until = Instant::now() + Duration::from_millis(patience);
                waiting.place(until).await.map_err(|lost| {
                    let metrics = &call.worker.metrics;
                    match lost {
                        Lost::Late => metrics.waited_too_long.add(1),
                        Lost::Displaced => metrics.displaced.add(1),
                    }
                    self.refusal()
                })?
            }
        };
        call.record.places.push(place);
        Ok(())
    }
}
