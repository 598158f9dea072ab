//! Policies in their running form: closed enums, compiled once, run by stage.
//!
//! Adding one is a file here, a variant below, and the match arms that the compiler names.

mod allowances;
mod answers;
pub(crate) mod any_of;
pub(crate) mod auth_guard;
pub(crate) mod basic_auth;
mod bearer;
mod bound;
pub(crate) mod cache;
mod chain;
pub(crate) mod compress;
pub(crate) mod concurrency;
mod contract;
pub(crate) mod cors;
pub(crate) mod expression;
pub(crate) mod ext_auth;
pub(crate) mod fault;
pub(crate) mod http_signature;
pub(crate) mod ip_filter;
pub(crate) mod json_threat;
pub(crate) mod jwt;
pub(crate) mod key_auth;
pub(crate) mod log_detail;
pub(crate) mod mirror;
pub(crate) mod mock;
pub(crate) mod mtls;
mod noted;
pub(crate) mod oauth2_introspection;
mod queue;
pub(crate) mod quota;
pub(crate) mod rate_limit;
pub(crate) mod redirect;
pub(crate) mod request_limits;
mod reshape;
mod restate;
pub(crate) mod rewrite;
pub(crate) mod scopes;
pub(crate) mod security_headers;
mod subject;
mod template;
pub(crate) mod threat_patterns;
pub(crate) mod transform;
pub(crate) mod validate;
mod whole;

use std::sync::Arc;

use domain::policy::template::ALL_FIELDS;
use domain::policy::{AttachPoint, PolicyKind};
use domain::problem::Code;

use crate::answer::Refusal;
use crate::asking::{Asked, Learned};
use crate::body::Answer;
use crate::call::Call;
use crate::fields::Fields;
use crate::forward::Stop;
use crate::record::{NameId, Names, Watch};
use crate::slot::Limits;
use crate::token::KeySets;
use crate::upstream;

pub(crate) use allowances::allowances;
pub(crate) use answers::{Answers, checked as check_answer, expect_checked};
pub(crate) use any_of::AnyOf;
pub(crate) use auth_guard::AuthGuard;
pub(crate) use basic_auth::{BasicAuth, pair as password_pair};
pub(crate) use cache::Cache;
pub(crate) use chain::{Beyond, Chain, Uncompiled};
pub(crate) use compress::Compress;
pub(crate) use concurrency::Concurrency;
pub(crate) use contract::{Bound, Checking, contract};
pub(crate) use cors::Cors;
pub(crate) use expression::Expression;
pub(crate) use ext_auth::{Decision, ExtAuth};
pub(crate) use fault::Fault;
pub(crate) use http_signature::{HttpSignature, Signature};
pub(crate) use ip_filter::IpFilter;
pub(crate) use json_threat::JsonThreat;
pub(crate) use jwt::Jwt;
pub(crate) use key_auth::KeyAuth;
pub(crate) use log_detail::{LogDetail, Pieces};
pub(crate) use mirror::{Mirror, shadow};
pub(crate) use mock::{Examples, Mock};
pub(crate) use mtls::Mtls;
pub(crate) use noted::Noted;
pub(crate) use oauth2_introspection::{Introspected, Introspection};
pub(crate) use queue::{Wait, Waits, queue};
pub(crate) use quota::Quota;
pub(crate) use rate_limit::{Owed, RateLimit, settle};
pub(crate) use redirect::Redirect;
pub(crate) use request_limits::RequestLimits;
pub(crate) use reshape::{
    Reshape, answer as reshape_answer, answer_facts, expect_answer, remade,
    request as reshape_request,
};
pub(crate) use restate::restate;
pub(crate) use rewrite::Rewrite;
pub(crate) use scopes::Scopes;
pub(crate) use security_headers::SecurityHeaders;
use template::TooLong;
pub(crate) use threat_patterns::ThreatPatterns;
pub(crate) use transform::Transform;
pub(crate) use validate::Validate;

/// What a policy says to a request.
pub(crate) enum Flow {
    Next,
    Refuse(Box<Refusal>),
    /// An answer of its own, which is no refusal.
    Answer(Box<Answer>),
}

impl Flow {
    pub(crate) fn refuse(refusal: Refusal) -> Self {
        Self::Refuse(Box::new(refusal))
    }
}

/// The running form of a policy that says something to a request. What is large is in a box: there
/// are as many steps as routes have policies, and each is to be one line of the processor's cache.
#[derive(Debug)]
pub(crate) enum Running {
    KeyAuth(KeyAuth),
    Jwt(Box<Jwt>),
    Introspection(Box<Introspection>),
    BasicAuth(BasicAuth),
    HttpSignature(Box<HttpSignature>),
    Mtls(Mtls),
    AnyOf(AnyOf),
    Scopes(Box<Scopes>),
    Expression(Box<Expression>),
    ExtAuth(Box<ExtAuth>),
    RateLimit(Box<RateLimit>),
    Quota(Box<Quota>),
    IpFilter(Box<IpFilter>),
    RequestLimits(Box<RequestLimits>),
    AuthGuard(AuthGuard),
    Concurrency(Box<Concurrency>),
    Redirect(Redirect),
    Mock(Box<Mock>),
    Fault(Fault),
}

