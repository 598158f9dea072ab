//! Idle upstream connections of one worker, by target. The one used last is used first, so that
//! the others grow old and go.

mod flight;
mod gone;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::SendRequest;

use flight::Flight;
pub(super) use flight::Turn;
use gone::Departed;

use super::link::Link;
use crate::settings::Settings;

/// Of one target.
#[derive(Default)]
struct Idle {
    #[expect(
        clippy::vec_box,
        reason = "a link moves between pool and answers as a pointer"
    )]
    links: Vec<Box<Link>>,
    /// Connections of HTTP/2, and since when each was seen without a request.
    shared: Vec<(Shared, Option<u64>)>,
    flight: Option<Rc<Flight>>,
}

/// A connection of HTTP/2, and a handle that each request on it holds, to be counted by.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) place: Rc<Place>,
}

/// When something of any answer came over the connection last, in the worker's milliseconds.
pub(super) type Place = Cell<u64>;

impl Shared {
    pub(super) fn new(sender: SendRequest<Bytes>) -> Self {
        Self {
            sender,
            place: Rc::default(),
        }
    }

    fn active(&self) -> usize {
        Rc::strong_count(&self.place) - 1
    }

    /// As the target sees it.
    fn most(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    fn is_open(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        // One that only waits for room is open.
        !matches!(self.sender.clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }
}

pub(crate) struct Pool {
    /// By the target's number.
    targets: RefCell<Vec<Idle>>,
    /// Present weights of smooth weighted round robin, by upstream.
    weights: RefCell<HashMap<domain::id::UpstreamId, Vec<i64>>>,
    departed: Departed,
    keep_ms: u64,
    most: usize,
}

/// Connections of HTTP/2 per worker and target.
const SHARED: usize = 8;
/// Requests that share one of them, while there may be more.
pub(super) const STREAMS: usize = 128;
/// After which they are closed when nothing is asked over them.
const SHARED_IDLE_MS: u64 = 60_000;

impl Pool {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            targets: RefCell::default(),
            weights: RefCell::default(),
            departed: Departed::default(),
            keep_ms: settings.limits.upstream_idle.as_millis() as u64,
            most: settings.limits.upstream_kept,
        }
    }

    fn with<T>(&self, target: u32, act: impl FnOnce(&mut Idle) -> T) -> T {
        let mut targets = self.targets.borrow_mut();
        let index = target as usize;
        if targets.len() <= index {
            targets.resize_with(index + 1, Idle::default);
        }
        act(&mut targets[index])
    }

    /// A connection to `target` that is still good, if there is one.
    pub(super) fn take(&self, target: u32, now_ms: u64) -> Option<Box<Link>> {
        self.with(target, |idle| {
            while let Some(mut link) = idle.links.pop() {
                // Those below it are older, but may have been promised a longer time.
                if now_ms < link.kept_at + link.keep_ms && link.is_usable() {
                    return Some(link);
                }
            }
            None
        })
    }

    /// Keeps a connection whose exchange is over, for as long as its last answer said at most. Whether it
    /// is closed is looked at when it is taken: now it was heard of a moment ago.
    pub(crate) fn give_back(&self, mut link: Box<Link>, now_ms: u64) {
        if !link.is_over() || self.departed.has(link.target) {
            return;
        }
        link.deadline.clear();
        link.ticket = None;
        link.kept_at = now_ms;
        if link.keep_ms == 0 {
            link.keep_ms = self.keep_ms;
        }
        self.with(link.target, |idle| {
            if idle.links.len() >= self.most {
                idle.links.remove(0);
            }
            idle.links.push(link);
        });
    }

    /// A connection of HTTP/2 with room for one more request; `None`: a new one is due, or as many as
    /// may be are [crowded](Self::crowded).
    pub(super) fn share(&self, target: u32) -> Option<Shared> {
        self.with(target, |idle| {
            idle.shared.retain(|(shared, _)| shared.is_open());
            let mut all = idle.shared.iter().map(|(shared, _)| shared);
            all.find(|shared| shared.active() < shared.most().min(STREAMS))
                .cloned()
        })
    }

