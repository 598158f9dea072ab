//! `transform`: another status for what the upstream answers.

use std::time::Duration;

use super::Step;
use super::reshape::undigested;
use super::whole::Whole;
use crate::body::{Answer, Inflow, Outflow};
use crate::call::Call;
use crate::fields::Name;
use crate::forward::Stop;

/// A body that nobody gets is read up to so many bytes, and for so long: then its connection can be
/// used again, and a cache can keep it.
const MOST_READ: u64 = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for one that does not tell its length: it may last, but most are all there with their
/// head.
const PATIENCE_UNTOLD: Duration = Duration::from_millis(50);

/// Gives an answer its status. Those that speak of what the client has, or of a part of it, stay as
/// they are: with another one they would be a lie.
pub(crate) async fn restate(
    step: &Step<u16>,
    call: &mut Call<'_>,
    inflow: &mut dyn Inflow,
    mut answer: Answer,
) -> Result<Answer, Stop> {
    let had = answer.status;
    if matches!(had, 100..=199 | 206 | 304) {
        return Ok(answer);
    }
    answer.status = step.running;
    if let Some(noted) = &mut call.noted {
        noted.had = Some(had);
    }
    if matches!(step.running, 204 | 205 | 304) {
        let patience = match answer.body.left() {
            Some(_) => PATIENCE,
            None => PATIENCE_UNTOLD,
        };
        let taken = Whole::take(MOST_READ, call, inflow, &mut answer);
        let taken = tokio::time::timeout(patience, taken).await;
        if matches!(taken, Err(_) | Ok(Ok(Whole::TooLong))) {
            call.worker.metrics.bodies_unread.add(1);
        }
        // Nobody misses what an upstream breaks off; what is wrong with a request is told.
        if let Ok(Err(stop)) = taken
            && call.record.connection.fault.get().is_some()
        {
            return Err(stop);
        }
        answer.body = Outflow::empty();
        undigested(&mut answer.fields);
        answer.fields.remove(Name::ContentLength);
        for name in ["content-type", "content-encoding", "content-language"] {
            answer.fields.remove_named(name.as_bytes());
        }
    } else if matches!(had, 204 | 205) {
        // It said nothing of a body, or what is not true any more.
        answer.fields.remove(Name::ContentLength);
    }
    Ok(answer)
}
