//! One file of the spool: a head that names it, then checksummed frames, appended only.
//!
//! Head, 32 bytes: `PTNSPOOL`, the form's number, three zeros, 16 random bytes that name the
//! segment, CRC-32 of these. Frame: CRC-32 of what follows it, payload length as u16, kind, payload.
//! A frame is a record, a part of a request's details, or a mark; marks end the batches, so that a
//! replay after a crash cuts the same batches again. Reading stops at the first frame that is not
//! whole: the torn tail. Details are JSON, in as many frames as they need; a release that does not
//! know these passes over them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use domain::id::BatchId;
use domain::traffic::{Detail, Record};
use sha2::{Digest, Sha256};

use crate::traffic::encoding::{self, FORM, Form};

const MAGIC: &[u8; 8] = b"PTNSPOOL";
/// Bytes before the first frame.
pub(super) const HEAD: u64 = 32;
const FRAME: usize = 7;
const RECORD: u8 = 1;
const MARK: u8 = 2;
/// Of details, with more behind it, and the last.
const PART: u8 = 3;
const LAST_PART: u8 = 4;

/// Bytes of details in one frame, and of all that one request has.
const PART_BYTES: usize = 60_000;
const MOST_DETAIL: usize = 2 * 1024 * 1024;

/// 16 random bytes; batch ids derive from them, so that an id never comes twice, whatever happens
/// to the directory.
pub(super) type SegmentId = [u8; 16];

/// The id of the batch that begins at `offset`: the same at each replay.
pub(super) fn batch_id(segment: &SegmentId, offset: u64) -> BatchId {
    let mut hash = Sha256::new();
    hash.update(segment);
    hash.update(offset.to_le_bytes());
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    BatchId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct Active {
    file: File,
    /// Bytes that were written whole.
    pub(super) len: u64,
    /// Bytes up to the end of the last mark; what is behind them is a batch that still grows.
    pub(super) ended: u64,
    /// Records after the last mark, and requests' details.
    pub(super) unmarked: usize,
    /// Bytes of the latter.
    pub(super) unmarked_bytes: usize,
}

impl Active {
    /// A file that has not even a whole head is no segment: a full disk left it of an earlier attempt,
    /// and it would be in the way of every later one.
    pub(super) fn create(path: &Path, id: SegmentId) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|there| there.len() < HEAD) {
            fs::remove_file(path)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut head = Vec::with_capacity(HEAD as usize);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&[FORM.number(), 0, 0, 0]);
        head.extend_from_slice(&id);
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        file.write_all(&head)?;
        Ok(Self {
            file,
            len: HEAD,
            ended: HEAD,
            unmarked: 0,
            unmarked_bytes: 0,
        })
    }

    /// Writes whole frames. After an error the file may end in half a frame, so that nothing may be
    /// appended to it any more.
    pub(super) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        self.file.write_all(frames)?;
        self.len += frames.len() as u64;
        Ok(())
    }

    /// Appends the mark that ends what there was to `frames`, which are to be written next.
    pub(super) fn mark(&mut self, frames: &mut Vec<u8>) {
        push_mark(frames);
        self.ended = self.len + frames.len() as u64;
        self.unmarked = 0;
        self.unmarked_bytes = 0;
    }

    pub(super) fn into_file(self) -> File {
        self.file
    }
}

/// Appends a frame with `record` to `out`. `false`: it does not fit a frame, `out` is as before.
pub(super) fn push_record(out: &mut Vec<u8>, record: &Record) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    encoding::encode(record, out);
    let fits = finish_frame(&mut out[start..], RECORD);
    if !fits {
        out.truncate(start);
    }
    fits
}

/// Appends frames with `detail` to `out`. `false`: it is longer than any may be, `out` is as before.
pub(super) fn push_detail(out: &mut Vec<u8>, detail: &Detail) -> bool {
    let Ok(text) = serde_json::to_vec(detail) else {
        return false;
    };
    if text.len() > MOST_DETAIL {
        return false;
    }
    let mut parts = text.chunks(PART_BYTES).peekable();
    while let Some(part) = parts.next() {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME]);
        out.extend_from_slice(part);
        let kind = match parts.peek() {
            Some(_) => PART,
            None => LAST_PART,
        };
        finish_frame(&mut out[start..], kind);
    }
    true
}

/// Appends the frame that ends a batch.
fn push_mark(out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    finish_frame(&mut out[start..], MARK);
}

