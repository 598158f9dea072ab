//! The webhook worker: takes what waits in the outbox to the addresses of organizations.
//!
//! Webhooks stand in a line, and each is told a few messages when it is its turn, so that whoever has
//! many of them, or takes long, keeps nobody else waiting. Several processes may run it: a message is
//! claimed by moving its next try, compare-and-set. It may come twice where a process dies between
//! sending and noting that; its id is the same then.

mod outbox;
mod send;
mod share;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::snapshot;
use domain::wire::webhooks::DeliveryState;
use entity::webhook_delivery::{self, DueWebhook};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::plane::Plane;

pub use outbox::Outbox;

/// Webhooks that are told something at a time, of all organizations and of one.
const AT_ONCE: usize = 32;
const OF_ORGANIZATION: usize = 4;
/// Most webhooks that one look puts in line.
const LINE: i64 = 500;
/// While some are under way, others are looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sends what is due until nothing is, or `ends` says that it is to end; what is under way then is
/// finished. Says how many were delivered.
pub async fn deliver(plane: &Arc<Plane>, ends: impl Fn() -> bool) -> Result<u64> {
    let ctx = Ctx::job(plane, "webhooks");
    let mut turn = Turn::new();
    // Tasks of their own: what holds a connection or a lock goes on while this waits for one.
    let mut under_way = JoinSet::new();
    let (mut delivered, mut failed) = (0, None);
    loop {
        if failed.is_none() && !ends() && turn.is_to_look() {
            failed = turn.look(&ctx).await.err();
        }
        let goes_on = failed.is_none() && !ends();
        while goes_on && let Some(hook) = turn.next() {
            under_way.spawn(share::tell(ctx.clone(), Arc::clone(&turn.rules), hook));
        }
        let looks_again = sleep_until(turn.looked + LOOK_EVERY);
        tokio::select! {
            Some(done) = under_way.join_next() => {
                let told = done.map_err(Error::internal).and_then(|(hook, told)| {
                    turn.is_over(hook);
                    told
                });
                match told {
                    Ok(count) => delivered += count,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            () = looks_again, if goes_on && turn.is_any_under_way() => {}
            else => return failed.map_or(Ok(delivered), Err),
        }
    }
}

/// Notes how many messages wait, for the operator.
pub async fn count(plane: &Plane) -> Result<()> {
    let state = DeliveryState::Waiting.as_str();
    let count = webhook_delivery::Entity::find()
        .filter(webhook_delivery::Column::State.eq(state))
        .count(&plane.databases.main)
        .await?;
    plane.webhooks.waits(count);
    Ok(())
}

/// Who is told something now, and who waits for that.
struct Turn {
    /// First come, first served: whoever was told something stands behind all others again.
    line: VecDeque<DueWebhook>,
    under_way: Vec<DueWebhook>,
    /// Where messages may go, as it was at the last look.
    rules: Arc<snapshot::Settings>,
    looked: Instant,
}

impl Turn {
    fn new() -> Self {
        Self {
            line: VecDeque::new(),
            under_way: Vec::new(),
            rules: Arc::default(),
            looked: Instant::now(),
        }
    }

    fn is_any_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    fn is_to_look(&self) -> bool {
        match self.is_any_under_way() {
            true => self.looked.elapsed() >= LOOK_EVERY,
            false => self.line.is_empty(),
        }
    }

    /// Puts those in line for which something is due.
    async fn look(&mut self, ctx: &Ctx) -> Result<()> {
        self.looked = Instant::now();
        let (state, now) = (DeliveryState::Waiting.as_str(), ctx.plane.clock.now());
        let due = webhook_delivery::Entity::due_webhooks(ctx.db(), state, now, LINE).await?;
        if due.is_empty() {
            return Ok(());
        }
        self.rules = Arc::new(entity::setting::for_gateways(ctx.db()).await?);
        for hook in due {
            if !self.line.contains(&hook) && !self.under_way.contains(&hook) {
                self.line.push_back(hook);
            }
        }
        Ok(())
    }

    /// The first in line that may be told something now; it is under way from then on.
    fn next(&mut self) -> Option<DueWebhook> {
        if self.under_way.len() >= AT_ONCE {
            return None;
        }
        let under_way = &self.under_way;
        let may = |hook: &DueWebhook| {
            let others = under_way.iter();
            let others = others.filter(|other| other.organization_id == hook.organization_id);
            others.count() < OF_ORGANIZATION
        };
        let first = self.line.iter().position(may)?;
        let hook = self.line.remove(first)?;
        self.under_way.push(hook);
        Some(hook)
    }

    fn is_over(&mut self, hook: DueWebhook) {
        self.under_way.retain(|other| *other != hook);
    }
}
