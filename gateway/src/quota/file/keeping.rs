//! Keeps the file while the gateway runs: what changes is added at its end at once, and where that
//! has become long, the file is written anew.
//!
//! What is added is with the system when a moment is over, which is enough for a process that is
//! killed; it is on the disk each second, for a machine that is. Nothing here is waited for while
//! counters change: neither the disk nor a new file.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Counter, Line, NAME, Quotas, write_all};
use crate::clock::Clock;
use crate::disk_file;
use crate::quota::pace::{MOST, Pace};

/// How often it is looked whether the disk has everything, and whether a new file is due.
const EVERY: Duration = Duration::from_secs(1);
/// Bytes that may be added before a new file is due, as soon as they are more than the file had.
const ADDED: u64 = 1024 * 1024;

/// Adds what changes every moment, and once more when `stop` says so. The file is this process's
/// alone until it returns.
pub async fn keep(
    quotas: Arc<Quotas>,
    data: PathBuf,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut keeping = Keeping::new(quotas, &data);
    let mut tended = Instant::now();
    keeping.renew();
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(keeping.pace.pause()) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if stopping {
            return keeping.end().await;
        }
        keeping.add(MOST).await;
        if tended.elapsed() >= EVERY {
            tended = Instant::now();
            keeping.tend().await;
            keeping.quotas.sweep(clock.utc());
        }
    }
}

struct Keeping {
    quotas: Arc<Quotas>,
    path: PathBuf,
    /// `None` until there is one, and after it could not be written: a new one is tried each second.
    file: Option<Arc<File>>,
    /// Bytes of the file as it was when it was new.
    begun: u64,
    /// Bytes that were added since.
    added: u64,
    /// Something was added that the disk may not have.
    is_ahead: bool,
    renewal: Option<Renewal>,
    syncing: Option<JoinHandle<io::Result<()>>>,
    pace: Pace,
    /// Where the next look at the counters begins.
    next: usize,
    /// The log knows that it fails.
    is_told: bool,
}

/// A new file on its way, which is put into its place with what was added meanwhile.
struct Renewal {
    writing: JoinHandle<io::Result<File>>,
    since: Vec<u8>,
}

impl Keeping {
    fn new(quotas: Arc<Quotas>, data: &Path) -> Self {
        Self {
            quotas,
            path: data.join(NAME),
            file: None,
            begun: 0,
            added: 0,
            is_ahead: false,
            renewal: None,
            syncing: None,
            pace: Pace::default(),
            next: 0,
            is_told: false,
        }
    }

    /// Adds the lines of about `max` counters that have changed.
    async fn add(&mut self, max: usize) {
        let is_written = |renewal: &Renewal| renewal.writing.is_finished();
        if self.renewal.as_ref().is_some_and(is_written) {
            self.put().await;
        }
        let (quotas, next) = (&self.quotas, &mut self.next);
        let lines = self.pace.look(|| {
            let changed = quotas.changed(next, max);
            let mut lines = Vec::new();
            let mut all = changed.into_iter();
            all.try_for_each(|(key, standing)| Line::of(key, standing).write(&mut lines))
                .map(|()| lines)
        });
        let lines = match lines {
            Ok(lines) if lines.is_empty() => return,
            Ok(lines) => lines,
            Err(error) => return self.tell(&error),
        };
        if let Some(renewal) = &mut self.renewal {
            renewal.since.extend_from_slice(&lines);
        }
        let Some(file) = self.file.clone() else {
            // The next new file has all counters.
            return;
        };
        let bytes = lines.len() as u64;
        match blocking(move || (&*file).write_all(&lines)).await {
            Ok(()) => {
                self.added += bytes;
                self.is_ahead = true;
            }
            Err(error) => {
                // It may end in half a line now; a new file has all counters.
                self.file = None;
                self.tell(&error);
            }
        }
    }

    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(%error, "Quota counters cannot be written; a restart forgets what is counted.");
        }
    }

    async fn tend(&mut self) {
        if self.syncing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.synced().await;
        }
        if self.renewal.is_some() {
            return;
        }
        if self.file.is_none() || self.added > self.begun.max(ADDED) {
            self.renew();
        } else if self.syncing.is_none() {
            self.sync();
        }
    }

    /// Begins a new file of all counters.
    fn renew(&mut self) {
        let (quotas, path) = (self.quotas.clone(), self.path.clone());
        let write =
            move || disk_file::prepare(&path, |file| write_all(&quotas, file, Counter::total));
        self.renewal = Some(Renewal {
            writing: spawn_blocking(write),
            since: Vec::new(),
        });
    }

    /// Waits for the new file, if there is one on its way, and puts it into its place with what was
    /// added meanwhile: a reader finds that in the former one or in the new one.
    async fn put(&mut self) {
        let Some(Renewal { writing, since }) = self.renewal.take() else {
            return;
        };
        let path = self.path.clone();
        let into_place = move |mut file: File| -> io::Result<(File, u64, u64)> {
            let begun = file.metadata()?.len();
            file.write_all(&since)?;
            disk_file::put(&path)?;
            Ok((file, begun, since.len() as u64))
        };
        let put = match joined(writing).await {
            Ok(file) => {
                // Where this fails, the former one may have lost its place already.
                self.file = None;
                blocking(move || into_place(file)).await
            }
            Err(error) => Err(error),
        };
        match put {
            Ok((file, begun, added)) => {
                (self.begun, self.added) = (begun, added);
                self.file = Some(Arc::new(file));
                self.is_ahead = true;
                if std::mem::replace(&mut self.is_told, false) {
                    tracing::info!("Quota counters are written again.");
                }
            }
            // A former file that still has its place has all that was added meanwhile.
            Err(error) => self.tell(&error),
        }
    }

    /// Has the disk keep what was added, if something was.
    fn sync(&mut self) {
        let Some(file) = self.file.clone().filter(|_| self.is_ahead) else {
            return;
        };
        self.is_ahead = false;
        self.syncing = Some(spawn_blocking(move || file.sync_data()));
    }

    /// Waits for the disk, if it is on its way.
    async fn synced(&mut self) {
        if let Some(syncing) = self.syncing.take()
            && let Err(error) = joined(syncing).await
        {
            // What of it is lost the system does not say again; a new file has all counters.
            self.file = None;
            self.tell(&error);
        }
    }

    /// Nothing is written after it.
    async fn end(mut self) {
        if self.file.is_none() && self.renewal.is_none() {
            self.renew();
        }
        self.put().await;
        self.add(usize::MAX).await;
        self.synced().await;
        self.sync();
        self.synced().await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    joined(spawn_blocking(work)).await
}

async fn joined<T>(task: JoinHandle<io::Result<T>>) -> io::Result<T> {
    task.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