fn finish_frame(frame: &mut [u8], kind: u8) -> bool {
    let Ok(length) = u16::try_from(frame.len() - FRAME) else {
        return false;
    };
    frame[4..6].copy_from_slice(&length.to_le_bytes());
    frame[6] = kind;
    let sum = crc32fast::hash(&frame[4..]);
    frame[..4].copy_from_slice(&sum.to_le_bytes());
    true
}

/// Why a stretch of a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At a mark: a whole batch; more may follow.
    Mark,
    /// At the last whole frame; `lost` bytes behind it are torn or damaged.
    Last { lost: u64 },
}

/// Records between a position and the end of their batch.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) records: Vec<Record>,
    pub(super) details: Vec<Detail>,
    /// Position behind the stretch, its mark included.
    pub(super) end: u64,
    pub(super) ended: End,
    /// Frames that were whole but held no record that this program can read.
    pub(super) unreadable: u64,
}

/// A segment that is read; also while it is still appended to.
#[derive(Debug)]
pub(super) struct Reader<R = File> {
    input: BufReader<R>,
    at: u64,
    pub(super) id: SegmentId,
    form: Form,
}

impl Reader {
    /// `None` also without a file: somebody has made room on the disk.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Self::of(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<R: Read + Seek> Reader<R> {
    /// `None`: the head is not whole, or of a form that this program does not read.
    pub(super) fn of(input: R) -> io::Result<Option<Self>> {
        let mut input = BufReader::with_capacity(256 * 1024, input);
        let mut head = [0_u8; HEAD as usize];
        match input.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (summed, sum) = head.split_at(head.len() - 4);
        if sum != crc32fast::hash(summed).to_le_bytes() || &head[..8] != MAGIC {
            return Ok(None);
        }
        let Some(form) = Form::of_number(head[8]) else {
            return Ok(None);
        };
        let mut id = SegmentId::default();
        id.copy_from_slice(&head[12..28]);
        Ok(Some(Self {
            input,
            at: HEAD,
            id,
            form,
        }))
    }

    /// Reads from `start` to the next mark, or to the last whole frame below `limit`.
    pub(super) fn stretch(&mut self, start: u64, limit: u64) -> io::Result<Stretch> {
        if self.at != start {
            self.input.seek(SeekFrom::Start(start))?;
            self.at = start;
        }
        let mut stretch = Stretch {
            records: Vec::new(),
            details: Vec::new(),
            end: start,
            ended: End::Last {
                lost: limit.saturating_sub(start),
            },
            unreadable: 0,
        };
        let mut payload = Vec::with_capacity(512);
        let mut parts = Vec::new();
        while stretch.end < limit {
            let Some(kind) = self.frame(limit, &mut payload)? else {
                break;
            };
            stretch.end = self.at;
            stretch.ended = End::Last {
                lost: limit - self.at,
            };
            if kind == MARK {
                stretch.ended = End::Mark;
                break;
            }
            if matches!(kind, PART | LAST_PART) {
                if parts.len() <= MOST_DETAIL {
                    parts.extend_from_slice(&payload);
                }
                if kind == LAST_PART {
                    match serde_json::from_slice(&parts) {
                        Ok(detail) => stretch.details.push(detail),
                        Err(_) => stretch.unreadable += 1,
                    }
                    parts.clear();
                }
                continue;
            }
            match encoding::decode(&payload, self.form) {
                Ok(record) if kind == RECORD => stretch.records.push(record),
                _ => stretch.unreadable += 1,
            }
        }
        stretch.unreadable += u64::from(!parts.is_empty());
        Ok(stretch)
    }

    /// The kind of the next frame, its payload in `payload`; `None` when it is not whole.
    fn frame(&mut self, limit: u64, payload: &mut Vec<u8>) -> io::Result<Option<u8>> {
        let mut head = [0_u8; FRAME];
        if limit - self.at < FRAME as u64 || !self.fill(&mut head)? {
            return Ok(None);
        }
        let length = u16::from_le_bytes([head[4], head[5]]);
        payload.resize(length.into(), 0);
        if limit.saturating_sub(self.at) < length.into() || !self.fill(payload)? {
            return Ok(None);
        }
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head[4..]);
        sum.update(payload);
        let whole = sum.finalize().to_le_bytes() == head[..4];
        Ok(whole.then_some(head[6]))
    }

    fn fill(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.input.read_exact(into) {
            Ok(()) => {
                self.at += into.len() as u64;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // Where the reader stands is not known now: the next stretch seeks.
                self.at = u64::MAX;
                Ok(false)
            }
            Err(error) => {
                self.at = u64::MAX;
                Err(error)
            }
        }
    }
}
