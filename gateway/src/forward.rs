//! The last step of a request that nothing refused: to a target, and its answer back.

mod choice;

use std::pin::Pin;
use std::time::Duration;

use domain::policy::PolicyKind;
use domain::problem::Code;

use crate::answer::Refusal;
use crate::body::{Answer, Cut, Inflow};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::passage;
use crate::place;
use crate::policy;
use crate::record::NameId;
use crate::state::{Beside, Upstream};
use crate::target;
use crate::upstream::{
    self, Attempts, ConnectError, Copied, Failure, GivenUp, Outgoing, Replay, Sent, Shadow, Way,
};
use choice::balance_key;
pub(crate) use choice::{choose_upstream, variant};

/// Why there is no answer of an upstream.
pub(crate) enum Stop {
    Refused(Refusal),
    /// A policy answers in the upstream's place.
    Answered(Box<Answer>),
    /// Nobody is there to be answered.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where the request goes, and its fields as they go there. A refusal here costs no limit, as
/// nothing was sent.
pub(crate) fn prepare<'a>(call: &mut Call<'a>) -> Result<Way<'a>, Refusal> {
    let (upstream, beside) = choose_upstream(call)?;
    let way = enter(call, upstream, beside)?;
    ready(call, way.upstream)?;
    Ok(way)
}

/// Whether the upstream takes the request now, or what stands in for it.
pub(crate) fn enter<'a>(
    call: &mut Call<'a>,
    upstream: &'a Upstream,
    beside: &'a Beside,
) -> Result<Way<'a>, Refusal> {
    let mut way = upstream::admit(call.worker, upstream, beside.fallback.as_deref())?;
    match way.instead {
        Some(label) => call.record.decided_by = label,
        None => way.mirror = beside.mirror.as_ref(),
    }
    Ok(way)
}

/// Makes its fields those that go to `upstream`.
fn ready(call: &mut Call<'_>, upstream: &Upstream) -> Result<(), Refusal> {
    shape(call)?;
    passage::add_request(call, upstream);
    Ok(())
}

/// The same but for what [`passage::add_request`] adds, which comes last: an answer that is kept needs
/// none of that.
pub(crate) fn shape(call: &mut Call<'_>) -> Result<(), Refusal> {
    let cookie = &call.worker.settings.session_cookie;
    passage::strip_request(&mut call.head.fields, call.peer.trusted, cookie)?;
    if let Some(scheme) = &call.route.strip_selector {
        place::strip(call, scheme);
    }
    // Behind the strip: what the client nominates in `Connection` cannot take it out again.
    for (name, value) in call.told.drain(..) {
        call.head.fields.set(name, value.as_bytes());
    }
    policy::shape(call)
}

/// Sends the request.
pub(crate) async fn forward(
    call: &mut Call<'_>,
    way: Way<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    let Some(total) = call.route.patience(way.upstream).total_ms else {
        return exchange(call, way, inflow).await;
    };
    // What it waited for on purpose is not the upstream's time.
    let spent = (u64::from(call.record.elapsed()) / 1000).saturating_sub(call.waited_ms);
    let left = total.saturating_sub(spent);
    let end = call.worker.sweeper.now() + left;
    let (upstream, probe) = (way.upstream, way.probe.clone());
    let exchange = exchange(call, way, inflow);
    match tokio::time::timeout(Duration::from_millis(left), exchange).await {
        Ok(mut result) => {
            if let Ok(answer) = &mut result {
                answer.body.end_at(end.max(1));
            }
            result
        }
        Err(_) => {
            call.worker.metrics.upstream_failed.add(1);
            // Neither a client that was slow with a body nor what was asked before used it up.
            if inflow.length() == Some(0) && left >= total / 2 {
                upstream::overdue(call.worker, upstream, call.record.target, probe, total);
            }
            Err(timeout(NOT_WHOLE).into())
        }
    }
}

/// With what is kept of it meanwhile. All of that together costs a plain request to a plain
/// upstream three comparisons.
async fn exchange(
    call: &mut Call<'_>,
    way: Way<'_>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    let (upstream, length) = (way.upstream, inflow.length());
    let keeps =
        length != Some(0) && upstream::is_worth_keeping(upstream, &call.head.method, length);
    if !keeps && !upstream.copies && call.chain.mirror().is_none() {
        return tries(call, way, inflow, None).await;
    }
    // In a box: the usual request should not pay for its size.
    Box::pin(with_copies(call, way, inflow, keeps)).await
}

