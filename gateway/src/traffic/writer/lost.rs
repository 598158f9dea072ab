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
    pub(super) fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::error!(%error, "Traffic lines cannot be written; records are dropped.");
            self.lines = true;
        }
    }

    /// How many of the drain's records. Which of its lines went with an error, nobody knows: all.
    pub(super) const fn of(&self, taken: usize) -> u64 {
        match self.lines {
            true => taken as u64,
            false => self.records,
        }
    }
}
