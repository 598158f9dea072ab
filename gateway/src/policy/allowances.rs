//! The limits of a request, of its version and of its plan, run together.

use super::{Flow, Running, Step, run};
use crate::answer::Refusal;
use crate::call::Call;
use crate::forward::Stop;

/// Runs the steps of several lists up to the first that refuses. Limits behind that one are looked at
/// alone, so that an answer shows where all of them stand. Places of `concurrency` come last: nobody
/// holds one while it waits for a turn.
pub(crate) fn allowances<'a, const N: usize>(
    lists: [&'a [Step]; N],
    call: &mut Call<'a>,
) -> Result<(), Stop> {
    let mut refused = None;
    let mut has_places = false;
    for steps in lists {
        for (place, step) in steps.iter().enumerate() {
            if step.running.is_of_places() {
                has_places = true;
            } else if refused.is_none() {
                refused = allow(step, place, call);
            } else {
                show(step, place, call);
            }
        }
    }
    if has_places {
        for steps in lists {
            for (place, step) in steps.iter().enumerate() {
                if refused.is_none() && step.running.is_of_places() {
                    refused = allow(step, place, call);
                }
            }
        }
    }
    match refused {
        None => Ok(()),
        Some(refusal) => {
            // Limits are shown as a request leaves them, and this one has left nothing.
            call.shown.give_back();
            Err(refusal.limits(&call.shown).into())
        }
    }
}

/// Runs one of them. Where it refuses, what those before it took is put back at once.
fn allow<'a>(step: &'a Step, place: usize, call: &mut Call<'a>) -> Option<Box<Refusal>> {
    match run(step, place, call) {
        Flow::Refuse(refusal) => {
            call.record.decided_by = step.label;
            call.give_back();
            Some(refusal)
        }
        // Nothing that stands here answers by itself.
        Flow::Next | Flow::Answer(_) => None,
    }
}

/// Shows where a limit stands behind one that has refused. Nothing is taken of it, not even until it
/// would be put back: others would be refused meanwhile, for what nobody gets.
#[cold]
fn show<'a>(step: &'a Step, place: usize, call: &mut Call<'a>) {
    let looked = match &step.running {
        Running::RateLimit(policy) => Some(policy.peek(call, place)),
        Running::Quota(policy) => {
            let looked = policy.peek(call, place);
            looked.map(|(flow, shown, _)| (flow, shown))
        }
        // The others show nothing.
        _ => None,
    };
    let Some((flow, shown)) = looked else {
        return;
    };
    if !step.observe {
        call.shown.push(shown);
    }
    if matches!(flow, Flow::Refuse(_)) {
        step.decides(call);
    }
}
