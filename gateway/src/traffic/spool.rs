//! The spool: records on disk between the workers and the store, so that neither a database that
//! is away nor a `kill -9` loses what was answered.
//!
//! Appended data is handed to the kernel by `write`, which survives the death of the process; a
//! segment is synced to the device when it is full, so that a loss of power costs at most the last
//! segments. The spool has a bound: when it is full the *newest* records are dropped and counted,
//! because the oldest may be part of a batch that is being stored under an id already.

mod aside;
mod cursor;
mod details;
mod directory;
mod growing;
mod segment;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::time::Instant;

use domain::id::BatchId;
use domain::traffic::{Detail, Record};

pub use directory::{SpoolError, SpoolSettings};

use cursor::Cursor;
use directory::{path, segments};
use segment::{Active, End, HEAD, Reader, SegmentId, Stretch};

/// Records with the id under which the store takes them once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub records: Vec<Record>,
    /// What is known of some requests beside their records, which may be in another batch.
    pub details: Vec<Detail>,
    end: Cursor,
}

/// What became of appended records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    pub written: u64,
    /// Dropped because the spool is full or the disk refused.
    pub dropped: u64,
}

/// Figures for the admin address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolFigures {
    /// Bytes of all segments on disk.
    pub bytes: u64,
    /// Bytes that are not stored yet.
    pub waiting_bytes: u64,
    /// Bytes behind the last whole frame of a segment: torn by a crash, or damaged.
    pub lost_bytes: u64,
    /// Whole frames that hold no record that this program can read.
    pub unreadable: u64,
    /// Segments that the disk did not give back, since the start.
    pub set_aside: u64,
}

#[derive(Debug, Clone, Copy)]
struct Closed {
    number: u64,
    len: u64,
}

/// An open spool. All calls block on the local disk: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Spool {
    settings: SpoolSettings,
    /// Holds the directory's lock until the spool is dropped.
    _lock: File,
    closed: VecDeque<Closed>,
    active: Option<Active>,
    active_number: u64,
    /// What the store has.
    stored: Cursor,
    /// Where the next batch begins; ahead of `stored` by the batches in flight.
    read: Cursor,
    reader: Option<(u64, Reader)>,
    figures: SpoolFigures,
    frames: Vec<u8>,
    /// The disk refused what was to be written last.
    is_refused: bool,
    /// The segment that cannot be read, and since when.
    unread: Option<(u64, Instant)>,
}

impl Spool {
    /// Opens the directory and finds what an earlier process left. Segments that are there already
    /// are never appended to: their tail may be torn.
    pub fn open(settings: SpoolSettings) -> Result<Self, SpoolError> {
        let directory = settings.directory.clone();
        let failed = |error| SpoolError::Io(directory.clone(), error);
        let lock = directory::claim(&directory)?;
        let stored = Cursor::load(&directory)
            .map_err(failed)?
            .unwrap_or_default();
        let mut closed = VecDeque::new();
        let mut highest = stored.segment;
        for (number, len) in segments(&directory).map_err(failed)? {
            highest = highest.max(number);
            if number < stored.segment {
                directory::remove(&directory, number).map_err(failed)?;
            } else {
                closed.push_back(Closed { number, len });
            }
        }
        let bytes = closed.iter().map(|segment| segment.len).sum();
        Ok(Self {
            settings,
            _lock: lock,
            closed,
            active: None,
            active_number: highest,
            stored,
            read: stored,
            reader: None,
            figures: SpoolFigures {
                bytes,
                ..SpoolFigures::default()
            },
            frames: Vec::new(),
            is_refused: false,
            unread: None,
        })
    }

