//! The contract stage: policies that look into what is sent, and for that hold the body.

use std::collections::HashMap;
use std::sync::Arc;

use domain::contract::{Contract, Violation};
use domain::id::OperationId;
use domain::problem::Code;

use super::threat_patterns::is_form;
use super::validate::{media_type, unreadable};
use super::{JsonThreat, Signature, Step, ThreatPatterns, Validate};
use crate::answer::Refusal;
use crate::call::Call;
use crate::forward::{self, Stop};
use crate::held::{Held, Unheld};
use crate::holdings::Beside;
use crate::metrics::Late;
use crate::signature;
use crate::target;

/// A policy that looks into what is sent.
#[derive(Debug)]
pub(crate) enum Checking {
    JsonThreat(JsonThreat),
    Validate(Validate),
    ThreatPatterns(ThreatPatterns),
    Signature(Signature),
}

/// A version's document, and where its operations stand in it.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) contract: Arc<Contract>,
    pub(crate) operations: Arc<HashMap<OperationId, usize>>,
}

/// Looks into a body, wherever.
pub(super) type Work = Box<dyn FnOnce(&[u8]) -> Vec<Violation> + Send>;

impl Checking {
    fn wants_body(&self, call: &Call<'_>) -> bool {
        match self {
            Self::JsonThreat(_) => call.length != Some(0) && JsonThreat::concerns(media_type(call)),
            Self::Validate(policy) => policy.wants_body(call),
            Self::ThreatPatterns(policy) => policy.wants_body(call),
            Self::Signature(_) => Signature::wants_body(call),
        }
    }

    const fn max_bytes(&self) -> u64 {
        match self {
            Self::JsonThreat(policy) => policy.max_bytes(),
            Self::Validate(policy) => policy.max_bytes(),
            Self::ThreatPatterns(policy) => policy.max_bytes(),
            Self::Signature(policy) => policy.max_bytes,
        }
    }

    /// Whether it reads a body, rather than comparing it as it came.
    const fn reads(&self) -> bool {
        !matches!(self, Self::Signature(_))
    }

    /// With which it refuses what it found.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::JsonThreat(_) | Self::Validate(_) => Code::ValidationFailed,
            Self::ThreatPatterns(_) => Code::ThreatDetected,
            Self::Signature(_) => Code::SignatureInvalid,
        }
    }

    pub(crate) fn judge_head(&self, call: &Call<'_>) -> Vec<Violation> {
        match self {
            Self::JsonThreat(_) | Self::Signature(_) => Vec::new(),
            Self::Validate(policy) => policy.judge_head(call),
            Self::ThreatPatterns(policy) => policy.judge_head(call).into_iter().collect(),
        }
    }

    fn judge_body(&self, call: &Call<'_>, body: &[u8]) -> Vec<Violation> {
        match self {
            Self::JsonThreat(policy) => policy.judge(body).into_iter().collect(),
            Self::Validate(policy) => policy.judge_body(call, body),
            Self::ThreatPatterns(policy) => {
                let found = policy.judge_body(is_form(media_type(call)), body);
                found.into_iter().collect()
            }
            Self::Signature(_) => {
                let digest = signature::content_digest(&call.head.fields);
                Signature::judge(digest.as_deref(), body)
            }
        }
    }

    /// The same as work for another thread.
    fn work(&self, call: &Call<'_>) -> Work {
        match self {
            Self::JsonThreat(policy) => {
                let policy = policy.clone();
                Box::new(move |body| policy.judge(body).into_iter().collect())
            }
            Self::Validate(policy) => policy.work(call),
            Self::ThreatPatterns(policy) => {
                let (policy, is_form) = (policy.clone(), is_form(media_type(call)));
                Box::new(move |body| policy.judge_body(is_form, body).into_iter().collect())
            }
            Self::Signature(_) => {
                let digest = signature::content_digest(&call.head.fields);
                Box::new(move |body| Signature::judge(digest.as_deref(), body))
            }
        }
    }
}

/// Runs the stage. What can be told from the head is told before the body is taken.
pub(crate) async fn contract(
    steps: &[Step<Checking>],
    call: &mut Call<'_>,
    held: &mut Held<'_>,
) -> Result<(), Stop> {
    for step in steps {
        let found = step.running.judge_head(call);
        judged(step, call, step.running.code(), found)?;
    }
    for step in steps {
        if !step.running.wants_body(call) {
            continue;
        }
        if step.running.reads()
            && let Some(found) = unreadable(call)
        {
            judged(step, call, Code::ValidationFailed, vec![found])?;
            continue;
        }
        match held.collect(step.running.max_bytes()).await {
            Ok(()) => {
                let found = match Beside::of(&call.worker.holdings, held.bytes().len()) {
                    Beside::Here => step.running.judge_body(call, held.bytes()),
                    Beside::There(..) if step.observe => {
                        let Ok(found) = held.look(step.running.work(call)).await else {
                            call.worker.metrics.requests_unchecked.add(1);
                            continue;
                        };
                        found
                    }
                    there @ Beside::There(..) => {
                        let (work, body) = (step.running.work(call), held.lend());
                        let done = there.run(move || (work(&body), body)).await;
                        let (found, body) = done?;
                        held.restore(body);
                        found
                    }
                };
                judged(step, call, step.running.code(), found)?;
            }
            // It goes on unseen: nobody is refused for what was only to be looked at.
            Err(Unheld::Late | Unheld::NoRoom) if step.observe => {
                call.worker.metrics.requests_unchecked.add(1);
            }
            // Its own bound, and it only watches: the request goes on as it is.
            Err(Unheld::TooLong) if step.observe => {
                step.decides(call);
            }
            Err(Unheld::Late) => {
                call.worker.metrics.late(Late::Body);
                step.decides(call);
                call.record.decided_by = step.label;
                return Err(Refusal::new(Code::RequestTimeout).close().into());
            }
            Err(Unheld::Cut) => return Err(forward::cut(call)),
            Err(Unheld::TooLong) => {
                step.decides(call);
                call.record.decided_by = step.label;
                return Err(target::too_large(step.running.max_bytes()).into());
            }
            Err(Unheld::NoRoom) => {
                step.decides(call);
                call.record.decided_by = step.label;
                let refusal = Refusal::new(Code::Overloaded).retry_after(1);
                return Err(refusal.close().into());
            }
        }
    }
    Ok(())
}

fn judged(
    step: &Step<Checking>,
    call: &mut Call<'_>,
    code: Code,
    found: Vec<Violation>,
) -> Result<(), Stop> {
    if found.is_empty() || !step.decides(call) {
        return Ok(());
    }
    call.record.decided_by = step.label;
    Err(Refusal::new(code).violations(found).into())
}
