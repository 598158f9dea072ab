//! Bodies both ways. Nothing of them is held: each side appends what it has to the buffer that the
//! other side writes from, so a head and the first bytes behind it are one write.

use std::task::{Context, Poll};

use domain::problem::Code;

use crate::cache::{Given, Keeping};
use crate::detail::Of;
use crate::fields::Fields;
use crate::holdings::Made;
use crate::packed::Packed;
use crate::passing::Passing;
use crate::record::Watch;
use crate::report::Report;
use crate::upstream::{GivenUp, Link, Stream, Ticket};
use crate::worker::Worker;

/// At most this many bytes are appended at a time.
pub(crate) const ROOM: usize = 64 * 1024 - 256;

/// Lets go of the first `gone` bytes of `out` before more is added. A buffer that is filled up before
/// it is empty would else hold all that ever went through it; less is moved here than is let go.
pub(crate) fn make_room(out: &mut Vec<u8>, gone: &mut usize) {
    if *gone >= ROOM || *gone == out.len() {
        out.drain(..*gone);
        *gone = 0;
    }
}

/// A body ended before its time; why stands in [`crate::client::Client::fault`] or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

/// The client's half of an exchange while it is answered: its request's body, and whether it is
/// still there.
pub(crate) trait Inflow {
    /// Bytes of the whole body: 0 for none, `None` where nothing says it beforehand.
    fn length(&self) -> Option<u64>;

    /// Whether all of it was taken.
    fn is_done(&self) -> bool;

    /// Appends what there is of the body, at most [`ROOM`] bytes. It is ready when something is
    /// there, or when it is done.
    fn poll_fill(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Result<(), Cut>>;

    /// Ready once the client went away. To be asked when its body is done; before that it is told
    /// as far as little of the body is there.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether it can begin anew: nothing of it is gone.
    fn can_repeat(&self) -> bool {
        self.length() == Some(0)
    }

    /// Begins anew, where it can.
    fn repeat(&mut self) {}
}

/// What is answered, before anybody says in which protocol.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Outflow,
    /// The rest of this connection cannot be understood or is not wanted.
    pub(crate) closes: bool,
}

/// The body of an answer.
pub(crate) enum Outflow {
    /// Our own, and how much of it is gone.
    Whole(Vec<u8>, usize),
    /// With the connection that it comes over, until that is given back.
    Link(Option<Box<Link>>),
    /// One of many that share a connection of HTTP/2.
    Stream(Box<Stream>),
    /// The connection speaks something else from here on, both ways.
    Switched(Option<Box<Link>>),
    /// Another, encoded.
    Packed(Box<Packed>),
    /// Another, of which a copy is kept.
    Keeping(Box<Keeping>),
    /// One that is kept, which others are given as well.
    Shared(Given),
    /// Made of another one.
    Made(Box<Made>),
    /// Another, which is looked into once it has passed.
    Passing(Box<Passing>),
}

impl Outflow {
    pub(crate) const fn empty() -> Self {
        Self::Whole(Vec::new(), 0)
    }

    /// By when its last byte must have come, in the worker's milliseconds.
    pub(crate) const fn end_at(&mut self, ends_at: u64) {
        match self {
            Self::Link(Some(link)) => link.ends_at = ends_at,
            Self::Stream(stream) => stream.ends_at = ends_at,
            Self::Packed(packed) => packed.inner.end_at(ends_at),
            Self::Keeping(keeping) => keeping.inner.end_at(ends_at),
            Self::Passing(passing) => passing.inner.end_at(ends_at),
            // A WebSocket has no end that could be awaited.
            Self::Switched(_)
            | Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Link(None) => {}
        }
    }

    /// Keeps a request counted as in flight to its target until this is gone.
    pub(crate) fn hold(&mut self, ticket: Option<Ticket>) {
        match self {
            Self::Link(Some(link)) | Self::Switched(Some(link)) => link.ticket = ticket,
            Self::Stream(stream) => stream.ticket = ticket,
            Self::Packed(packed) => packed.inner.hold(ticket),
            Self::Keeping(keeping) => keeping.inner.hold(ticket),
            Self::Passing(passing) => passing.inner.hold(ticket),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Link(None)
            | Self::Switched(None) => {}
        }
    }

