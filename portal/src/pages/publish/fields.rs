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
        let value = ungrouped(text).and_then(|text| text.parse().ok());
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

    /// A duration has no groups of three: `1,5h` is not fifteen hours.
    pub(super) fn span(&mut self, name: &str) -> Option<Span> {
        let text = self.typed.get(name).replace(' ', "");
        if text.is_empty() {
            return None;
        }
        let span = text.parse().ok();
        if span.is_none() {
            let message = "Write a duration like 500ms, 60s, 5m or 24h.";
            self.wrong.push(Invalid::new(format!("/{name}"), message));
        }
        span
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

/// A number without the marks that people write between groups of three. `None` where a mark stands
/// elsewhere: `1,5` is not fifteen, nor `49,90` four thousand nine hundred and ninety.
pub(super) fn ungrouped(text: &str) -> Option<String> {
    const MARKS: [char; 6] = [',', '_', ' ', '\u{a0}', '\u{2009}', '\u{202f}'];
    if !text.contains(MARKS) {
        return Some(text.to_owned());
    }
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, Some(rest)),
        None => (text, None),
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(MARKS);
    let first = groups.next().unwrap_or_default();
    let begins = (1..=3).contains(&first.len()) && is_digits(first);
    let goes_on = groups.all(|group| group.len() == 3 && is_digits(group));
    let ends = rest.is_none_or(is_digits);
    (begins && goes_on && ends).then(|| text.replace(MARKS, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_between_groups_of_three() {
        for (text, is) in [
            ("49", Some("49")),
            ("49.90", Some("49.90")),
            ("1,000", Some("1000")),
            ("1 000 000", Some("1000000")),
            ("1\u{202f}234.50", Some("1234.50")),
            ("49,90", None),
            ("1,5", None),
            ("1,0000", None),
            ("1.234,50", None),
            (",5", None),
            ("1,", None),
            ("1e3", Some("1e3")),
        ] {
            assert_eq!(ungrouped(text).as_deref(), is, "{text}");
        }
    }

    #[test]
    fn a_comma_makes_no_other_number() {
        let typed = |name: &str, value: &str| {
            Typed::new(vec![(name.to_owned(), value.to_owned())]).unwrap()
        };
        for (value, is) in [("60s", Some("60s")), ("24 h", Some("24h")), ("1,5h", None)] {
            let typed = typed("window", value);
            let mut fields = Fields::of(&typed);
            let span = fields.span("window").map(|span| span.to_string());
            assert_eq!(span.as_deref(), is, "{value}");
            assert_eq!(fields.wrong.is_empty(), is.is_some(), "{value}");
        }
        for (value, is) in [
            ("49.90", Some(49.9)),
            ("1,234.5", Some(1234.5)),
            ("49,90", None),
        ] {
            let typed = typed("price", value);
            let mut fields = Fields::of(&typed);
            assert_eq!(fields.read::<f64>("price", "no"), is, "{value}");
            assert_eq!(fields.wrong.len(), usize::from(is.is_none()), "{value}");
        }
    }
}
