//! Requests above a limit that wait for their turn.

use std::sync::Arc;

use domain::policy;
use domain::policy::concurrency::MAX_WAITING;
use domain::problem::Code;

use super::{RateLimit, seconds};
use crate::answer::Refusal;
use crate::call::Call;
use crate::limiter::{self, Cell, Joined, Rate, Wish};
use crate::line::Lost;
use crate::policy::{Flow, Wait};
use crate::record::NameId;

/// How they wait.
#[derive(Debug)]
pub(super) struct Delay {
    /// Nanoseconds.
    most: u64,
    waiting: usize,
}

impl Delay {
    pub(super) fn compile(policy: &policy::RateLimit) -> Option<Self> {
        Some(Self {
            most: policy.delay?.as_millis() * 1_000_000,
            waiting: policy.waiting.unwrap_or(MAX_WAITING) as usize,
        })
    }

    pub(super) fn wish(&self, rate: Rate, call: &Call<'_>) -> Wish {
        Wish {
            rate,
            delay: self.most,
            most: self.waiting,
            priority: call.priority(),
        }
    }
}

impl RateLimit {
    /// Lets it go, or notes that it has to wait, where there is a turn within its time.
    #[cold]
    pub(super) fn wait<'a>(
        &'a self,
        call: &mut Call<'a>,
        delay: &Delay,
        cell: Arc<Cell>,
        label: NameId,
    ) -> Flow {
        // Of what several nodes share nothing is set aside for those who wait: nobody overtakes them.
        let verdict = if cell.lease().is_some() && cell.waiting() > 0 {
            cell.peek(call.now_ns(), self.rate).refused()
        } else {
            let (verdict, cost) = self.admit(call, &cell);
            if verdict.admitted {
                call.shown.push(self.shown(verdict));
                let full_at = call.now_ns().saturating_add(verdict.full_in);
                self.take(call, cell, cost, full_at);
                return Flow::Next;
            }
            verdict
        };
        call.shown.push(self.shown(verdict));
        if !cell.may_join(verdict, &delay.wish(self.rate, call)) {
            return self.refuse(verdict);
        }
        call.wait(label, Wait::Turn(self, cell));
        Flow::Next
    }

    /// Waits for a turn; what was taken is noted.
    pub(crate) async fn queue<'a>(
        &'a self,
        call: &mut Call<'a>,
        cell: Arc<Cell>,
    ) -> Result<(), Refusal> {
        let Some(delay) = &self.delay else {
            return Ok(());
        };
        let wish = delay.wish(self.rate, call);
        let shared = &call.worker.shared;
        let clock = &call.worker.settings.clock;
        let joined = match cell.lease() {
            None => limiter::join(&cell, clock.micros() * 1000, &wish),
            Some(_) => limiter::join_shared(&cell, &shared.leases, clock, &wish),
        };
        let cost = match joined {
            Joined::Now(cost) => cost,
            Joined::Waits(turn) => turn.come().await.map_err(|lost| self.lost(call, lost))?,
            Joined::Full(verdict) => return Err(self.refusal(verdict.retry_in)),
        };
        // Its turn is when the bucket is empty.
        let full_at = (clock.micros() * 1000).saturating_add(self.rate.tolerance);
        self.take(call, cell, cost, full_at);
        Ok(())
    }

    fn lost(&self, call: &Call<'_>, lost: Lost) -> Refusal {
        let metrics = &call.worker.metrics;
        match lost {
            Lost::Late => metrics.waited_too_long.add(1),
            Lost::Displaced => metrics.displaced.add(1),
        }
        self.refusal(self.rate.interval)
    }

    /// The refusal that tells to come again in so many nanoseconds.
    pub(super) fn refusal(&self, retry_in: u64) -> Refusal {
        Refusal::new(Code::RateLimited)
            .detail(format!(
                "The limit \"{}\" admits {} requests in {} s.",
                self.name, self.limit, self.window_secs
            ))
            .retry_after(seconds(retry_in.max(1)))
    }
}