/// Keeps the body for a further try, for shadows, or for tries at the same time.
async fn with_copies(
    call: &mut Call<'_>,
    way: Way<'_>,
    inflow: &mut dyn Inflow,
    keeps: bool,
) -> Result<Answer, Stop> {
    let (upstream, length) = (way.upstream, inflow.length());
    let metrics = call.worker.metrics.clone();
    let usable = way.mirror.filter(|other| other.broken.is_none());
    let mirror = upstream.mirror.as_ref().zip(usable);
    let own = mirror.and_then(|(rule, to)| Shadow::of(call, upstream, rule, to, length));
    let of_policy = policy::shadow(call, upstream, length);
    let shadows: Vec<Shadow> = own.into_iter().chain(of_policy).collect();
    let is_hedged = upstream.hedge.is_some()
        && !call.head.asks_websocket
        && upstream::is_idempotent(&call.head.method);
    if length == Some(0) {
        let nothing = Copied::nothing(metrics);
        for shadow in shadows {
            shadow.send(nothing.clone());
        }
        return tries(call, way, inflow, is_hedged.then_some(nothing)).await;
    }
    // What may turn out long is not waited for.
    let is_hedged = is_hedged && length.is_some_and(upstream::is_short);
    if !keeps && !is_hedged && shadows.is_empty() {
        return tries(call, way, inflow, None).await;
    }
    let mut kept = Replay::new(inflow, metrics, shadows);
    let copied = if is_hedged {
        let collected = kept.collect().await;
        collected.map_err(|Cut| stop(call, &Failure::Client))?
    } else {
        None
    };
    let mut result = tries(call, way, &mut kept, copied).await;
    if let Ok(answer) = &mut result {
        kept.hand_over(&mut answer.body);
    }
    result
}

/// Sends it until there is an answer, or no more tries; with `copied` to several targets at a time.
async fn tries(
    call: &mut Call<'_>,
    way: Way<'_>,
    inflow: &mut dyn Inflow,
    copied: Option<Copied>,
) -> Result<Answer, Stop> {
    let (worker, upstream) = (call.worker, way.upstream);
    let spare = way.instead.is_none().then_some(way.spare);
    let key = balance_key(call, upstream);
    // Who stands in has variants of its own.
    let drawn = call.variant.filter(|_| way.instead.is_none());
    let mut attempts = Attempts::new(worker, way, key);
    if let Some(split) = &upstream.split {
        let index = drawn.unwrap_or_else(|| variant(call, split, upstream::chance));
        attempts.keep_to(split.variants[index].members);
    }
    if let Some(sticky) = &upstream.sticky {
        attempts.prefer(sticky.find(call.head.fields.all(Name::Cookie)));
    }
    loop {
        let chosen = attempts.next();
        let target = chosen.ok_or_else(|| Refusal::new(Code::NoHealthyTarget).retry_after(1))?;
        call.record.target = target.name;
        if upstream.split.is_some() {
            call.record.variant = attempts.variant();
        }
        let outgoing = Outgoing {
            head: &call.head,
            rest: call.rest(),
            upstream,
            patience: call.route.patience(upstream),
            is_safe: false,
        };
        let settings = &call.state.settings;
        let sent = match &copied {
            None => upstream::send(worker, settings, target, outgoing, inflow).await,
            Some(body) => {
                let race = attempts.race(settings, target, outgoing, body, inflow);
                let sent = Box::pin(race).await;
                call.record.target = attempts.target().name;
                if upstream.split.is_some() {
                    call.record.variant = attempts.variant();
                }
                sent
            }
        };
        let pause = match sent {
            // Only what was asked for is switched to (RFC 9110 §15.2.2).
            Ok(sent) if sent.head.status == 101 && !call.head.asks_websocket => {
                attempts.failed();
                call.record.tries += sent.tries;
                return Err(stop(call, &Failure::Reset));
            }
            Ok(mut sent) => {
                let again = attempts.answered(sent.head.status)
                    && inflow.can_repeat()
                    && upstream::is_idempotent(&call.head.method);
                let told = again.then(|| retry_after(&sent.head.fields)).flatten();
                let pause = again.then(|| attempts.again(told)).flatten();
                let Some(pause) = pause else {
                    sent.outflow.hold(attempts.ticket());
                    let mut answer = answer(call, sent);
                    if let Some(sticky) = &upstream.sticky
                        && let Some(index) = attempts.moved_to()
                    {
                        let is_secure = call.peer.scheme() == "https";
                        let cookie = sticky.set(index, is_secure);
                        answer.fields.push("set-cookie", cookie.as_bytes());
                    }
                    return Ok(answer);
                };
                call.record.tries += sent.tries;
                pause
            }
            Err((failure, tries)) => {
                call.record.tries += tries;
                if let (Failure::Full, Some(spare)) = (&failure, spare)
                    && attempts.is_first()
                {
                    drop(attempts);
                    return instead(call, upstream, spare, inflow).await;
                }
                if !failure.is_the_targets() {
                    return Err(stop(call, &failure));
                }
                attempts.failed();
                let undone = failure.is_undone(inflow);
                let pause = undone.then(|| attempts.again(None)).flatten();
                pause.ok_or_else(|| stop(call, &failure))?
            }
        };
        tokio::time::sleep(pause).await;
        if copied.is_none() {
            inflow.repeat();
        }
    }
}

