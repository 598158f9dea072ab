//! What policies ask other servers, and passwords that are compared with a hash.

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
    page.one(
        "passwords_compared_total",
        "counter",
        "Passwords that were compared with the hash of one that somebody chose.",
        sum(|w| w.passwords_compared.get()),
    );
    page.one(
        "passwords_crowded_total",
        "counter",
        "Passwords that were not compared, as many as may be waited for it.",
        sum(|w| w.passwords_crowded.get()),
    );
    page.one(
        "passwords_guessed_total",
        "counter",
        "Passwords that were not compared, as too many were wrong before.",
        sum(|w| w.passwords_guessed.get()),
    );
    let Some(answers) = answers else {
        return;
    };
    page.one(
        "passwords_evicted_total",
        "counter",
        "Of passwords that were compared, those that were forgotten early for want of room.",
        answers.passwords.evicted(),
    );
    let (bytes, evicted) = answers.figures();
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
