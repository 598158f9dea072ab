//! Takes from the counters what the database is to have, and has it on the disk a moment later.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::id::NodeId;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::journal::Journal;
use super::journal::disk::{self, Disk};
use super::{EVERY, MOST_ROWS};
use crate::quota::Quotas;
use crate::quota::pace::{MOST, Pace};

pub(super) struct Gathering {
    pub(super) journal: Journal,
    quotas: Arc<Quotas>,
    /// `None` where nothing is kept.
    disk: Option<Disk>,
    /// Lines that are added while a new state is on its way to the disk: it is to have them, too.
    added: Option<Vec<u8>>,
    /// Something was added that the disk may not have.
    is_ahead: bool,
    saved: Instant,
    pace: Pace,
    has_ended: bool,
}

impl Gathering {
    /// Goes on from what an earlier process of `node` left in `data`, and waits for the disk. `now`:
    /// microseconds since 1970.
    pub(super) fn open(quotas: Arc<Quotas>, data: Option<&Path>, node: NodeId, now: i64) -> Self {
        let (disk, journal) = match data {
            Some(data) => {
                let (disk, state, since) = Disk::open(data, node);
                (Some(disk), Journal::of(state, since, MOST_ROWS, now))
            }
            None => (None, Journal::default()),
        };
        Self {
            journal,
            quotas,
            disk,
            added: None,
            is_ahead: false,
            saved: Instant::now(),
            pace: Pace::default(),
            has_ended: false,
        }
    }

    /// How long to wait before the next [`Gathering::gather`]. Where nothing is kept, it is as well
    /// done together with what is sent.
    pub(super) fn pause(&self) -> Duration {
        match self.disk {
            Some(_) => self.pace.pause(),
            None => EVERY,
        }
    }

    /// Takes what was counted since the last time. Of very many counters the next ones take the rest.
    pub(super) async fn gather(&mut self) {
        if self.has_ended {
            return;
        }
        let Some(disk) = &mut self.disk else {
            self.journal.add(self.quotas.take(usize::MAX));
            return;
        };
        let (quotas, journal) = (&self.quotas, &mut self.journal);
        let lines = self.pace.look(|| {
            let used = quotas.take(MOST);
            let lines = disk::lines(&used);
            journal.add(used);
            lines
        });
        let added = match (lines, disk.log()) {
            (Ok(lines), _) if lines.is_empty() => return,
            (Ok(lines), log) => {
                if let Some(added) = &mut self.added {
                    added.extend_from_slice(&lines);
                }
                // Without a place for them they are in the state that is written next.
                let Some(log) = log else { return };
                disk.add(lines.len() as u64);
                self.is_ahead = true;
                flat(spawn_blocking(move || (&*log).write_all(&lines)).await)
            }
            (Err(error), _) => Err(error),
        };
        if let Err(error) = added {
            disk.close();
            complain(&error);
        }
    }

    /// The last of all: what is counted from now on is for whoever comes next.
    pub(super) fn end(&mut self) {
        self.journal.add(self.quotas.take(usize::MAX));
        // No line tells of it.
        self.journal.failed();
        self.has_ended = true;
    }

    /// The same as [`Gathering::gather`], and each second all of it is on the disk.
    pub(super) async fn go_on(&mut self) {
        self.gather().await;
        if self.saved.elapsed() >= EVERY {
            self.save().await;
        }
    }

    /// Has everything on the disk, if that has something else. The disk may take its time: what is
    /// counted meanwhile is gathered as ever.
    pub(super) async fn save(&mut self) {
        self.saved = Instant::now();
        let Some(disk) = &mut self.disk else {
            return;
        };
        if let Some(log) = disk.log().filter(|_| disk.has_room())
            && !self.journal.has_turned()
        {
            return self.sync(log).await;
        }
        let Some(state) = self.journal.changed() else {
            return;
        };
        let saving = Arc::new(disk.saving(state));
        self.added = Some(Vec::new());
        let preparing = spawn_blocking({
            let saving = saving.clone();
            move || saving.prepare()
        });
        let prepared = self.gather_beside(preparing).await;
        let added = self.added.take().unwrap_or_default();
        let put = spawn_blocking(move || saving.put(prepared?, &added));
        let put = flat(put.await);
        let Some(disk) = &mut self.disk else {
            return;
        };
        match put {
            Ok(saved) => disk.saved(saved),
            Err(error) => {
                disk.close();
                self.journal.failed();
                complain(&error);
            }
        }
    }

    /// What was added to the present state is enough, once the disk has it: while the database is away
    /// a state may have a row for each subject, which is not written again each second.
    async fn sync(&mut self, log: Arc<File>) {
        if !std::mem::take(&mut self.is_ahead) {
            return;
        }
        let synced = self.gather_beside(spawn_blocking(move || log.sync_data()));
        if let Err(error) = synced.await {
            if let Some(disk) = &mut self.disk {
                disk.close();
            }
            complain(&error);
        }
    }

    /// Waits for the disk, and gathers meanwhile.
    async fn gather_beside<T>(&mut self, mut work: JoinHandle<io::Result<T>>) -> io::Result<T> {
        loop {
            tokio::select! {
                done = &mut work => return flat(done),
                () = sleep(self.pace.pause()) => self.gather().await,
            }
        }
    }
}

fn flat<T>(done: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    done.map_err(io::Error::other)?
}

fn complain(error: &io::Error) {
    tracing::error!(%error, "Quota counts cannot be kept on disk.");
}

#[cfg(test)]
mod tests;
