//! Bodies of requests: taken whole and made anew, or only looked into.

use std::sync::Arc;

use domain::contract::{Place, Violation};
use domain::policy::transform::Format;
use domain::problem::Code;

use super::{Reshape, format_of, mark};
use crate::answer::Refusal;
use crate::call::Call;
use crate::forward::{self, Stop};
use crate::held::{Held, Unheld};
use crate::holdings::Beside;
use crate::metrics::Late;
use crate::policy::Step;
use crate::policy::validate::unreadable;
use crate::target;

/// Changes what is sent, in the order of the chain. What only observes finds out whether it could.
pub(crate) async fn request(
    steps: &[Step<Arc<Reshape>>],
    call: &mut Call<'_>,
    held: &mut Held<'_>,
) -> Result<(), Stop> {
    for step in steps {
        if call.length == Some(0) {
            return Ok(());
        }
        // Who reads it further on might see what this does not.
        if let Some(found) = unreadable(call) {
            unmade(step, call, found)?;
            continue;
        }
        let Some(from) = format_of(&call.head.fields) else {
            return Ok(());
        };
        let max_bytes = step.running.max_bytes;
        let refused = match held.collect(max_bytes).await {
            Ok(()) if held.bytes().is_empty() => return Ok(()),
            Ok(()) => None,
            Err(Unheld::Cut) => return Err(forward::cut(call)),
            Err(Unheld::TooLong) if step.observe => {
                step.decides(call);
                continue;
            }
            // It goes on unseen: nobody is refused for what was only to be looked at.
            Err(Unheld::Late | Unheld::NoRoom) if step.observe => {
                call.worker.metrics.requests_unchecked.add(1);
                continue;
            }
            Err(Unheld::Late) => {
                call.worker.metrics.late(Late::Body);
                Some(Refusal::new(Code::RequestTimeout).close())
            }
            Err(Unheld::TooLong) => Some(target::too_large(max_bytes)),
            Err(Unheld::NoRoom) => Some(Refusal::new(Code::Overloaded).retry_after(1).close()),
        };
        if let Some(refusal) = refused {
            return refuse(step, call, refusal);
        }
        if step.observe {
            look(step, call, held, from).await;
            continue;
        }
        let (reshape, facts) = (step.running.clone(), step.running.facts(call));
        let beside = Beside::of(&call.worker.holdings, held.bytes().len());
        let body = held.lend();
        let (changed, body) = beside
            .run(move || {
                let changed = reshape.change(from, &body, facts.as_ref());
                (changed, body)
            })
            .await?;
        match changed {
            Ok((written, to)) => {
                mark(&mut call.head.fields, Some(written.len()), Some(to));
                call.length = Some(written.len() as u64);
                if !held.replace(written) {
                    let refusal = Refusal::new(Code::Overloaded).retry_after(1);
                    return refuse(step, call, refusal);
                }
            }
            Err(message) => {
                held.restore(body);
                let found = Violation {
                    place: Place::Body,
                    pointer: String::new(),
                    message,
                };
                unmade(step, call, found)?;
            }
        }
    }
    Ok(())
}

/// Finds out whether a body could be changed; it goes on as it is.
async fn look(step: &Step<Arc<Reshape>>, call: &mut Call<'_>, held: &mut Held<'_>, from: Format) {
    let (reshape, facts) = (step.running.clone(), step.running.facts(call));
    let work = move |body: &[u8]| reshape.change(from, body, facts.as_ref()).is_err();
    let looked = held.look(work).await;
    match looked {
        Ok(true) => {
            step.decides(call);
        }
        Ok(false) => {}
        Err(_) => call.worker.metrics.requests_unchecked.add(1),
    }
}

fn unmade(step: &Step<Arc<Reshape>>, call: &mut Call<'_>, found: Violation) -> Result<(), Stop> {
    let refusal = Refusal::new(Code::ValidationFailed);
    refuse(step, call, refusal.violations(vec![found]))
}

/// Unless that is only to be noted.
fn refuse(step: &Step<Arc<Reshape>>, call: &mut Call<'_>, refusal: Refusal) -> Result<(), Stop> {
    if !step.decides(call) {
        return Ok(());
    }
    call.record.decided_by = step.label;
    Err(refusal.into())
}
