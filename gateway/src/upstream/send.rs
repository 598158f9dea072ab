//! One exchange with an upstream: a kept connection or a new one, the deadline of the answer's
//! first byte, and one more try where the first left no trace.

mod over_http2;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use domain::snapshot;
use domain::upstream::Protocol;
use http::Method;

use super::Target;
use super::connect::{ConnectError, connect};
use super::head::Head as AnswerHead;
use super::link::Broken;
use super::replay::is_idempotent;
use super::way::begin_connect;
use crate::answer;
use crate::body::{Inflow, Outflow};
use crate::head::Head;
use crate::state::{Patience, Upstream};
use crate::worker::Worker;

/// What is sent: the head as it was prepared, and the path that goes on.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) head: &'a Head,
    pub(crate) rest: &'a str,
    pub(crate) upstream: &'a Upstream,
    pub(crate) patience: Patience,
    /// It changes nothing, whatever its method.
    pub(crate) is_safe: bool,
}

/// An answer's head, and where its body comes from.
pub(crate) struct Sent {
    pub(crate) head: AnswerHead,
    pub(crate) outflow: Outflow,
    pub(crate) tries: u8,
    /// Microseconds spent connecting.
    pub(crate) connect_us: u32,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Connect(ConnectError),
    /// The connection ended before an answer.
    Reset,
    /// The other side says that it did nothing with the request (RFC 9113 §8.7).
    Refused,
    /// No first byte in time.
    TimedOut,
    /// The same in a time that is shorter than the upstream's own: others may wait for longer.
    Hurried,
    /// The client went away, or its body was cut off.
    Client,
    /// As many connections as may be are being made.
    Full,
    /// The target was taken out of the configuration, and its time is over.
    Removed,
}

impl Failure {
    /// Whether it says something about the target.
    pub(crate) const fn is_the_targets(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Reset | Self::Refused | Self::TimedOut => true,
            Self::Hurried | Self::Client | Self::Full | Self::Removed => false,
        }
    }

    /// Whether nothing was done with the request, so that the same or another target may take it,
    /// whatever its method: it was not sent, or refused while `inflow` can begin anew.
    pub(crate) fn is_undone(&self, inflow: &dyn Inflow) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Refused => inflow.can_repeat(),
            Self::Reset
            | Self::TimedOut
            | Self::Hurried
            | Self::Client
            | Self::Full
            | Self::Removed => false,
        }
    }
}

/// Why the rest of an answer that has begun is not waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// The target was taken out of the configuration, and its time is over.
    Removed,
    /// Its time in all is over.
    Total,
    /// Nothing of it came for too long.
    Idle,
}

impl GivenUp {
    /// The first of these that is so.
    pub(crate) const fn of(is_removed: bool, is_over: bool, is_idle: bool) -> Option<Self> {
        match (is_removed, is_over, is_idle) {
            (true, _, _) => Some(Self::Removed),
            (false, true, _) => Some(Self::Total),
            (false, false, true) => Some(Self::Idle),
            (false, false, false) => None,
        }
    }
}

const TRIES: u8 = 2;

