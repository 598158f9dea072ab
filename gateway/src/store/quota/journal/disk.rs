//! The journal on the disk: a file with all of it, replaced by rename, and beside it what was
//! counted since, added at once and without waiting for the disk.
//!
//! Each state of the file has a number, and what was added since bears it. There are two places for
//! that, used in turns: while a new state is written, what is counted is added to the former one as
//! before, and before the new one is in its place, the other place has the same for that one. So at
//! each moment there is exactly one state with what belongs to it, and what belongs to another
//! number counts for nothing. A binary that does not know of numbers forgets what lies beside, and
//! the states that it writes have none.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::id::NodeId;
use serde::{Deserialize, Serialize};

use super::State;
use crate::disk_file;
use crate::quota::Used;

/// Name of the file inside of the data directory.
const NAME: &str = "quota.flush";
/// Names of the two places beside it.
const SINCE: [&str; 2] = ["quota.flush.since-1", "quota.flush.since-2"];
/// Bytes that may be added before a new state is due, as soon as they are more than that has.
const ADDED: u64 = 1024 * 1024;

/// First line of what lies beside: the state that it belongs to.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    since: u64,
}

#[derive(Debug)]
pub(in crate::store::quota) struct Disk {
    node: NodeId,
    path: PathBuf,
    since: [PathBuf; 2],
    /// The place that belongs to the present state.
    place: usize,
    /// No state on this disk has a higher number.
    number: u64,
    /// Where is added; `None` until a first state is written, and after it could not be written to.
    log: Option<Arc<File>>,
    /// Bytes of the present state.
    begun: u64,
    /// Bytes that were added to it.
    added: u64,
}

impl Disk {
    /// Reads what an earlier process of `node` left in `data`, and what it counted since it wrote
    /// that. A damaged file counts as none: it is replaced by rename, so only a failing disk can have
    /// done it. So does what another node left, whose directory somebody has copied: it is that one's
    /// to send.
    pub(in crate::store::quota) fn open(data: &Path, node: NodeId) -> (Self, State, Vec<Used>) {
        let path = data.join(NAME);
        let state = read(&path).unwrap_or_else(|error| {
            tracing::error!(%error, "Quota counts of the last run cannot be read.");
            State::default()
        });
        let is_own = state.node.is_none_or(|left| left == node);
        let mut disk = Self {
            node,
            path,
            since: SINCE.map(|name| data.join(name)),
            place: 0,
            number: state.number,
            log: None,
            begun: 0,
            added: 0,
        };
        let mut used = Vec::new();
        for (place, path) in disk.since.iter().enumerate() {
            match read_since(path) {
                Ok(Some((number, added))) => {
                    disk.number = disk.number.max(number);
                    if number == state.number {
                        disk.place = place;
                        used = added;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "The last quota counts of the last run cannot be read.");
                }
            }
        }
        if is_own {
            return (disk, state, used);
        }
        tracing::warn!("Quota counts in the data directory are another node's, and are left out.");
        (disk, State::default(), Vec::new())
    }

    /// Where lines are added to the present state.
    pub(in crate::store::quota) fn log(&self) -> Option<Arc<File>> {
        self.log.clone()
    }

    /// So many bytes were added there.
    pub(in crate::store::quota) const fn add(&mut self, bytes: u64) {
        self.added = self.added.saturating_add(bytes);
    }

    /// Whether more may be added before a new state is due.
    pub(in crate::store::quota) fn has_room(&self) -> bool {
        self.log.is_some() && self.added <= self.begun.max(ADDED)
    }

    /// Nothing is added until another state is written.
    pub(in crate::store::quota) fn close(&mut self) {
        self.log = None;
    }

    /// Begins a new state.
    pub(in crate::store::quota) fn saving(&mut self, state: State) -> Saving {
        self.number += 1;
        Saving {
            path: self.path.clone(),
            next: self.since[1 - self.place].clone(),
            state: State {
                number: self.number,
                node: Some(self.node),
                ..state
            },
        }
    }

    /// The state that was begun last is in its place, and this is added to.
    pub(in crate::store::quota) fn saved(&mut self, Saved { log, begun, added }: Saved) {
        self.place = 1 - self.place;
        self.log = Some(Arc::new(log));
        (self.begun, self.added) = (begun, added);
    }
}

/// A state on its way to the disk. Everything here waits for the disk.
#[derive(Debug)]
pub(in crate::store::quota) struct Saving {
    path: PathBuf,
    next: PathBuf,
    state: State,
}

/// A state in its place.
#[derive(Debug)]
pub(in crate::store::quota) struct Saved {
    log: File,
    begun: u64,
    added: u64,
}

impl Saving {
    /// Writes it, for as long as that takes. How many bytes it has.
    pub(in crate::store::quota) fn prepare(&self) -> io::Result<u64> {
        let bytes = serde_json::to_vec(&self.state)?;
        disk_file::prepare(&self.path, |file| file.write_all(&bytes))?;
        Ok(bytes.len() as u64)
    }

    /// Puts it into its place, with the lines that were added since it was begun. Where that fails, the
    /// former one is read again after a restart, with all that was added to it.
    pub(in crate::store::quota) fn put(&self, begun: u64, added: &[u8]) -> io::Result<Saved> {
        let head = Head {
            since: self.state.number,
        };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(added);
        let mut log = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.next)?;
        log.write_all(&bytes)?;
        disk_file::put(&self.path)?;
        let added = added.len() as u64;
        Ok(Saved { log, begun, added })
    }
}

/// Lines to be added.
pub(in crate::store::quota) fn lines(used: &[Used]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for used in used {
        serde_json::to_writer(&mut lines, used)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn absent<T: Default>(error: io::Error) -> io::Result<T> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(T::default()),
        _ => Err(error),
    }
}

fn read(path: &Path) -> io::Result<State> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) => absent(error),
    }
}

/// The number of the state that it belongs to, and what was added; the last line may be cut off.
fn read_since(path: &Path) -> io::Result<Option<(u64, Vec<Used>)>> {
    let bytes = std::fs::read(path).or_else(absent)?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let head = lines.next().unwrap_or_default();
    let Ok(Head { since }) = serde_json::from_slice(head) else {
        return Ok(None);
    };
    let used = lines.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(Some((since, used.collect())))
}

#[cfg(test)]
mod tests;
