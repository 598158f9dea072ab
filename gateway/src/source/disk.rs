//! The last good state on local disk: what a gateway starts from when its database is down.
//!
//! A file with a whole state, replaced by rename, and a log of what changed since, so that keeping
//! one change costs what the change is. Both are 0600 and carry HMAC-SHA-256 under a key derived
//! from the gateway's key, so that nobody without that key can hand a gateway another
//! configuration. Secrets in them are still sealed.

mod base;
mod keep;
mod log;
mod rows;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::seal::KeyRing;
use domain::snapshot::{FORM, Parts, SCHEMA, Snapshot};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use base::Base;
use log::Overlay;

pub(crate) use keep::{Begun, Kept, Whole};

/// Names of the files inside of the data directory.
pub const NAME: &str = "state.last";
pub const LOG_NAME: &str = "state.log";

const TAG: usize = 32;
type Tag = [u8; TAG];
type HmacSha256 = Hmac<Sha256>;

/// Why the files were not used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("the last good state cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("the last good state is damaged, or was written with another gateway key")]
    Damaged,
    #[error("the last good state holds what this release does not understand")]
    Unknown,
    #[error("the last good state was written by a newer release (schema {0})")]
    Newer(u32),
}

/// The files' place and key.
#[derive(Clone)]
pub struct Disk {
    path: PathBuf,
    log: PathBuf,
    /// Of each key of the ring; the first writes.
    keys: Vec<[u8; 32]>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disk({})", self.path.display())
    }
}

impl Disk {
    pub fn new(data: &Path, ring: &KeyRing) -> Self {
        Self {
            path: data.join(NAME),
            log: data.join(LOG_NAME),
            keys: ring.derive_all("state file"),
        }
    }

    /// Keeps a whole state. Blocks on the disk.
    pub fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        Kept::new(self.clone()).whole(&Whole::of(snapshot)?)
    }

    /// `None` when there is none yet. Blocks on the disk.
    pub fn load(&self) -> Result<Option<Snapshot>, DiskError> {
        Ok(self.resume()?.map(|(snapshot, _)| snapshot))
    }

    /// Like [`Disk::load`]; also what keeps changes behind it, where that is possible.
    pub(crate) fn resume(&self) -> Result<Option<(Snapshot, Option<Kept>)>, DiskError> {
        let Some((base, overlay)) = self.open()? else {
            return Ok(None);
        };
        let form = base.head.form;
        let kept = Kept::behind(self, &base, &overlay).filter(|_| form == FORM);
        let state = overlay.state.unwrap_or(base.head.state);
        let mut parts = Parts::default();
        base.rows(|row, _| {
            let (name, _) = row.name().ok_or(DiskError::Unknown)?;
            if overlay.rows.contains_key(&name) {
                return Ok(());
            }
            row.read(&mut parts).ok_or(DiskError::Unknown)
        })?;
        for mut row in overlay.rows.values().flatten().map(Vec::as_slice) {
            let row = rows::Row::take(&mut row).ok_or(DiskError::Unknown)?;
            row.read(&mut parts).ok_or(DiskError::Unknown)?;
        }
        if form != FORM {
            // It may lack what that release passed over: good while there is nothing better.
            parts.mark = None;
        }
        let snapshot = Snapshot {
            schema: SCHEMA,
            state,
            parts,
        };
        Ok(Some((snapshot, kept)))
    }

    /// A state that can be read, and what its log says. Its log needs its last tag, which is read
    /// from the end of the file; [`Base::rows`] verifies it.
    fn open(&self) -> Result<Option<(Base, Overlay)>, DiskError> {
        let Some(base) = Base::open(&self.path, &self.keys)? else {
            return Ok(None);
        };
        let overlay = Overlay::read(&self.log, &base.key, &base.name()?)?;
        Ok(Some((base, overlay)))
    }

    /// How old the newest of what is kept is; `None` when there is nothing. A metric.
    pub fn age(&self) -> Option<Duration> {
        let written = |path: &Path| std::fs::metadata(path).ok()?.modified().ok();
        let newest = written(&self.path)?.max(written(&self.log)?);
        SystemTime::now().duration_since(newest).ok()
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> io::Result<HmacSha256> {
    let mac = <HmacSha256 as KeyInit>::new_from_slice(key);
    let mut mac = mac.map_err(|_| io::ErrorKind::InvalidInput)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac)
}

#[cfg(test)]
mod tests;
