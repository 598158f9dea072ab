//! The last step of a request that nothing refused: to a target, and its answer back.

use domain::key::Environment;
use domain::problem::Code;
use domain::upstream::{Algorithm, HashBy};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};

use crate::answer::Refusal;
use crate::body::{Inbound, Outbound};
use crate::call::Call;
use crate::fields;
use crate::place;
use crate::state::Upstream;
use crate::target;
use crate::upstream::{self, Attempts, ConnectError, Failure, Sent, Target};

/// Where the request goes, and its fields as they go there. A refusal here costs no limit, as
/// nothing was sent.
pub(crate) fn prepare<'a>(
    call: &mut Call<'a>,
    request_id: &HeaderValue,
) -> Result<&'a Upstream, Refusal> {
    let upstream = choose_upstream(call)?;
    let cookie = &call.worker.settings.session_cookie;
    fields::strip_request(&mut call.head.headers, call.peer.trusted, cookie)?;
    if let Some(scheme) = &call.route.strip_selector {
        place::strip(call, scheme);
    }
    fields::add_request(call, upstream, request_id);
    Ok(upstream)
}

/// Sends the request; `rest` is the canonical path that goes on to the target.
pub(crate) async fn forward(
    call: &mut Call<'_>,
    upstream: &Upstream,
    rest: &str,
    body: Inbound,
) -> Result<Response<Outbound>, Refusal> {
    let worker = call.worker;
    let key = balance_key(call, upstream, rest);
    let mut attempts = Attempts::new(worker, upstream, key);
    let mut pending = Some(request(call, body));
    loop {
        let chosen = attempts.next();
        let target = chosen.ok_or_else(|| Refusal::new(Code::NoHealthyTarget).retry_after(1))?;
        if let Some(request) = &mut pending {
            fields::address(request.headers_mut(), upstream, target);
            *request.uri_mut() = uri(target, rest, call.query())?;
        }
        call.record.target = target.name;
        let sent =
            upstream::send(worker, upstream, &call.state.settings, target, &mut pending).await;
        let pause = match sent {
            // Nothing that we forward asks for another protocol (RFC 9110 §15.2.2).
            Ok(sent) if sent.response.status().is_informational() => {
                attempts.failed();
                call.record.tries += sent.tries;
                return Err(refusal(call, &Failure::Reset));
            }
            Ok(mut sent) => {
                let again = attempts.answered(sent.response.status().as_u16());
                let replayed = again.then(|| sent.link.replay()).flatten();
                let told = again
                    .then(|| retry_after(sent.response.headers()))
                    .flatten();
                let pause = replayed.as_ref().and_then(|_| attempts.again(told));
                let Some(pause) = pause else {
                    sent.link.ticket = attempts.ticket();
                    return Ok(answer(call, sent));
                };
                call.record.tries += sent.tries;
                pending = replayed;
                pause
            }
            Err((failure, tries)) => {
                attempts.failed();
                call.record.tries += tries;
                // Nothing was sent: the same or another target may take it.
                let unsent = matches!(failure, Failure::Connect(_)) && pending.is_some();
                let pause = unsent.then(|| attempts.again(None)).flatten();
                pause.ok_or_else(|| refusal(call, &failure))?
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// What consistent hashing hashes.
fn balance_key(call: &Call<'_>, upstream: &Upstream, rest: &str) -> u64 {
    match (upstream.balance.algorithm, &upstream.balance.by) {
        (
            Algorithm::RoundRobin | Algorithm::LeastRequests | Algorithm::Ewma | Algorithm::Random,
            _,
        ) => return 0,
        (Algorithm::ConsistentHash, None | Some(HashBy::Address)) => None,
        (Algorithm::ConsistentHash, Some(HashBy::Path)) => Some(rest.as_bytes()),
        (Algorithm::ConsistentHash, Some(HashBy::Header(name))) => {
            call.head.headers.get(name).map(HeaderValue::as_bytes)
        }
        (Algorithm::ConsistentHash, Some(HashBy::Cookie(name))) => {
            let lines = call.head.headers.get_all(http::header::COOKIE).iter();
            let mut pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
            pairs.find_map(|pair| {
                pair.trim_ascii()
                    .strip_prefix(name.as_bytes())?
                    .strip_prefix(b"=")
            })
        }
    }
    .map_or_else(
        || upstream::identity(&call.address().to_be_bytes()),
        upstream::identity,
    )
}

/// The seconds of `Retry-After`; a date is taken as too long to wait for.
fn retry_after(headers: &http::HeaderMap) -> Option<u64> {
    let value = headers.get(http::header::RETRY_AFTER)?;
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(seconds.unwrap_or(u64::MAX))
}

pub(crate) fn choose_upstream<'a>(call: &Call<'a>) -> Result<&'a Upstream, Refusal> {
    let test = call
        .caller
        .is_some_and(|caller| caller.key.environment == Environment::Test);
    let test = call.route.test_upstream.as_deref().filter(|_| test);
    let upstream = test.or(call.route.upstream.as_deref());
    let upstream = upstream
        .filter(|upstream| upstream.broken.is_some() || !upstream.targets.is_empty())
        .ok_or_else(|| Refusal::new(Code::NoHealthyTarget).retry_after(1))?;
    match &upstream.broken {
        None => Ok(upstream),
        Some(_) => Err(Refusal::new(Code::PolicyInvalid)
            .detail("The upstream of this route cannot be used as it is set up.")),
    }
}

fn request(call: &mut Call<'_>, body: Inbound) -> Request<Inbound> {
    let mut request = Request::new(body);
    *request.method_mut() = call.head.method.clone();
    *request.headers_mut() = std::mem::take(&mut call.head.headers);
    request
}

/// Base path, rest and query in one piece.
fn uri(target: &Target, rest: &str, query: Option<&str>) -> Result<Uri, Refusal> {
    let rest = if rest.is_empty() { "/" } else { rest };
    let room = target.base_path.len() + rest.len() + query.map_or(0, |query| query.len() + 1);
    let mut text = Vec::with_capacity(room);
    text.extend_from_slice(target.base_path.as_bytes());
    text.extend_from_slice(rest.as_bytes());
    if let Some(query) = query {
        text.push(b'?');
        text.extend_from_slice(query.as_bytes());
    }
    let path = PathAndQuery::from_maybe_shared(text);
    path.map(Uri::from)
        .map_err(|_| Refusal::new(Code::PathNotCanonical))
}

fn answer(call: &mut Call<'_>, sent: Sent) -> Response<Outbound> {
    let Sent {
        response,
        link,
        tries,
        connect_us,
    } = sent;
    let record = &mut *call.record;
    record.tries += tries;
    record.connect_us = connect_us;
    record.first_byte_us = record.elapsed();
    let (mut parts, incoming) = response.into_parts();
    fields::strip_response(&mut parts.headers, &call.worker.settings.session_cookie);
    if parts.status.is_success() {
        call.shown.write(&mut parts.headers);
    }
    // The version and extensions of the other hop are not ours.
    let mut answer = Response::new(Outbound::stream(incoming, link));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = parts.headers;
    answer
}

fn refusal(call: &Call<'_>, failure: &Failure) -> Refusal {
    // The client's own fault comes first: its body was cut off on the way.
    match call.record.connection.fault.get() {
        Some(Code::BodyTooLarge) => {
            return target::too_large(call.worker.settings.limits.body_bytes);
        }
        Some(code) => return Refusal::new(code).close(),
        None => {}
    }
    call.worker.metrics.upstream_failed.add(1);
    let timeout = |phase: &str| {
        Refusal::new(Code::UpstreamTimeout)
            .detail(format!("The API's own server took too long: {phase}."))
    };
    match failure {
        Failure::Connect(ConnectError::TimedOut) => timeout("no connection"),
        Failure::TimedOut => timeout("no first byte of an answer"),
        Failure::Reset => Refusal::new(Code::UpstreamReset),
        Failure::Connect(error) => {
            // Addresses and certificates are the operator's to see, not the client's.
            let api = call.route.api;
            tracing::warn!(api.id = %api, %error, "An upstream could not be reached.");
            Refusal::new(Code::UpstreamUnreachable)
        }
    }
}
