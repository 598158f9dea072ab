//! The file of a whole state: what it is, authenticated first, and then its rows, authenticated
//! as a whole. Written and read row by row, as it may be large.
//!
//! `magic, u32 length of the head, head (JSON), tag of these, rows, tag of the first tag and rows`

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use domain::snapshot::{FORM, SCHEMA};
use hmac::Mac;
use serde::{Deserialize, Serialize};

use super::rows::{HEAD, Row};
use super::{DiskError, TAG, Tag, mac};
use crate::disk_file;

const MAGIC: &[u8; 8] = b"PTNSTAT2";
const MOST_HEAD: u32 = 4096;

/// What a file says of itself. Other members are of other releases.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) schema: u32,
    pub(super) state: u64,
    /// Bytes of the rows.
    pub(super) length: u64,
    /// [`FORM`] of the release that wrote it.
    #[serde(default)]
    pub(super) form: u32,
}

/// Writes a state that consists of `rows`, which are `length` bytes together. Returns its last
/// tag, which names it.
pub(super) fn write(
    path: &Path,
    key: &[u8; 32],
    (state, length): (u64, u64),
    rows: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Tag> {
    let head = serde_json::to_vec(&Head {
        schema: SCHEMA,
        state,
        length,
        form: FORM,
    })?;
    let mut tag = Tag::default();
    disk_file::replace(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        let mut begin = MAGIC.to_vec();
        begin.extend_from_slice(&(head.len() as u32).to_le_bytes());
        begin.extend_from_slice(&head);
        out.write_all(&begin)?;
        let first = mac(key, &[&begin])?.finalize().into_bytes();
        out.write_all(&first)?;
        let mut both = Both {
            out: &mut out,
            mac: mac(key, &[&first])?,
            left: length,
        };
        rows(&mut both)?;
        if both.left != 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        tag = both.mac.finalize().into_bytes().into();
        out.write_all(&tag)?;
        out.flush()
    })?;
    Ok(tag)
}

/// Writes and authenticates at once.
struct Both<'a, W: Write> {
    out: &'a mut W,
    mac: super::HmacSha256,
    left: u64,
}

impl<W: Write> Write for Both<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.mac.update(&bytes[..written]);
        let left = self.left.checked_sub(written as u64);
        self.left = left.ok_or(io::ErrorKind::InvalidData)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file that is being read.
pub(super) struct Base {
    pub(super) head: Head,
    /// That which wrote it.
    pub(super) key: [u8; 32],
    file: BufReader<File>,
    mac: super::HmacSha256,
}

impl Base {
    /// `None` when there is no file. Its head is authentic and of a schema that is known.
    pub(super) fn open(path: &Path, keys: &[[u8; 32]]) -> Result<Option<Self>, DiskError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut begin = vec![0; MAGIC.len() + 4];
        file.read_exact(&mut begin).map_err(ended)?;
        let (magic, length) = begin.split_at(MAGIC.len());
        let length = length.try_into().map_or(0, u32::from_le_bytes);
        if magic != MAGIC || length > MOST_HEAD {
            return Err(DiskError::Damaged);
        }
        let at = begin.len();
        begin.resize(at + length as usize, 0);
        file.read_exact(&mut begin[at..]).map_err(ended)?;
        let mut tag = Tag::default();
        file.read_exact(&mut tag).map_err(ended)?;
        let is_ours =
            |key: &&[u8; 32]| mac(key, &[&begin]).is_ok_and(|mac| mac.verify_slice(&tag).is_ok());
        let key = *keys.iter().find(is_ours).ok_or(DiskError::Damaged)?;
        // The number first: a newer release may write anything else beside it.
        let head = &begin[at..];
        let Schema { schema } = serde_json::from_slice(head).map_err(|_| DiskError::Unknown)?;
        if schema > SCHEMA {
            return Err(DiskError::Newer(schema));
        }
        let head: Head = serde_json::from_slice(head).map_err(|_| DiskError::Unknown)?;
        let mac = mac(&key, &[&tag])?;
        Ok(Some(Self {
            head,
            key,
            file,
            mac,
        }))
    }

    /// The tag that names the file, as [`Base::rows`] will verify it.
    pub(super) fn name(&self) -> Result<Tag, DiskError> {
        let file = self.file.get_ref();
        let at = file.metadata()?.len().checked_sub(TAG as u64);
        let mut tag = Tag::default();
        file.read_exact_at(&mut tag, at.ok_or(DiskError::Damaged)?)
            .map_err(ended)?;
        Ok(tag)
    }

    /// Hands each row to `met`, and returns the tag that names the file. What was met is to be
    /// believed only when this returns well.
    pub(super) fn rows(
        mut self,
        mut met: impl FnMut(&Row<'_>, &[u8]) -> Result<(), DiskError>,
    ) -> Result<Tag, DiskError> {
        let mut left = self.head.length;
        let mut bytes = Vec::new();
        while left > 0 {
            let mut head = [0; HEAD];
            self.file.read_exact(&mut head).map_err(ended)?;
            let length = Row::length(&head);
            left = left.checked_sub(length as u64).ok_or(DiskError::Damaged)?;
            bytes.clear();
            bytes.extend_from_slice(&head);
            bytes.resize(length, 0);
            self.file.read_exact(&mut bytes[HEAD..]).map_err(ended)?;
            self.mac.update(&bytes);
            let row = Row::take(&mut &bytes[..]).ok_or(DiskError::Damaged)?;
            met(&row, &bytes)?;
        }
        let mut tag = Tag::default();
        self.file.read_exact(&mut tag).map_err(ended)?;
        let is_authentic = self.mac.verify_slice(&tag).is_ok();
        is_authentic.then_some(tag).ok_or(DiskError::Damaged)
    }
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

fn ended(error: io::Error) -> DiskError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DiskError::Damaged,
        _ => error.into(),
    }
}
