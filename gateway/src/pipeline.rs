//! The life of a request, step by step, whichever protocol it came by.

mod allowed;
mod back;
mod wait;

use std::pin::pin;
use std::rc::Rc;

use domain::problem::Code;
use domain::traffic::Cached;
use http::Method;

use crate::access;
use crate::answer::{self, Form, Refusal};
use crate::body::{Answer, Delivery, Inflow};
use crate::cache;
use crate::call::{Call, TakenList};
use crate::client::Client;
use crate::detail;
use crate::fields::Name;
use crate::forward::{Stop, forward, prepare};
use crate::head::Head;
use crate::held::Held;
use crate::operation;
use crate::place;
use crate::policy;
use crate::report::Report;
use crate::state::State;
use crate::target;
use crate::text::Text;
use crate::tls::{self, Ask};
use crate::upstream::Way;
use crate::worker::Worker;
use allowed::while_allowed;
use back::{finish, guarded, refuse};
use wait::wait;

/// Answers one request, and sees to it that it is reported. `None`: the client went away.
pub(crate) async fn handle(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    mut head: Box<Head>,
    inflow: &mut dyn Inflow,
) -> Option<Delivery> {
    let form = Form::of(&head.fields);
    let mut report = Report::new(worker.clone(), client.clone());
    report.name(&mut head);

    let served = guarded(pin!(serve(&mut report, worker, client, head, inflow, form))).await;
    let id = report.request_id;
    let id = id.as_str();
    let mut answer = match served {
        Ok(answer) => answer,
        Err(Stop::Answered(answer)) => *answer,
        Err(Stop::Gone) => return None,
        Err(Stop::Refused(refusal)) => refuse(&mut report, refusal, form),
    };
    answer.fields.set("x-request-id", id.as_bytes());
    if let Some(told) = report.told.take() {
        told.write(&mut answer.fields);
    }
    if report.status == 0 {
        report.status = answer.status;
    }
    if client.is_kept() {
        detail::answered(client, &answer, &report, &worker.sink);
    }
    Some(Delivery { answer, report })
}

/// Finds the route, runs its policies stage by stage, and forwards.
async fn serve(
    report: &mut Report,
    worker: &Worker,
    client: &Rc<Client>,
    mut head: Box<Head>,
    inflow: &mut dyn Inflow,
    form: Form,
) -> Result<Answer, Stop> {
    if !report.admit() {
        return Err(Refusal::new(Code::Overloaded).retry_after(1).into());
    }
    let held = worker.state.borrow().clone();
    let not_ready = || Refusal::new(Code::NotReady).retry_after(1);
    let state: &State = held.as_deref().ok_or_else(not_ready)?;
    report.state = state.number;
    let address = target::client(&client.peer, &head.fields, &worker.settings.trusted_proxies);
    report.client = Some(address);

    target::method(&head)?;
    target::path(&mut head)?;
    let path = head.canonical();
    report.note_path(path);
    let (route, prefix) = {
        let host = target::host(&head)?;
        if !state.tls.asks_nothing()
            && let Some(answer) = by_https(worker, client, state, &host, &head, report.at as u64)?
        {
            report.code = Some(Code::HttpsRequired);
            return Ok(answer);
        }
        let found = place::find(state, &host, path, &head, report);
        found.map_err(|refusal| match place::preflight(&head, report) {
            Some(answer) => Stop::Answered(Box::new(answer)),
            None => refusal.into(),
        })?
    };
    route.fetch();
    report.note_route(route);
    let (found, preflight) = operation::chosen(report, route, &head, &path[prefix..]);
    let (chain, refused) = match found {
        Ok(chain) => (chain, None),
        // What acts on answers acts on this one as well, where that can be told.
        Err(refusal) => match &route.chain {
            Ok(chain) if chain.acts_on_answers() => (chain, Some(refusal)),
            Ok(_) | Err(_) => return Err(refusal.into()),
        },
    };
    if let Some(step) = chain.detail() {
        detail::begin(client, &worker.sink, route.provider, &step.running, &head);
    }

    let mut call = Call::new(worker, state, client, head, report, route, chain, address);
    call.place(prefix);
    call.length = inflow.length();
    call.preflight = preflight;
    let served = {
        let answering = pin!(answered(&mut call, refused, inflow));
        while_allowed(worker, client, chain.finishing().is_some(), answering).await
    };
    match chain.finishing() {
        None => served,
        Some(beyond) => finish(&mut call, beyond, served, form),
    }
}

