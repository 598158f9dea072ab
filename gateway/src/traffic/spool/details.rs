//! Details of requests in the spool. Records come first: details get a part of its room only, and a
//! batch ends early where they are long.

use std::io;

use domain::traffic::Detail;

use super::{Spool, segment};

/// A batch with so many bytes of details ends.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

impl Spool {
    /// Appends the details of one request with one `write`. `false`: they are dropped, as the spool
    /// is half full or the disk refused.
    pub fn append_detail(&mut self, detail: &Detail) -> bool {
        self.try_append_detail(detail).unwrap_or_else(|error| {
            self.refused(&error);
            false
        })
    }

    fn try_append_detail(&mut self, detail: &Detail) -> io::Result<bool> {
        self.open_active()?;
        let Some(active) = self.active.as_mut() else {
            return Ok(false);
        };
        self.frames.clear();
        let fits = segment::push_detail(&mut self.frames, detail);
        let room = (self.settings.max_bytes / 2).saturating_sub(self.figures.bytes);
        if !fits || self.frames.len() as u64 > room {
            return Ok(false);
        }
        active.unmarked += 1;
        active.unmarked_bytes += self.frames.len();
        let is_full =
            active.unmarked >= self.settings.batch_records || active.unmarked_bytes >= BATCH_BYTES;
        if is_full {
            active.mark(&mut self.frames);
        }
        active.write(&self.frames)?;
        self.figures.bytes += self.frames.len() as u64;
        if active.len >= self.settings.segment_bytes {
            self.close_active();
        }
        Ok(true)
    }
}
