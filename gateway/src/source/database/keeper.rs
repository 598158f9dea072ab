//! Keeps the last good state on disk as changes arrive, so that a restart with the database down
//! serves what was served last: also the revocation of a second ago.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::snapshot::Delta;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use crate::duty::Pen;
use crate::source::disk::{Kept, Whole};

/// Changes that wait while others are being written, and as many behind them: a large state is written
/// for seconds.
const WAITING: usize = 1024;
/// Between attempts to keep everything on a disk that fails.
const AGAIN: Duration = Duration::from_secs(30);
/// Writes follow each other at most this closely.
const PAUSE: Duration = Duration::from_millis(50);
/// A write that takes long is followed by a rest of this many times as long: keeping the state
/// must not become all that the node does.
const REST: u32 = 3;

/// What is to be kept.
pub(super) enum Keep {
    Whole(Whole),
    Delta(Box<Delta>),
    /// What was read at the start: go on behind it.
    Resume(Box<Kept>),
}

/// Set when something was not written: what follows is of no use without it, so everything is
/// wanted again.
type Lost = Arc<AtomicBool>;

/// The source's end.
pub(super) struct Keeping {
    to: mpsc::Sender<Keep>,
    lost: Lost,
    /// Something found no room: what builds on it is not kept, until everything is.
    has_gap: bool,
    /// When everything may be wanted again.
    again: Instant,
}

/// The other end, for [`run`].
pub(super) struct Coming {
    coming: mpsc::Receiver<Keep>,
    lost: Lost,
}

pub(super) fn channel() -> (Keeping, Coming) {
    let (to, coming) = mpsc::channel(WAITING);
    let lost = Lost::default();
    let keeping = Keeping {
        to,
        lost: lost.clone(),
        has_gap: false,
        again: Instant::now(),
    };
    (keeping, Coming { coming, lost })
}

impl Keeping {
    /// Never waits: a disk that hangs must not hold up the changes themselves. `false`: nobody keeps
    /// anything any more.
    pub(super) fn hand(&mut self, what: Keep) -> bool {
        match &what {
            Keep::Delta(_) if self.has_gap => return !self.to.is_closed(),
            Keep::Whole(_) => self.lost.store(false, Ordering::Relaxed),
            Keep::Delta(_) | Keep::Resume(_) => {}
        }
        match self.to.try_send(what) {
            Ok(()) => self.has_gap = false,
            Err(TrySendError::Full(_)) => {
                tracing::error!("The last good state cannot be kept on disk in time.");
                self.has_gap = true;
                self.lost.store(true, Ordering::Relaxed);
            }
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }

    /// Whether the disk needs everything anew, until that is handed over. Not at once, as it will not
    /// be well at once, and not while it takes nothing.
    pub(super) fn wants_all(&mut self, now: Instant) -> bool {
        let has_lost = self.lost.load(Ordering::Relaxed);
        let wants = has_lost && self.to.capacity() > 0 && now >= self.again;
        if wants {
            self.again = now + AGAIN;
        }
        wants
    }
}

#[derive(Default)]
struct Pending {
    whole: Option<Whole>,
    deltas: Vec<Delta>,
}

impl Pending {
    fn add(&mut self, keep: Keep, kept: &mut Kept) {
        match keep {
            Keep::Resume(behind) => *kept = *behind,
            Keep::Whole(whole) => {
                self.whole = Some(whole);
                self.deltas.clear();
            }
            Keep::Delta(delta) => self.deltas.push(*delta),
        }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_none() && self.deltas.is_empty()
    }

