//! The batch that still grows: it ends when it has as many records as it may, or when somebody wants
//! what there is.

use std::io;

use super::{Batch, Spool};

impl Spool {
    /// The next batch in order, as [`Spool::next_ended`] gives it; the one that grows ends where
    /// there is no other.
    pub fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        if let Some(batch) = self.next_ended()? {
            return Ok(Some(batch));
        }
        self.end_batch();
        self.next_ended()
    }

    /// Ends the batch that grows, by a mark, so that it is given out next. `false`: there is none.
    pub fn end_batch(&mut self) -> bool {
        let Some(active) = self.active.as_mut().filter(|active| active.unmarked > 0) else {
            return false;
        };
        self.frames.clear();
        active.mark(&mut self.frames);
        match active.write(&self.frames) {
            Ok(()) => self.figures.bytes += self.frames.len() as u64,
            Err(error) => {
                // The end of a segment ends its last batch as well.
                self.refused(&error);
            }
        }
        true
    }
}
