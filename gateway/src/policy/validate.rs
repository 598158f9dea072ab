//! `validate`: a request against what its version's document says of its operation.

use std::borrow::Cow;

use domain::contract::{Asked, Place, Rules, Violation};
use domain::policy;

use super::Bound;
use super::contract::Work;
use crate::call::Call;
use crate::fields::{Fields, Name};

/// The running form.
#[derive(Debug)]
pub(crate) struct Validate {
    bound: Bound,
    rules: Rules,
    parameters: bool,
    body: bool,
    max_bytes: u64,
}

impl Validate {
    pub(crate) fn compile(policy: &policy::Validate, bound: &Bound) -> Self {
        Self {
            bound: bound.clone(),
            rules: policy.rules(),
            parameters: policy.parameters,
            body: policy.body,
            max_bytes: policy.max_bytes,
        }
    }

    pub(crate) const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Which operation of the document it is; none where the version takes more than it documents.
    fn operation(&self, call: &Call<'_>) -> Option<usize> {
        self.bound.operations.get(&call.record.operation).copied()
    }

    /// Whether the body has to be there.
    pub(crate) fn wants_body(&self, call: &Call<'_>) -> bool {
        let operation = self.operation(call);
        self.body && operation.is_some_and(|index| self.bound.contract.has_body(index))
    }

    /// What is wrong beside the body.
    pub(crate) fn judge_head(&self, call: &Call<'_>) -> Vec<Violation> {
        match self.operation(call) {
            Some(index) if self.parameters => {
                let contract = &self.bound.contract;
                contract.parameters(index, &Sent(call), self.rules)
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// What is wrong with the body.
    pub(crate) fn judge_body(&self, call: &Call<'_>, body: &[u8]) -> Vec<Violation> {
        match self.operation(call) {
            Some(index) if self.body => {
                let media_type = media_type(call);
                self.bound
                    .contract
                    .body(index, media_type, body, self.rules)
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The same, for another thread.
    pub(super) fn work(&self, call: &Call<'_>) -> Work {
        let contract = self.bound.contract.clone();
        let index = self.operation(call).filter(|_| self.body);
        let media_type = media_type(call).map(str::to_owned);
        let rules = self.rules;
        Box::new(move |body| match index {
            Some(index) => contract.body(index, media_type.as_deref(), body, rules),
            None => Vec::new(),
        })
    }
}

/// The request's `Content-Type`.
pub(super) fn media_type<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    media_type_of(&call.head.fields)
}

/// `Content-Type`. What is no text, or comes twice, is no media type.
pub(super) fn media_type_of(fields: &Fields) -> Option<&str> {
    let mut lines = fields.all(Name::ContentType);
    let first = lines.next()?;
    match lines.next() {
        None => Some(std::str::from_utf8(first).unwrap_or("?")),
        Some(_) => Some("?"),
    }
}

/// What keeps a body from being looked into as its reader will: it is told before the body is taken.
pub(super) fn unreadable(call: &Call<'_>) -> Option<Violation> {
    let fields = &call.head.fields;
    let header = |name: &str, message: &str| Violation {
        place: Place::Header,
        pointer: format!("/{name}"),
        message: message.to_owned(),
    };
    if fields.all(Name::ContentType).nth(1).is_some() {
        return Some(header("content-type", "A body has one media type."));
    }
    let mut codings = fields.named("content-encoding");
    if codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        let message = "A body that is looked into is not encoded.";
        return Some(header("content-encoding", message));
    }
    None
}

/// A request as contracts see it.
struct Sent<'c, 'a>(&'c Call<'a>);

impl Asked for Sent<'_, '_> {
    fn path(&self) -> &str {
        &self.0.head.canonical()[self.0.prefix..]
    }

    fn query(&self) -> Option<&str> {
        self.0.head.query()
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut lines = self.0.head.fields.named(name);
        let first = String::from_utf8_lossy(lines.next()?);
        let comma = if name == "cookie" { ";" } else { "," };
        let joined =
            |all: Cow<'_, str>, line| format!("{all}{comma} {}", String::from_utf8_lossy(line));
        match lines.next() {
            None => Some(first),
            Some(second) => {
                let all = joined(first, second);
                Some(Cow::Owned(
                    lines.fold(all, |all, line| joined(all.into(), line)),
                ))
            }
        }
    }
}
