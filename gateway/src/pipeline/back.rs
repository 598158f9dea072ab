//! The way back: what a client gets instead of an answer, and what policies do to either.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use domain::problem::Code;

use crate::answer::{Form, Refusal};
use crate::body::Answer;
use crate::call::Call;
use crate::forward::Stop;
use crate::policy::{self, Beyond};
use crate::report::Report;

/// Answers, a panic included: that costs this request, and neither the worker nor, over HTTP/2, other
/// requests of its connection. What the request held is let go while it unwinds, guards of cells too.
/// What of it may be half done is its own, its reader among that: a connection of HTTP/1 ends with the
/// answer.
pub(super) async fn guarded(
    mut serving: Pin<&mut impl Future<Output = Result<Answer, Stop>>>,
) -> Result<Answer, Stop> {
    poll_fn(|cx| {
        // It is not polled again after a panic.
        match catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(cx))) {
            Ok(polled) => polled,
            Err(_) => Poll::Ready(Err(Refusal::new(Code::Internal).close().into())),
        }
    })
    .await
}

/// A refusal as its client gets it.
pub(super) fn refuse(report: &mut Report, refusal: Refusal, form: Form) -> Answer {
    report.code = Some(refusal.code);
    if refusal.code == Code::Internal {
        report.tell_fault();
    }
    if let Some(label) = refusal.label() {
        report.decided_by = label;
    }
    report.status = refusal.status();
    let portal_url = report.worker.settings.portal_url.as_deref();
    refusal.answer(report.request_id.as_str(), portal_url, form)
}

/// Lets policies act on what is answered.
#[cold]
pub(super) fn finish(
    call: &mut Call<'_>,
    beyond: &Beyond,
    served: Result<Answer, Stop>,
    form: Form,
) -> Result<Answer, Stop> {
    let mut answer = match served {
        Ok(answer) => answer,
        Err(Stop::Answered(answer)) => *answer,
        Err(Stop::Refused(refusal)) => refuse(call.record, refusal, form),
        Err(Stop::Gone) => return Err(Stop::Gone),
    };
    // A refusal is refused by none of them, so this ends.
    while let Err(refusal) = policy::finish(beyond, call, &mut answer) {
        answer = refuse(call.record, refusal, form);
    }
    Ok(answer)
}
