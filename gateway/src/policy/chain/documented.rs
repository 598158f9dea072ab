//! Policies that look into the version's document.

use std::sync::Arc;

use domain::effective::Effective;
use domain::policy::validate::Responses;
use domain::policy::{AttachPoint, Mode};

use super::{Parts, Uncompiled, label, step};
use crate::policy::{Answers, Checking, Context, Mock, Running, Step, Validate};
use crate::record::{NameId, Watch};

/// Where it is written for more than one version, those without a document have nothing to be
/// compared with.
pub(super) fn validate(
    policy: &domain::policy::Validate,
    effective: &Effective<'_>,
    context: &Context<'_>,
) -> Result<Parts, Uncompiled> {
    let uncompiled = |reason: &str| Uncompiled {
        label: format!("policy {}", label(effective.policy)),
        reason: reason.to_owned(),
    };
    // What only watches breaks nothing.
    let enforces = policy.mode == Mode::Enforce;
    let keeps_back = matches!(
        policy.responses,
        Some(Responses::Block | Responses::StripUndeclared)
    );
    match context.bound {
        Ok(Some(bound)) => {
            let unread = bound.contract.unread_answers().first();
            if let Some(one) = unread.filter(|_| enforces && keeps_back) {
                return Err(uncompiled(&format!("{}: {}", one.pointer, one.message)));
            }
            Ok(Parts {
                checking: (policy.parameters || policy.body)
                    .then(|| Checking::Validate(Validate::compile(policy, bound))),
                answers: Answers::compile(policy, bound),
                ..Parts::default()
            })
        }
        Ok(None) => match effective.from {
            AttachPoint::Organization | AttachPoint::Api => Ok(Parts::default()),
            _ => Err(uncompiled("The version has no document.")),
        },
        Err(reason) if enforces && (policy.parameters || policy.body || keeps_back) => {
            Err(uncompiled(reason))
        }
        Err(_) => Ok(Parts::default()),
    }
}

/// Where it is written for more than one version, the upstream answers for those without a document.
pub(super) fn mock(
    policy: &domain::policy::Mock,
    effective: &Effective<'_>,
    context: &Context<'_>,
) -> Result<Parts, Uncompiled> {
    let uncompiled = |reason: &str| Uncompiled {
        label: format!("policy {}", label(effective.policy)),
        reason: reason.to_owned(),
    };
    if !policy.examples {
        return Ok(Running::Mock(Box::new(Mock::compile(policy, None))).into());
    }
    match context.examples {
        Ok(Some(examples)) => {
            let mock = Mock::compile(policy, Some(examples.clone()));
            Ok(Running::Mock(Box::new(mock)).into())
        }
        Ok(None) => match effective.from {
            AttachPoint::Organization | AttachPoint::Api => Ok(Parts::default()),
            _ => Err(uncompiled("The version has no document.")),
        },
        Err(_) if policy.mode == Mode::Observe => Ok(Parts::default()),
        Err(reason) => Err(uncompiled(reason)),
    }
}

/// How the record names a policy that only noted something.
pub(super) fn watched(effective: &Effective<'_>, label: &str, context: &Context<'_>) -> NameId {
    let whole = format!("{}/{label}", effective.from.as_str());
    context.names.intern(&whole)
}

/// A step of answers: one may only watch them, whatever its policy does with requests, and each may
/// note some of them.
pub(super) fn watching(
    running: Answers,
    effective: &Effective<'_>,
    bit: u32,
    context: &Context<'_>,
) -> Step<Arc<Answers>> {
    let observe = running.watches();
    let name = watched(effective, &label(effective.policy), context);
    Step {
        observe,
        watch: Watch { bit, name },
        ..step(Arc::new(running), effective, bit, context)
    }
}
