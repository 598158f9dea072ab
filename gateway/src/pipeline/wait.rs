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

pub(super) fn has_to(call: &Call<'_>) -> bool {
    call.delay_ms > 0 || call.waits.is_some()
}

/// Waits, while there is room for that and its client is there. One that does not go on costs
/// nothing.
pub(super) async fn wait(call: &mut Call<'_>, inflow: &mut dyn Inflow) -> Result<(), Stop> {
    if !has_to(call) {
        return Ok(());
    }
    let worker = call.worker;
    let room = &worker.shared.waiting;
    let Some(_place) = worker.waiting.enter(room, &worker.metrics) else {
        call.give_back();
        let refusal = Refusal::new(Code::Overloaded).retry_after(1);
        return Err(refusal
            .detail("Too many requests wait for their turn.")
            .into());
    };
    let began = call.record.elapsed();
    let outcome = {
        let gone = poll_fn(|cx| inflow.poll_gone(cx));
        let mut waited = pin!(until_it_may(call));
        tokio::select! {
            biased;
            outcome = &mut waited => outcome.map_err(Stop::from),
            () = gone => Err(Stop::Gone),
        }
    };
    if let Err(stop) = outcome {
        call.give_back();
        return Err(stop);
    }
    // It is later now, and none of that was the upstream's time.
    call.delay_ms = u64::from(call.record.elapsed().saturating_sub(began)) / 1000;
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
