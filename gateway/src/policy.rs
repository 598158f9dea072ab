//! Policies in their running form: a closed enum, compiled once, run by stage.
//!
//! Adding one is a file here, a variant below, and the match arms that the compiler names.

pub(crate) mod key_auth;
pub(crate) mod quota;
pub(crate) mod rate_limit;

use domain::effective::Effective;
use domain::policy::{AttachPoint, Mode, Policy, Stage, Subject};

use crate::answer::Refusal;
use crate::call::Call;
use crate::record::{NameId, Names};
use crate::slot::Limits;

pub(crate) use key_auth::KeyAuth;
pub(crate) use quota::Quota;
pub(crate) use rate_limit::RateLimit;

/// What a policy says to a request.
pub(crate) enum Flow {
    Next,
    Answer(Box<Refusal>),
}

/// The running form of a policy.
#[derive(Debug)]
pub(crate) enum Running {
    KeyAuth(KeyAuth),
    RateLimit(RateLimit),
    Quota(Quota),
}

/// A policy on its place in a chain.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) running: Running,
    /// Decides and counts, but never refuses.
    pub(crate) observe: bool,
    /// `kind/name`, for the record.
    pub(crate) label: NameId,
    /// Where it is attached.
    pub(crate) from: AttachPoint,
    /// Its bit among the observe verdicts of the record.
    bit: u32,
}

/// The policies of one attach point's chain, by stage. Stages without policies of this release
/// (contract, answer, shape) have no list yet.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) edge: Box<[Step]>,
    pub(crate) identity: Box<[Step]>,
    pub(crate) allowance: Box<[Step]>,
}

/// A policy or a condition that has no running form; its route answers 500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {reason}")]
pub(crate) struct Uncompiled {
    /// `policy kind/name`, or where in the route it stands.
    pub(crate) label: String,
    pub(crate) reason: String,
}

/// What compiling a policy needs beside the policy.
pub(crate) struct Context<'a> {
    pub(crate) names: &'a Names,
    pub(crate) limits: &'a Limits,
}

impl Chain {
    /// Compiles a chain that [`domain::effective::chain`] put in order. `attach` gives the id of
    /// each attach point.
    pub(crate) fn compile(
        chain: &[Effective<'_>],
        attach: impl Fn(AttachPoint) -> uuid::Uuid,
        context: &Context<'_>,
    ) -> Result<Self, Uncompiled> {
        let (mut edge, mut identity, mut allowance) = (Vec::new(), Vec::new(), Vec::new());
        for (index, effective) in chain.iter().enumerate() {
            let bit = 1_u32.checked_shl(index as u32).unwrap_or(0);
            let step = Step::compile(effective, attach(effective.from), bit, context)?;
            match stage_of(effective.policy) {
                Stage::Edge => edge.push(step),
                Stage::Identity => identity.push(step),
                Stage::Allowance => allowance.push(step),
                Stage::Access | Stage::Contract | Stage::Answer | Stage::Shape => {
                    return Err(Uncompiled {
                        label: label(effective.policy),
                        reason: "its stage is not run by this release".to_owned(),
                    });
                }
            }
        }
        Ok(Self {
            edge: edge.into(),
            identity: identity.into(),
            allowance: allowance.into(),
        })
    }
}

fn label(policy: &Policy) -> String {
    format!("{}/{}", policy.kind().as_str(), policy.name())
}

/// Limits that look only at address and route run before anybody is identified.
fn stage_of(policy: &Policy) -> Stage {
    match policy {
        Policy::RateLimit(limit) => {
            let edge = |subject: &Subject| match subject {
                Subject::Address | Subject::Route => true,
                Subject::Subscription | Subject::Application | Subject::Key => false,
            };
            if !limit.by.is_empty() && limit.by.iter().all(edge) {
                Stage::Edge
            } else {
                policy.kind().stage()
            }
        }
        Policy::KeyAuth(_) | Policy::Quota(_) => policy.kind().stage(),
    }
}

impl Step {
    fn compile(
        effective: &Effective<'_>,
        attach: uuid::Uuid,
        bit: u32,
        context: &Context<'_>,
    ) -> Result<Self, Uncompiled> {
        let label = label(effective.policy);
        let wrong = effective.policy.check();
        if let Some(invalid) = wrong.into_iter().next() {
            let reason = format!("{}: {}", invalid.pointer, invalid.message);
            let label = format!("policy {label}");
            return Err(Uncompiled { label, reason });
        }
        let in_plan = effective.from == AttachPoint::Plan;
        let running = match effective.policy {
            Policy::KeyAuth(policy) => Running::KeyAuth(KeyAuth::compile(policy)),
            Policy::RateLimit(policy) => {
                let name = effective.policy.name();
                Running::RateLimit(RateLimit::compile(policy, name, attach, in_plan, context))
            }
            Policy::Quota(policy) => {
                let name = effective.policy.name();
                let zone = policy.zone().unwrap_or(chrono_tz::Tz::UTC);
                Running::Quota(Quota::compile(policy, name, attach, zone, in_plan, context))
            }
        };
        Ok(Self {
            running,
            observe: effective.policy.mode() == Mode::Observe,
            from: effective.from,
            label: context.names.intern(&label),
            bit,
        })
    }
}

/// Runs one stage, up to the first refusal. A refused request costs nothing: what it took is put
/// back.
pub(crate) fn stage<'a>(steps: &'a [Step], call: &mut Call<'a>) -> Result<(), Refusal> {
    for (place, step) in steps.iter().enumerate() {
        if let Some(refusal) = run(step, place, call) {
            call.record.decided_by = step.label;
            call.give_back();
            return Err(refusal.limits(&call.shown));
        }
    }
    Ok(())
}

/// Runs all steps of several lists, also those behind a refusal: so that an answer shows where all
/// limits stand. The first refusal is the one that is given; then what was taken is put back.
pub(crate) fn allowances<'a, const N: usize>(
    lists: [&'a [Step]; N],
    call: &mut Call<'a>,
) -> Result<(), Refusal> {
    let mut refused = None;
    for steps in lists {
        for (place, step) in steps.iter().enumerate() {
            if let Some(refusal) = run(step, place, call)
                && refused.is_none()
            {
                call.record.decided_by = step.label;
                refused = Some(refusal);
            }
        }
    }
    match refused {
        None => Ok(()),
        Some(refusal) => {
            call.give_back();
            Err(refusal.limits(&call.shown))
        }
    }
}

/// Runs one step; `place` is its place in its list. In observe mode it leaves its bit in the record
/// instead of an answer.
fn run<'a>(step: &'a Step, place: usize, call: &mut Call<'a>) -> Option<Box<Refusal>> {
    let flow = match &step.running {
        Running::KeyAuth(policy) => policy.run(call),
        Running::RateLimit(policy) => policy.run(call, place),
        Running::Quota(policy) => policy.run(call, place),
    };
    match flow {
        Flow::Next => None,
        Flow::Answer(_) if step.observe => {
            call.record.observed |= step.bit;
            None
        }
        Flow::Answer(refusal) => Some(refusal),
    }
}
