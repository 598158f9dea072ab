//! `ext_auth`: another server decides on a call, once it is known who calls.

mod forms;

use std::sync::Arc;
use std::time::Duration;

use domain::policy;
use domain::policy::ext_auth::{Alike, Asking, Undecided};
use domain::problem::Code;
use serde_json::Value;

use super::{Context, Flow};
use crate::answer::Refusal;
use crate::asking::{Asked, Key, Known, Learned, Parts};
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::token::claim;

/// The running form.
#[derive(Debug)]
pub(crate) struct ExtAuth {
    asked: Asked,
    target: Box<str>,
    form: Asking,
    headers: Box<[Box<str>]>,
    /// In lower case.
    pass: Box<[Box<str>]>,
    kept: Option<Kept>,
    undecided: Undecided,
    timeout: Duration,
    most_at_once: u32,
    /// Of all that is written in it.
    written: Key,
}

#[derive(Debug)]
struct Kept {
    span: Duration,
    by: Box<[Alike]>,
    headers: Box<[Box<str>]>,
    claims: Box<[Box<str>]>,
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Decision {
    verdict: Verdict,
    /// Fields for the upstream: the place of the name in `pass`, and the value.
    told: Vec<(usize, String)>,
    pub(crate) keep: Duration,
}

#[derive(Debug)]
enum Verdict {
    Allowed,
    /// With the status and the fields that the client gets.
    Denied(u16, Fields),
}

impl Decision {
    /// Whether it says nothing that is one client's alone, like a cookie or where it is to go.
    fn is_for_all(&self) -> bool {
        match &self.verdict {
            Verdict::Allowed => true,
            Verdict::Denied(_, fields) => fields.iter().next().is_none(),
        }
    }

    /// About what it takes, in bytes of memory.
    pub(crate) fn size(&self) -> usize {
        let told = self.told.iter().map(|(_, value)| value.len() + 32);
        let fields: usize = match &self.verdict {
            Verdict::Allowed => 0,
            Verdict::Denied(_, fields) => fields
                .iter()
                .map(|(name, value)| name.len() + value.len() + 32)
                .sum(),
        };
        told.sum::<usize>() + fields
    }
}

impl ExtAuth {
    /// `None` when there is no such upstream.
    pub(crate) fn compile(policy: &policy::ExtAuth, context: &Context<'_>) -> Option<Self> {
        let names = |names: &[String]| -> Box<[Box<str>]> {
            let lower = names.iter().map(|name| name.to_ascii_lowercase().into());
            lower.collect()
        };
        let asked = (context.upstreams)(&policy.upstream)?;
        let written = serde_json::to_vec(policy).unwrap_or_default();
        let kept = policy.cache.as_ref();
        Some(Self {
            written: Parts::new("decision")
                .and(&asked.written)
                .and(&written)
                .key(),
            asked,
            target: policy.target().into(),
            form: policy.form,
            headers: names(&policy.headers),
            pass: names(&policy.pass),
            kept: kept.map(|kept| Kept {
                span: kept.span.duration(),
                by: kept.by.as_slice().into(),
                headers: names(&kept.headers),
                claims: kept.claims.iter().map(|one| one.as_str().into()).collect(),
            }),
            undecided: policy.undecided,
            timeout: policy.timeout.duration(),
            most_at_once: policy.most_at_once,
        })
    }

    /// Names of the request's fields that the server is told, where they are named.
    pub(crate) fn tells(&self) -> &[Box<str>] {
        &self.headers
    }

    /// Asks about the call, or remembers one that was like it.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Option<Learned> {
        // What is asked about, and what calls are alike in, is what the upstream would get.
        let fields = match self.told(call) {
            Ok(fields) => fields,
            Err(refusal) => return Some(Learned::Refused(refusal)),
        };
        let Some(kept) = &self.kept else {
            let decided = self.decide(call, &fields).await;
            return Some(Learned::Decision(decided.map(Arc::new)));
        };
        let answers = &call.worker.shared.answers;
        let key = self.key(kept, call, &fields);
        if let Some(Known::Decision(decision)) = answers.known(&key).await {
            return Some(Learned::Decision(Ok(decision)));
        }
        let decided = self.decide(call, &fields).await.map(Arc::new);
        if let Ok(decision) = &decided
            && decision.is_for_all()
        {
            answers.note(key, Known::Decision(decision.clone())).await;
        }
        Some(Learned::Decision(decided))
    }