/// No connection may be made for it, and nothing was sent: it gets what stands in for its upstream.
fn instead<'f>(
    call: &'f mut Call<'_>,
    upstream: &'f Upstream,
    spare: Option<&'f Upstream>,
    inflow: &'f mut dyn Inflow,
) -> Pin<Box<dyn Future<Output = Result<Answer, Stop>> + 'f>> {
    Box::pin(async move {
        let refusal = match stop(call, &Failure::Full) {
            Stop::Refused(refusal) => refusal,
            other @ (Stop::Gone | Stop::Answered(_)) => return Err(other),
        };
        let way = upstream::stand_in(call.worker, upstream, spare, refusal)?;
        if let Some(label) = way.instead {
            call.record.decided_by = label;
        }
        // Of the upstream that stands in, if it has any.
        call.record.variant = NameId::NONE;
        passage::readdress(&mut call.head.fields, upstream, way.upstream);
        tries(call, way, inflow, None).await
    })
}

/// The seconds of `Retry-After`; a date is taken as too long to wait for.
fn retry_after(fields: &Fields) -> Option<u64> {
    let value = fields.get(Name::RetryAfter)?;
    let seconds = std::str::from_utf8(value).ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    Some(seconds.unwrap_or(u64::MAX))
}

fn answer(call: &mut Call<'_>, sent: Sent) -> Answer {
    let Sent {
        head,
        outflow,
        tries,
        connect_us,
    } = sent;
    let record = &mut *call.record;
    record.tries += tries;
    record.connect_us = connect_us;
    record.first_byte_us = record.elapsed();
    let mut fields = head.fields;
    if !call.owed.is_empty() {
        policy::settle(call, &mut fields);
    }
    passage::strip_response(&mut fields, &call.worker.settings.session_cookie);
    if (200..300).contains(&head.status) {
        call.shown.write(&mut fields);
    }
    Answer {
        status: head.status,
        fields,
        body: outflow,
        closes: false,
    }
}

/// The client's body ended before its end, or passed a limit.
pub(crate) fn cut(call: &mut Call<'_>) -> Stop {
    stop(call, &Failure::Client)
}

fn stop(call: &mut Call<'_>, failure: &Failure) -> Stop {
    // The client's own fault comes first: its body was cut off on the way.
    match (call.record.connection.fault.get(), failure) {
        (Some(Code::BodyTooLarge), _) => return too_large(call).into(),
        (Some(code), _) => return Refusal::new(code).close().into(),
        (None, Failure::Client) => return Stop::Gone,
        (None, Failure::Connect(_) | Failure::Reset | Failure::TimedOut) => {}
        (None, Failure::Hurried | Failure::Full | Failure::Removed | Failure::Refused) => {}
    }
    call.worker.metrics.upstream_failed.add(1);
    let refusal = match failure {
        Failure::Full => Refusal::new(Code::CircuitOpen)
            .detail("As many connections to the API's servers as may be are being made.")
            .retry_after(1),
        Failure::Connect(ConnectError::TimedOut) => timeout("no connection"),
        Failure::TimedOut | Failure::Hurried => timeout("no first byte of an answer"),
        Failure::Reset | Failure::Refused | Failure::Client => Refusal::new(Code::UpstreamReset),
        Failure::Removed => Refusal::new(Code::UpstreamRemoved),
        Failure::Connect(error) => {
            // Addresses and certificates are the operator's to see, not the client's.
            let api = call.route.api;
            tracing::warn!(api.id = %api, %error, "An upstream could not be reached.");
            Refusal::new(Code::UpstreamUnreachable)
        }
    };
    refusal.into()
}

/// A body that passed its bound on the way; a policy may have set that.
fn too_large(call: &mut Call<'_>) -> Refusal {
    let client = &call.record.connection;
    let (limit, label) = (client.body_limit.get(), client.body_limited_by.get());
    if label != NameId::NONE {
        let metrics = &call.worker.metrics;
        metrics.decided(PolicyKind::RequestLimits, false);
        call.record.decided_by = label;
    }
    target::too_large(limit)
}

/// An answer that was awaited whole has broken off.
pub(crate) fn broken(given_up: Option<GivenUp>) -> Refusal {
    match given_up {
        Some(GivenUp::Removed) => Refusal::new(Code::UpstreamRemoved),
        Some(GivenUp::Total) => timeout(NOT_WHOLE),
        Some(GivenUp::Idle) => timeout("no further part of an answer that had begun"),
        None => Refusal::new(Code::UpstreamReset),
    }
}

/// What `timeouts.total` is about.
const NOT_WHOLE: &str = "no whole answer, in all";

fn timeout(phase: &str) -> Refusal {
    Refusal::new(Code::UpstreamTimeout)
        .detail(format!("The API's own server took too long: {phase}."))
}
