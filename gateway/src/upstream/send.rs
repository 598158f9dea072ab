//! One exchange with an upstream: a kept connection or a new one, the deadline of the answer's
//! first byte, and one more try where the first left no trace.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use domain::snapshot;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;

use super::connect::{ConnectError, connect};
use super::link::Link;
use super::way::begin_connect;
use super::{Target, replay};
use crate::body::Inbound;
use crate::state::Upstream;
use crate::worker::Worker;

/// An answer, and the connection that its body comes over.
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    pub(crate) link: Box<Link>,
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
    /// No first byte in time.
    TimedOut,
    /// As many connections as may be are being made.
    Full,
}

const TRIES: u8 = 2;

/// Sends what `pending` holds to `target`. After a failure to connect the request is still there.
pub(crate) async fn send(
    worker: &Worker,
    upstream: &Upstream,
    settings: &snapshot::Settings,
    target: &Target,
    pending: &mut Option<Request<Inbound>>,
) -> Result<Sent, (Failure, u8)> {
    let replayable = pending.as_ref().is_some_and(is_replayable);
    let mut connect_us = 0;
    let mut tries = 0;
    loop {
        tries += 1;
        let kept = if tries == 1 {
            worker.pool.take(target, worker.sweeper.now())
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
                let link = connect(worker, target, settings, upstream.connect_ms).await;
                let took = worker.settings.clock.micros().saturating_sub(began);
                connect_us = u32::try_from(took).unwrap_or(u32::MAX);
                link.map_err(|error| (Failure::Connect(error), tries))?
            }
        };
        let Some(request) = pending.take() else {
            return Err((Failure::Reset, tries));
        };
        link.idle_ms = upstream.idle_ms;
        link.trace.begin(replayable);
        match exchange(&mut link, request, upstream.first_byte_ms).await {
            Ok(response) => {
                link.keep_ms = worker.pool.keep_ms(promised(response.headers()));
                return Ok(Sent {
                    response,
                    link,
                    tries,
                    connect_us,
                });
            }
            Err(Broken::TimedOut) => return Err((Failure::TimedOut, tries)),
            Err(Broken::Ended(unsent)) => {
                // A kept connection may have been closed while the request was on its way: it is
                // tried once more if nothing came back and nothing can have happened twice.
                let again = unsent.map(|request| *request).or_else(|| {
                    let silent = reused && link.trace.keep.get() && !link.trace.answered.get();
                    silent
                        .then(|| replay::request(&link.trace.written.borrow()))
                        .flatten()
                });
                if again.is_none() || tries >= TRIES || !reused {
                    return Err((Failure::Reset, tries));
                }
                worker.metrics.upstream_retried.add(1);
                *pending = again;
            }
        }
    }
}

enum Broken {
    TimedOut,
    /// With the request, where nothing of it was written.
    Ended(Option<Box<Request<Inbound>>>),
}

async fn exchange(
    link: &mut Link,
    request: Request<Inbound>,
    first_byte_ms: u64,
) -> Result<Response<Incoming>, Broken> {
    let mut answer = pin!(link.sender.try_send_request(request));
    link.deadline.set(first_byte_ms);
    let result = poll_fn(|cx| {
        link.drive(cx);
        match answer.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Ok(result)),
            Poll::Pending if link.deadline.has_passed(cx) => Poll::Ready(Err(Broken::TimedOut)),
            Poll::Pending => Poll::Pending,
        }
    });
    let result = result.await?;
    link.deadline.clear();
    result.map_err(|mut error| Broken::Ended(error.take_message().map(Box::new)))
}

/// Idempotent (RFC 9110 §9.2.2) and without a body that would be gone.
fn is_replayable(request: &Request<Inbound>) -> bool {
    request.body().is_empty()
        && matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        )
}

/// The seconds of `Keep-Alive: timeout=5`.
fn promised(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let parts = value.split(',').map(str::trim);
    parts
        .filter_map(|part| part.strip_prefix("timeout="))
        .find_map(|seconds| seconds.parse().ok())
}
