//! Who talks to the second level: one task per node, on the operations runtime. Nothing is asked of it
//! before it knows what was taken out here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use domain::id::ApiId;
use futures::{StreamExt, TryStreamExt, stream};
use redis::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::figures::count;
use super::link::{AT_ONCE, Failure, Link, Means, generation};
use super::look::{look, put};
use super::names::Name;
use super::share::Keep;
use super::{Job, Purges, Second, undone};

/// Before the next try to reach a Redis that is away, doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often it is asked whether it is the one that it was.
const CHECKED_EVERY: Duration = Duration::from_secs(1);
/// APIs whose purges are done at the same time.
const PURGED_AT_ONCE: usize = 8;
/// How often it is said that the notes of purges are still of use.
const RENEWED_EVERY: Duration = Duration::from_secs(3600);
/// Tries to do purges that other nodes do at the same time.
const MOST_TRIES: usize = 8;
/// Questions that are taken together.
const MOST_TAKEN: usize = 256;
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
    /// When the notes are renewed next.
    renewal: Instant,
    /// Of each API the purges that are known of.
    known: HashMap<ApiId, Purges>,
}

enum Event {
    Stop,
    Wake,
    Connect,
    Check,
    /// So many; none where nobody is left to ask.
    Jobs(usize),
}

/// Runs until `stop` turns true; what was taken out by then is told.
pub(crate) async fn run(mut keeper: Keeper, mut stop: watch::Receiver<bool>) {
    let mut jobs = Vec::with_capacity(MOST_TAKEN);
    loop {
        let connects = keeper.link.is_none() && keeper.second.used.load(Relaxed);
        let event = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Event::Stop,
            // These two come seldom, and so keep nobody waiting for long.
            () = sleep_until(keeper.next), if connects => Event::Connect,
            () = sleep_until(keeper.check), if keeper.link.is_some() => Event::Check,
            // Before who wakes: with questions all is told that is new, and they wait for it once.
            taken = keeper.jobs.recv_many(&mut jobs, MOST_TAKEN) => Event::Jobs(taken),
            () = keeper.second.wake.notified() => Event::Wake,
        };
        match event {
            Event::Stop | Event::Jobs(0) => return keeper.leave().await,
            Event::Wake => keeper.look_after().await,
            Event::Connect => keeper.connect().await,
            Event::Check => keeper.check().await,
            Event::Jobs(_) => keeper.take(&mut jobs).await,
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
            renewal: Instant::now(),
            known: HashMap::new(),
        }
    }

    async fn take(&mut self, jobs: &mut Vec<Job>) {
        // What was taken out before somebody asked is told before that is asked.
        self.settle().await;
        for job in jobs.drain(..) {
            // Who is not answered goes on.
            if let Some(link) = self.link.clone() {
                self.begin(job, link);
            }
        }
    }

    fn begin(&self, job: Job, link: Link) {
        let second = self.second.clone();
        match job {
            Job::Find(ask, reply) => tokio::spawn(async move {
                match look(&second, &link, &ask).await {
                    Ok(found) => {
                        second.answered(&link);
                        // It may have waited long enough.
                        drop(reply.send(found));
                    }
                    Err(failure) => second.failed(&failure, &link),
                }
            }),
            Job::Keep(keep) => tokio::spawn(async move {
                let figures = &second.figures;
                match put(&second, &link, &keep).await {
                    Ok(true) => count(&figures.kept),
                    Ok(false) => {
                        count(&figures.outdated);
                        second.outdated(&keep);
                    }
                    Err(failure) => {
                        // What stands in its place is older.
                        if matches!(failure.means(), Means::Long | Means::Full) {
                            second.forget(&keep.names, &keep.stored);
                        }
                        second.failed(&failure, &link);
                    }
                }
            }),
        };
    }

    /// Tells all that is new. Where that fails, nothing is asked before it is told.
    async fn settle(&mut self) {
        let apis = self.hear();
        self.pay().await;
        self.reconcile(&apis).await;
    }

    /// The APIs of which other purges are known than before.
    fn hear(&mut self) -> Vec<ApiId> {
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
        apis
    }

    /// Tells what was taken out, all at once.
    async fn pay(&mut self) {
        let Some(link) = self.link.clone() else {
            return;
        };
        let owed = std::mem::take(&mut self.second.news().owed);
        let mut names = owed.names(&self.second.secret);
        if names.is_empty() {
            return;
        }
        let count = names.len() as u64;
        names.extend(owed.changed(&self.second.secret));
        let notes = match owed.is_everything() {
            true => self.notes(),
            false => Vec::new(),
        };
        match link.tell(&notes, &names).await {
            Ok(()) => {
                self.second.figures.renewed.fetch_add(count, Relaxed);
            }
            Err(failure) => {
                self.second.news().owed.put_back(owed);
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
        let number = self.second.connection.load(Relaxed) + 1;
        match Link::open(&self.client, self.second.patience, number).await {
            Ok(link) => self.link = Some(link),
            Err(failure) => return self.lose(&failure),
        }
        self.second.connection.store(number, Relaxed);
        self.hear();
        self.pay().await;
        let apis: Vec<ApiId> = self.known.keys().copied().collect();
        self.reconcile(&apis).await;
        let Some(link) = &self.link else {
            return;
        };
        // One may say who it is, and yet take nothing: it is asked once what requests ask, before
        // they do.
        let everything = [self.second.secret.everything()];
        if let Err(failure) = link.begin(&everything, &[], &[]).await {
            return self.lose(&failure);
        }
        let now = Instant::now();
        (self.check, self.renewal) = (now + CHECKED_EVERY, now + RENEWED_EVERY);
        self.second.late.store(0, Relaxed);
        self.second.up.store(true, Relaxed);
        tracing::info!("The second level of the cache is there.");
    }

    /// One that was a replica meanwhile, or that another has taken the place of, may not have heard
    /// what was taken out.
    async fn check(&mut self) {
        self.check = Instant::now() + CHECKED_EVERY;
        let Some(link) = &self.link else {
            return;
        };
        match link.is_same().await {
            Ok(true) if Instant::now() >= self.renewal => {
                self.renewal = Instant::now() + RENEWED_EVERY;
                if let Err(failure) = self.renew(link).await {
                    self.second.failed(&failure, link);
                }
            }
            Ok(true) => {}
            Ok(false) => self.lose(&Failure::Other),
            Err(failure) => self.second.failed(&failure, link),
        }
    }

    /// Keeps notes as long as somebody knows the purges that they are of.
    async fn renew(&self, link: &Link) -> Result<(), Failure> {
        for some in self.notes().chunks(AT_ONCE) {
            link.stand(some).await?;
        }
        Ok(())
    }

    fn notes(&self) -> Vec<Name> {
        let notes = self.known.keys().map(|api| self.second.secret.purges(*api));
        notes.collect()
    }

    /// Does those purges of APIs that no node has done, many at a time.
    async fn reconcile(&mut self, apis: &[ApiId]) {
        for some in apis.chunks(AT_ONCE) {
            let Some(link) = &self.link else {
                return;
            };
            if let Err(failure) = self.catch_up(link, some).await {
                return self.lose(&failure);
            }
        }
    }

    async fn catch_up(&self, link: &Link, apis: &[ApiId]) -> Result<(), Failure> {
        let notes = apis.iter().map(|api| self.second.secret.purges(*api));
        let notes: Vec<Name> = notes.collect();
        let said = link.notes(&notes).await?;
        let all = apis.iter().copied().zip(notes).zip(said);
        let all: Vec<((ApiId, Name), Vec<u8>)> = all.collect();
        // A few at a time: each is to be answered within the patience, and what is done stays done.
        let all = stream::iter(all).map(Ok::<_, Failure>);
        all.try_for_each_concurrent(PURGED_AT_ONCE, move |((api, note), said)| {
            self.purge(link, api, note, said)
        })
        .await
    }

    /// Does those of one API, whose note says what it `said`.
    async fn purge(
        &self,
        link: &Link,
        api: ApiId,
        note: Name,
        mut said: Vec<u8>,
    ) -> Result<(), Failure> {
        let Some(Purges { versions, all }) = self.known.get(&api) else {
            return Ok(());
        };
        let (Some(newest), second) = (all.last(), &self.second) else {
            return Ok(());
        };
        for _ in 0..MOST_TRIES {
            let due = undone(all, generation(&said).unwrap_or(0));
            if due.is_empty() {
                return Ok(());
            }
            let names = due.iter();
            let names = names.flat_map(|what| second.secret.of_purge(versions, what));
            let names: Vec<Name> = names.collect();
            if link.purge(&note, &said, &names, newest.number).await? {
                let renewed = &second.figures.renewed;
                renewed.fetch_add(names.len() as u64, Relaxed);
                return Ok(());
            }
            let now = link.notes(std::slice::from_ref(&note)).await?;
            said = now.into_iter().next().unwrap_or_default();
        }
        Err(Failure::Late)
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
        self.second.late.store(0, Relaxed);
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
    /// Whether what was asked over this connection says something of the present one.
    fn is_present(&self, link: &Link) -> bool {
        self.connection.load(Relaxed) == link.number
    }

    fn answered(&self, link: &Link) {
        if self.is_present(link) {
            self.late.store(0, Relaxed);
            self.answered.store(true, Relaxed);
        }
    }

    /// Counts it. Where it says that Redis is away, that is not asked before it answers again.
    fn failed(&self, failure: &Failure, link: &Link) {
        tracing::debug!(error = %failure, "The second level of the cache did not do it.");
        let (figures, is_present) = (&self.figures, self.is_present(link));
        let is_away = match failure.means() {
            Means::Long => return count(&figures.skipped),
            Means::Strange => return count(&figures.strange),
            Means::Full => false,
            // One that is late says nothing of the others.
            Means::Late => is_present && self.late.fetch_add(1, Relaxed) + 1 >= MOST_LATE,
            Means::Away => is_present,
        };
        count(&figures.failed);
        if is_away {
            self.up.store(false, Relaxed);
            self.wake.notify_one();
        }
    }

    /// By what was remembered for too long nothing is kept; what others have kept since may be older
    /// than the answer that is not.
    fn outdated(&self, keep: &Keep) {
        if keep.seen.is_remembered {
            self.known.forget(&keep.names.changed(&self.secret));
            self.forget(&keep.names, &keep.stored);
        }
    }
}
