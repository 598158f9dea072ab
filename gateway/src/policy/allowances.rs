//! The limits of a request, of its version and of its plan, run together.

use super::{Flow, Step, run};
use crate::answer::Refusal;
use crate::call::Call;
use crate::forward::Stop;

/// Runs all steps of several lists, also those behind a refusal: so that an answer shows where all
/// limits stand. The first refusal is the one that is given; then what was taken is put back. Places
/// of `concurrency` come last: nobody holds one while it waits for a turn.
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
            } else {
                allow(step, place, call, &mut refused);
            }
        }
    }
    if has_places {
        for steps in lists {
            for (place, step) in steps.iter().enumerate() {
                if step.running.is_of_places() {
                    allow(step, place, call, &mut refused);
                }
            }
        }
    }
    match refused {
        None => Ok(()),
        Some(refusal) => {
            call.give_back();
            Err(refusal.limits(&call.shown).into())
        }
    }
}

/// Runs one of them, and notes the first refusal.
fn allow<'a>(
    step: &'a Step,
    place: usize,
    call: &mut Call<'a>,
    refused: &mut Option<Box<Refusal>>,
) {
    match run(step, place, call) {
        Flow::Refuse(refusal) if refused.is_none() => {
            call.record.decided_by = step.label;
            *refused = Some(refusal);
        }
        // Nothing that stands here answers by itself.
        Flow::Next | Flow::Refuse(_) | Flow::Answer(_) => {}
    }
}
