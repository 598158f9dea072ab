//! Who settles: one task per node, off the request's way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::ledger::{Ledger, LedgerError, Question, Settlement, Word};
use super::settling::{Answer, Ask, Open, Round};
use super::{Leases, windows};
use crate::clock::Clock;
use crate::limiter::{self, Cell};

/// Between two regular settlements.
const EVERY: Duration = Duration::from_millis(100);
/// Between two settlements at least: what comes meanwhile goes together.
const PAUSE: Duration = Duration::from_millis(1);
/// A node that has nothing to settle says that it is there.
const SIGN: Duration = Duration::from_secs(1);
/// Subjects of one settlement, so that Redis answers others in between.
const MOST: usize = 256;
/// Before the first try to reach a Redis that is away, doubled up to [`LONGEST`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);
/// After this long every node has told a Redis that had forgotten things what it remembers: longer
/// than [`SIGN`] and [`LONGEST`] with what a settlement takes. Until then nobody relies on it.
const TELLING: Duration = Duration::from_millis(1600);

/// Settles until `stop` turns true; then the node gives back what it holds, and leaves.
pub(crate) async fn run(
    leases: Arc<Leases>,
    ledger: Ledger,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut task = Task {
        windows: windows::Settler::new(leases.clone(), clock.clone()),
        settler: Settler::new(leases.clone(), clock),
        ledger,
        heard: None,
        away: None,
        is_telling: false,
        is_forgotten: false,
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let round = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            _ = ticks.tick() => Some(Round::Regular),
            () = leases.wake.notified() => Some(Round::Urgent),
        };
        let Some(round) = round else {
            // What it does not manage is refilled in time.
            let _ = tokio::time::timeout(LEAVING, task.leave()).await;
            return;
        };
        task.turn(round).await;
        sleep(PAUSE).await;
    }
}

/// How long what is left is given back at the end.
const LEAVING: Duration = Duration::from_secs(2);

struct Task {
    settler: Settler,
    windows: windows::Settler,
    ledger: Ledger,
    /// When Redis answered last.
    heard: Option<Instant>,
    /// It is away: when it is tried next, and how long to wait after that.
    away: Option<(Instant, Duration)>,
    /// It answers, and is away only until all nodes have told it what they remember.
    is_telling: bool,
    /// It has forgotten things, and this node has not told it all that it remembers.
    is_forgotten: bool,
}

impl Task {
    async fn turn(&mut self, round: Round) {
        let outcome = match self.away {
            Some((at, _)) if Instant::now() < at => return,
            Some(_) => self.come_back().await,
            None => self.settle(round).await,
        };
        if let Err(error) = outcome {
            self.lose(&error);
        }
    }

    async fn settle(&mut self, round: Round) -> Result<(), LedgerError> {
        let is_said = self.tell(round).await?;
        let is_quiet = self.heard.is_none_or(|at| at.elapsed() >= SIGN);
        if !is_said && round == Round::Regular && is_quiet {
            self.sign(false).await?;
        }
        if self.is_forgotten {
            self.remind().await?;
        }
        Ok(())
    }

    /// Says all that is to be said in a round, if there is something.
    async fn tell(&mut self, round: Round) -> Result<bool, LedgerError> {
        let open = self.settler.open(round);
        for some in open.chunks(MOST) {
            let asks: Vec<_> = some.iter().map(|(_, open)| &open.ask).collect();
            let (settlement, sent) = self.exchange(&asks, false).await?;
            let (nodes, keeps) = self.hear(&settlement);
            let settler = &mut self.settler;
            settler.close(some, &settlement.answers, sent, nodes, keeps);
        }
        let windows = self.windows.open(round);
        for some in windows.chunks(MOST) {
            let asks: Vec<_> = some.iter().map(|(_, question)| question).collect();
            let sent = self.windows.now();
            let (settlement, _) = self.exchange(&asks, false).await?;
            let (nodes, keeps) = self.hear(&settlement);
            let settler = &self.windows;
            settler.close(some, &settlement.answers, sent, nodes, keeps);
        }
        Ok(!open.is_empty() || !windows.is_empty())
    }

    /// Says that this node is there, or leaves.
    async fn sign(&mut self, leaves: bool) -> Result<(), LedgerError> {
        let (settlement, sent) = self.exchange::<Ask>(&[], leaves).await?;
        let (nodes, keeps) = self.hear(&settlement);
        self.settler.close(&[], &[], sent, nodes, keeps);
        Ok(())
    }

    /// Says what this node remembers to a Redis that has forgotten it. Until the others have done so
    /// as well, this node goes on with its part, as without Redis.
    async fn remind(&mut self) -> Result<(), LedgerError> {
        tracing::warn!(
            "Redis has forgotten the limits of the cluster; this node says what it knows, and counts its part until all have."
        );
        self.tell(Round::Forgotten).await?;
        self.is_forgotten = false;
        if self.settler.leases.is_apart() {
            self.away = Some((Instant::now() + TELLING, FIRST_WAIT));
            self.is_telling = true;
        }
        Ok(())
    }

    /// Redis answers again: what was counted meanwhile is settled before the node shares again.
    async fn come_back(&mut self) -> Result<(), LedgerError> {
        let leases = self.settler.leases.clone();
        let parts = leases.nodes();
        self.sign(false).await?;
        self.tell(Round::Back(parts)).await?;
        if self.is_forgotten {
            return self.remind().await;
        }
        leases.apart.store(false, Ordering::Relaxed);
        self.away = None;
        self.is_telling = false;
        tracing::info!(
            nodes = leases.nodes(),
            "Limits of the cluster are shared again."
        );
        Ok(())
    }

