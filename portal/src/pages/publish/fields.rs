//! What forms say, turned into wire types: each wrong text is a problem at its field.

use domain::duration::Span;
use domain::policy::Period;
use domain::problem::Invalid;

use crate::typed::Typed;

/// Reads fields one after the other and keeps what is wrong with them.
pub(super) struct Fields<'a> {
    typed: &'a Typed,
    pub(super) wrong: Vec<Invalid>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(typed: &'a Typed) -> Self {
        Self {
            typed,
            wrong: Vec::new(),
        }
    }

    /// The field's text as a `T`; an empty one is `None` without a problem.
    pub(super) fn read<T: std::str::FromStr>(&mut self, name: &str, message: &str) -> Option<T> {
        let text = self.typed.get(name);
        if text.is_empty() {
            return None;
        }
        let value = text.replace([',', '\u{2009}', ' '], "").parse().ok();
        if value.is_none() {
            self.wrong.push(Invalid::new(format!("/{name}"), message));
        }
        value
    }

    pub(super) fn needed<T: std::str::FromStr>(&mut self, name: &str, message: &str) -> Option<T> {
        if self.typed.get(name).is_empty() {
            self.wrong.push(Invalid::new(format!("/{name}"), message));
            return None;
        }
        self.read(name, message)
    }

    pub(super) fn span(&mut self, name: &str) -> Option<Span> {
        self.read(name, "Write a duration like 500ms, 60s, 5m or 24h.")
    }

    pub(super) fn etag(&self) -> Option<i64> {
        self.typed.get("etag").parse().ok()
    }

    pub(super) fn period(&self) -> Period {
        match self.typed.get("period") {
            "day" => Period::Day,
            "week" => Period::Week,
            _ => Period::Month,
        }
    }
}
