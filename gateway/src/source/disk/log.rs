//! What changed since a whole state was written: one frame behind the other, each authenticated
//! together with all before it, so that none can be left out, swapped or put behind another state.
//!
//! `magic, tag of the state; then frames: u32 length, number of the state, rows, tag`

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use domain::snapshot::Delta;
use hmac::Mac;

use super::rows::{self, Name, Row};
use super::{TAG, Tag, mac};
use crate::disk_file;

const MAGIC: &[u8; 8] = b"PTNSLOG1";

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    key: [u8; 32],
    last: Tag,
    pub(super) length: u64,
}

impl Log {
    /// An empty one behind the state that `base` names.
    pub(super) fn begin(path: &Path, key: [u8; 32], base: Tag) -> io::Result<Self> {
        disk_file::replace(path, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&base)
        })?;
        Ok(Self {
            file: OpenOptions::new().append(true).open(path)?,
            key,
            last: base,
            length: 0,
        })
    }

    /// Goes on behind what was read of it; what lies behind that was never whole.
    pub(super) fn resume(path: &Path, key: [u8; 32], end: End) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(end.at)?;
        Ok(Self {
            file,
            key,
            last: end.last,
            length: end.at - BEGIN,
        })
    }

    pub(super) fn append(&mut self, delta: &Delta) -> io::Result<()> {
        let mut frame = vec![0; 4];
        frame.extend_from_slice(&delta.state.to_le_bytes());
        rows::write_delta(delta, &mut frame)?;
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_le_bytes());
        let tag = mac(&self.key, &[&self.last, &frame])?.finalize();
        let tag = tag.into_bytes();
        frame.extend_from_slice(&tag);
        self.file.write_all(&frame)?;
        self.last = tag.into();
        self.length += frame.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Bytes in front of the first frame.
const BEGIN: u64 = (MAGIC.len() + TAG) as u64;

/// Where a log ends, and by which tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    at: u64,
    last: Tag,
}

/// What a log says of objects: their newest rows, `None` for those that are gone.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Number of the newest state.
    pub(super) state: Option<u64>,
    pub(super) rows: HashMap<Name, Option<Vec<u8>>>,
    /// `None` when there is no log of this state.
    pub(super) end: Option<End>,
}

impl Overlay {
    /// Reads up to the first frame that is not whole: what was being written at a crash. A log of
    /// another state is left aside; it is older, as the state's own is begun behind it.
    pub(super) fn read(path: &Path, key: &[u8; 32], base: &Tag) -> io::Result<Self> {
        let mut overlay = Self::default();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(overlay),
            Err(error) => return Err(error),
        };
        let rest = bytes.strip_prefix(MAGIC);
        let Some(mut rest) = rest.and_then(|rest| rest.strip_prefix(base)) else {
            return Ok(overlay);
        };
        let mut last = *base;
        let mut at = BEGIN;
        while let Some((frame, tag, behind)) = cut(rest) {
            if mac(key, &[&last, frame])?.verify_slice(&tag).is_err() {
                break;
            }
            if overlay.take(&frame[4..]).is_none() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            last = tag;
            at += (frame.len() + TAG) as u64;
            rest = behind;
        }
        overlay.end = Some(End { at, last });
        Ok(overlay)
    }

    fn take(&mut self, frame: &[u8]) -> Option<()> {
        let (state, mut rows) = frame.split_at_checked(8)?;
        self.state = Some(u64::from_le_bytes(state.try_into().ok()?));
        while !rows.is_empty() {
            let before = rows;
            let row = Row::take(&mut rows)?;
            let (name, is_there) = row.name()?;
            let bytes = &before[..before.len() - rows.len()];
            self.rows.insert(name, is_there.then(|| bytes.to_vec()));
        }
        Some(())
    }
}

/// The first frame with its length in front, its tag, and what is behind.
fn cut(bytes: &[u8]) -> Option<(&[u8], Tag, &[u8])> {
    let length = u32::from_le_bytes(bytes.first_chunk().copied()?);
    let (frame, rest) = bytes.split_at_checked(4 + length as usize)?;
    let (tag, rest) = rest.split_first_chunk::<TAG>()?;
    Some((frame, *tag, rest))
}
