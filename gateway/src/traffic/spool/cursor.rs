//! How far the spool's batches are stored: a small file, replaced by rename after each commit.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::segment::SegmentId;

const FILE: &str = "cursor";
const NEW: &str = "cursor.new";
const BYTES: usize = 36;

/// Everything before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// The segment's own name: a cursor never points into another file of the same number.
    pub(super) id: SegmentId,
}

impl Cursor {
    /// `None` when there is none, or a damaged one: then all that is spooled is read again, and the
    /// store knows the batches that it has.
    pub(super) fn load(directory: &Path) -> io::Result<Option<Self>> {
        match fs::read(directory.join(FILE)) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let new = directory.join(NEW);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&self.bytes())?;
        fs::rename(&new, directory.join(FILE))
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0_u8; BYTES];
        bytes[..8].copy_from_slice(&self.segment.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        let sum = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let cursor = Self {
            segment: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            offset: u64::from_le_bytes(bytes[8..16].try_into().ok()?),
            id: bytes[16..32].try_into().ok()?,
        };
        (cursor.bytes() == *bytes).then_some(cursor)
    }
}