    /// Gives it a part of the request's body that nobody else has; `is_all`: the last.
    pub(crate) fn owe(&mut self, bytes: &[u8], is_all: bool) {
        match self {
            Self::Link(Some(link)) => link.owe(bytes, is_all),
            Self::Stream(stream) => stream.owe(bytes, is_all),
            Self::Packed(packed) => packed.inner.owe(bytes, is_all),
            Self::Keeping(keeping) => keeping.inner.owe(bytes, is_all),
            Self::Passing(passing) => passing.inner.owe(bytes, is_all),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Link(None)
            | Self::Switched(_) => {}
        }
    }

    /// Appends what there is of it; true at its end.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        match self {
            Self::Whole(bytes, at) => {
                let end = bytes.len().min(*at + ROOM);
                out.extend_from_slice(&bytes[*at..end]);
                *at = end;
                Poll::Ready(Ok(end == bytes.len()))
            }
            Self::Link(Some(link)) => link.poll_body(cx, worker, inflow, out),
            Self::Stream(stream) => stream.poll_body(cx, worker, inflow, out),
            Self::Packed(packed) => packed.poll_fill(cx, worker, inflow, out),
            Self::Keeping(keeping) => keeping.poll_fill(cx, worker, inflow, out),
            Self::Passing(passing) => passing.poll_fill(cx, worker, inflow, out),
            Self::Shared(given) => Poll::Ready(Ok(given.fill(out))),
            Self::Made(made) => {
                let end = made.bytes.len().min(made.at + ROOM);
                out.extend_from_slice(&made.bytes[made.at..end]);
                made.at = end;
                Poll::Ready(Ok(end == made.bytes.len()))
            }
            Self::Link(None) | Self::Switched(_) => Poll::Ready(Ok(true)),
        }
    }

    /// Why this side has given up what is left of it, if it was this side.
    pub(crate) fn given_up(&self, worker: &Worker) -> Option<GivenUp> {
        let now = worker.sweeper.now();
        let (target, ends_at, is_idle) = match self {
            Self::Link(Some(link)) | Self::Switched(Some(link)) => {
                (link.target, link.ends_at, link.deadline.is_past())
            }
            Self::Stream(stream) => (stream.target, stream.ends_at, stream.deadline.is_past()),
            Self::Packed(packed) => return packed.inner.given_up(worker),
            Self::Keeping(keeping) => return keeping.inner.given_up(worker),
            Self::Passing(passing) => return passing.inner.given_up(worker),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Link(None)
            | Self::Switched(None) => return None,
        };
        let is_over = ends_at != 0 && now >= ends_at;
        GivenUp::of(worker.pool.cuts(target, now), is_over, is_idle)
    }

    /// The exchange is over: the connection goes back, unless it cannot be used again.
    pub(crate) fn give_back(&mut self, worker: &Worker) {
        match self {
            Self::Link(link) => {
                if let Some(link) = link.take() {
                    worker.pool.give_back(link, worker.sweeper.now());
                }
            }
            Self::Packed(packed) => packed.inner.give_back(worker),
            Self::Keeping(keeping) => keeping.inner.give_back(worker),
            Self::Passing(passing) => passing.inner.give_back(worker),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Stream(_)
            | Self::Switched(_) => {}
        }
    }

    /// What is left of it, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes, at) => Some((bytes.len() - at) as u64),
            Self::Shared(given) => Some(given.len() as u64),
            Self::Made(made) => Some((made.bytes.len() - made.at) as u64),
            Self::Link(Some(link)) => link.left(),
            Self::Link(None) => Some(0),
            Self::Stream(stream) => stream.left(),
            Self::Packed(packed) if packed.is_over() => Some(0),
            Self::Keeping(keeping) => keeping.inner.left(),
            Self::Passing(passing) => passing.inner.left(),
            Self::Packed(_) | Self::Switched(_) => None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_over(),
            Self::Keeping(keeping) => keeping.inner.is_over(),
            Self::Passing(passing) => passing.is_over(),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Link(_)
            | Self::Switched(_)
            | Self::Packed(_) => self.left() == Some(0),
        }
    }

    /// What came behind it.
    pub(crate) fn trailers(&self) -> Option<&Fields> {
        match self {
            Self::Stream(stream) => stream.trailers(),
            Self::Packed(packed) => packed.trailers(),
            Self::Keeping(keeping) => keeping.inner.trailers(),
            Self::Passing(passing) => passing.inner.trailers(),
            Self::Made(made) => made.trailers.as_ref(),
            Self::Whole(..) | Self::Shared(_) | Self::Link(_) | Self::Switched(_) => None,
        }
    }

    /// Its copy is not kept before somebody says so ([`Outflow::keep`]).
    pub(crate) fn wait_to_keep(&mut self) {
        if let Some(keeping) = self.keeping() {
            keeping.wait();
        }
    }

    /// Its copy is kept, now or when it is whole.
    pub(crate) fn keep(&mut self) {
        if let Some(keeping) = self.keeping() {
            keeping.keep();
        }
    }

    /// What keeps a copy of it, or of what it is made of.
    fn keeping(&mut self) -> Option<&mut Keeping> {
        match self {
            Self::Keeping(keeping) => Some(&mut **keeping),
            Self::Passing(passing) => passing.inner.keeping(),
            Self::Packed(packed) => packed.inner.keeping(),
            Self::Made(made) => made.kept.as_deref_mut(),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Stream(_)
            | Self::Link(_)
            | Self::Switched(_) => None,
        }
    }

    /// Takes that out of one that has passed: it goes along with what is made of the body.
    pub(crate) fn take_keeping(&mut self) -> Option<Box<Keeping>> {
        match self {
            Self::Keeping(_) => {
                let Self::Keeping(keeping) = std::mem::replace(self, Self::empty()) else {
                    return None;
                };
                Some(keeping)
            }
            Self::Passing(passing) => passing.inner.take_keeping(),
            Self::Packed(packed) => packed.inner.take_keeping(),
            Self::Made(made) => made.kept.take(),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Stream(_)
            | Self::Link(_)
            | Self::Switched(_) => None,
        }
    }

    /// What was found wrong with it as it passed, each once.
    pub(crate) fn found(&mut self) -> Option<Watch> {
        match self {
            Self::Passing(passing) => passing.found(),
            Self::Packed(packed) => packed.inner.found(),
            Self::Keeping(keeping) => keeping.inner.found(),
            Self::Whole(..)
            | Self::Shared(_)
            | Self::Made(_)
            | Self::Stream(_)
            | Self::Link(_)
            | Self::Switched(_) => None,
        }
    }
}