    /// Of all in which calls must be alike, and of what the server is told besides. A part that is
    /// missing is like no other.
    fn key(&self, kept: &Kept, call: &Call<'_>, fields: &Fields) -> Key {
        let head = &call.head;
        let version = call.route.version.uuid();
        let mut parts = Parts::new("call")
            .and(&self.written)
            .and(version.as_bytes());
        for one in &kept.by {
            parts = match one {
                Alike::Application => {
                    let id = call.caller_id().unwrap_or_default();
                    let environment = call.caller.map(|caller| caller.key.environment().as_str());
                    let environment = environment.unwrap_or_default();
                    parts.and(&id.to_be_bytes()).and(environment.as_bytes())
                }
                Alike::Address => parts.and(call.peer_address().to_string().as_bytes()),
                Alike::Method => parts.and(head.method.as_str().as_bytes()),
                Alike::Host => parts.and(head.fields.get(Name::Host).unwrap_or_default()),
                Alike::Path => parts.and(head.canonical().as_bytes()),
                Alike::Target => parts
                    .and(head.canonical().as_bytes())
                    .and(head.query().map_or(&b"\0"[..], str::as_bytes)),
                Alike::Operation => parts.and(call.record.operation.uuid().as_bytes()),
            };
        }
        for name in kept.headers.iter().chain(&self.headers) {
            let mut lines = 0_u64;
            for line in fields.named(name) {
                lines += 1;
                parts = parts.and(line);
            }
            parts = parts.and(&lines.to_be_bytes());
        }
        let token = call.token.as_ref();
        for name in &kept.claims {
            parts = match token.and_then(|token| claim(token, name)) {
                None => parts.and(b"").and(b"none"),
                Some(value) => parts.and(value.to_string().as_bytes()).and(b"some"),
            };
        }
        if kept.claims.is_empty() && self.form != Asking::Forward {
            // All of them are told.
            let all = token.map(|token| serde_json::to_vec(&**token).unwrap_or_default());
            parts = parts.and(&all.unwrap_or_default());
        }
        parts.key()
    }

    /// One that only `observe`s tells the upstream nothing.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        let learned = call.learned.take().map(|learned| *learned);
        for name in &self.pass {
            call.head.fields.remove_named(name.as_bytes());
        }
        let undecided = || Flow::refuse(Refusal::new(Code::Undecided).retry_after(1));
        let decision = match learned {
            Some(Learned::Decision(Ok(decision))) => decision,
            // Only what no caller can bring about.
            Some(Learned::Decision(Err(error)))
                if error.is_silence() && self.undecided == Undecided::Pass =>
            {
                call.worker.metrics.undecided_passed.add(1);
                return Flow::Next;
            }
            Some(Learned::Refused(refusal)) => return Flow::refuse(refusal),
            Some(Learned::Decision(Err(_)) | Learned::Token(_) | Learned::Password(_)) | None => {
                return undecided();
            }
        };
        match &decision.verdict {
            Verdict::Allowed => {
                for (place, value) in decision.told.iter().filter(|_| !observe) {
                    call.told.push((&self.pass[*place], value.clone()));
                }
                Flow::Next
            }
            Verdict::Denied(status, fields) => {
                let refusal = Refusal::new(Code::AccessDenied);
                Flow::refuse(refusal.told(*status, fields.twin()))
            }
        }
    }

    /// The values that `pass` names, of an object.
    fn told_by(&self, headers: Option<&Value>) -> Vec<(usize, String)> {
        let Some(Value::Object(headers)) = headers else {
            return Vec::new();
        };
        let mut told = Vec::new();
        for (name, value) in headers {
            let place = self
                .pass
                .iter()
                .position(|one| one.eq_ignore_ascii_case(name));
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(is) => is.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            if let Some(place) = place.filter(|_| is_plain(text.as_bytes())) {
                told.push((place, text));
            }
        }
        told
    }
}

/// Longest value that is told on, in bytes.
const LONGEST: usize = 4096;

/// Whether it can stand in a field (RFC 9110 §5.5), as text.
fn is_plain(value: &[u8]) -> bool {
    value.len() <= LONGEST && value.iter().all(|b| matches!(b, b' '..=b'~' | b'\t'))
}
