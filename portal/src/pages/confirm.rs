//! What the pages that ask before a step have in common: whether the name was typed, and who felt
//! it within the last hour.

use api::{
    Ctx,
    service::traffic::{self, Subject},
};
use domain::wire::traffic::Range;
use frontend::{form::Form, format, part::state::Tone};

use crate::typed::Typed;

/// The form again, unless the name of what the step is taken on was typed.
pub(super) fn named(typed: Typed, name: &str) -> Result<Typed, Form> {
    if typed.get("name") == name {
        return Ok(typed);
    }
    let words = format!("Type {name} to confirm.");
    Err(typed.into_form().problem_at("name", words))
}

/// How many subscribe to it, in a sentence.
pub(super) fn subscribed(count: u64) -> (Tone, String) {
    match count {
        0 => (Tone::Info, "Nobody is subscribed.".to_owned()),
        count => (
            Tone::Warn,
            format!(
                "{} open now.",
                format::counted(count, "subscription is", "subscriptions are")
            ),
        ),
    }
}

/// The calls of the last hour, in a sentence; nothing for who may not read them.
pub(super) async fn called(ctx: &Ctx, subject: Subject) -> Option<(Tone, String)> {
    let usage = traffic::usage(ctx, subject, Range::Hour, None).await.ok()?;
    let calls = usage.totals.requests;
    if calls == 0 {
        return Some((Tone::Info, "No call in the last hour.".to_owned()));
    }
    let calls = format::counted(calls, "call", "calls");
    let known = usage
        .applications
        .iter()
        .filter(|application| !application.id.uuid().is_nil());
    let callers = match (subject, known.count()) {
        (Subject::Application(_), _) | (_, 0) => String::new(),
        (_, 1) => " by one application".to_owned(),
        // No more are named than that.
        (_, 10..) => " by ten applications or more".to_owned(),
        (_, some) => format!(" by {some} applications"),
    };
    Some((Tone::Warn, format!("{calls} in the last hour{callers}.")))
}

/// Who called within the last day, those with the most calls first, in a sentence; nothing for who
/// may not read that.
pub(super) async fn callers(ctx: &Ctx, subject: Subject) -> Option<(Tone, String)> {
    let usage = traffic::usage(ctx, subject, Range::Day, None).await.ok()?;
    if usage.totals.requests == 0 {
        return Some((Tone::Info, "No call in the last day.".to_owned()));
    }
    let calls = format::counted(usage.totals.requests, "call", "calls");
    let known = usage.applications.iter();
    let known = known.filter(|application| !application.id.uuid().is_nil());
    let named: Vec<String> = known
        .map(|one| format!("{} ({})", one.name, format::count(one.totals.requests)))
        .collect();
    let by = match named.as_slice() {
        [] => String::new(),
        // No more are named than ten.
        named => format!(", most by {}", named.join(", ")),
    };
    Some((Tone::Warn, format!("{calls} in the last day{by}.")))
}
