//! What policies ask other servers.

use super::{Page, WorkerMetrics};
use crate::asking::Answers;

pub(super) fn write(
    page: &mut Page,
    sum: &dyn Fn(fn(&WorkerMetrics) -> u64) -> u64,
    answers: Option<&Answers>,
) {
    page.one(
        "questions_total",
        "counter",
        "Questions that policies put to other servers.",
        sum(|w| w.questions.get()),
    );
    page.one(
        "questions_failed_total",
        "counter",
        "Of these, those without an answer.",
        sum(|w| w.questions_failed.get()),
    );
    page.one(
        "questions_crowded_total",
        "counter",
        "Questions that were not put, as many as may be were under way.",
        sum(|w| w.questions_crowded.get()),
    );
    page.one(
        "undecided_passed_total",
        "counter",
        "Requests that went on though nobody decided on them.",
        sum(|w| w.undecided_passed.get()),
    );
    let Some((bytes, evicted)) = answers.map(Answers::figures) else {
        return;
    };
    page.one(
        "answers_kept_bytes",
        "gauge",
        "Memory of what is remembered of answers, about.",
        bytes,
    );
    page.one(
        "answers_evicted_total",
        "counter",
        "Answers that were forgotten early for want of room.",
        evicted,
    );
}
