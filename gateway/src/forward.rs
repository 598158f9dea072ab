//! The last step of a request that nothing refused: to a target, and its answer back.

use domain::key::Environment;
use domain::problem::Code;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};

use crate::answer::Refusal;
use crate::body::{Inbound, Outbound};
use crate::call::Call;
use crate::fields;
use crate::state::Upstream;
use crate::target;
use crate::upstream::{self, ConnectError, Failure, Sent, Target};

/// Where the request goes, and its fields as they go there. A refusal here costs no limit, as
/// nothing was sent.
pub(crate) fn prepare<'a>(
    call: &mut Call<'a>,
    request_id: &HeaderValue,
) -> Result<&'a Upstream, Refusal> {
    let upstream = choose_upstream(call)?;
    let cookie = &call.worker.settings.session_cookie;
    fields::strip_request(&mut call.head.headers, call.peer.trusted, cookie)?;
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
    let mut pending = Some(request(call, body));
    let mut failed = None;
    loop {
        let chosen = worker.pool.choose(upstream, failed);
        let target = chosen.ok_or_else(|| Refusal::new(Code::NoHealthyTarget).retry_after(1))?;
        if let Some(request) = &mut pending {
            fields::address(request.headers_mut(), upstream, target);
            *request.uri_mut() = uri(target, rest, call.query())?;
        }
        call.record.target = target.name;
        let sent =
            upstream::send(worker, upstream, &call.state.settings, target, &mut pending).await;
        match sent {
            // Nothing that we forward asks for another protocol (RFC 9110 §15.2.2).
            Ok(sent) if sent.response.status().is_informational() => {
                call.record.tries += sent.tries;
                return Err(refusal(call, &Failure::Reset));
            }
            Ok(sent) => return Ok(answer(call, sent)),
            // Nothing was sent: another target may take it.
            Err((Failure::Connect(_), tries)) if failed.is_none() && upstream.targets.len() > 1 => {
                call.record.tries += tries;
                failed = Some(target.number);
            }
            Err((failure, tries)) => {
                call.record.tries += tries;
                return Err(refusal(call, &failure));
            }
        }
    }
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
