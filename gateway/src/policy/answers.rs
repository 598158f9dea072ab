//! `validate` on answers: each against what its version's document says of it, before anything else
//! acts on it. What is wrong with one is told to the operator's log, never to clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::contract::{Answered, Expected, Place, Rules, Violation, essence};
use domain::id::{OperationId, VersionId};
use domain::policy::validate::Responses;
use domain::policy::{self, Mode};
use domain::problem::Code;

use super::reshape::{is_coded, mark, remade, settle, undigested};
use super::validate::media_type_of;
use super::whole::Whole;
use super::{Bound, Step};
use crate::answer::Refusal;
use crate::body::{Answer, Inflow, Outflow};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::forward::Stop;
use crate::holdings::{Beside, Made};
use crate::passing::Passing;

/// Seconds between two lines in the log about answers of one policy.
const TOLD_EVERY: i64 = 10;

/// The running form.
#[derive(Debug)]
pub(crate) struct Answers {
    bound: Bound,
    rules: Rules,
    responses: Responses,
    /// It counts, and changes nothing.
    watches: bool,
    max_bytes: u64,
    /// When something was told last, in seconds since 1970.
    told_at: AtomicI64,
}

/// What is to be said of a body.
struct Judged {
    found: Vec<Violation>,
    /// The body without what is not declared.
    changed: Option<Vec<u8>>,
    /// Nobody can tell what of it is declared.
    is_untold: bool,
}

/// Which answer is looked at.
#[derive(Debug, Clone, Copy)]
struct Which {
    version: VersionId,
    operation: OperationId,
    status: u16,
    /// When, in seconds since 1970.
    at: i64,
}

impl Which {
    fn of(call: &Call<'_>, status: u16) -> Self {
        Self {
            version: call.route.version,
            operation: call.record.operation,
            status,
            at: call.wall_secs(),
        }
    }
}

impl Answers {
    /// `None`: answers are not looked at.
    pub(crate) fn compile(policy: &policy::Validate, bound: &Bound) -> Option<Self> {
        let responses = policy.responses?;
        Some(Self {
            bound: bound.clone(),
            rules: policy.rules(),
            responses,
            watches: policy.mode == Mode::Observe || responses == Responses::Observe,
            max_bytes: policy.max_bytes,
            told_at: AtomicI64::new(i64::MIN),
        })
    }

    pub(crate) const fn watches(&self) -> bool {
        self.watches
    }

    pub(crate) const fn responses(&self) -> Responses {
        self.responses
    }

    /// Which operation of the document it is; none where the version takes more than it documents.
    fn operation(&self, call: &Call<'_>) -> Option<usize> {
        self.bound.operations.get(&call.record.operation).copied()
    }

    fn judge(&self, expected: Expected, body: &[u8]) -> Judged {
        let mut judged = Judged {
            found: Vec::new(),
            changed: None,
            is_untold: false,
        };
        let contract = &self.bound.contract;
        if body.is_empty() {
            judged.found = match expected.is_json() {
                true => vec![in_body("The body is empty.")],
                false => Vec::new(),
            };
        } else if self.responses == Responses::StripUndeclared && expected.is_json() {
            match contract.strip(expected, body, self.rules) {
                Ok(stripped) => {
                    judged.found = stripped.found;
                    judged.changed = stripped.body;
                }
                Err(message) => {
                    judged.found = vec![in_body(&message)];
                    judged.is_untold = true;
                }
            }
        } else {
            judged.found = contract.answer_body(expected, body, self.rules);
        }
        judged
    }

