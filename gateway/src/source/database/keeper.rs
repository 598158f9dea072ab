//! Keeps the last good state on disk as changes arrive, so that a restart with the database down
//! serves what was served last: also the revocation of a second ago.

use std::time::Duration;

use domain::snapshot::Snapshot;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::source::Change;
use crate::source::disk::Disk;

/// Changes that wait while the state is being written.
pub(super) const WAITING: usize = 256;
/// Saves follow each other at most this closely, however small the state.
const PAUSE: Duration = Duration::from_millis(50);
/// A save that takes long is followed by a rest of this many times as long: writing a large state
/// must not become all that the node does.
const REST: u32 = 3;

/// Applies what comes through `changes` to a copy of the state and saves it. Ends, with everything
/// saved, when the sender is gone.
pub(super) async fn run(disk: Disk, mut changes: mpsc::Receiver<Change>) {
    let mut kept: Option<Snapshot> = None;
    let mut changed = false;
    let mut next = Instant::now();
    loop {
        let over = tokio::select! {
            biased;
            change = changes.recv() => match change {
                Some(change) => {
                    apply(&mut kept, change);
                    changed = true;
                    continue;
                }
                None => true,
            },
            () = tokio::time::sleep_until(next), if changed => false,
        };
        if changed && let Some(snapshot) = kept.take() {
            let begun = Instant::now();
            kept = save(disk.clone(), snapshot).await;
            changed = false;
            next = Instant::now() + PAUSE.max(begun.elapsed() * REST);
        }
        if over {
            return;
        }
    }
}

/// Gives the snapshot back: it is lent to the thread that may block on the disk.
async fn save(disk: Disk, snapshot: Snapshot) -> Option<Snapshot> {
    let saving = tokio::task::spawn_blocking(move || {
        let saved = disk.save(&snapshot);
        (snapshot, saved)
    });
    match saving.await {
        Ok((snapshot, saved)) => {
            if let Err(error) = saved {
                tracing::error!(%error, "The last good state cannot be kept on disk.");
            }
            Some(snapshot)
        }
        Err(error) => {
            tracing::error!(%error, "Keeping the last good state ended abnormally.");
            None
        }
    }
}

fn apply(kept: &mut Option<Snapshot>, change: Change) {
    match change {
        Change::Full(snapshot) => *kept = Some(*snapshot),
        Change::Delta(delta) => {
            if let Some(snapshot) = kept {
                snapshot.state = delta.state;
                snapshot.parts.apply(*delta);
            }
        }
    }
}
