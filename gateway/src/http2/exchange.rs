//! What one connection has under way, and what is held against it: streams that the client reset,
//! answers that it does not take.

mod answered;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use tokio::task::AbortHandle;

pub(super) use answered::Answered;

use crate::client::Peer;
use crate::metrics::Late;
use crate::worker::Worker;

/// Resets and frames of control are counted over so long.
const WINDOW_MS: u64 = 30_000;
/// Frames of control in that time, beside one for each request and for each piece of an answer: a
/// client that measures its line asks with a PING for each piece at most.
const CONTROL: u32 = 2_000;
/// Heads in that time of which no request comes: lists of fields that are too long, whatever they
/// were compressed to, streams beyond those that may be open, and what is malformed. A client that
/// has not heard yet how many streams it may open has some of these.
const HEADS: u32 = 256;
/// Answers whose ends lie with the library for too long, while their client takes others. Nobody can
/// take these out but by ending the connection, and each may have 64 KiB.
const MOST_LEFT: usize = 4;

pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: Peer,
    resets: Tally,
    control: Tally,
    heads: Tally,
    /// Since when no request is under way.
    idle_since: Cell<u64>,
    /// When the client took anything last.
    took_at: Cell<u64>,
    has_asked: Cell<bool>,
    is_barred: Cell<bool>,
    is_cut: Cell<bool>,
    streams: RefCell<Vec<Weak<Stream>>>,
}

impl Connection {
    pub(super) fn new(worker: Rc<Worker>, peer: Peer) -> Self {
        let now = worker.sweeper.now();
        Self {
            worker,
            peer,
            resets: Tally::default(),
            control: Tally::default(),
            heads: Tally::default(),
            idle_since: Cell::new(now),
            took_at: Cell::new(now),
            has_asked: Cell::new(false),
            is_barred: Cell::new(false),
            is_cut: Cell::new(false),
            streams: RefCell::default(),
        }
    }

    /// More streams were reset than a client has reason for, or more frames came that carry nothing
    /// of a request, or more heads of which none came.
    pub(super) fn is_flooded(&self) -> bool {
        self.resets.count.get() > self.worker.settings.limits.http2_resets
            || self.control.count.get() > CONTROL
            || self.heads.count.get() > HEADS
    }

    /// So many frames of control were read.
    pub(super) fn controlled(&self, count: u32) {
        self.control.add(self.worker.sweeper.now(), count);
    }

    /// So many heads of new streams began to be read.
    pub(super) fn headed(&self, count: u32) {
        let unasked = self.heads.add(self.worker.sweeper.now(), count);
        if unasked > 0 {
            self.refused(unasked);
        }
    }

    /// Of so many heads no request came.
    fn refused(&self, heads: u32) {
        let metrics = &self.worker.metrics;
        metrics.http2_heads_refused.add(heads.into());
    }

    /// A head turned out to be a request.
    pub(super) fn asked(&self) {
        self.heads.give_back();
    }

    /// The client takes what is sent to it.
    pub(super) fn takes(&self) {
        self.took_at.set(self.worker.sweeper.now());
    }

    /// The request that began last is answered by this task.
    pub(super) fn runs(&self, task: AbortHandle) {
        let streams = self.streams.borrow();
        if let Some(stream) = streams.last().and_then(Weak::upgrade) {
            let _ = stream.task.set(task);
        }
    }

    /// The certificate of its client does not count any more.
    pub(super) fn bar(&self) {
        self.is_barred.set(true);
    }

    /// Whether it should end with what is under way.
    pub(super) fn is_barred(&self) -> bool {
        self.is_barred.get()
    }

    /// It ends now, with what the client has not taken.
    pub(super) fn cut(&self) {
        self.is_cut.set(true);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// What takes too long, if anything. An answer that the client does not take while it takes others
    /// is given up alone.
    pub(super) fn late(&self, now: u64) -> Option<Late> {
        let limits = &self.worker.settings.limits;
        let mut streams = self.streams.borrow_mut();
        streams.retain(|stream| stream.strong_count() > 0);
        if streams.is_empty() {
            let (wait, late) = if self.has_asked.get() {
                (limits.idle, Late::Idle)
            } else {
                (limits.head_read, Late::Head)
            };
            let since = self.idle_since.get();
            return (now.saturating_sub(since) >= wait.as_millis() as u64).then_some(late);
        }
        let stall = limits.write_stall.as_millis() as u64;
        let is_stalled = |stream: &Rc<Stream>| match stream.offered.get() {
            0 => false,
            since => now.saturating_sub(since) >= stall,
        };
        let takes_others = now.saturating_sub(self.took_at.get()) < stall / 2;
        let mut left = 0;
        let live = streams.iter().filter_map(Weak::upgrade);
        for stream in live.filter(is_stalled) {
            let task = stream.task.get().filter(|task| !task.is_finished());
            match task {
                Some(task) if takes_others => {
                    // What is left of it goes with its task, and the library resets the stream.
                    task.abort();
                    stream.offered.set(0);
                    self.worker.metrics.late(Late::Write);
                }
                None if takes_others && left < MOST_LEFT => left += 1,
                Some(_) | None => return Some(Late::Write),
            }
        }
        None
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.refused(self.heads.count.get());
    }
}

/// Counts in fixed windows: twice the limit around a border is no harm.
#[derive(Debug, Default)]
struct Tally {
    since: Cell<u64>,
    count: Cell<u32>,
}

impl Tally {
    fn give_back(&self) {
        self.count.set(self.count.get().saturating_sub(1));
    }

    /// Says what a window had that is over.
    fn add(&self, now: u64, count: u32) -> u32 {
        let mut over = 0;
        if now.saturating_sub(self.since.get()) >= WINDOW_MS {
            self.since.set(now);
            over = self.count.replace(0);
        }
        self.count.set(self.count.get().saturating_add(count));
        over
    }
}

/// One request on the connection.
#[derive(Debug)]
struct Stream {
    /// When a part of the answer was handed over that the client has not taken yet; 0 for none.
    offered: Cell<u64>,
    task: OnceCell<AbortHandle>,
}

/// Held from a request's head to the last byte of its answer. Let go before that, it was reset.
pub(super) struct Exchange {
    connection: Rc<Connection>,
    stream: Rc<Stream>,
    is_done: bool,
}

impl Exchange {
    pub(super) fn begin(connection: Rc<Connection>) -> Self {
        let stream = Rc::new(Stream {
            offered: Cell::new(0),
            task: OnceCell::new(),
        });
        let mut streams = connection.streams.borrow_mut();
        // The next look is half a second away, and a flood is faster.
        if streams.len() >= 2 * connection.worker.settings.limits.http2_streams as usize {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Rc::downgrade(&stream));
        drop(streams);
        connection.has_asked.set(true);
        connection.control.give_back();
        Self {
            connection,
            stream,
            is_done: false,
        }
    }

    /// From now on it is for the client to take what there is.
    fn offer(&self) {
        let now = self.connection.worker.sweeper.now();
        self.stream.offered.set(now.max(1));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = self.connection.worker.sweeper.now();
        self.connection.idle_since.set(now);
        if !self.is_done {
            self.connection.resets.add(now, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_counted_over_half_a_minute() {
        let resets = Tally::default();
        for now in [50_000, 60_000, 79_999] {
            assert_eq!(resets.add(now, 1), 0);
        }
        assert_eq!(resets.count.get(), 3);
        assert_eq!(resets.add(80_000, 2), 3);
        assert_eq!(resets.count.get(), 2);
        resets.give_back();
        assert_eq!(resets.count.get(), 1);
    }
}