    /// Says in the log what is wrong, of the first of many.
    fn tell(&self, which: Which, found: &[Violation]) {
        let now = which.at;
        let before = self.told_at.load(Ordering::Relaxed);
        let swap = |now| {
            self.told_at
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        if now < before.saturating_add(TOLD_EVERY) || swap(now).is_err() {
            return;
        }
        let Some(first) = found.first() else {
            return;
        };
        tracing::warn!(
            version.id = %which.version,
            operation.id = %which.operation,
            status = which.status,
            place = first.place.as_str(),
            pointer = first.pointer,
            findings = found.len(),
            "An answer does not fit its document: {}",
            first.message
        );
    }
}

fn in_body(message: &str) -> Violation {
    Violation {
        place: Place::Body,
        pointer: String::new(),
        message: message.to_owned(),
    }
}

/// Asks for an answer that can be looked into: not encoded, and whole where it may be changed.
pub(crate) fn expect_checked(step: &Step<Arc<Answers>>, call: &mut Call<'_>) {
    if step.running.operation(call).is_none() {
        return;
    }
    let names: &[&[u8]] = match step.running.watches {
        true => &[b"accept-encoding"],
        false => &[b"accept-encoding", b"range", b"if-range"],
    };
    for name in names {
        call.head.fields.remove_named(name);
    }
}

/// Looks at an answer of the upstream, or at one that is kept, as those are kept as they came. What
/// was answered in the upstream's place is none.
pub(crate) async fn checked(
    step: &Step<Arc<Answers>>,
    call: &mut Call<'_>,
    inflow: &mut dyn Inflow,
    mut answer: Answer,
) -> Result<Answer, Stop> {
    let policy = &step.running;
    let Some(index) = policy.operation(call) else {
        return Ok(answer);
    };
    let status = answer.status;
    if matches!(answer.body, Outflow::Switched(_)) {
        call.worker.metrics.answers_unchecked.add(1);
        return Ok(answer);
    }
    if status == 304 {
        same(policy, call, index, &mut answer.fields);
        return Ok(answer);
    }
    if matches!(status, 100..=199) {
        return Ok(answer);
    }
    let has_body = call.head.method != http::Method::HEAD && !matches!(status, 204 | 205);
    let is_twice = answer.fields.all(Name::ContentType).nth(1).is_some();
    if is_twice && has_body {
        let mut found = in_body("A body has one media type.");
        found.place = Place::Header;
        found.pointer.push_str("/content-type");
        return unlooked(step, call, answer, found);
    }
    let contract = &policy.bound.contract;
    let media_type = media_type_of(&answer.fields);
    let expected = match contract.answer(index, status, media_type, has_body) {
        Answered::Fits => {
            if has_body && is_stream(media_type) {
                call.worker.metrics.answers_unchecked.add(1);
            }
            let strips = policy.responses == Responses::StripUndeclared && !policy.watches;
            if strips && call.head.method == http::Method::HEAD {
                // Nobody knows what would be of it.
                if contract.may_hide(index, media_type) {
                    undigested(&mut answer.fields);
                    answer.fields.remove(Name::ContentLength);
                    settle(&mut answer.fields);
                }
            }
            return Ok(answer);
        }
        Answered::Undeclared(found) => {
            policy.tell(Which::of(call, status), std::slice::from_ref(&found));
            let is_kept_back = match policy.responses {
                Responses::Observe => false,
                Responses::Block => true,
                // It may hold what is taken out of those that are declared.
                Responses::StripUndeclared => {
                    let has_body = has_body && answer.body.left() != Some(0);
                    has_body && contract.may_hide(index, media_type)
                }
            };
            if is_kept_back && !policy.watches {
                step.decides(call);
                return kept_back(step, call);
            }
            count(step, call);
            return Ok(answer);
        }
        Answered::Body(expected) => expected,
    };
    if is_stream(media_type) {
        call.worker.metrics.answers_unchecked.add(1);
        return Ok(answer);
    }
    if status == 206 || is_coded(&answer.fields) {
        let found = in_body("A part of a body, or an encoded one, cannot be looked into.");
        return unlooked(step, call, answer, found);
    }
    let too_long = "The body is longer than is looked into.";
    if policy.watches {
        if answer
            .body
            .left()
            .is_some_and(|left| left > policy.max_bytes)
        {
            return unlooked(step, call, answer, in_body(too_long));
        }
        return Ok(watched(step, call, answer, expected));
    }
    // Only one that goes on is kept: what comes behind this may keep it back.
    answer.body.wait_to_keep();
    let (whole, charge) = match Whole::take(policy.max_bytes, call, inflow, &mut answer).await? {
        Whole::All(whole, charge) => (Arc::new(whole), charge),
        Whole::TooLong => return unlooked(step, call, answer, in_body(too_long)),
        Whole::NoRoom => return Err(Refusal::new(Code::Overloaded).retry_after(1).into()),
    };
    let (judge, body) = (policy.clone(), whole.clone());
    let beside = Beside::of(&call.worker.holdings, whole.len());
    let judged = beside.run(move || judge.judge(expected, &body)).await?;
    let whole = Arc::try_unwrap(whole).unwrap_or_else(|shared| shared.to_vec());
    drop(charge);
    judge_answer(step, call, answer, whole, judged)
}

/// A 304 speaks of what the client has, and nobody knows what was taken out of that, unless the client
/// tells: then it says what was said of it when it came (RFC 9110 §15.4.5).
fn same(policy: &Answers, call: &Call<'_>, index: usize, fields: &mut Fields) {
    let strips = policy.responses == Responses::StripUndeclared && !policy.watches;
    let media_type = media_type_of(fields);
    let noted = call.noted.as_ref();
    let is_unchanged = || noted.is_some_and(|noted| noted.holds_unchanged(fields));
    if strips && policy.bound.contract.may_hide(index, media_type) && !is_unchanged() {
        undigested(fields);
        fields.remove(Name::ContentLength);
        settle(fields);
    }
}

/// It goes on as it comes, and is looked into when all of it has passed.
fn watched(
    step: &Step<Arc<Answers>>,
    call: &Call<'_>,
    mut answer: Answer,
    expected: Expected,
) -> Answer {
    let (policy, which) = (step.running.clone(), Which::of(call, answer.status));
    let most = policy.max_bytes;
    let judge = move |body: Vec<u8>| {
        let judged = policy.judge(expected, &body);
        let is_wrong = !judged.found.is_empty();
        if is_wrong {
            policy.tell(which, &judged.found);
        }
        is_wrong || judged.changed.is_some()
    };
    let inner = std::mem::replace(&mut answer.body, Outflow::empty());
    let (copy, noted) = (made(call, Vec::new()), (step.kind, step.watch));
    let passing = Passing::new(inner, copy, Box::new(judge), most, noted);
    answer.body = Outflow::Passing(Box::new(passing));
    answer
}

/// What becomes of an answer whose body was looked into.
fn judge_answer(
    step: &Step<Arc<Answers>>,
    call: &mut Call<'_>,
    mut answer: Answer,
    whole: Vec<u8>,
    judged: Judged,
) -> Result<Answer, Stop> {
    let policy = &step.running;
    let is_wrong = !judged.found.is_empty();
    if is_wrong {
        policy.tell(Which::of(call, answer.status), &judged.found);
    }
    if judged.is_untold || is_wrong && policy.responses == Responses::Block {
        step.decides(call);
        return kept_back(step, call);
    }
    if is_wrong {
        count(step, call);
    }
    let mut trailers = answer.body.trailers().map(Fields::twin);
    let mut body = whole;
    if let Some(changed) = judged.changed {
        call.worker.metrics.answers_stripped.add(1);
        mark(&mut answer.fields, Some(changed.len()), None);
        settle(&mut answer.fields);
        trailers = trailers.as_ref().map(remade);
        body = changed;
    }
    if answer.fields.get(Name::ContentLength).is_none() {
        let mut text = crate::text::Text::<20>::new();
        let length = text.number(body.len() as u64).as_bytes();
        answer.fields.set("content-length", length);
    }
    let mut made = made(call, body);
    made.trailers = trailers;
    made.kept = answer.body.take_keeping();
    answer.body = Outflow::Made(Box::new(made));
    Ok(answer)
}

/// One that nobody can look into passes where it would be counted at most. Else it is kept back, as
/// it may hold anything.
fn unlooked(
    step: &Step<Arc<Answers>>,
    call: &mut Call<'_>,
    answer: Answer,
    found: Violation,
) -> Result<Answer, Stop> {
    if step.running.watches {
        call.worker.metrics.answers_unchecked.add(1);
        return Ok(answer);
    }
    step.running.tell(Which::of(call, answer.status), &[found]);
    step.decides(call);
    kept_back(step, call)
}

/// It passes, and the record says that it does not fit.
fn count(step: &Step<Arc<Answers>>, call: &mut Call<'_>) {
    call.worker.metrics.decided(step.kind, true);
    call.record.watch(step.watch);
}

fn kept_back(step: &Step<Arc<Answers>>, call: &mut Call<'_>) -> Result<Answer, Stop> {
    call.record.decided_by = step.label;
    call.worker.metrics.upstream_failed.add(1);
    Err(Refusal::new(Code::ResponseInvalid).into())
}

fn made(call: &Call<'_>, bytes: Vec<u8>) -> Made {
    Made::new(bytes, call.record.worker.clone(), call.route.provider)
}

/// Whether each part of it is to be there at once.
fn is_stream(media_type: Option<&str>) -> bool {
    let essence = media_type.map(essence).unwrap_or_default();
    essence == "text/event-stream" || essence.starts_with("application/grpc")
}
