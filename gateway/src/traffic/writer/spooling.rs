//! Batches to and fro between the spool and the task that stores them.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc as acks;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::traffic::Figures;
use crate::traffic::spool::{Batch, Spool, SpoolError, SpoolFigures, SpoolSettings};

/// Batches between thread and task: one in work and one ready.
pub(super) const READY: usize = 2;
/// How long a batch that still grows is left to, behind the one before it. Records that go into the
/// same rows, and to the same pages of the database, cost a fraction together of what they cost one
/// by one, and what is answered still is on dashboards within a second.
const GATHER: Duration = Duration::from_millis(500);

/// The thread's side: the spool that records go into, and what is under way of it.
pub(super) struct Spooling {
    pub(super) own: Spool,
    /// Where processes before and behind this one have theirs.
    others: Vec<SpoolSettings>,
    /// What one of them left, until that is stored.
    former: Option<Spool>,
    give: mpsc::Sender<Batch>,
    done: acks::Receiver<Batch>,
    /// Batches that were given; they come back in the same order.
    in_work: VecDeque<Whose>,
    /// When the last of `own` was.
    gave: Option<Instant>,
    /// What former ones have lost, which are stored and gone.
    lost: SpoolFigures,
    told: Told,
}

/// What was told, until it is well again: it would come with every turn, batch and look.
#[derive(Debug, Default)]
struct Told {
    /// Nothing can be read.
    reading: bool,
    /// The cursor cannot be written.
    cursor: bool,
    /// What another process left cannot be opened.
    former: bool,
}

/// Which spool a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Former,
}

impl Spooling {
    /// Opens the spool, or one beside it while other processes hold it.
    pub(super) fn open(
        settings: SpoolSettings,
        give: mpsc::Sender<Batch>,
        done: acks::Receiver<Batch>,
    ) -> Result<Self, SpoolError> {
        let (own, others) = settings.open_free()?;
        Ok(Self {
            own,
            others,
            former: None,
            give,
            done,
            in_work: VecDeque::new(),
            gave: None,
            lost: SpoolFigures::default(),
            told: Told::default(),
        })
    }