/// An answer on its way to the client, and the report that is made when it is gone.
pub(crate) struct Delivery {
    pub(crate) answer: Answer,
    pub(crate) report: Report,
}

impl Delivery {
    /// What is left of the body, where that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.answer.body.left()
    }

    /// Whether nothing more comes, trailers included.
    pub(crate) fn is_over(&self) -> bool {
        self.answer.body.is_over()
    }

    /// What came behind the body.
    pub(crate) fn trailers(&self) -> Option<&Fields> {
        self.answer.body.trailers()
    }

    /// Appends what there is of the body; true at its end.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        inflow: &mut dyn Inflow,
        out: &mut Vec<u8>,
    ) -> Poll<Result<bool, Cut>> {
        if let Some(code) = self.report.connection.standing.lost() {
            self.report.worker.metrics.streams_revoked.add(1);
            self.report.code = Some(code);
            return Poll::Ready(Err(Cut));
        }
        let before = out.len();
        let (body, worker) = (&mut self.answer.body, &self.report.worker);
        let polled = body.poll_fill(cx, worker, inflow, out);
        match polled {
            Poll::Ready(Ok(true)) => {
                body.give_back(worker);
                while let Some(watch) = body.found() {
                    self.report.watch(watch);
                }
            }
            Poll::Ready(Err(Cut)) if body.given_up(worker) == Some(GivenUp::Removed) => {
                self.report.code = Some(Code::UpstreamRemoved);
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        // A body may be all there while something behind it is awaited, such as its trailers.
        if self.report.has_places() && (polled == Poll::Ready(Ok(true)) || body.left() == Some(0)) {
            self.report.leave_places();
        }
        self.report.bytes_out += (out.len() - before) as u64;
        let client = &self.report.connection;
        if matches!(polled, Poll::Pending | Poll::Ready(Ok(false))) {
            self.report.worker.lasting.wait(client, cx);
        }
        if client.is_kept() {
            let body = &self.answer.body;
            let is_last = matches!(polled, Poll::Ready(Ok(is_over)) if is_over || body.is_over());
            // One that is encoded is copied before that.
            let is_packed = matches!(body, Outflow::Packed(_));
            let from = if is_packed { out.len() } else { before };
            client.copy(Of::Answer, &out[from..], is_last);
            self.report.pass_details(inflow.is_done());
        }
        polled
    }
}
