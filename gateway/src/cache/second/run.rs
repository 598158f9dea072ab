//! Who talks to the second level: one task per node, on the operations runtime. Nothing is asked of it
//! before it knows what was taken out here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::id::ApiId;
use redis::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::link::{Failure, Link};
use super::look::{look, put};
use super::names::Name;
use super::{Job, Purges, Second, undone};

/// Before the next try to reach a Redis that is away, doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// What is owed at most, one by one: beyond that everything is.
const MOST_OWED: usize = 4096;
/// How long the last ones are told at the end.
const LEAVING: Duration = Duration::from_secs(1);

/// The other end of [`Second`].
pub(crate) struct Keeper {
    second: Arc<Second>,
    client: Client,
    jobs: mpsc::Receiver<Job>,
    link: Option<Link>,
    /// When it is tried next, and how long to wait after that.
    next: Instant,
    wait: Duration,
    /// What gets a new generation as soon as that can be said.
    owed: Vec<Name>,
    /// Of each API the purges that are known of.
    known: HashMap<ApiId, Purges>,
}

enum Event {
    Stop,
    Wake,
    Connect,
    Job(Option<Job>),
}

/// Runs until `stop` turns true; what was taken out by then is told.
pub(crate) async fn run(mut keeper: Keeper, mut stop: watch::Receiver<bool>) {
    loop {
        let connects = keeper.link.is_none() && keeper.second.used.load(Relaxed);
        let event = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Event::Stop,
            () = keeper.second.wake.notified() => Event::Wake,
            () = sleep_until(keeper.next), if connects => Event::Connect,
            job = keeper.jobs.recv() => Event::Job(job),
        };
        match event {
            Event::Stop | Event::Job(None) => return keeper.leave().await,
            Event::Wake => keeper.look_after().await,
            Event::Connect => keeper.connect().await,
            Event::Job(Some(job)) => keeper.take(job).await,
        }
    }
}

impl Keeper {
    pub(super) fn new(second: Arc<Second>, client: Client, jobs: mpsc::Receiver<Job>) -> Self {
        Self {
            second,
            client,
            jobs,
            link: None,
            next: Instant::now(),
            wait: FIRST_WAIT,
            owed: Vec::new(),
            known: HashMap::new(),
        }
    }

    async fn take(&mut self, job: Job) {
        match job {
            Job::Find(ask, reply) => {
                // Who is not answered goes on.
                let Some(link) = self.link.clone() else {
                    return;
                };
                let second = self.second.clone();
                tokio::spawn(async move {
                    match look(&second, &link, &ask).await {
                        // It may have waited long enough.
                        Ok(found) => drop(reply.send(found)),
                        Err(failure) => second.failed(&failure, true),
                    }
                });
            }
            Job::Keep(keep) => {
                let Some(link) = self.link.clone() else {
                    return;
                };
                let second = self.second.clone();
                tokio::spawn(async move {
                    let figures = &second.figures;
                    match put(&second, &link, &keep).await {
                        Ok(true) => figures.kept.fetch_add(1, Relaxed),
                        Ok(false) => figures.outdated.fetch_add(1, Relaxed),
                        // Full, or without writes, it can still be asked.
                        Err(failure) => {
                            second.failed(&failure, !failure.is_refusal());
                            0
                        }
                    };
                });
            }
            Job::Renew(names) => {
                self.owe(names);
                self.pay().await;
            }
            Job::Forget(names) => {
                if let Some(link) = &self.link
                    && let Err(failure) = link.forget(&names).await
                {
                    self.second.failed(&failure, true);
                }
            }
            Job::Purged(api, purges) => {
                self.known.insert(api, purges);
                self.reconcile(&[api]).await;
            }
        }
    }

    fn owe(&mut self, names: Vec<Name>) {
        self.owed.extend(names);
        if self.owed.len() > MOST_OWED {
            self.owed = vec![self.second.secret.everything()];
        }
    }

    /// Tells what is owed; where that fails, nothing is asked before it is told.
    async fn pay(&mut self) {
        let Some(link) = self.link.as_ref().filter(|_| !self.owed.is_empty()) else {
            return;
        };
        match link.renew(&self.owed).await {
            Ok(()) => {
                let renewed = &self.second.figures.renewed;
                renewed.fetch_add(self.owed.len() as u64, Relaxed);
                self.owed.clear();
            }
            Err(failure) => self.lose(&failure),
        }
    }

    /// Somebody was not answered, or could not say something.
    async fn look_after(&mut self) {
        if self.second.lost.load(Relaxed) {
            // In this order nobody asks in between.
            self.second.up.store(false, Relaxed);
            self.second.lost.store(false, Relaxed);
            self.owe(vec![self.second.secret.everything()]);
            self.pay().await;
            let is_told = self.link.is_some();
            self.second.up.store(is_told, Relaxed);
        } else if self.link.is_some() && !self.second.up.load(Relaxed) {
            self.part();
        }
    }

    async fn connect(&mut self) {
        match Link::open(&self.client).await {
            Ok(link) => self.link = Some(link),
            Err(failure) => return self.lose(&failure),
        }
        self.pay().await;
        let apis: Vec<ApiId> = self.known.keys().copied().collect();
        self.reconcile(&apis).await;
        if self.link.is_some() {
            self.wait = FIRST_WAIT;
            self.second.up.store(true, Relaxed);
            tracing::info!("The second level of the cache is there.");
        }
    }

    /// Does those purges of APIs that no node has done.
    async fn reconcile(&mut self, apis: &[ApiId]) {
        for api in apis {
            let Some(link) = &self.link else {
                return;
            };
            if let Err(failure) = self.try_reconcile(link, *api).await {
                return self.lose(&failure);
            }
        }
    }

    async fn try_reconcile(&self, link: &Link, api: ApiId) -> Result<(), Failure> {
        let Some(Purges { versions, all }) = self.known.get(&api) else {
            return Ok(());
        };
        let (Some(newest), secret) = (all.last(), &self.second.secret) else {
            return Ok(());
        };
        let note = secret.purges(api);
        let done = link.done(&note).await?;
        let due = undone(all, done);
        if due.is_empty() {
            return Ok(());
        }
        let names = due.iter().flat_map(|what| secret.of_purge(versions, what));
        let names: Vec<Name> = names.collect();
        for some in names.chunks(256) {
            link.renew(some).await?;
        }
        let renewed = &self.second.figures.renewed;
        renewed.fetch_add(names.len() as u64, Relaxed);
        link.note_done(&note, newest.number).await
    }

    fn lose(&mut self, failure: &Failure) {
        self.second.figures.failed.fetch_add(1, Relaxed);
        if self.wait == FIRST_WAIT {
            tracing::warn!(
                error = %failure,
                "The second level of the cache is away; this node goes on with what it keeps itself."
            );
        }
        self.part();
    }

    fn part(&mut self) {
        self.second.up.store(false, Relaxed);
        self.link = None;
        self.next = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    async fn leave(mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            if let Job::Renew(names) = job {
                self.owe(names);
            }
        }
        // What is not told in time goes when its own time is over.
        let _ = timeout(LEAVING, self.pay()).await;
    }
}

impl Second {
    /// Counts it; `is_away`: it is not asked before it answers again.
    fn failed(&self, failure: &Failure, is_away: bool) {
        self.figures.failed.fetch_add(1, Relaxed);
        tracing::debug!(error = %failure, "The second level of the cache did not do it.");
        if is_away {
            self.up.store(false, Relaxed);
            self.wake.notify_one();
        }
    }
}
