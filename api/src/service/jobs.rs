//! What the product does by itself: sends mails, lets time end what it ends, sums up what dashboards
//! show, forgets what is old, and notes the heads of the audit chains.
//!
//! Every process of the portal may run the jobs: each row is claimed by compare-and-set.

mod credentials;
mod expiry;
mod forget;
mod quotas;
mod sums;
mod sunset;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::hook;
use crate::plane::Plane;
use crate::post::{self, Transport};
use crate::service::{audit, authorization_server, ip_lists, notifications};

pub use credentials::{end as end_credentials, remind as remind_of_credentials};
pub use expiry::expire;
pub(crate) use expiry::payload;
pub use forget::forget;
pub use quotas::warn as warn_of_quotas;
pub use sums::sum_up;
pub use sunset::retire as retire_due;

const POST_EVERY: Duration = Duration::from_secs(5);
const EXPIRE_EVERY: Duration = Duration::from_secs(10);
const WARN_EVERY: Duration = Duration::from_secs(60);
const HOURLY: Duration = Duration::from_secs(3600);

/// What is stored is moved on within a minute and a third.
const SUM_UP_EVERY: Duration = Duration::from_secs(20);

/// Lists of networks are due at times of their own.
const FETCH_EVERY: Duration = Duration::from_secs(10);

/// Runs all jobs until `stop` becomes true or its sender is gone. What is under way is finished.
pub async fn run(plane: Arc<Plane>, transport: Option<Transport>, stop: watch::Receiver<bool>) {
    tokio::join!(
        run_most(&plane, transport, stop.clone()),
        // Foreign servers may take their time, which is not that of mails.
        fetch(&plane, stop.clone()),
        // A hundred thousand credentials may end at once, and mails are not to wait for that.
        tell_of_ends(&plane, stop.clone()),
        call_webhooks(&plane, stop.clone()),
        // Long where much is to be moved, as after an upgrade.
        sum_up_often(&plane, stop),
    );
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn call_webhooks(plane: &Arc<Plane>, mut stop: watch::Receiver<bool>) {
    let mut ticks = every(POST_EVERY);
    loop {
        tokio::select! {
            biased;
            () = told_to_end(&mut stop) => return,
            _ = ticks.tick() => {
                let ends = || *stop.borrow() || stop.has_changed().is_err();
                told("webhooks", hook::deliver(plane, ends).await);
            }
        }
    }
}

async fn sum_up_often(plane: &Arc<Plane>, mut stop: watch::Receiver<bool>) {
    let mut ticks = every(SUM_UP_EVERY);
    loop {
        tokio::select! {
            biased;
            () = told_to_end(&mut stop) => return,
            _ = ticks.tick() => {
                let ends = || *stop.borrow() || stop.has_changed().is_err();
                told("sums", sum_up(plane, ends).await);
            }
        }
    }
}

/// What is under way is dropped at the end: it is fetched again.
async fn fetch(plane: &Arc<Plane>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = told_to_end(&mut stop) => {}
        () = fetch_often(plane) => {}
    }
}

async fn fetch_often(plane: &Arc<Plane>) {
    let mut ticks = every(FETCH_EVERY);
    loop {
        ticks.tick().await;
        let ctx = Ctx::job(plane, "ip lists");
        told("ip lists", ip_lists::fetch_due(&ctx).await);
    }
}

/// What is under way is dropped at the end: its transaction is undone, and it is told of later.
async fn tell_of_ends(plane: &Arc<Plane>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = told_to_end(&mut stop) => {}
        () = tell_often(plane) => {}
    }
}

async fn tell_often(plane: &Arc<Plane>) {
    let mut ticks = every(EXPIRE_EVERY);
    loop {
        ticks.tick().await;
        let ctx = Ctx::job(plane, "credentials");
        told("credentials", end_credentials(&ctx).await);
        let ctx = Ctx::job(plane, "reminders");
        told("reminders", remind_of_credentials(&ctx).await);
    }
}

async fn run_most(
    plane: &Arc<Plane>,
    transport: Option<Transport>,
    mut stop: watch::Receiver<bool>,
) {
    let (mut mails, mut expiries, mut hours) =
        (every(POST_EVERY), every(EXPIRE_EVERY), every(HOURLY));
    let mut warnings = every(WARN_EVERY);
    loop {
        tokio::select! {
            biased;
            () = told_to_end(&mut stop) => return,
            _ = expiries.tick() => {
                told("expiry", expire(&Ctx::job(plane, "expiry")).await);
                told("sunset", retire_due(&Ctx::job(plane, "sunset")).await);
            }
            _ = warnings.tick() => {
                told("quotas", warn_of_quotas(&Ctx::job(plane, "quotas")).await);
                told("webhooks", hook::count(plane).await.map(|()| 0));
            }
            _ = hours.tick() => hourly(plane).await,
            // Last, as making mails asks for the next ones: while there are many, this is always ready.
            () = plane.mail.notified() => mail(plane, transport.as_ref()).await,
            _ = mails.tick() => mail(plane, transport.as_ref()).await,
        }
    }
}

/// Resolves when `stop` is true or its sender is gone.
async fn told_to_end(stop: &mut watch::Receiver<bool>) {
    let _ended = stop.wait_for(|stop| *stop).await;
}

async fn mail(plane: &Arc<Plane>, transport: Option<&Transport>) {
    told(
        "notifications",
        notifications::dispatch(&Ctx::job(plane, "notifications")).await,
    );
    if let Some(transport) = transport {
        told("mail", post::deliver(plane, transport).await);
    }
}

async fn hourly(plane: &Arc<Plane>) {
    told(
        "token keys",
        authorization_server::rotate(&Ctx::job(plane, "token keys")).await,
    );
    told("forgetting", forget(&Ctx::job(plane, "forgetting")).await);
    told("audit heads", heads(&Ctx::job(plane, "audit")).await);
}

/// Writes the head of each chain to the log: with it a chain that was put back to an earlier state
/// is found out.
async fn heads(ctx: &Ctx) -> Result<u64> {
    let mut count = 0;
    for chain in audit::chains(ctx).await? {
        if let Some((sequence, hash)) = audit::head(ctx, chain).await? {
            tracing::info!(audit.chain = ?chain, audit.sequence = sequence, audit.hash = hash, "head of an audit chain");
            count += 1;
        }
    }
    Ok(count)
}

/// A job that failed is logged and tried again at its next turn.
fn told(job: &'static str, done: Result<u64>) {
    match done {
        Ok(0) => {}
        Ok(count) => tracing::debug!(job, count, "a job is done"),
        Err(Error { detail, source, .. }) => {
            let source = source.map(|source| source.to_string()).unwrap_or_default();
            tracing::error!(job, detail, error = source, "a job failed");
        }
    }
}