    fn write(self, kept: &mut Kept) -> io::Result<()> {
        if let Some(whole) = &self.whole {
            kept.whole(whole)?;
        }
        kept.changes(&self.deltas)
    }
}

/// Writes what comes. Ends, with everything written, when the sender is gone, and at once when
/// another process writes there.
pub(super) async fn run(mut kept: Kept, mut pen: Pen, Coming { mut coming, lost }: Coming) {
    let mut pending = Pending::default();
    let mut next = Instant::now();
    loop {
        let is_full = pending.deltas.len() >= WAITING;
        let over = tokio::select! {
            biased;
            keep = coming.recv(), if !is_full => match keep {
                Some(keep) => {
                    pending.add(keep, &mut kept);
                    continue;
                }
                None => true,
            },
            () = tokio::time::sleep_until(next), if !pending.is_empty() => false,
        };
        if !pending.is_empty() {
            let Some(held) = pen.take().await else {
                return;
            };
            if pen.was_lent() {
                kept.forget();
                lost.store(true, Ordering::Relaxed);
            }
            let begun = Instant::now();
            let batch = std::mem::take(&mut pending);
            // Lent to a thread that may block on the disk.
            let writing = tokio::task::spawn_blocking(move || {
                let written = batch.write(&mut kept);
                drop(held);
                (kept, written)
            });
            let written;
            (kept, written) = match writing.await {
                Ok(back) => back,
                Err(error) => {
                    tracing::error!(%error, "Keeping the last good state ended abnormally.");
                    return;
                }
            };
            if let Err(error) = written {
                tracing::error!(%error, "The last good state cannot be kept on disk.");
                lost.store(true, Ordering::Relaxed);
            }
            next = Instant::now() + PAUSE.max(begun.elapsed() * REST);
        }
        if over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::seal::KeyRing;
    use domain::snapshot::{Parts, SCHEMA, Snapshot};

    use super::*;
    use crate::source::disk::Disk;

    fn delta(from: u64) -> Keep {
        Keep::Delta(Box::new(Delta {
            from,
            state: from + 1,
            put: Parts::default(),
            gone: Vec::new(),
        }))
    }

    #[tokio::test]
    async fn behind_another_process_everything_is_wanted_again() {
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[7; 32]]));
        let (mut keeping, coming) = channel();
        let pen = Pen::default();
        let running = tokio::spawn(run(Kept::new(disk.clone()), pen.clone(), coming));
        let snapshot = Snapshot {
            schema: SCHEMA,
            state: 1,
            parts: Parts::default(),
        };
        let state = |disk: &Disk| disk.load().ok().flatten().map(|kept| kept.state);
        assert!(keeping.hand(Keep::Whole(Whole::of(&snapshot).unwrap())));
        assert!(keeping.hand(delta(1)));
        while state(&disk) != Some(2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pen.come_back();
        assert!(keeping.hand(delta(2)));
        while !keeping.wants_all(Instant::now()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(state(&disk), Some(2), "nothing goes behind it");
        assert!(keeping.hand(Keep::Whole(Whole::of(&snapshot).unwrap())));
        drop(keeping);
        running.await.unwrap();
        assert_eq!(state(&disk), Some(1));
    }

    #[test]
    fn a_disk_that_hangs_holds_nothing_up_and_gets_everything_later() {
        let (mut keeping, mut disk) = channel();
        let now = Instant::now();
        let most = WAITING as u64;
        for from in 0..most + 10 {
            assert!(keeping.hand(delta(from)));
        }
        assert!(!keeping.wants_all(now), "it would have no room");
        for from in 0..most {
            let taken = disk.coming.try_recv();
            assert!(matches!(taken, Ok(Keep::Delta(one)) if one.from == from));
        }
        assert!(keeping.hand(delta(most + 10)));
        assert!(disk.coming.try_recv().is_err(), "something before it lacks");

        assert!(keeping.wants_all(now));
        assert!(!keeping.wants_all(now), "not at once again");
        let later = now + AGAIN;
        assert!(keeping.wants_all(later), "the database may have been away");
        let snapshot = Snapshot {
            schema: SCHEMA,
            state: most + 11,
            parts: Parts::default(),
        };
        let whole = Whole::of(&snapshot).unwrap();
        assert!(keeping.hand(Keep::Whole(whole)));
        assert!(keeping.hand(delta(most + 11)));
        assert!(!keeping.wants_all(later + AGAIN));
        assert!(matches!(disk.coming.try_recv(), Ok(Keep::Whole(_))));
        assert!(matches!(disk.coming.try_recv(), Ok(Keep::Delta(_))));
        drop(disk);
        assert!(!keeping.hand(delta(most + 12)));
    }
}