/// What its chain and its upstream answer. What is rare is in a box: the usual request should not pay
/// for its size.
async fn answered(
    call: &mut Call<'_>,
    refused: Option<Refusal>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    if !call.chain.is_straight(call.state) {
        return inspected(call, refused, inflow).await;
    }
    match admitted(call, refused)? {
        Some(way) => forward(call, way, inflow).await,
        None => Box::pin(later(call, inflow)).await,
    }
}

/// The same for a request that waits on purpose, before an upstream has room for it.
async fn later(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<Answer, Stop> {
    if call.waits.is_some() {
        // Nothing answered it yet, as that would be past its limits.
        wait(call, inflow).await?;
        answers(call)?;
    }
    wait(call, inflow).await?;
    let way = way(call)?;
    forward(call, way, inflow).await
}

/// The same for a request that policies look into, or that may be answered with what is kept. All of it
/// that is large is in boxes: the latter needs none of them.
async fn inspected(
    call: &mut Call<'_>,
    refused: Option<Refusal>,
    inflow: &mut dyn Inflow,
) -> Result<Answer, Stop> {
    let chain = call.chain;
    if chain.asks(call.state) {
        open(call, refused)?;
        Box::pin(ask_and_admit(call)).await?;
    } else {
        gate(call, refused)?;
    }
    let steps = chain.reshaped_answers();
    let facts = policy::answer_facts(steps, call);
    let served = if chain.contract().is_empty() && chain.reshaped_requests().is_empty() {
        beyond(call, inflow).await
    } else {
        Box::pin(held(call, inflow)).await
    };
    let served = match (served, chain.answers()) {
        (Ok(answer), Some(step)) => {
            Box::pin(policy::check_answer(step, call, inflow, answer)).await
        }
        (served, _) => served,
    };
    let mut served = match (served, facts) {
        (Ok(answer), Some(facts)) => {
            Box::pin(policy::reshape_answer(steps, call, facts, inflow, answer)).await
        }
        (served, _) => served,
    };
    match &mut served {
        // Nothing keeps it back any more.
        Ok(answer) => answer.body.keep(),
        Err(_) if call.record.cached == Cached::Stored => call.record.cached = Cached::Miss,
        Err(_) => {}
    }
    match (served, chain.status()) {
        (Ok(answer), Some(step)) => Box::pin(policy::restate(step, call, inflow, answer)).await,
        (served, _) => served,
    }
}

/// With its body taken whole before it goes on.
async fn held(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<Answer, Stop> {
    let (worker, chain, of) = (call.worker, call.chain, call.route.provider);
    let mut held = Held::new(inflow, &worker.holdings, of, &worker.metrics);
    let fits = policy::contract(chain.contract(), call, &mut held).await;
    fits.inspect_err(|_| call.give_back())?;
    let changed = policy::reshape_request(chain.reshaped_requests(), call, &mut held).await;
    changed.inspect_err(|_| call.give_back())?;
    if let (None, Some(length)) = (call.length, held.whole()) {
        // Whoever gets it is told where it ends. Its client took its time for that: it is later now.
        let mut text = Text::<20>::new();
        let fields = &mut call.head.fields;
        fields.set("content-length", text.number(length).as_bytes());
        call.length = Some(length);
        call.look_at_clock();
    }
    let mut served = beyond(call, &mut held).await;
    if let Ok(answer) = &mut served {
        held.hand_over(&mut answer.body);
    }
    served
}

/// From the policies that answer on.
async fn beyond(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<Answer, Stop> {
    // Not before: whoever looks at the request sees the fields as they came.
    let chain = call.chain;
    policy::expect_answer(chain.reshaped_answers(), call);
    if let Some(step) = chain.answers() {
        policy::expect_checked(step, call);
    }
    // For what its limits say, and then for what is delayed on purpose.
    wait(call, inflow).await?;
    answers(call)?;
    wait(call, inflow).await?;
    if let Some(step) = chain.cache() {
        return cache::exchange(call, step, inflow).await;
    }
    let way = way(call)?;
    Box::pin(forward(call, way, inflow)).await
}

/// What comes before anything is sent. `None`: it waits on purpose.
fn admitted<'a>(call: &mut Call<'a>, refused: Option<Refusal>) -> Result<Option<Way<'a>>, Stop> {
    gate(call, refused)?;
    if call.waits.is_some() {
        return Ok(None);
    }
    answers(call)?;
    if call.delay_ms > 0 {
        return Ok(None);
    }
    way(call).map(Some)
}

/// Whether it is let in, as far as its head tells.
fn gate(call: &mut Call<'_>, refused: Option<Refusal>) -> Result<(), Stop> {
    open(call, refused)?;
    admit(call)
}

/// Whether its policies are asked at all.
fn open(call: &Call<'_>, refused: Option<Refusal>) -> Result<(), Stop> {
    if let Some(refusal) = refused {
        return Err(refusal.into());
    }
    target::body(call.length, call.worker.settings.limits.body_bytes)?;
    Ok(())
}

/// Whether a policy answers.
fn answers(call: &mut Call<'_>) -> Result<(), Stop> {
    match &call.chain.beyond {
        None => Ok(()),
        Some(beyond) => policy::stage(&beyond.answer, call),
    }
}

/// Where it goes.
fn way<'a>(call: &mut Call<'a>) -> Result<Way<'a>, Stop> {
    let way = prepare(call).inspect_err(|_| call.give_back())?;
    call.record.policies_us = call.record.elapsed();
    Ok(way)
}

