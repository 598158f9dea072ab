//! Bodies of answers: taken whole, made anew, or kept back; or looked into when they have passed.

use std::sync::Arc;

use domain::policy::transform::Format;
use domain::problem::Code;

use super::{Facts, Reshape, format_of, is_coded, mark, undigested};
use crate::answer::Refusal;
use crate::body::{Answer, Inflow, Outflow};
use crate::cache::{Keeping, members};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::forward::Stop;
use crate::holdings::{Beside, Made};
use crate::passing::Passing;
use crate::policy::Step;
use crate::policy::whole::Whole;

/// What the changes of an answer need of its request, where there are any.
pub(crate) fn answer_facts(steps: &[Step<Arc<Reshape>>], call: &Call<'_>) -> Option<Option<Facts>> {
    if steps.is_empty() {
        return None;
    }
    let facts = steps
        .iter()
        .any(|step| step.running.becomes.is_some())
        .then(|| Facts::of(call));
    Some(facts)
}

/// Asks for an answer that can be looked into: not encoded, and whole where it may be changed.
pub(crate) fn expect_answer(steps: &[Step<Arc<Reshape>>], call: &mut Call<'_>) {
    if steps.is_empty() {
        return;
    }
    let names: &[&str] = match steps.iter().all(|step| step.observe) {
        true => &["accept-encoding"],
        false => &["accept-encoding", "range", "if-range"],
    };
    for name in names {
        call.head.fields.remove_named(name.as_bytes());
    }
}

/// Changes what is answered. What cannot be is not let through: it may hold what was to be taken
/// out. What only observes lets it pass, and finds out whether it could be.
pub(crate) async fn answer(
    steps: &[Step<Arc<Reshape>>],
    call: &mut Call<'_>,
    facts: Option<Facts>,
    inflow: &mut dyn Inflow,
    mut answer: Answer,
) -> Result<Answer, Stop> {
    let is_head = call.head.method == http::Method::HEAD;
    if answer.status == 304 {
        same(steps, call, &mut answer.fields);
        return Ok(answer);
    }
    let is_bare = matches!(answer.status, 100..=199 | 204 | 205);
    if is_bare || matches!(answer.body, Outflow::Switched(_)) {
        return Ok(answer);
    }
    let facts = facts.map(|mut facts| {
        facts.status = Some(answer.status);
        Arc::new(facts)
    });
    for step in steps {
        if step.observe {
            if !is_head {
                answer = watched(step, call, facts.clone(), answer);
            }
            continue;
        }
        let is_twice = answer.fields.all(Name::ContentType).nth(1).is_some();
        let from = format_of(&answer.fields);
        let Some(from) = from.or(is_twice.then_some(Format::Json)) else {
            return Ok(answer);
        };
        if is_head {
            // Nobody knows what would be of it.
            answer.fields.remove(Name::ContentLength);
            mark(&mut answer.fields, None, step.running.to.or(Some(from)));
            settle(&mut answer.fields);
            // It says what an answer to GET would (RFC 9110 §9.3.2).
            if step.running.becomes.is_some() {
                keep_private(&mut answer.fields);
            }
            continue;
        }
        if is_twice || answer.status == 206 || is_coded(&answer.fields) {
            return kept_back(step, call);
        }
        let max_bytes = step.running.max_bytes;
        // Only one that goes on is kept.
        answer.body.wait_to_keep();
        // Counted until it is changed, also while it waits for its turn.
        let (whole, _charge) = match Whole::take(max_bytes, call, inflow, &mut answer).await? {
            Whole::All(whole, charge) => (whole, charge),
            Whole::TooLong => return kept_back(step, call),
            Whole::NoRoom => {
                return Err(Refusal::new(Code::Overloaded).retry_after(1).into());
            }
        };
        if whole.is_empty() {
            let trailers = answer.body.trailers().map(Fields::twin);
            answer.body = made(call, whole, trailers, answer.body.take_keeping());
            continue;
        }
        let (reshape, facts) = (step.running.clone(), facts.clone());
        let beside = Beside::of(&call.worker.holdings, whole.len());
        let changed = beside.run(move || reshape.change(from, &whole, facts.as_deref()));
        let Ok((written, to)) = changed.await? else {
            return kept_back(step, call);
        };
        mark(&mut answer.fields, Some(written.len()), Some(to));
        settle(&mut answer.fields);
        if step.running.becomes.is_some() {
            keep_private(&mut answer.fields);
        }
        let trailers = answer.body.trailers().map(remade);
        answer.body = made(call, written, trailers, answer.body.take_keeping());
    }
    Ok(answer)
}

/// What the client has was changed when it came: what a 304 says of it is what was said then
/// (RFC 9110 §15.4.5). Where that says no type, it may have been of one that is changed.
fn same(steps: &[Step<Arc<Reshape>>], call: &Call<'_>, fields: &mut Fields) {
    let noted = call.noted.as_ref();
    if noted.is_some_and(|noted| noted.holds_unchanged(fields)) {
        return;
    }
    let is_untold = fields.get(Name::ContentType).is_none();
    for step in steps.iter().filter(|step| !step.observe) {
        match format_of(fields) {
            Some(from) => mark(fields, None, step.running.to.or(Some(from))),
            None if is_untold => undigested(fields),
            None => return,
        }
        fields.remove(Name::ContentLength);
        settle(fields);
        if step.running.becomes.is_some() {
            keep_private(fields);
        }
    }
}

