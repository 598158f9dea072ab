//! Takes from the counters what the database is to have, and has it on the disk a moment later.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, spawn_blocking};
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
    saved: Instant,
    pace: Pace,
    has_ended: bool,
}

impl Gathering {
    /// Goes on from what an earlier process left in `data`. `now`: microseconds since 1970.
    pub(super) fn open(quotas: Arc<Quotas>, data: Option<&Path>, now: i64) -> Self {
        let (disk, journal) = match data {
            Some(data) => {
                let (disk, state, since) = Disk::open(data);
                (Some(disk), Journal::of(state, since, MOST_ROWS, now))
            }
            None => (None, Journal::default()),
        };
        Self {
            journal,
            quotas,
            disk,
            added: None,
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
        self.has_ended = true;
    }

    /// The same as [`Gathering::gather`], and each second a new state, so that little lies beside it.
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
        let Some(state) = self.journal.changed() else {
            return;
        };
        let saving = Arc::new(disk.saving(state));
        self.added = Some(Vec::new());
        let mut preparing = spawn_blocking({
            let saving = saving.clone();
            move || saving.prepare()
        });
        let prepared = loop {
            tokio::select! {
                prepared = &mut preparing => break prepared,
                () = sleep(self.pace.pause()) => self.gather().await,
            }
        };
        let prepared = flat(prepared);
        let added = self.added.take().unwrap_or_default();
        let put = spawn_blocking(move || {
            prepared
                .and_then(|()| saving.put(&added))
                .inspect_err(|_| saving.give_up())
        });
        let put = flat(put.await);
        let Some(disk) = &mut self.disk else {
            return;
        };
        match put {
            Ok(log) => disk.saved(log),
            Err(error) => {
                disk.close();
                self.journal.failed();
                complain(&error);
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
