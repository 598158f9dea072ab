//! The last good state on local disk: what a gateway starts from when its database is down.
//!
//! One file, 0600, replaced by rename, with an HMAC-SHA-256 under a key derived from the
//! gateway's key, so that nobody without that key can hand a gateway another configuration.
//! Secrets in it are still sealed.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::seal::KeyRing;
use domain::snapshot::{SCHEMA, Snapshot};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::disk_file;

/// Name of the file inside of the data directory.
pub const NAME: &str = "state.last";

const MAGIC: &[u8; 8] = b"PTNSTAT1";
const MAC: usize = 32;

/// Why the file was not used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("the last good state cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("the last good state is damaged, or was written with another gateway key")]
    Damaged,
    #[error("the last good state was written by a newer release")]
    Newer,
}

/// The file's place and key.
#[derive(Clone)]
pub struct Disk {
    path: PathBuf,
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
            keys: ring.derive_all("state file"),
        }
    }

    /// Blocks on the disk: call it off the runtime's threads.
    pub fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let body = serde_json::to_vec(snapshot)?;
        let key = self.keys.first().ok_or(io::ErrorKind::InvalidInput)?;
        let tag = mac(key, &body).ok_or(io::ErrorKind::InvalidInput)?;
        let tag = tag.finalize().into_bytes();
        disk_file::replace(&self.path, |file| {
            let mut out = BufWriter::new(file);
            out.write_all(MAGIC)?;
            out.write_all(&tag)?;
            out.write_all(&body)?;
            out.flush()
        })
    }

    /// `None` when there is none yet. Blocks on the disk.
    pub fn load(&self) -> Result<Option<Snapshot>, DiskError> {
        let mut bytes = Vec::new();
        match std::fs::File::open(&self.path) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let rest = bytes.strip_prefix(MAGIC).ok_or(DiskError::Damaged)?;
        let (tag, body) = rest.split_at_checked(MAC).ok_or(DiskError::Damaged)?;
        let is_ours = |key| mac(key, body).is_some_and(|mac| mac.verify_slice(tag).is_ok());
        if !self.keys.iter().any(is_ours) {
            return Err(DiskError::Damaged);
        }
        let snapshot: Snapshot = serde_json::from_slice(body).map_err(|_| DiskError::Newer)?;
        if snapshot.schema > SCHEMA {
            return Err(DiskError::Newer);
        }
        Ok(Some(snapshot))
    }

    /// How old the file is; `None` when there is none. A metric.
    pub fn age(&self) -> Option<Duration> {
        let written = std::fs::metadata(&self.path).ok()?.modified().ok()?;
        SystemTime::now().duration_since(written).ok()
    }
}

fn mac(key: &[u8; 32], body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::snapshot::Parts;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_state_survives_and_a_forged_one_does_not() {
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[1; 32]]));
        assert!(disk.load().unwrap().is_none());
        let snapshot = Snapshot {
            schema: SCHEMA,
            state: 7,
            parts: Parts::default(),
        };
        disk.save(&snapshot).unwrap();
        disk.save(&snapshot).unwrap();
        assert_eq!(disk.load().unwrap(), Some(snapshot));
        let mode = std::fs::metadata(data.path().join(NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);

        let changed = Disk::new(data.path(), &KeyRing::new(vec![[2; 32], [1; 32]]));
        assert!(changed.load().unwrap().is_some(), "a key that was replaced");
        let other = Disk::new(data.path(), &KeyRing::new(vec![[2; 32]]));
        assert!(matches!(other.load(), Err(DiskError::Damaged)));
        let mut bytes = std::fs::read(data.path().join(NAME)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(data.path().join(NAME), &bytes[..]).unwrap();
        assert!(matches!(disk.load(), Err(DiskError::Damaged)));
        std::fs::write(data.path().join(NAME), b"PTN").unwrap();
        assert!(matches!(disk.load(), Err(DiskError::Damaged)));
    }
}
