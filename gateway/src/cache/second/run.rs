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

use super::figures::count;
use super::link::{Failure, Link, Means};
use super::look::{look, put};
use super::names::Name;
use super::{Job, Purges, Second, undone};

/// Before the next try to reach a Redis that is away, doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often it is asked whether it is the one that it was.
const CHECKED_EVERY: Duration = Duration::from_secs(1);
/// Questions in a row that are not answered in time, before it is away.
const MOST_LATE: usize = 3;
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
    /// When it is asked next whether it is the same.
    check: Instant,
    /// Of each API the purges that are known of.
    known: HashMap<ApiId, Purges>,
}

enum Event {
    Stop,
    Wake,
    Connect,
    Check,
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
            () = sleep_until(keeper.check), if keeper.link.is_some() => Event::Check,
            job = keeper.jobs.recv() => Event::Job(job),
        };
        match event {
            Event::Stop | Event::Job(None) => return keeper.leave().await,
            Event::Wake => keeper.look_after().await,
            Event::Connect => keeper.connect().await,
            Event::Check => keeper.check().await,
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
            check: Instant::now(),
            known: HashMap::new(),
        }
    }

    async fn take(&mut self, job: Job) {
        // What was taken out before somebody asked is told before that is asked.
        self.settle().await;
        // Who is not answered goes on.
        let Some(link) = self.link.clone() else {
            return;
        };
        let second = self.second.clone();
        match job {
            Job::Find(ask, reply) => tokio::spawn(async move {
                match look(&second, &link, &ask).await {
                    Ok(found) => {
                        second.answered();
                        // It may have waited long enough.
                        drop(reply.send(found));
                    }
                    Err(failure) => second.failed(&failure),
                }
            }),
            Job::Keep(keep) => tokio::spawn(async move {
                let figures = &second.figures;
                match put(&second, &link, &keep).await {
                    Ok(true) => count(&figures.kept),
                    Ok(false) => count(&figures.outdated),
                    Err(failure) => second.failed(&failure),
                }
            }),
        };
    }

    /// Tells all that is new. Where that fails, nothing is asked before it is told.
    async fn settle(&mut self) {
        let (purged, gone) = {
            let mut news = self.second.news();
            (
                std::mem::take(&mut news.purged),
                std::mem::take(&mut news.gone),
            )
        };
        for api in gone {
            self.known.remove(&api);
        }
        let apis: Vec<ApiId> = purged.keys().copied().collect();
        self.known.extend(purged);
        self.pay().await;
        self.reconcile(&apis).await;
    }

    /// Tells what was taken out, all at once.
    async fn pay(&mut self) {
        let Some(link) = self.link.clone() else {
            return;
        };
        let owed = std::mem::take(&mut self.second.news().owed);
        let names = owed.names(&self.second.secret);
        if names.is_empty() {
            return;
        }
        let mut told = link.forget(&names).await;
        if matches!(&told, Err(failure) if failure.means() == Means::Late) {
            // To say it twice does no harm.
            told = link.forget(&names).await;
        }
        match told {
            Ok(()) => {
                let renewed = &self.second.figures.renewed;
                renewed.fetch_add(names.len() as u64, Relaxed);
            }
            Err(failure) => {
                let secret = &self.second.secret;
                self.second.news().owed.put_back(secret, owed);
                self.lose(&failure);
            }
        }
    }

    /// Something is new, or somebody was not answered.
    async fn look_after(&mut self) {
        self.settle().await;
        if self.link.is_some() && !self.second.up.load(Relaxed) {
            self.part();
        }
    }

    async fn connect(&mut self) {
        match Link::open(&self.client).await {
            Ok(link) => self.link = Some(link),
            Err(failure) => return self.lose(&failure),
        }
        self.settle().await;
        let apis: Vec<ApiId> = self.known.keys().copied().collect();
        self.reconcile(&apis).await;
        if self.link.is_some() {
            self.check = Instant::now() + CHECKED_EVERY;
            self.second.late.store(0, Relaxed);
            self.second.up.store(true, Relaxed);
            tracing::info!("The second level of the cache is there.");
        }
    }

    /// One that was a replica meanwhile, or that another has taken the place of, may not have heard
    /// what was taken out.
    async fn check(&mut self) {
        self.check = Instant::now() + CHECKED_EVERY;
        let Some(link) = &self.link else {
            return;
        };
        match link.is_same().await {
            Ok(true) => {}
            Ok(false) => self.lose(&Failure::Other),
            Err(failure) => self.second.failed(&failure),
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
            link.forget(some).await?;
        }
        let renewed = &self.second.figures.renewed;
        renewed.fetch_add(names.len() as u64, Relaxed);
        match link.note_done(&note, newest.number).await {
            // Where there is no room for the note it is done again, by whoever comes next.
            Err(failure) if failure.means() == Means::Full => Ok(()),
            noted => noted,
        }
    }

    fn lose(&mut self, failure: &Failure) {
        count(&self.second.figures.failed);
        if self.wait == FIRST_WAIT || self.second.answered.load(Relaxed) {
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
        // One that takes connections and answers nothing is not asked all the time.
        if self.second.answered.swap(false, Relaxed) {
            self.wait = FIRST_WAIT;
        }
        self.next = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    async fn leave(mut self) {
        // What is not told in time goes when its own time is over.
        let _ = timeout(LEAVING, self.pay()).await;
    }
}

impl Second {
    fn answered(&self) {
        self.late.store(0, Relaxed);
        self.answered.store(true, Relaxed);
    }

    /// Counts it. Where it says that Redis is away, that is not asked before it answers again.
    fn failed(&self, failure: &Failure) {
        tracing::debug!(error = %failure, "The second level of the cache did not do it.");
        let figures = &self.figures;
        let is_away = match failure.means() {
            Means::Long => return count(&figures.skipped),
            Means::Strange => return count(&figures.strange),
            Means::Full => false,
            // One that is late says nothing of the others.
            Means::Late => self.late.fetch_add(1, Relaxed) + 1 >= MOST_LATE,
            Means::Away => true,
        };
        count(&figures.failed);
        if is_away {
            self.up.store(false, Relaxed);
            self.wake.notify_one();
        }
    }
}
