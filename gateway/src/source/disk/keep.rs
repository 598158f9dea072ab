//! Keeping a state as it changes: a whole one, then its changes, and from time to time both
//! together as a whole one again.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use domain::snapshot::{Application, Credential, Delta, Snapshot, Subscription};

use super::base::{self, Base};
use super::log::{End, Log, Overlay};
use super::rows::{self, Row};
use super::{Disk, DiskError, Tag};

/// A log below this many bytes is not worth writing the state anew.
const SMALL: u64 = 4 << 20;

/// Rows that are put together, and bytes that such a row has about.
const PORTION: usize = 4096;
const ABOUT: usize = 96;

/// A whole state in the form in which it is kept: its rows, in portions, as a state may be large.
pub(crate) struct Whole {
    state: u64,
    rows: Vec<Vec<u8>>,
}

impl Whole {
    pub(crate) fn of(snapshot: &Snapshot) -> io::Result<Self> {
        let (parts, begun) = (&snapshot.parts, Begun::default());
        let applications = parts.applications.chunks(PORTION);
        applications.for_each(|all| begun.applications(all));
        let credentials = parts.credentials.chunks(PORTION);
        credentials.for_each(|all| begun.credentials(all));
        let subscriptions = parts.subscriptions.chunks(PORTION);
        subscriptions.for_each(|all| begun.subscriptions(all));
        begun.end(snapshot)
    }

    /// Bytes of all rows.
    fn length(&self) -> u64 {
        self.rows.iter().map(|rows| rows.len() as u64).sum()
    }
}

/// What there may be a million of, in the form in which it is kept, while the rest is still to come.
#[derive(Debug, Default)]
pub(crate) struct Begun(Mutex<Vec<Vec<u8>>>);

impl Begun {
    pub(crate) fn applications(&self, all: &[Application]) {
        self.add(all, rows::applications);
    }

    pub(crate) fn credentials(&self, all: &[Credential]) {
        self.add(all, rows::credentials);
    }

    pub(crate) fn subscriptions(&self, all: &[Subscription]) {
        self.add(all, rows::subscriptions);
    }

    fn add<T>(&self, all: &[T], write: fn(&[T], &mut Vec<u8>)) {
        let mut rows = Vec::with_capacity(all.len() * ABOUT);
        write(all, &mut rows);
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(rows);
    }

    /// With the rest of `snapshot`, of which this is.
    pub(crate) fn end(self, snapshot: &Snapshot) -> io::Result<Whole> {
        let mut few = Vec::new();
        rows::write_few(&snapshot.parts, &mut few)?;
        let mut rows = vec![few];
        rows.append(&mut self.0.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(Whole {
            state: snapshot.state,
            rows,
        })
    }
}

/// The writing end of a [`Disk`]. Its methods block on the disk: call them off the runtime's
/// threads.
#[derive(Debug)]
pub(crate) struct Kept {
    disk: Disk,
    /// With the bytes of the state before it.
    log: Option<(Log, u64)>,
    /// What was read at the start, until something is written behind it.
    read: Option<Read>,
}

/// A state with its log as they were read.
#[derive(Debug)]
struct Read {
    /// The tag that names the state.
    name: Tag,
    length: u64,
    end: End,
}

impl Kept {
    pub(crate) const fn new(disk: Disk) -> Self {
        Self {
            disk,
            log: None,
            read: None,
        }
    }

    /// Goes on behind what `base` and `overlay` were read from. `None` when that cannot be gone on
    /// with: there is no log, or it has a key that does not write any more.
    pub(super) fn behind(disk: &Disk, base: &Base, overlay: &Overlay) -> Option<Self> {
        let read = Read {
            name: base.name().ok()?,
            length: base.head.length,
            end: overlay.end?,
        };
        (disk.keys.first() == Some(&base.key)).then(|| Self {
            disk: disk.clone(),
            log: None,
            read: Some(read),
        })
    }

    /// What lies there is another's: nothing is kept until everything is.
    pub(crate) fn forget(&mut self) {
        self.log = None;
        self.read = None;
    }

    /// Fails when it is not what was read any more: another process wrote there meanwhile.
    fn resume(&self, read: &Read) -> io::Result<(Log, u64)> {
        let base = Base::open(&self.disk.path, &self.disk.keys).map_err(io::Error::other)?;
        let base = base.ok_or(io::ErrorKind::NotFound)?;
        if base.name().map_err(io::Error::other)? != read.name {
            return Err(io::Error::other("the state on disk is another one by now"));
        }
        let log = Log::resume(&self.disk.log, base.key, read.end)?;
        Ok((log, read.length))
    }

    /// Keeps a whole state in place of everything before it.
    pub(crate) fn whole(&mut self, whole: &Whole) -> io::Result<()> {
        let size = (whole.state, whole.length());
        self.write(size, |out| {
            let mut rows = whole.rows.iter();
            rows.try_for_each(|rows| out.write_all(rows))
        })
    }

    fn write(
        &mut self,
        size: (u64, u64),
        rows: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        // Without a log, changes are not kept: behind a state that was not written they would lie.
        self.log = None;
        self.read = None;
        let key = *self.disk.keys.first().ok_or(io::ErrorKind::InvalidInput)?;
        let tag = base::write(&self.disk.path, &key, size, rows)?;
        let log = Log::begin(&self.disk.log, key, tag)?;
        self.log = Some((log, size.1));
        Ok(())
    }

    /// Keeps changes of the state. They follow each other and it.
    pub(crate) fn changes(&mut self, deltas: &[Delta]) -> io::Result<()> {
        if let Some(read) = self.read.take_if(|_| !deltas.is_empty()) {
            self.log = Some(self.resume(&read)?);
        }
        let Some((log, whole)) = &mut self.log else {
            return Ok(());
        };
        let appended = deltas.iter().try_for_each(|delta| log.append(delta));
        if let Err(error) = appended.and_then(|()| log.sync()) {
            // What is behind half a frame would not be read.
            self.log = None;
            return Err(error);
        }
        if log.length > SMALL.max(*whole / 2) {
            return self.join().map_err(|error| match error {
                DiskError::Read(error) => error,
                DiskError::Damaged | DiskError::Unknown | DiskError::Newer(_) => {
                    io::Error::other(error)
                }
            });
        }
        Ok(())
    }

    /// Writes state and log as one state. Reads the state twice, as its length goes in front.
    fn join(&mut self) -> Result<(), DiskError> {
        let Some((base, overlay)) = self.disk.open()? else {
            return Ok(());
        };
        let state = overlay.state.unwrap_or(base.head.state);
        let mut length = 0;
        base.rows(|row, bytes| {
            length += stays(&overlay, row).map_or(0, |()| bytes.len() as u64);
            Ok(())
        })?;
        let new = || overlay.rows.values().flatten();
        length += new().map(|row| row.len() as u64).sum::<u64>();
        let Some(base) = Base::open(&self.disk.path, &self.disk.keys)? else {
            return Ok(());
        };
        let wrote = self.write((state, length), |out| {
            let read = base.rows(|row, bytes| match stays(&overlay, row) {
                Some(()) => Ok(out.write_all(bytes)?),
                None => Ok(()),
            });
            read.map_err(io::Error::other)?;
            new().try_for_each(|row| out.write_all(row))
        });
        Ok(wrote?)
    }
}

/// A row of which the log says nothing.
fn stays(overlay: &Overlay, row: &Row<'_>) -> Option<()> {
    let (name, _) = row.name()?;
    (!overlay.rows.contains_key(&name)).then_some(())
}