    /// What Redis answers, and when it was asked.
    async fn exchange<Q: Question>(
        &mut self,
        asks: &[&Q],
        leaves: bool,
    ) -> Result<(Settlement<Q::Answer>, u64), LedgerError> {
        let Settler { leases, clock, .. } = &self.settler;
        let (began, sent) = (Instant::now(), clock.micros());
        let again = self.is_forgotten;
        let word = Word { leaves, again };
        let settlement = self.ledger.exchange(asks, word).await?;
        let wall_ms = |micros| clock.wall(micros) / 1000;
        leases.align(settlement.time_ms, wall_ms(sent), wall_ms(clock.micros()));
        leases.figures.settled(began.elapsed());
        self.heard = Some(Instant::now());
        Ok((settlement, sent * 1000))
    }

    /// How many nodes there are now, and whether what is known here of the others is kept: of them
    /// Redis may know nothing yet, and what it grants may be theirs.
    fn hear<A>(&mut self, settlement: &Settlement<A>) -> (u32, bool) {
        self.is_forgotten |= settlement.forgot;
        if !self.is_forgotten {
            return (settlement.nodes, false);
        }
        let nodes = settlement.nodes.max(self.settler.leases.nodes());
        if nodes > 1 {
            self.settler.part();
        }
        (nodes, true)
    }

    fn lose(&mut self, error: &LedgerError) {
        let leases = &self.settler.leases;
        leases.figures.failed.fetch_add(1, Ordering::Relaxed);
        let wait = match self.away {
            None => {
                if self.heard.is_none() {
                    leases.nodes.store(1, Ordering::Relaxed);
                }
                self.settler.part();
                let leases = &self.settler.leases;
                tracing::warn!(
                    %error,
                    nodes = leases.nodes(),
                    "Limits of the cluster cannot be shared; this node goes on with its part of them."
                );
                FIRST_WAIT
            }
            Some((_, wait)) => wait,
        };
        self.away = Some((Instant::now() + wait, (wait * 2).min(LONGEST)));
        self.is_telling = false;
    }

    async fn leave(mut self) {
        if self.away.is_some() && !self.is_telling {
            return;
        }
        // What it has counted alone is settled first.
        let nodes = self.settler.leases.nodes();
        let alone = self.is_telling.then_some(Round::Back(nodes));
        for round in alone.into_iter().chain([Round::Last]) {
            if let Err(error) = self.tell(round).await {
                tracing::warn!(%error, "The last shares of limits stay taken until they are refilled.");
                return;
            }
        }
        if let Err(error) = self.sign(true).await {
            tracing::warn!(%error, "The others count this node for a few seconds more.");
        }
    }
}

/// The subjects that are looked at each time.
pub(super) struct Settler {
    leases: Arc<Leases>,
    clock: Clock,
    listed: Vec<Arc<Cell>>,
}

impl Settler {
    pub(super) fn new(leases: Arc<Leases>, clock: Clock) -> Self {
        Self {
            leases,
            clock,
            listed: Vec::new(),
        }
    }

    /// What is to be said in this round.
    pub(super) fn open(&mut self, round: Round) -> Vec<(Arc<Cell>, Open)> {
        let now = self.clock.micros() * 1000;
        let nodes = self.leases.nodes();
        let known = self.listed.len();
        let again = self.gather();
        let new = &self.listed[known..];
        let looked_at: Vec<&Arc<Cell>> = match round {
            Round::Urgent => new.iter().chain(&again).collect(),
            Round::Regular | Round::Back(_) | Round::Forgotten | Round::Last => {
                self.listed.iter().collect()
            }
        };
        let open = looked_at.into_iter().filter_map(|cell| {
            let open = cell.lease()?.open(cell, round, now, nodes)?;
            Some((cell.clone(), open))
        });
        open.collect()
    }

    /// The node goes on alone, unless it does so already.
    pub(super) fn part(&mut self) {
        if self.leases.is_apart() {
            return;
        }
        self.gather();
        let now = self.clock.micros() * 1000;
        let nodes = self.leases.nodes();
        for cell in &self.listed {
            if let Some(lease) = cell.lease() {
                lease.part(cell, now, nodes);
            }
        }
        self.leases.apart.store(true, Ordering::Relaxed);
    }

    /// Lists what the queue has, and gives back what was listed before.
    fn gather(&mut self) -> Vec<Arc<Cell>> {
        let mut again = Vec::new();
        while let Some(cell) = self.leases.queue.pop() {
            let Some(lease) = cell.lease() else { continue };
            lease.queued.store(false, Ordering::Release);
            if !std::mem::replace(&mut lease.settled().listed, true) {
                self.listed.push(cell);
            } else {
                again.push(cell);
            }
        }
        again
    }

    /// Takes the answers to what was said at `sent`, of a Redis that knows all unless the cells keep
    /// what they count.
    pub(super) fn close(
        &mut self,
        open: &[(Arc<Cell>, Open)],
        answers: &[Answer],
        sent: u64,
        nodes: u32,
        keeps: bool,
    ) {
        self.leases.nodes.store(nodes.max(1), Ordering::Relaxed);
        let mut has_cold = false;
        for ((cell, open), answer) in open.iter().zip(answers) {
            let Some(lease) = cell.lease() else { continue };
            self.leases.count(answer);
            let before = lease.held();
            if !lease.close(cell, open, *answer, sent, nodes, keeps) {
                lease.settled().listed = false;
                has_cold = true;
            }
            self.leases.figures.hold(before, lease.held());
            limiter::serve(cell, &self.leases, &self.clock, open.ask.rate);
        }
        if has_cold {
            self.listed
                .retain(|cell| cell.lease().is_some_and(|lease| lease.settled().listed));
        }
        let figures = &self.leases.figures;
        figures
            .subjects
            .store(self.listed.len() as u64, Ordering::Relaxed);
    }
}