/// It goes on as it comes, and whether it could be changed is found out when all of it has passed.
fn watched(
    step: &Step<Arc<Reshape>>,
    call: &mut Call<'_>,
    facts: Option<Arc<Facts>>,
    mut answer: Answer,
) -> Answer {
    let is_twice = answer.fields.all(Name::ContentType).nth(1).is_some();
    let from = format_of(&answer.fields);
    let Some(from) = from.or(is_twice.then_some(Format::Json)) else {
        return answer;
    };
    // Nobody who changes it asks for a part, and who only observes does not keep others from it.
    if answer.status == 206 {
        call.worker.metrics.answers_unchecked.add(1);
        return answer;
    }
    let most = step.running.max_bytes;
    let is_longer = answer.body.left().is_some_and(|left| left > most);
    if is_twice || is_longer || is_coded(&answer.fields) {
        step.decides(call);
        return answer;
    }
    let reshape = step.running.clone();
    let judge = move |body: Vec<u8>| {
        !body.is_empty() && reshape.change(from, &body, facts.as_deref()).is_err()
    };
    let inner = std::mem::replace(&mut answer.body, Outflow::empty());
    let copy = Made::new(Vec::new(), call.record.worker.clone(), call.route.provider);
    let noted = (step.kind, step.watch);
    let passing = Passing::new(inner, copy, Box::new(judge), most, noted);
    answer.body = Outflow::Passing(Box::new(passing));
    answer
}

/// What is wrong with it is not told: it may be what was to be taken out.
fn kept_back(step: &Step<Arc<Reshape>>, call: &mut Call<'_>) -> Result<Answer, Stop> {
    step.decides(call);
    call.record.decided_by = step.label;
    call.worker.metrics.upstream_failed.add(1);
    Err(Refusal::new(Code::TransformFailed).into())
}

fn made(
    call: &Call<'_>,
    bytes: Vec<u8>,
    trailers: Option<Fields>,
    kept: Option<Box<Keeping>>,
) -> Outflow {
    let worker = call.record.worker.clone();
    let mut made = Made::new(bytes, worker, call.route.provider);
    made.trailers = trailers;
    made.kept = kept;
    Outflow::Made(Box::new(made))
}

/// What came behind a body whose bytes are others now.
pub(crate) fn remade(trailers: &Fields) -> Fields {
    let mut trailers = trailers.twin();
    undigested(&mut trailers);
    trailers
}

/// The bytes are others now: a strong validator would be a lie, and so would parts of them.
pub(in crate::policy) fn settle(fields: &mut Fields) {
    fields.remove_named(b"accept-ranges");
    weaken(fields);
}

/// Makes a strong entity tag a weak one.
pub(in crate::policy) fn weaken(fields: &mut Fields) {
    let etag = fields.named("etag").next().map(<[u8]>::to_vec);
    if let Some(etag) = etag.filter(|etag| !etag.starts_with(b"W/")) {
        fields.set("etag", &[b"W/", &etag[..]].concat());
    }
}

/// It may say who called: caches behind us must not give it to others, whatever they go by.
fn keep_private(fields: &mut Fields) {
    // Who knows one of these does not look at the other (RFC 9213 §2.2).
    for name in ["cdn-cache-control", "surrogate-control", "x-accel-expires"] {
        fields.remove_named(name.as_bytes());
    }
    let mut is_said = false;
    let lines = fields.named("cache-control");
    for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
        // One that names fields is about these alone, whatever their names are.
        members(line, b',', |one| {
            let mut words = ["no-store", "private"].iter();
            is_said |= words.any(|word| one.eq_ignore_ascii_case(word));
        });
    }
    if !is_said {
        fields.set("cache-control", b"private");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_say_who_called_is_for_nobody_else() {
        for (lines, is) in [
            (&[][..], "private"),
            (&[("Expires", "Fri, 27 Nov 2026 12:00:00 GMT")], "private"),
            (&[("Cache-Control", "public, max-age=60")], "private"),
            (&[("Cache-Control", "private=\"set-cookie\"")], "private"),
            (&[("Cache-Control", "max-age=60, x-private")], "private"),
            (
                &[("Cache-Control", "public, private=\"x-a, no-store, x-b\"")],
                "private",
            ),
            (
                &[("Cache-Control", "max-age=60, Private")],
                "max-age=60, Private",
            ),
            (&[("Cache-Control", "no-store")], "no-store"),
            (&[("CDN-Cache-Control", "max-age=60")], "private"),
        ] {
            let mut fields = Fields::new(b"");
            for (name, value) in lines {
                fields.push(name, value.as_bytes());
            }
            keep_private(&mut fields);
            let told: Vec<&[u8]> = fields.named("cache-control").collect();
            assert_eq!(told, [is.as_bytes()], "{lines:?}");
            assert_eq!(fields.named("cdn-cache-control").count(), 0);
        }
    }
}
