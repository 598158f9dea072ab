//! Keeps the last good state on disk as changes arrive, so that a restart with the database down
//! serves what was served last: also the revocation of a second ago.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::snapshot::Delta;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::duty::Pen;
use crate::source::disk::{Kept, Whole};

/// Changes that wait while others are being written.
pub(super) const WAITING: usize = 256;
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
pub(super) type Lost = Arc<AtomicBool>;

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
pub(super) async fn run(
    mut kept: Kept,
    mut pen: Pen,
    mut coming: mpsc::Receiver<Keep>,
    lost: Lost,
) {
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
