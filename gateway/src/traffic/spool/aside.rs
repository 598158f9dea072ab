//! Segments that the disk does not give back. One is tried for a while, as what is wrong may pass, and
//! then set aside under another name: it must not hold up all that came behind it, and it is not ours
//! to delete, as nobody else has what is in it.

use std::io;
use std::time::Instant;

use super::{Batch, Spool, directory};

/// Whether it is the process that can read nothing, and the segment may be as good as any: for want of
/// descriptors or memory, or of rights that somebody took away.
pub(super) fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EACCES | libc::EPERM)
    )
}

impl Spool {
    /// The next batch in order that has ended, or `None` when all of these were given out. It stays
    /// in the spool until [`Spool::stored`] is told of it; a process that dies before gives it out
    /// again, with its id.
    pub fn next_ended(&mut self) -> io::Result<Option<Batch>> {
        loop {
            let error = match self.read_ended() {
                Ok(batch) => {
                    self.unread = None;
                    return Ok(batch);
                }
                Err(error) => error,
            };
            // It is opened anew next time.
            self.reader = None;
            let Some((number, _)) = self.current() else {
                return Err(error);
            };
            let since = match self.unread {
                Some((segment, since)) if segment == number => since,
                Some(_) | None => Instant::now(),
            };
            self.unread = Some((number, since));
            if is_ours(&error) || since.elapsed() < self.settings.read_patience {
                return Err(error);
            }
            self.set_aside(number, &error)?;
        }
    }

    fn set_aside(&mut self, number: u64, error: &io::Error) -> io::Result<()> {
        let read = match self.read.segment == number {
            true => self.read.offset,
            false => 0,
        };
        let path = directory::set_aside(&self.settings.directory, number)?;
        // Closes it, should it be the one that is appended to.
        self.leave(number);
        let at = self
            .closed
            .iter()
            .position(|closed| closed.number == number);
        let closed = at.and_then(|at| self.closed.remove(at));
        let len = closed.map_or(0, |closed| closed.len);
        self.figures.bytes = self.figures.bytes.saturating_sub(len);
        self.figures.lost_bytes += len.saturating_sub(read);
        self.figures.set_aside += 1;
        self.unread = None;
        tracing::error!(%error, path = %path.display(), "A segment of the traffic spool cannot be read and is set aside; what is in it is not stored.");
        Ok(())
    }
}
