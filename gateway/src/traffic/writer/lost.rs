//! What one drain of the rings could not write.

use std::io;

/// What is lost of one drain.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) records: u64,
    /// Lines could not be written.
    pub(super) lines: bool,
}

impl Lost {
    /// Why it failed was told already.
    pub(super) fn note(&mut self, result: &io::Result<()>) {
        self.lines |= result.is_err();
    }

    /// How many of the drain's records. Which of its lines went with an error, nobody knows: all.
    pub(super) const fn of(&self, taken: usize) -> u64 {
        match self.lines {
            true => taken as u64,
            false => self.records,
        }
    }
}