/// A policy that changes what goes to the upstream.
#[derive(Debug)]
pub(crate) enum Shaping {
    Rewrite(Rewrite),
    Transform(Transform),
}

/// A policy that acts on what is answered, be it the upstream's or our own.
#[derive(Debug)]
pub(crate) enum Finishing {
    Cors(Cors),
    SecurityHeaders(SecurityHeaders),
    Transform(Transform),
    Compress(Compress),
    AuthGuard(AuthGuard),
}

/// A policy on its place in a chain.
#[derive(Debug)]
pub(crate) struct Step<R = Running> {
    pub(crate) running: R,
    pub(crate) kind: PolicyKind,
    /// Decides and counts, but never refuses.
    pub(crate) observe: bool,
    /// `kind/name`, for the record.
    pub(crate) label: NameId,
    /// Where it is attached.
    pub(crate) from: AttachPoint,
    /// How the record notes what it would have refused.
    pub(crate) watch: Watch,
}

/// What compiling a policy needs beside the policy.
pub(crate) struct Context<'a> {
    pub(crate) names: &'a Names,
    pub(crate) limits: &'a Limits,
    pub(crate) key_sets: &'a Arc<KeySets>,
    /// Upstreams of the organization, by name.
    pub(crate) upstreams: &'a dyn Fn(&str) -> Option<Asked>,
    /// Numbers of the organization's shared lists of networks, by name.
    pub(crate) ip_lists: &'a dyn Fn(&str) -> Option<u32>,
    /// The version's document, if it has one; `Err`: what is wrong with it.
    pub(crate) bound: Result<Option<&'a Bound>, &'a str>,
    /// The same of its examples, where a policy answers with them.
    pub(crate) examples: Result<Option<&'a Examples>, &'a str>,
}

impl<R> Step<R> {
    /// It decided: counts that, and tells whether it stands. In observe mode it leaves its bit in
    /// the record instead.
    pub(crate) fn decides(&self, call: &mut Call<'_>) -> bool {
        call.worker.metrics.decided(self.kind, self.observe);
        if self.observe {
            call.record.watch(self.watch);
        }
        !self.observe
    }
}

impl Running {
    /// Whether it may ask another server before it decides.
    pub(crate) fn asks(&self) -> bool {
        match self {
            Self::Introspection(_) | Self::ExtAuth(_) => true,
            Self::AnyOf(policy) => policy.asks(),
            _ => false,
        }
    }

    /// Whether it finds callers by user name and password.
    fn takes_passwords(&self) -> bool {
        match self {
            Self::BasicAuth(_) => true,
            Self::AnyOf(policy) => policy.takes_passwords(),
            _ => false,
        }
    }

    /// Whether it counts requests in flight.
    pub(crate) const fn is_of_places(&self) -> bool {
        matches!(self, Self::Concurrency(_))
    }

    async fn ask(&self, call: &Call<'_>) -> Option<Learned> {
        match self {
            Self::Introspection(policy) => policy.ask(call).await,
            Self::ExtAuth(policy) => policy.ask(call).await,
            Self::BasicAuth(_) => BasicAuth::ask(call).await,
            Self::AnyOf(policy) => policy.ask(call).await,
            _ => None,
        }
    }
}

/// Runs one stage, up to the first that says something. A refused request costs nothing: what it
/// took is put back.
pub(crate) fn stage<'a>(steps: &'a [Step], call: &mut Call<'a>) -> Result<(), Stop> {
    for (place, step) in steps.iter().enumerate() {
        let flow = run(step, place, call);
        heed(flow, step, call)?;
    }
    Ok(())
}

/// The same where some ask other servers before they decide.
pub(crate) async fn asking_stage<'a>(steps: &'a [Step], call: &mut Call<'a>) -> Result<(), Stop> {
    for (place, step) in steps.iter().enumerate() {
        if step.running.asks() || step.running.takes_passwords() {
            call.learned = step.running.ask(call).await.map(Box::new);
        }
        let flow = run(step, place, call);
        heed(flow, step, call)?;
    }
    Ok(())
}

fn heed(flow: Flow, step: &Step, call: &mut Call<'_>) -> Result<(), Stop> {
    match flow {
        Flow::Next => Ok(()),
        Flow::Refuse(refusal) => {
            call.record.decided_by = step.label;
            call.give_back();
            Err(refusal.limits(&call.shown).into())
        }
        Flow::Answer(mut answer) => {
            call.record.decided_by = step.label;
            if (200..300).contains(&answer.status) {
                call.shown.write(&mut answer.fields);
            }
            Err(Stop::Answered(answer))
        }
    }
}

