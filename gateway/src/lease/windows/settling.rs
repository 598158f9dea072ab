//! What is said to Redis of the windows of a subject, and what its answer means.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::hex::hex;
use redis::ScriptInvocation;

use super::Share;
use crate::clock::Clock;
use crate::lease::Leases;
use crate::lease::ledger::{self, Kind};
use crate::lease::settling::{ASK, HOLD, RENEW, Round};
use crate::limiter::{Cell, Counts, Now, Window};

/// What a node says of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::lease) struct Question {
    pub(in crate::lease) bucket: [u8; 16],
    pub(in crate::lease) window: Window,
    /// What this node has counted.
    pub(in crate::lease) counts: Counts,
    /// How much more it would like to count before the next settlement.
    pub(in crate::lease) wanted: u32,
    /// Milliseconds that are left of the window.
    pub(in crate::lease) rest: u64,
}

/// What Redis said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lease) struct Answer {
    /// What the others have counted, in this window and in the one before.
    pub(in crate::lease) used: u64,
    pub(in crate::lease) before: u64,
    /// How much more this node may count.
    pub(in crate::lease) granted: u64,
    /// How much nobody has.
    pub(in crate::lease) free: u64,
    /// What was above the limit of what this node has just told of.
    pub(in crate::lease) over: u64,
}

impl ledger::Question for Question {
    type Answer = Answer;
    const SCRIPT: Kind = Kind::Windows;
    const NUMBERS: usize = 5;

    fn ask(&self, prefix: &str, call: &mut ScriptInvocation<'_>) {
        let Window { length, limit, .. } = self.window;
        let name = hex(&self.bucket);
        let key = |number: u32| format!("{prefix}:window:{name}:{length}:{number}");
        let Counts {
            number,
            before,
            count,
        } = self.counts;
        call.key(key(number))
            .key(key(self.window.prior(number)))
            .arg(limit)
            .arg(count)
            .arg(self.wanted)
            .arg(before)
            .arg(if self.window.slides { self.rest } else { 0 })
            .arg(length);
    }

    fn read(numbers: &[i64]) -> Option<Answer> {
        let number = |at: usize| u64::try_from(*numbers.get(at)?).ok();
        Some(Answer {
            used: number(0)?,
            before: number(1)?,
            granted: number(2)?,
            free: number(3)?,
            over: number(4)?,
        })
    }
}

/// What a look at a subject has found.
#[derive(Debug)]
enum Look {
    Asks(Question),
    Quiet,
    /// It counts nothing any more, and nothing is to be said of it.
    Cold,
}

impl Share {
    /// What is to be said at `now`, of Redis' clock, if something is.
    fn look(&self, cell: &Cell, round: Round, now: Now, nodes: u32) -> Look {
        let window = self.window();
        let (counts, into) = window.counts(cell, now.wall_ms);
        let mut settled = self.settled();
        let told = settled.told.at(counts.number, self.slides);
        let is_urgent = self.urgent.swap(false, Ordering::AcqRel);
        let is_changed = counts != told;
        // As long as the others count it.
        let held_in = settled.told.number;
        let counting = [held_in, window.next(held_in)];
        let holds = settled.held > 0 && counting.contains(&counts.number);
        if is_changed || is_urgent {
            settled.active_at = now.nanos;
        } else if counts.is_empty() && !holds {
            return Look::Cold;
        }
        let is_idle = now.nanos.saturating_sub(settled.active_at) >= HOLD;
        let is_due = match round {
            Round::Urgent => is_urgent,
            Round::Regular => {
                let is_old = now.nanos.saturating_sub(settled.at) >= RENEW;
                is_changed || is_urgent || (holds && is_old)
            }
            Round::Back(_) | Round::Forgotten | Round::Last => true,
        };
        if !is_due {
            return Look::Quiet;
        }
        let ahead = window.ahead(nodes);
        let wanted = if is_idle || round == Round::Last || nodes <= 1 {
            0
        } else {
            let recent = counts.count.saturating_sub(told.count).saturating_mul(2);
            let most = window.limit / nodes.saturating_mul(2);
            recent.clamp(ahead, most.max(ahead))
        };
        // What goes back must not be spent while it is on its way.
        let lowered = counts.count.saturating_add(wanted).saturating_add(ahead);
        if let (ceiling, true) = self.ceiling(window, counts.number, nodes)
            && lowered < ceiling
        {
            self.ceiling
                .store(packed(counts.number, lowered), Ordering::Release);
        }
        Look::Asks(Question {
            bucket: self.bucket,
            window,
            counts,
            wanted,
            rest: window.length - into,
        })
    }