    /// Whether as many as may be are there.
    pub(super) fn is_full(&self, target: u32) -> bool {
        self.with(target, |idle| idle.shared.len() >= SHARED)
    }

    /// Where none has room, the one that fewest share. While there may be more of them only one on which
    /// the target takes a further request at once.
    pub(super) fn crowded(&self, target: u32) -> Option<Shared> {
        self.with(target, |idle| {
            let is_full = idle.shared.len() >= SHARED;
            let all = idle.shared.iter().map(|(shared, _)| shared);
            let usable = all.filter(|shared| is_full || shared.active() < shared.most());
            usable.min_by_key(|shared| shared.active()).cloned()
        })
    }

    /// By which one is made after another.
    pub(super) fn flight(&self, target: u32) -> Rc<Flight> {
        self.with(target, |idle| idle.flight.get_or_insert_default().clone())
    }

    /// Keeps a new connection of HTTP/2 for those that come after.
    pub(super) fn keep(&self, target: u32, shared: Shared) {
        if self.departed.has(target) {
            return;
        }
        self.with(target, |idle| {
            if idle.shared.len() < SHARED {
                idle.shared.push((shared, None));
            }
        });
    }

    /// Nothing more is asked over a connection of HTTP/2 that did not answer: its other side may be
    /// gone without a word, which the system finds out in a quarter of an hour. What is under way
    /// there goes on.
    pub(super) fn retire(&self, target: u32, place: &Rc<Place>) {
        self.with(target, |idle| {
            idle.shared
                .retain(|(one, _)| !Rc::ptr_eq(&one.place, place));
        });
    }

    /// The shorter of our own patience and the other side's promise less a second.
    pub(super) fn keep_ms(&self, promised_secs: Option<u64>) -> u64 {
        let promised = promised_secs.map(|seconds| seconds.saturating_sub(1).saturating_mul(1000));
        promised.map_or(self.keep_ms, |promised| promised.clamp(1, self.keep_ms))
    }

    /// Closes what is too old.
    pub(crate) fn tidy(&self, now_ms: u64) {
        for idle in self.targets.borrow_mut().iter_mut() {
            idle.shared.retain_mut(|(shared, since)| {
                if shared.active() > 0 {
                    *since = None;
                    return true;
                }
                now_ms < *since.get_or_insert(now_ms) + SHARED_IDLE_MS
            });
            idle.links
                .retain(|link| now_ms < link.kept_at + link.keep_ms);
        }
    }

    /// The present weights of an upstream's round robin, for `turn` to move on.
    pub(super) fn rotation<T>(
        &self,
        upstream: domain::id::UpstreamId,
        turn: impl FnOnce(&mut Vec<i64>) -> T,
    ) -> T {
        turn(self.weights.borrow_mut().entry(upstream).or_default())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::deadline::Sweeper;
    use crate::socket::Socket;

    #[tokio::test]
    async fn one_whose_time_is_over_does_not_take_older_ones_along() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (pool, sweeper) = (Pool::new(&Settings::default()), Sweeper::default());
        let mut far = Vec::new();
        for (promised, kept_at) in [(None, 1000), (Some(2), 1500)] {
            let near = TcpStream::connect(listener.local_addr().unwrap()).await;
            far.push(listener.accept().await.unwrap());
            let socket = Socket::Plain(near.unwrap());
            let mut link = Link::new(socket, sweeper.deadline(), 0);
            link.keep_ms = pool.keep_ms(promised);
            pool.give_back(Box::new(link), kept_at);
        }
        // The second was good until 2500, and the first is until 5000.
        let taken = |now| pool.take(0, now).map(|link| link.kept_at);
        assert_eq!(taken(3000), Some(1000));
        assert_eq!(taken(3000), None);
    }

    #[test]
    fn a_connection_is_kept_for_the_shorter_of_two_times() {
        let pool = Pool::new(&Settings::default());
        for (promised, kept) in [
            (None, 4000),
            (Some(0), 1),
            (Some(1), 1),
            (Some(3), 2000),
            (Some(5), 4000),
            (Some(60), 4000),
            (Some(u64::MAX), 4000),
        ] {
            assert_eq!(pool.keep_ms(promised), kept, "{promised:?}");
        }
    }
}