/// Runs one step; `place` is its place in its list.
fn run<'a>(step: &'a Step, place: usize, call: &mut Call<'a>) -> Flow {
    let known = if step.observe { call.known() } else { None };
    let flow = match &step.running {
        Running::KeyAuth(policy) => policy.run(call, step.observe),
        Running::Jwt(policy) => policy.run(call, step.observe),
        Running::Introspection(policy) => policy.run(call, step.observe),
        Running::BasicAuth(policy) => policy.run(call, step.observe),
        Running::HttpSignature(policy) => policy.run(call, step.observe),
        Running::Mtls(policy) => policy.run(call, step.observe),
        Running::AnyOf(policy) => policy.run(call, step.observe),
        Running::Scopes(policy) => policy.run(call),
        Running::Expression(policy) => policy.run(call),
        Running::ExtAuth(policy) => policy.run(call, step.observe),
        Running::RateLimit(policy) => policy.run(call, place, step.label, step.observe),
        Running::Quota(policy) => policy.run(call, place, step.observe),
        Running::IpFilter(policy) => policy.run(call),
        Running::RequestLimits(policy) => policy.run(call, step.label, step.observe),
        Running::AuthGuard(policy) => policy.run(call),
        Running::Concurrency(policy) => policy.run(call, step.label, step.observe),
        Running::Redirect(policy) => policy.run(call),
        Running::Mock(policy) => policy.run(call),
        Running::Fault(policy) => policy.run(call, step.observe, upstream::chance),
    };
    if step.observe {
        call.watch(known, (step.kind, step.watch));
    }
    match flow {
        said @ (Flow::Refuse(_) | Flow::Answer(_)) if step.decides(call) => said,
        Flow::Next | Flow::Refuse(_) | Flow::Answer(_) => Flow::Next,
    }
}

/// Changes what goes to the upstream, in the order of the chain.
pub(crate) fn shape(call: &mut Call<'_>) -> Result<(), Refusal> {
    let Some(beyond) = &call.chain.beyond else {
        return Ok(());
    };
    let mut room = ALL_FIELDS;
    for step in &beyond.shape {
        let shaped = match &step.running {
            Shaping::Rewrite(policy) if step.observe => {
                if policy.concerns(call) {
                    step.decides(call);
                }
                Ok(())
            }
            Shaping::Rewrite(policy) => policy.shape(call),
            Shaping::Transform(policy) if step.observe => {
                policy.try_out(step, call, room);
                Ok(())
            }
            Shaping::Transform(policy) => policy.shape(call, &mut room),
        };
        shaped.inspect_err(|_| {
            step.decides(call);
            call.record.decided_by = step.label;
        })?;
    }
    Ok(())
}

/// Acts on what is answered, be it the upstream's or our own.
///
/// # Errors
/// What goes out in the place of an answer that cannot be made; to be finished as well. A refusal
/// stays one.
pub(crate) fn finish(
    beyond: &Beyond,
    call: &mut Call<'_>,
    answer: &mut Answer,
) -> Result<(), Refusal> {
    let Some(noted) = call.noted.take() else {
        return Ok(());
    };
    let is_preflight = call.preflight.is_some();
    let (status, is_refused) = match call.record.status {
        // What the upstream said of its caller counts, whatever the client is told.
        0 => (noted.had.unwrap_or(answer.status), false),
        refused => (refused, true),
    };
    let mut room = ALL_FIELDS;
    for step in &beyond.finish {
        let fields = &mut answer.fields;
        match &step.running {
            Finishing::Cors(policy) if step.observe => {
                if policy.denies(&noted) {
                    step.decides(call);
                }
            }
            Finishing::AuthGuard(policy) => policy.finish(call, &noted, status),
            Finishing::SecurityHeaders(_) | Finishing::Compress(_) if step.observe => {}
            Finishing::Transform(policy) if step.observe => policy.try_out(step, call, room),
            Finishing::Cors(policy) => policy.finish(&noted, is_preflight, fields),
            Finishing::SecurityHeaders(policy) => policy.finish(&noted, fields),
            Finishing::Transform(policy) => match policy.finish(call, fields, &mut room) {
                Ok(()) => {}
                Err(TooLong) if is_refused => policy.trim(fields),
                Err(TooLong) => {
                    call.noted = Some(noted);
                    step.decides(call);
                    call.record.decided_by = step.label;
                    return Err(Refusal::new(Code::TransformFailed));
                }
            },
            Finishing::Compress(policy) => policy.finish(call, &noted, answer),
        }
    }
    Ok(())
}

/// Adds to `Vary`, unless it says so already.
fn vary(fields: &mut Fields, name: &str) {
    let is = |one: &[u8]| one.eq_ignore_ascii_case(name.as_bytes()) || one == b"*";
    let says = |line: &[u8]| line.split(|b| *b == b',').any(|one| is(one.trim_ascii()));
    if !fields.named("vary").any(says) {
        fields.push("vary", name.as_bytes());
    }
}