    /// Takes the answer to what was said at `now`. Redis may not know all yet: what is known here of
    /// the others is kept where it is the larger.
    fn close(&self, asked: &Question, answer: Answer, now: Now, nodes: u32, keeps: bool) {
        let Question { window, counts, .. } = asked;
        let (ahead, cost) = (u64::from(window.ahead(nodes)), u64::from(window.cost));
        // The others may count on the same.
        let credit = (answer.free / u64::from(nodes.max(1))).max(answer.free.min(cost));
        let left = narrowed(answer.granted.saturating_add(credit.min(ahead)), u32::MAX);
        let ceiling = counts.count.saturating_add(left);
        self.ceiling
            .store(packed(counts.number, ceiling), Ordering::Release);
        self.low.store(left / 2, Ordering::Relaxed);
        let known = if keeps {
            self.others(counts.number)
        } else {
            Counts::default()
        };
        let largest = window.largest();
        let others = Counts {
            number: counts.number,
            before: narrowed(answer.before, largest).max(known.before),
            count: narrowed(answer.used, largest).max(known.count),
        };
        self.others
            .store(others.pack(self.slides), Ordering::Relaxed);
        let empty_until = match u64::from(left) < cost {
            // Another node may give something back before the window ends.
            true => now.wall_ms.saturating_add(asked.rest.min(ASK / 1_000_000)),
            false => 0,
        };
        self.empty_until.store(empty_until, Ordering::Relaxed);
        let mut settled = self.settled();
        settled.told = *counts;
        settled.held = narrowed(answer.granted, u32::MAX);
        settled.at = now.nanos;
    }

    fn held(&self) -> u64 {
        u64::from(self.settled().held)
    }
}

fn narrowed(number: u64, largest: u32) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).min(largest)
}

const fn packed(number: u32, ceiling: u32) -> u64 {
    (number as u64) << 32 | ceiling as u64
}

/// The subjects that are looked at each time.
pub(in crate::lease) struct Settler {
    leases: Arc<Leases>,
    clock: Clock,
    listed: Vec<Arc<Cell>>,
}

impl Settler {
    pub(in crate::lease) fn new(leases: Arc<Leases>, clock: Clock) -> Self {
        Self {
            leases,
            clock,
            listed: Vec::new(),
        }
    }

    /// By Redis' clock, as far as it is known.
    pub(in crate::lease) fn now(&self) -> Now {
        let micros = self.clock.micros();
        Now {
            nanos: micros * 1000,
            wall_ms: self.leases.wall_ms(self.clock.wall(micros) / 1000),
        }
    }

    /// What is to be said in this round.
    pub(in crate::lease) fn open(&mut self, round: Round) -> Vec<(Arc<Cell>, Question)> {
        let (now, nodes) = (self.now(), self.leases.nodes());
        let noted = self.gather();
        let mut open = Vec::new();
        let mut ask = |cell: &Arc<Cell>, share: &Share| match share.look(cell, round, now, nodes) {
            Look::Asks(question) => {
                open.push((cell.clone(), question));
                true
            }
            Look::Quiet => true,
            Look::Cold => false,
        };
        if round == Round::Urgent {
            for cell in &noted {
                if let Some(share) = cell.share() {
                    ask(cell, share);
                }
            }
            return open;
        }
        let figures = &self.leases.figures;
        self.listed.retain(|cell| {
            let Some(share) = cell.share() else {
                return false;
            };
            let is_listed = ask(cell, share);
            if !is_listed {
                figures.hold(share.held(), 0);
                *share.settled() = super::Settled::default();
            }
            is_listed
        });
        figures
            .windows
            .store(self.listed.len() as u64, Ordering::Relaxed);
        open
    }

    /// Lists what the queue has, which it gives back.
    fn gather(&mut self) -> Vec<Arc<Cell>> {
        let mut noted = Vec::new();
        while let Some(cell) = self.leases.windows.pop() {
            let Some(share) = cell.share() else { continue };
            share.queued.store(false, Ordering::Release);
            if !std::mem::replace(&mut share.settled().listed, true) {
                self.listed.push(cell.clone());
            }
            noted.push(cell);
        }
        noted
    }

    /// Takes the answers to what was said at `sent`, of a Redis that knows all unless what is known
    /// here of the others is kept.
    pub(in crate::lease) fn close(
        &self,
        open: &[(Arc<Cell>, Question)],
        answers: &[Answer],
        sent: Now,
        nodes: u32,
        keeps: bool,
    ) {
        self.leases.nodes.store(nodes.max(1), Ordering::Relaxed);
        let figures = &self.leases.figures;
        for ((cell, asked), answer) in open.iter().zip(answers) {
            let Some(share) = cell.share() else { continue };
            figures.over.fetch_add(answer.over, Ordering::Relaxed);
            figures.most_over.fetch_max(answer.over, Ordering::Relaxed);
            let before = share.held();
            share.close(asked, *answer, sent, nodes, keeps);
            figures.hold(before, share.held());
        }
    }
}