/// An answer, where the host asks for TLS and the request came without. `now_us` is in microseconds
/// since 1970.
pub(crate) fn by_https(
    worker: &Worker,
    client: &Client,
    state: &State,
    host: &str,
    head: &Head,
    now_us: u64,
) -> Result<Option<Answer>, Refusal> {
    let field = |name| head.fields.get(name);
    let ask = Ask {
        host,
        has_port: field(Name::Host).is_some_and(tls::has_port),
        is_safe: matches!(head.method, Method::GET | Method::HEAD),
        path: head.canonical(),
        query: head.query(),
        secure: client.peer.secure.as_ref(),
        by_proxy: client.peer.trusted && field(Name::ForwardedProto) == Some(b"https"),
        https_port: worker.settings.listen_tls.map(|address| address.port()),
        now_us,
    };
    let location = tls::admit(&state.tls, &ask).inspect_err(|_| {
        client.barred.set(state.tls.bars(host, ask.secure, now_us));
    })?;
    Ok(location.as_deref().map(answer::elsewhere))
}

/// Edge → identity → access → allowance, of the version and then of the plan.
fn admit(call: &mut Call<'_>) -> Result<(), Stop> {
    let chain = call.chain;
    edge(call)?;
    policy::stage(&chain.identity, call)?;
    subscribe(call)?;
    if let Some(beyond) = &chain.beyond {
        policy::stage(&beyond.access, call)?;
    }
    allow(call)
}

/// The same where other servers are asked who calls, or whether that caller may.
async fn ask_and_admit(call: &mut Call<'_>) -> Result<(), Stop> {
    let chain = call.chain;
    edge(call)?;
    policy::asking_stage(&chain.identity, call).await?;
    subscribe(call)?;
    if let Some(beyond) = &chain.beyond {
        policy::asking_stage(&beyond.access, call).await?;
    }
    // Others may have been asked for seconds: limits count by now.
    call.look_at_clock();
    allow(call)
}

fn edge(call: &mut Call<'_>) -> Result<(), Stop> {
    let chain = call.chain;
    policy::stage(&chain.edge, call)?;
    // What the edge counted stays counted, whatever comes of the request.
    call.taken = TakenList::default();
    if let (Some((step, cors)), Some(noted)) = (call.preflight, &call.noted) {
        let answer = cors.preflight(&call.head, noted);
        step.decides(call);
        call.record.decided_by = step.label;
        return Err(Stop::Answered(Box::new(answer)));
    }
    Ok(())
}

/// Under which plan whoever calls may use the version, if it is known who calls.
fn subscribe(call: &mut Call<'_>) -> Result<(), Stop> {
    let Some(caller) = call.caller else {
        return Ok(());
    };
    match access::judge(call.state, caller.key, call.route, call.utc()) {
        Ok(subscription) => call.subscribe(subscription),
        // Where who called was only watched, it calls as nobody, and claims nothing.
        Err(code) => match call.watching {
            Some((kind, watch)) => {
                call.worker.metrics.decided(kind, true);
                call.record.watch(watch);
                call.forget_watched();
            }
            None => {
                call.give_back();
                return Err(Refusal::new(code).into());
            }
        },
    }
    Ok(())
}

/// The limits, of the version and of the plan.
fn allow(call: &mut Call<'_>) -> Result<(), Stop> {
    let chain = call.chain;
    let Some(plan) = call.plan() else {
        return policy::allowances([&chain.allowance], call);
    };
    let plan = plan.chain.as_ref();
    let plan = plan.map_err(|_| Refusal::new(Code::PolicyInvalid));
    let plan = plan.inspect_err(|_| call.give_back())?;
    if let Some(beyond) = &plan.beyond {
        policy::stage(&beyond.access, call)?;
    }
    policy::allowances([&chain.allowance, &plan.edge, &plan.allowance], call)
}
