//! The same exchange over HTTP/2: as one of the streams of a connection that others use, too.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::snapshot;
use h2::client::SendRequest;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, Uri, Version};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Failure, Outgoing, Sent, TRIES};
use crate::body::{Inflow, Outflow};
use crate::fields::Name;
use crate::state::Upstream;
use crate::upstream::Target;
use crate::upstream::connect::{ConnectError, connect_http2};
use crate::upstream::grpc_web::Web;
use crate::upstream::pool::{Shared, Turn};
use crate::upstream::stream::{Lost, Stream};
use crate::upstream::way::{Connecting, begin_connect};
use crate::worker::Worker;

/// Sends `outgoing` to `target`. After a failure to connect nothing of `inflow` is gone.
pub(super) async fn send(
    worker: &Worker,
    settings: &Arc<snapshot::Settings>,
    target: &Arc<Target>,
    outgoing: Outgoing<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Sent, (Failure, u8)> {
    let upstream = outgoing.upstream;
    let mut connect_us = 0;
    let mut tries = 0;
    loop {
        tries += 1;
        let began = worker.settings.clock.micros();
        let found = find(worker, settings, target, upstream).await;
        let (mut shared, reused) = found.map_err(|failure| (failure, tries))?;
        if let Err(error) = room(&mut shared.sender, upstream.connect_ms).await {
            // Closed since it was looked at, or it has no room for so long.
            if reused && tries < TRIES && !matches!(error, ConnectError::TimedOut) {
                continue;
            }
            return Err((Failure::Connect(error), tries));
        }
        let took = worker.settings.clock.micros().saturating_sub(began);
        connect_us = connect_us.max(u32::try_from(took).unwrap_or(u32::MAX));
        let request = request(&outgoing, target).ok_or((Failure::Reset, tries))?;
        let number = target.number;
        let lost = match exchange(worker, shared, number, request, &outgoing, inflow).await {
            Ok(sent) => {
                return Ok(Sent {
                    tries,
                    connect_us,
                    ..sent
                });
            }
            Err(None) => return Err((outgoing.late(), tries)),
            Err(Some(Lost::Client)) => return Err((Failure::Client, tries)),
            Err(Some(Lost::Removed)) => return Err((Failure::Removed, tries)),
            Err(Some(lost)) => lost,
        };
        let again = match lost {
            Lost::Unseen => inflow.can_repeat(),
            Lost::Ended => reused && outgoing.is_replayable(inflow),
            // Another target comes before the same again.
            Lost::Refused | Lost::Client | Lost::Removed => false,
        };
        if !again || tries >= TRIES {
            let is_refused = matches!(lost, Lost::Refused | Lost::Unseen);
            let failure = if is_refused {
                Failure::Refused
            } else {
                Failure::Reset
            };
            return Err((failure, tries));
        }
        inflow.repeat();
        worker.metrics.upstream_retried.add(1);
    }
}

/// A connection, and whether others had it before. Who finds none with room has one made, while the
/// others wait for it.
async fn find(
    worker: &Worker,
    settings: &Arc<snapshot::Settings>,
    target: &Arc<Target>,
    upstream: &Upstream,
) -> Result<(Shared, bool), Failure> {
    let (pool, number) = (&worker.pool, target.number);
    let reused = |shared: Shared| {
        worker.metrics.upstream_reused.add(1);
        (shared, true)
    };
    let crowded = || {
        let shared = pool.crowded(number)?;
        worker.metrics.upstream_crowded.add(1);
        Some(reused(shared))
    };
    let kept = || match pool.share(number) {
        Some(shared) => Some(reused(shared)),
        None if pool.is_full(number) => crowded(),
        None => None,
    };
    if let Some(found) = kept() {
        return Ok(found);
    }
    let limit = Duration::from_millis(upstream.connect_ms);
    let made = timeout(limit, async {
        let turn = pool.flight(number).turn().await;
        let turn = turn.map_err(Failure::Connect)?;
        if let Some(found) = kept() {
            return Ok(found);
        }
        let leave = begin_connect(worker, upstream).ok_or(Failure::Full)?;
        let made = make(worker, settings, target, (turn, leave), limit).await;
        let made = made.unwrap_or(Err(ConnectError::TimedOut));
        Ok::<_, Failure>((made.map_err(Failure::Connect)?, false))
    });
    let made = made.await;
    let made = made.unwrap_or(Err(Failure::Connect(ConnectError::TimedOut)));
    // One that is shared by many is better than none.
    made.or_else(|failure| crowded().ok_or(failure))
}

/// Has a connection made by a task of its own, which goes on when nobody waits for it any more: a
/// client that leaves does not make the next request begin anew. `held` until it is made, or is not.
fn make(
    worker: &Worker,
    allowed: &Arc<snapshot::Settings>,
    target: &Arc<Target>,
    held: (Turn, Connecting),
    limit: Duration,
) -> oneshot::Receiver<Result<Shared, ConnectError>> {
    let (settings, metrics) = (worker.settings.clone(), worker.metrics.clone());
    let (allowed, target, pool) = (allowed.clone(), target.clone(), worker.pool.clone());
    let (tell, told) = oneshot::channel();
    tokio::task::spawn_local(async move {
        let (turn, _leave) = held;
        let made = connect_http2(&settings, &target, &allowed, limit).await;
        let made = made.map(Shared::new);
        match &made {
            Ok(shared) => {
                metrics.upstream_dialled.add(1);
                pool.keep(target.number, shared.clone());
            }
            Err(error) => turn.failed(error),
        }
        // Whoever began it may have left.
        let _ = tell.send(made);
    });
    told
}

/// Waits until one more stream may begin.
async fn room(sender: &mut SendRequest<Bytes>, limit_ms: u64) -> Result<(), ConnectError> {
    let ready = poll_fn(|cx| sender.poll_ready(cx));
    let ready = timeout(Duration::from_millis(limit_ms), ready).await;
    ready.map_err(|_| ConnectError::TimedOut)??;
    Ok(())
}

/// `Err(None)`: not in time.
async fn exchange(
    worker: &Worker,
    shared: Shared,
    target: u32,
    request: Request<()>,
    outgoing: &Outgoing<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Sent, Option<Lost>> {
    let is_bare = inflow.length() == Some(0);
    let web = Web::of(&outgoing.head.fields);
    let (deadline, began) = (worker.sweeper.deadline(), worker.sweeper.now());
    let mut stream = Stream::begin(shared, target, request, is_bare, web, deadline)?;
    let first_byte_ms = outgoing.patience.first_byte_ms;
    stream.idle_ms = outgoing.patience.idle_ms;
    stream.deadline.set(first_byte_ms);
    let head = poll_fn(
        |cx| match stream.poll_answer(cx, worker, inflow, first_byte_ms) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if stream.deadline.has_passed(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        },
    );
    let Some(head) = head.await else {
        // Others are answered: it is the request that takes long.
        if stream.place.get() <= began && outgoing.late().is_the_targets() {
            worker.pool.retire(target, &stream.place);
        }
        return Err(None);
    };
    let head = head?;
    Ok(Sent {
        head,
        outflow: Outflow::Stream(Box::new(stream)),
        tries: 0,
        connect_us: 0,
    })
}

/// `None` for a head that HTTP/2 has no form for.
fn request(outgoing: &Outgoing<'_>, target: &Target) -> Option<Request<()>> {
    let head = outgoing.head;
    let host = head.fields.get(Name::Host);
    let authority = host.unwrap_or_else(|| target.authority.as_bytes());
    let mut path = Vec::new();
    outgoing.write_target(target, &mut path);
    let uri = Uri::builder()
        .scheme(if target.tls.is_some() {
            "https"
        } else {
            "http"
        })
        .authority(authority)
        .path_and_query(path)
        .build();
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri.ok()?;
    let headers = request.headers_mut();
    for (name, value) in head.fields.iter() {
        if Name::of(name) != Name::Host {
            let name = HeaderName::from_bytes(name).ok()?;
            headers.append(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    let web = Web::of(&head.fields);
    if let Some(web) = &web {
        headers.insert(CONTENT_TYPE, HeaderValue::from_bytes(&web.asked()).ok()?);
        if web.is_text() {
            headers.remove(CONTENT_LENGTH);
        }
    }
    if web.is_some() || outgoing.is_grpc() {
        // It wants to hear that trailers reach the client, and they do.
        headers.insert("te", HeaderValue::from_static("trailers"));
    }
    Some(request)
}