    /// Appends records with one `write` (several where they are many). What does not fit is dropped.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> Appended {
        let mut done = Appended::default();
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let result = self.append_some(&mut records, &mut done);
            if let Err((error, pending)) = result {
                self.refused(&error);
                done.dropped += pending + records.count() as u64;
                break;
            }
            self.is_refused &= done.written == 0;
        }
        done
    }

    /// The segment may end in half a frame now. It is told once: a disk that is full is so for a
    /// while, and the log may lie there as well.
    fn refused(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_refused, true) {
            tracing::error!(%error, "the traffic spool cannot be written; what comes is dropped");
        }
        self.close_active();
    }

    /// Fills and writes one buffer. On error: the records that were in it.
    fn append_some<'a>(
        &mut self,
        records: &mut impl Iterator<Item = &'a Record>,
        done: &mut Appended,
    ) -> Result<(), (io::Error, u64)> {
        const WRITE: usize = 1 << 20;
        self.open_active().map_err(|error| (error, 0))?;
        let Some(active) = self.active.as_mut() else {
            return Ok(());
        };
        let room = self.settings.max_bytes.saturating_sub(self.figures.bytes) as usize;
        self.frames.clear();
        let mut pending = 0;
        for record in records {
            let before = self.frames.len();
            if !segment::push_record(&mut self.frames, record) || self.frames.len() > room {
                self.frames.truncate(before);
                done.dropped += 1;
                continue;
            }
            pending += 1;
            active.unmarked += 1;
            if active.unmarked >= self.settings.batch_records {
                active.mark(&mut self.frames);
            }
            if self.frames.len() >= WRITE {
                break;
            }
        }
        active
            .write(&self.frames)
            .map_err(|error| (error, pending))?;
        self.figures.bytes += self.frames.len() as u64;
        done.written += pending;
        if active.len >= self.settings.segment_bytes {
            self.close_active();
        }
        Ok(())
    }

    /// As [`Spool::next_ended`]; on error the next call tries the same segment.
    fn read_ended(&mut self) -> io::Result<Option<Batch>> {
        loop {
            let Some((number, len)) = self.current() else {
                return Ok(None);
            };
            if self.reader.as_ref().is_none_or(|(open, _)| *open != number) {
                match Reader::open(&path(&self.settings.directory, number))? {
                    Some(reader) => self.reader = Some((number, reader)),
                    None => {
                        tracing::warn!(
                            segment = number,
                            "a segment of the traffic spool is gone, or has no readable head"
                        );
                        self.figures.lost_bytes += len;
                        self.leave(number);
                        continue;
                    }
                }
            }
            let Some((_, reader)) = self.reader.as_mut() else {
                return Ok(None);
            };
            let known = self.read.segment == number && self.read.id == reader.id;
            let start = if known {
                self.read.offset.clamp(HEAD, len)
            } else {
                HEAD
            };
            let id = reader.id;
            let stretch = reader.stretch(start, len)?;
            if let Some(batch) = self.take(number, id, start, stretch) {
                return Ok(Some(batch));
            }
        }
    }

    /// Moves past a stretch; `None` when it held nothing to store.
    fn take(&mut self, number: u64, id: SegmentId, start: u64, stretch: Stretch) -> Option<Batch> {
        self.figures.unreadable += stretch.unreadable;
        let end = Cursor {
            segment: number,
            offset: stretch.end,
            id,
        };
        self.read = end;
        if let End::Last { lost } = stretch.ended {
            self.figures.lost_bytes += lost;
            self.leave(number);
        }
        let batch = Batch {
            id: segment::batch_id(&id, start),
            records: stretch.records,
            details: stretch.details,
            end: self.read,
        };
        (!batch.records.is_empty() || !batch.details.is_empty()).then_some(batch)
    }

    /// The segment that the next batch lies in and how far its batches have ended.
    fn current(&self) -> Option<(u64, u64)> {
        if let Some(closed) = self
            .closed
            .iter()
            .find(|closed| closed.number >= self.read.segment)
        {
            return Some((closed.number, closed.len));
        }
        let ended = self.active.as_ref()?.ended;
        let is_read = self.read.segment == self.active_number && self.read.offset >= ended;
        (!is_read && ended > HEAD).then_some((self.active_number, ended))
    }

    /// Nothing more is read from the segment. Should it be the one that is appended to (its disk
    /// lied), the next records go to a new one.
    fn leave(&mut self, number: u64) {
        if number == self.active_number {
            self.close_active();
        }
        self.reader = None;
        self.read = Cursor {
            segment: number + 1,
            ..Cursor::default()
        };
    }

    /// The store has committed `batch`: the cursor moves, and segments behind it go.
    pub fn stored(&mut self, batch: &Batch) -> io::Result<()> {
        batch.end.save(&self.settings.directory)?;
        self.stored = batch.end;
        while let Some(oldest) = self.closed.front().copied() {
            let all_stored =
                self.stored.segment == oldest.number && self.stored.offset >= oldest.len;
            if oldest.number >= self.stored.segment && !all_stored {
                break;
            }
            directory::remove(&self.settings.directory, oldest.number)?;
            self.figures.bytes -= oldest.len;
            self.closed.pop_front();
        }
        Ok(())
    }

    /// Removes what is left of a spool whose every batch was given out and is stored, and that is
    /// not appended to.
    pub(crate) fn remove(self) -> io::Result<()> {
        for Closed { number, len: _ } in &self.closed {
            directory::remove(&self.settings.directory, *number)?;
        }
        Ok(())
    }

    pub fn figures(&self) -> SpoolFigures {
        let closed = self.closed.front().map(|closed| closed.number);
        let active = self.active.as_ref().map(|_| self.active_number);
        let partly = closed.or(active) == Some(self.stored.segment);
        let done = if partly { self.stored.offset } else { 0 };
        SpoolFigures {
            waiting_bytes: self.figures.bytes.saturating_sub(done),
            ..self.figures
        }
    }

    fn open_active(&mut self) -> io::Result<()> {
        if self.active.is_none() {
            let mut id = SegmentId::default();
            getrandom::fill(&mut id).map_err(io::Error::other)?;
            let number = self.active_number + 1;
            let active = Active::create(&path(&self.settings.directory, number), id)?;
            self.active_number = number;
            self.figures.bytes += active.len;
            self.active = Some(active);
        }
        Ok(())
    }

    /// Nothing is appended to the segment any more. Syncing waits for the device, so it happens
    /// beside the drain of the rings, which must not wait.
    fn close_active(&mut self) {
        let Some(active) = self.active.take() else {
            return;
        };
        self.closed.push_back(Closed {
            number: self.active_number,
            len: active.len,
        });
        let file = active.into_file();
        let spawned = std::thread::Builder::new()
            .name("spool-sync".into())
            .spawn(move || {
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, "a segment of the traffic spool cannot be synced");
                }
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "a segment of the traffic spool is not synced");
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(active) = self.active.take()
            && let Err(error) = active.into_file().sync_data()
        {
            tracing::error!(%error, "the traffic spool cannot be synced");
        }
    }
}

/// The records of one segment's bytes, whatever these are: what the fuzzer feeds.
pub fn read_segment(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let Ok(Some(mut reader)) = Reader::of(io::Cursor::new(bytes)) else {
        return records;
    };
    let mut at = HEAD;
    while let Ok(stretch) = reader.stretch(at, bytes.len() as u64) {
        at = stretch.end;
        records.extend(stretch.records);
        if stretch.ended != End::Mark {
            break;
        }
    }
    records
}

#[cfg(test)]
mod tests;