impl Outgoing<'_> {
    /// Idempotent and without a body that would be gone.
    pub(crate) fn is_replayable(&self, inflow: &dyn Inflow) -> bool {
        inflow.can_repeat() && (self.is_safe || is_idempotent(&self.head.method))
    }

    /// What it is that no first byte came in time.
    fn late(&self) -> Failure {
        if self.patience.first_byte_ms < self.upstream.patience.first_byte_ms {
            Failure::Hurried
        } else {
            Failure::TimedOut
        }
    }

    fn is_grpc(&self) -> bool {
        answer::is_grpc(&self.head.fields)
    }

    /// Base path, rest and query.
    fn write_target(&self, target: &Target, out: &mut Vec<u8>) {
        out.extend_from_slice(target.base_path.as_bytes());
        let rest = if self.rest.is_empty() { "/" } else { self.rest };
        out.extend_from_slice(rest.as_bytes());
        if let Some(query) = self.head.query() {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
    }

    /// Writes the head as `target` gets it. `length` is that of the body.
    fn write(&self, target: &Target, length: Option<u64>, out: &mut Vec<u8>) {
        let Head { method, fields, .. } = self.head;
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        self.write_target(target, out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if !self.upstream.preserve_host {
            out.extend_from_slice(b"host: ");
            out.extend_from_slice(target.authority.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        fields.write(out);
        match length {
            None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // Asked for where the method expects a body (RFC 9110 §8.6).
            Some(0)
                if matches!(*method, Method::POST | Method::PUT | Method::PATCH)
                    && fields.get(crate::fields::Name::ContentLength).is_none() =>
            {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
            Some(_) => {}
        }
        if self.head.asks_websocket {
            out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Sends `outgoing` to `target`. After a failure to connect nothing of `inflow` is gone.
pub(crate) async fn send(
    worker: &Worker,
    settings: &Arc<snapshot::Settings>,
    target: &Arc<Target>,
    outgoing: Outgoing<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Sent, (Failure, u8)> {
    match target.protocol {
        Protocol::Http1 => over_http1(worker, settings, target, outgoing, inflow).await,
        // In a box: the usual request should not pay for its size.
        Protocol::Http2 => {
            Box::pin(over_http2::send(worker, settings, target, outgoing, inflow)).await
        }
    }
}

async fn over_http1(
    worker: &Worker,
    settings: &snapshot::Settings,
    target: &Target,
    outgoing: Outgoing<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Sent, (Failure, u8)> {
    let upstream = outgoing.upstream;
    let mut connect_us = 0;
    let mut tries = 0;
    loop {
        tries += 1;
        let kept = if tries == 1 {
            worker.pool.take(target.number, worker.sweeper.now())
        } else {
            None
        };
        let reused = kept.is_some();
        let mut link = match kept {
            Some(link) => {
                worker.metrics.upstream_reused.add(1);
                link
            }
            None => {
                let leave = begin_connect(worker, upstream);
                let _leave = leave.ok_or((Failure::Full, tries))?;
                let began = worker.settings.clock.micros();
                // In a box: most requests find a connection, and should not pay for its size.
                let link = Box::pin(connect(worker, target, settings, upstream.connect_ms)).await;
                let took = worker.settings.clock.micros().saturating_sub(began);
                connect_us = u32::try_from(took).unwrap_or(u32::MAX);
                link.map_err(|error| (Failure::Connect(error), tries))?
            }
        };
        link.idle_ms = outgoing.patience.idle_ms;
        let length = inflow.length();
        outgoing.write(target, length, link.begin(length));
        link.deadline.set(outgoing.patience.first_byte_ms);
        let to_head = outgoing.head.method == Method::HEAD;
        let exchanged = poll_fn(|cx| {
            let first_byte_ms = outgoing.patience.first_byte_ms;
            match link.poll_answer(cx, worker, inflow, first_byte_ms, to_head) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if link.deadline.has_passed(cx) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        match exchanged.await {
            Some(Ok(head)) => {
                link.keep_ms = worker.pool.keep_ms(head.promised);
                let link = Some(link);
                let outflow = if head.status == 101 {
                    Outflow::Switched(link)
                } else {
                    Outflow::Link(link)
                };
                return Ok(Sent {
                    head,
                    outflow,
                    tries,
                    connect_us,
                });
            }
            None => return Err((outgoing.late(), tries)),
            Some(Err(Broken::Client)) => return Err((Failure::Client, tries)),
            Some(Err(Broken::Removed)) => return Err((Failure::Removed, tries)),
            Some(Err(Broken::Ended)) => {
                // A kept connection may have been closed while the request was on its way: it is
                // tried once more if nothing came back and nothing can have happened twice.
                let again = inflow.can_repeat() && link.is_unsent()
                    || outgoing.is_replayable(inflow) && !link.heard();
                if !again || tries >= TRIES || !reused {
                    return Err((Failure::Reset, tries));
                }
                inflow.repeat();
                worker.metrics.upstream_retried.add(1);
            }
        }
    }
}