    /// Opens what another process left, once it is gone.
    pub(super) fn look_for_former(&mut self) {
        if self.former.is_some() {
            return;
        }
        for other in self.others.iter().filter(|other| other.has_segments()) {
            match Spool::open(other.clone()) {
                Ok(spool) => {
                    self.former = Some(spool);
                    self.told.former = false;
                    return;
                }
                Err(SpoolError::Busy(_)) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.told.former, true) {
                        tracing::warn!(%error, "An earlier spool of traffic cannot be read.");
                    }
                }
            }
        }
    }

    /// Hands out batches and takes stored ones back until `next`. `true`: nothing is left to store.
    pub(super) fn turn(&mut self, next: Instant, figures: &Figures) -> bool {
        loop {
            let more = self.hand_out(Instant::now()).unwrap_or_else(|error| {
                if !std::mem::replace(&mut self.told.reading, true) {
                    tracing::error!(%error, "The traffic spool cannot be read.");
                }
                false
            });
            self.report(figures);
            let wait = next.saturating_duration_since(Instant::now());
            match self.done.recv_timeout(wait) {
                Ok(batch) => self.take_back(&batch),
                Err(acks::RecvTimeoutError::Timeout) => return self.in_work.is_empty() && !more,
                Err(acks::RecvTimeoutError::Disconnected) => {
                    // The runtime is gone: what is spooled waits for the next start. This thread is
                    // the writer's own.
                    #[allow(clippy::disallowed_methods)]
                    std::thread::sleep(wait);
                    return true;
                }
            }
        }
    }

    /// `true` when a batch could not be handed out because enough are in work.
    fn hand_out(&mut self, now: Instant) -> io::Result<bool> {
        while self.in_work.len() < READY {
            let next = self.next_batch(now)?;
            self.told.reading = false;
            let Some((whose, batch)) = next else {
                return Ok(false);
            };
            // There is room: as many fit as may be in work.
            if self.give.try_send(batch).is_err() {
                return Ok(false);
            }
            self.in_work.push_back(whose);
        }
        Ok(true)
    }

    /// What is older goes first.
    fn next_batch(&mut self, now: Instant) -> io::Result<Option<(Whose, Batch)>> {
        if let Some(former) = &mut self.former {
            if let Some(batch) = former.next_batch()? {
                return Ok(Some((Whose::Former, batch)));
            }
            if !self.in_work.contains(&Whose::Former)
                && let Some(former) = self.former.take()
            {
                let figures = former.figures();
                self.lost.lost_bytes += figures.lost_bytes;
                self.lost.set_aside += figures.set_aside;
                former.remove()?;
            }
        }
        let gathered = self
            .gave
            .is_none_or(|gave| now.saturating_duration_since(gave) >= GATHER);
        let batch = if gathered {
            self.own.next_batch()?
        } else {
            self.own.next_ended()?
        };
        if batch.is_some() {
            self.gave = Some(now);
        }
        Ok(batch.map(|batch| (Whose::Own, batch)))
    }

    fn take_back(&mut self, batch: &Batch) {
        let spool = match self.in_work.pop_front() {
            Some(Whose::Own) => Some(&mut self.own),
            Some(Whose::Former) => self.former.as_mut(),
            None => None,
        };
        match spool.map(|spool| spool.stored(batch)) {
            // The cursor stays behind: after a restart the batch comes again, under its id.
            Some(Err(error)) if !std::mem::replace(&mut self.told.cursor, true) => {
                tracing::error!(%error, "The cursor of the traffic spool cannot be written.");
            }
            Some(Ok(())) => self.told.cursor = false,
            Some(Err(_)) | None => {}
        }
    }

    fn report(&self, figures: &Figures) {
        let own = self.own.figures();
        let former = self.former.as_ref().map(Spool::figures).unwrap_or_default();
        for (figure, value) in [
            (&figures.spool_bytes, own.bytes + former.bytes),
            (
                &figures.waiting_bytes,
                own.waiting_bytes + former.waiting_bytes,
            ),
            (
                &figures.lost_bytes,
                self.lost.lost_bytes + own.lost_bytes + former.lost_bytes,
            ),
            (
                &figures.set_aside,
                self.lost.set_aside + own.set_aside + former.set_aside,
            ),
        ] {
            figure.store(value, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::traffic::Record;

    use super::*;

    #[test]
    fn what_comes_within_half_a_second_is_one_batch() {
        let directory = tempfile::tempdir().unwrap();
        let settings = SpoolSettings {
            batch_records: 10,
            ..SpoolSettings::new(directory.path().join("spool"))
        };
        let (give, mut given) = mpsc::channel(READY);
        let (_back, done) = acks::channel();
        let mut spooling = Spooling::open(settings, give, done).unwrap();
        let begun = Instant::now();
        for (millis, answered, stored) in [
            // The first waits for nobody.
            (0, 1, Some(1)),
            (100, 2, None),
            (499, 3, None),
            (500, 1, Some(6)),
            (999, 1, None),
            (1_000, 1, Some(2)),
            (1_001, 0, None),
            // Nor does one behind a pause, or one that is full.
            (9_000, 2, Some(2)),
            (9_001, 10, Some(10)),
            (9_002, 1, None),
            (9_501, 0, Some(1)),
        ] {
            spooling.own.append(&vec![Record::default(); answered]);
            let now = begun + Duration::from_millis(millis);
            assert!(!spooling.hand_out(now).unwrap());
            let batch = given.try_recv().ok();
            let records = batch.as_ref().map(|batch| batch.records.len());
            assert_eq!(records, stored, "{millis}");
            if let Some(batch) = batch {
                spooling.take_back(&batch);
            }
        }
        assert_eq!(spooling.own.figures().waiting_bytes, 0);
    }

    #[test]
    fn what_stays_wrong_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::new(directory.path().join("spool"));
        let (give, mut given) = mpsc::channel(READY);
        let (_back, done) = acks::channel();
        let mut spooling = Spooling::open(settings.clone(), give, done).unwrap();
        // A directory is in the way of the new cursor.
        let way = settings.directory.join("cursor.new");
        for (is_blocked, is_told) in [(true, true), (true, true), (false, false)] {
            match is_blocked {
                true => std::fs::create_dir_all(&way).unwrap(),
                false => std::fs::remove_dir(&way).unwrap(),
            }
            spooling.own.append(&[Record::default()]);
            spooling.own.end_batch();
            assert!(!spooling.hand_out(Instant::now()).unwrap());
            let batch = given.try_recv().unwrap();
            spooling.take_back(&batch);
            assert_eq!(spooling.told.cursor, is_told);
        }
    }
}
