//! Requests that wait on purpose before an upstream has room for them, and hold nothing of one.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use domain::problem::Code;

use crate::answer::Refusal;
use crate::body::Inflow;
use crate::call::Call;
use crate::forward::Stop;
use crate::policy;

fn has_to(call: &Call<'_>) -> bool {
    call.delay_ms > 0 || call.waits.is_some()
}

/// A request that waits. One that does not go on costs nothing, also where it is dropped in the
/// middle: that is how an HTTP/2 client's cancelling comes.
struct Patient<'c, 'a> {
    call: &'c mut Call<'a>,
    goes_on: bool,
}

impl Drop for Patient<'_, '_> {
    fn drop(&mut self) {
        if !self.goes_on {
            self.call.give_back();
        }
    }
}

/// Waits, while there is room for that and its client is there.
pub(super) async fn wait(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<(), Stop> {
    if !has_to(call) {
        return Ok(());
    }
    // In a box: few wait, and the others should not pay for its size.
    Box::pin(patiently(call, inflow)).await
}

async fn patiently(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<(), Stop> {
    let worker = call.worker;
    let mut patient = Patient {
        call,
        goes_on: false,
    };
    let room = &worker.shared.waiting;
    let Some(_place) = worker.waiting.enter(room, &worker.metrics) else {
        let refusal = Refusal::new(Code::Overloaded).retry_after(1);
        return Err(refusal
            .detail("Too many requests wait for their turn.")
            .into());
    };
    let began = patient.call.record.elapsed();
    let outcome = {
        let gone = poll_fn(|cx| inflow.poll_gone(cx));
        let mut waited = pin!(until_it_may(patient.call));
        tokio::select! {
            biased;
            outcome = &mut waited => outcome.map_err(Stop::from),
            () = gone => Err(Stop::Gone),
        }
    };
    outcome?;
    patient.goes_on = true;
    // It is later now, and none of that was the upstream's time.
    let call = &mut *patient.call;
    call.waited_ms += u64::from(call.record.elapsed().saturating_sub(began)) / 1000;
    call.delay_ms = 0;
    call.look_at_clock();
    Ok(())
}

async fn until_it_may(call: &mut Call<'_>) -> Result<(), Refusal> {
    policy::queue(call).await?;
    if call.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(call.delay_ms)).await;
    }
    Ok(())
}
