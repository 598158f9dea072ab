//! The life of a request, step by step. Everything here is on the neutral head and body; only the
//! first lines of [`handle`] know which library read them.

use std::convert::Infallible;
use std::rc::Rc;

use domain::problem::Code;
use domain::route::Found;
use http::header::{HOST, VARY};
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;

use crate::access;
use crate::answer::{self, Refusal, wants_page};
use crate::body::{Inbound, Outbound};
use crate::call::{Call, TakenList};
use crate::client::Client;
use crate::forward::{forward, prepare};
use crate::head::{Head, X_FORWARDED_PROTO, X_REQUEST_ID};
use crate::place;
use crate::policy::{self, Chain};
use crate::report::Report;
use crate::state::{Route, State};
use crate::target;
use crate::tls::{self, Ask};
use crate::worker::Worker;

/// Answers one request, and sees to it that it is reported.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Outbound>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let body = Inbound::new(incoming, client.clone(), worker.settings.limits.body_bytes);
    let (uri, mut head) = (parts.uri, Head::new(parts.method, parts.headers));
    let page = wants_page(&head.headers);
    let mut report = Report::new(worker.clone(), client.clone());
    let request_id = report.name(&mut head);

    let mut answer = match serve(&mut report, &worker, &client, &uri, head, body, &request_id).await
    {
        Ok(answer) => answer,
        Err(refusal) => {
            report.code = Some(refusal.code);
            let id = request_id.to_str().unwrap_or_default();
            refusal.answer(id, worker.settings.portal_url.as_deref(), page)
        }
    };
    answer.headers_mut().insert(X_REQUEST_ID, request_id);
    if let Some(vary) = report.vary.take() {
        answer.headers_mut().append(VARY, vary);
    }
    report.status = answer.status().as_u16();
    answer.body_mut().report(report);
    Ok(answer)
}

/// Finds the route, runs its policies stage by stage, and forwards.
async fn serve(
    report: &mut Report,
    worker: &Worker,
    client: &Client,
    uri: &Uri,
    head: Head,
    body: Inbound,
    request_id: &HeaderValue,
) -> Result<Response<Outbound>, Refusal> {
    if !report.admit() {
        return Err(Refusal::new(Code::Overloaded).retry_after(1));
    }
    let held = worker.state.borrow().clone();
    let not_ready = || Refusal::new(Code::NotReady).retry_after(1);
    let state: &State = held.as_deref().ok_or_else(not_ready)?;
    report.state = state.number;
    let address = target::client(
        &client.peer,
        &head.headers,
        &worker.settings.trusted_proxies,
    );
    report.client = Some(address);

    target::method(&head)?;
    let canonical = target::path(uri)?;
    let path = &*canonical.path;
    report.note_path(path);
    let (route, prefix) = {
        let host = target::host(uri, &head.headers)?;
        if !state.tls.asks_nothing()
            && let Some(answer) = by_https(worker, client, state, &host, path, uri, &head)?
        {
            report.code = Some(Code::HttpsRequired);
            return Ok(answer);
        }
        let asked = place::Request { head: &head, uri };
        place::find(state, &host, &canonical, &asked, &mut report.vary)?
    };
    report.note_route(route);
    target::body(&head.headers, worker.settings.limits.body_bytes)?;
    let chain = operation(report, route, head.method.as_str(), &path[prefix..])?;

    let mut call = Call::new(
        worker, state, client, uri, head, report, route, chain, address,
    );
    let upstream = admit(&mut call).and_then(|()| prepare(&mut call, request_id));
    let upstream = upstream.inspect_err(|_| call.give_back())?;
    call.record.policies_us = call.record.elapsed();
    let rest = if route.strip_path {
        &path[prefix..]
    } else {
        path
    };
    forward(&mut call, upstream, rest, body).await
}

/// An answer, where the host asks for TLS and the request came without.
pub(crate) fn by_https(
    worker: &Worker,
    client: &Client,
    state: &State,
    host: &str,
    path: &str,
    uri: &Uri,
    head: &Head,
) -> Result<Option<Response<Outbound>>, Refusal> {
    let field = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    let ask = Ask {
        host,
        has_port: field(HOST).is_some_and(tls::has_port),
        is_safe: matches!(head.method, Method::GET | Method::HEAD),
        path,
        query: uri.query(),
        secure: client.peer.secure.as_ref(),
        by_proxy: client.peer.trusted && field(X_FORWARDED_PROTO) == Some(b"https"),
        https_port: worker.settings.listen_tls.map(|address| address.port()),
    };
    Ok(tls::admit(&state.tls, &ask)?.map(answer::elsewhere))
}

/// The operation's chain of policies, or the version's.
pub(crate) fn operation<'a>(
    report: &mut Report,
    route: &'a Route,
    method: &str,
    rest: &str,
) -> Result<&'a Chain, Refusal> {
    if route.suspended {
        return Err(Refusal::new(Code::OrganizationSuspended));
    }
    if !route.enabled {
        return Err(Refusal::new(Code::VersionDisabled).retry_after(60));
    }
    let own = match route.operations.find(method, rest) {
        Found::Operation(operation) => {
            report.operation = operation.id;
            operation.chain.as_ref()
        }
        Found::None | Found::OtherMethods(_) if route.open => None,
        Found::None => return Err(Refusal::new(Code::NoOperation)),
        Found::OtherMethods(methods) => {
            return Err(Refusal::new(Code::MethodNotAllowed).allow(&methods));
        }
    };
    let chain = own.unwrap_or(&route.chain).as_ref();
    chain.map_err(|_| Refusal::new(Code::PolicyInvalid))
}

/// Edge → identity → access → allowance, of the version and then of the plan.
fn admit(call: &mut Call<'_>) -> Result<(), Refusal> {
    let chain = call.chain;
    policy::stage(&chain.edge, call)?;
    // What the edge counted stays counted, whatever comes of the request.
    call.taken = TakenList::default();
    policy::stage(&chain.identity, call)?;
    if let Some(caller) = call.caller {
        let judged = access::judge(caller.application, call.route, call.utc());
        call.subscribe(judged.map_err(Refusal::new)?);
    }
    let Some(subscription) = call.subscription() else {
        return policy::allowances([&chain.allowance], call);
    };
    let plan = (*subscription.chain).as_ref();
    let plan = plan.map_err(|_| Refusal::new(Code::PolicyInvalid))?;
    policy::allowances([&chain.allowance, &plan.edge, &plan.allowance], call)
}
