//! The `Date` of answers whose upstream gave them none (RFC 9110 §6.6.1), made once a second.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::worker::Worker;

thread_local! {
    static LINE: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) };
}

/// Appends the field's line, of the worker's coarse time.
pub(crate) fn write(worker: &Worker, out: &mut Vec<u8>) {
    let second = worker.settings.clock.wall(worker.sweeper.now() * 1000) / 1_000_000;
    LINE.with_borrow_mut(|(of, line)| {
        if *of != second {
            line.clear();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let date = httpdate::HttpDate::from(at);
            // Writing into memory does not fail.
            let _ = write!(line, "date: {date}\r\n");
            *of = second;
        }
        out.extend_from_slice(line);
    });
}
