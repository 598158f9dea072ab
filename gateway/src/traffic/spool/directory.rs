//! The spool's directory: where it lies, who may use it, what lies in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Spool;

/// Ends of the names of the directories that processes of one node may use at a time.
const BESIDE: [&str; 3] = ["", "-2", "-3"];

/// Where the spool lies and how large its parts are.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Made with mode 0700 when absent; one process at a time.
    pub directory: PathBuf,
    /// Bound of all segments together.
    pub max_bytes: u64,
    /// A segment is closed when it has grown past this.
    pub segment_bytes: u64,
    /// Records of a batch, at most.
    pub batch_records: usize,
    /// How long a segment that cannot be read is tried before it is set aside.
    pub read_patience: Duration,
}

impl SpoolSettings {
    /// 1 GiB (about four million records) in segments of 16 MiB and batches of 5,000.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            max_bytes: 1 << 30,
            segment_bytes: 16 << 20,
            batch_records: 5_000,
            read_patience: Duration::from_secs(60),
        }
    }

    /// Opens the first place that no other process has: this one, or one of two beside it, for a
    /// process that takes over while another ends, or still waits for the store with what one before
    /// it has left. Says also which the other places are.
    pub(crate) fn open_free(&self) -> Result<(Spool, Vec<Self>), SpoolError> {
        let mut places: Vec<Self> = BESIDE.iter().map(|end| self.with(end)).collect();
        for at in 0..BESIDE.len() {
            match Spool::open(places[at].clone()) {
                Ok(spool) => {
                    places.remove(at);
                    return Ok((spool, places));
                }
                Err(SpoolError::Busy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SpoolError::Busy(self.directory.clone()))
    }

    /// With `end` behind the directory's name.
    fn with(&self, end: &str) -> Self {
        let mut directory = self.directory.clone().into_os_string();
        directory.push(end);
        Self {
            directory: directory.into(),
            ..self.clone()
        }
    }

    /// Whether something lies there.
    pub(crate) fn has_segments(&self) -> bool {
        segments(&self.directory).is_ok_and(|found| !found.is_empty())
    }
}

/// Why the spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Two writers would tear each other's segments.
    #[error("the spool in {0} is in use by another process")]
    Busy(PathBuf),
    #[error("the spool in {0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// Makes the directory and takes its lock, which lasts as long as the returned file.
pub(super) fn claim(directory: &Path) -> Result<File, SpoolError> {
    let failed = |error| SpoolError::Io(directory.to_owned(), error);
    let mut maker = DirBuilder::new();
    maker
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join("lock"))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(SpoolError::Busy(directory.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.seg"))
}

/// Removes a segment, or finds that somebody else did.
pub(super) fn remove(directory: &Path, number: u64) -> io::Result<()> {
    match fs::remove_file(path(directory, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Renames a segment, so that it is none any more, to a name that nothing has. Says which.
pub(super) fn set_aside(directory: &Path, number: u64) -> io::Result<PathBuf> {
    let segment = path(directory, number);
    let mut end = ".unreadable".to_owned();
    for again in 2_u64.. {
        let mut aside = segment.clone().into_os_string();
        aside.push(&end);
        let aside = PathBuf::from(aside);
        if fs::symlink_metadata(&aside).is_err() {
            fs::rename(&segment, &aside)?;
            return Ok(aside);
        }
        end = format!(".unreadable-{again}");
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Number and length of each segment, oldest first. Other files are nobody's and are left alone.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".seg"))
            .filter(|stem| stem.len() == 16)
            .and_then(|stem| u64::from_str_radix(stem, 16).ok());
        if let Some(number) = number {
            found.push((number, entry.metadata()?.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}
