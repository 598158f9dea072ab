//! `validate`: a request against what its version's document says of its operation.

use std::borrow::Cow;

use domain::contract::{Asked, Rules, Violation};
use domain::policy;

use super::Bound;
use crate::call::Call;
use crate::fields::Name;

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
}

/// The request's `Content-Type`; what is no text is no media type.
pub(super) fn media_type<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    let value = call.head.fields.get(Name::ContentType)?;
    Some(std::str::from_utf8(value).unwrap_or("?"))
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
        let joined = |all: Cow<'_, str>, line| format!("{all}, {}", String::from_utf8_lossy(line));
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
