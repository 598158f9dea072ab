//! What a form holds while it is shown: the values, typed or stored, and what is wrong with them.
//!
//! A field's name is the pointer of its value in the wire body without the first slash
//! (`targets/0/address`), so that a problem of a service finds its field by itself.

use domain::problem::Invalid;

/// The field of the tag that the form was made from.
const TAG: &str = "etag";
const CHANGED: &str = "Somebody else changed this since you opened it. Nothing of yours is saved yet, and what you typed is kept. Where it differs, the field says what stands there now: send the form again to put yours in its place.";

/// Longest part of a value that is told of, in characters.
const MOST_TOLD: usize = 200;

/// What stands in a field, in a sentence.
fn stands(values: &[String]) -> String {
    match values {
        [] => "It is empty now.".to_owned(),
        [one] if is_id(one) => "Another one is chosen now.".to_owned(),
        [one] => match one.char_indices().nth(MOST_TOLD) {
            None => format!("It says now: {one}"),
            Some((cut, _)) => format!("It says now: {}…", &one[..cut]),
        },
        more => format!("Others are chosen now, {} of them.", more.len()),
    }
}

/// Nobody reads ids.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Values and problems of one form. Cheap when empty: a first visit passes the default.
#[derive(Clone, Debug, Default)]
pub struct Form {
    values: Vec<(String, String)>,
    problems: Vec<(String, String)>,
    refusal: Option<String>,
}

impl Form {
    /// A form as it came back from the browser.
    #[must_use]
    pub fn typed(values: Vec<(String, String)>) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }

    /// Adds a value that is already stored, or a default.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// [`Self::with`] in place of an empty value.
    #[must_use]
    pub fn or(mut self, name: &str, value: &str) -> Self {
        self.values
            .retain(|(known, held)| known != name || !held.is_empty());
        if self.values_of(name).next().is_none() {
            self = self.with(name, value);
        }
        self
    }

    /// Adds a problem at a field; `pointer` may be a JSON pointer or the field's name.
    #[must_use]
    pub fn problem_at(mut self, pointer: &str, message: impl Into<String>) -> Self {
        let name = pointer.strip_prefix('/').unwrap_or(pointer);
        self.problems.push((name.to_owned(), message.into()));
        self
    }

    /// Adds what a service found wrong.
    #[must_use]
    pub fn invalid(self, found: &[Invalid]) -> Self {
        found
            .iter()
            .fold(self, |form, invalid| match invalid.pointer.as_str() {
                "" if form.refusal.is_none() => form.refused(invalid.message.clone()),
                pointer => form.problem_at(pointer, invalid.message.clone()),
            })
    }

    /// Says why the form as a whole was refused.
    #[must_use]
    pub fn refused(mut self, message: impl Into<String>) -> Self {
        self.refusal = Some(message.into());
        self
    }

    /// The form again, because somebody else changed what it is over: each field says what stands
    /// there now, where that is not what was typed, and the tag is that of `present`. Sent again, it
    /// is meant for what is there.
    #[must_use]
    pub fn over(mut self, present: &Self) -> Self {
        let mut names: Vec<&str> = present.values.iter().map(|(name, _)| &**name).collect();
        names.dedup();
        let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let all = |form: &Self, name: &str| -> Vec<String> {
            let mut all: Vec<_> = form.values_of(name).map(plain).collect();
            all.retain(|text| !text.is_empty());
            all.sort_unstable();
            all
        };
        let mut told = Vec::new();
        for name in names.into_iter().filter(|name| *name != TAG) {
            let (ours, theirs) = (all(&self, name), all(present, name));
            if ours != theirs {
                told.push((name.to_owned(), stands(&theirs)));
            }
        }
        self.problems.extend(told);
        self.values.retain(|(name, _)| name != TAG);
        self.with(TAG, present.value(TAG).to_owned())
            .refused(CHANGED)
    }

    /// Adds the problems of `other`; values stay its own.
    #[must_use]
    pub fn also(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.refusal = self.refusal.or(other.refusal);
        self
    }

    /// What the field holds; empty if nothing.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values_of(name).next().unwrap_or_default()
    }

    /// All that a field of several values holds.
    pub fn values_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a choice or a check box holds `value`.
    #[must_use]
    pub fn holds(&self, name: &str, value: &str) -> bool {
        self.values_of(name).any(|held| held == value)
    }

    /// Whether a field whose name begins so holds something, or is wrong.
    #[must_use]
    pub fn touches(&self, beginning: &str) -> bool {
        let mut held = self.values.iter().filter(|(_, value)| !value.is_empty());
        held.any(|(name, _)| name.starts_with(beginning))
            || self
                .problems
                .iter()
                .any(|(name, _)| name.starts_with(beginning))
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn problem(&self, name: &str) -> Option<&str> {
        self.problems
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, message)| message.as_str())
    }

    /// All that is wrong with a field.
    pub fn problems_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.problems
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, message)| message.as_str())
    }

    /// Whether the form came with a field of that name, empty or not.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(known, _)| known == name)
    }

    /// Why the form as a whole was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Problems whose field the page does not show: they go to the head of the form, so that
    /// none is lost.
    pub fn problems_elsewhere(&self, shown: &[&str]) -> impl Iterator<Item = &(String, String)> {
        self.problems
            .iter()
            .filter(move |(name, _)| !shown.contains(&name.as_str()))
    }

    /// Whether the form came back with something to change.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some() || !self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_over_what_was_changed_says_what_is_there() {
        let typed = [
            ("name", "Mine"),
            ("description", "one\r\ntwo "),
            ("versions", "b"),
            ("versions", "a"),
            ("tags", ""),
            ("etag", "1"),
            ("do", "save"),
        ];
        let typed = typed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let present = Form::default()
            .with("name", "Theirs")
            .with("description", "one\ntwo")
            .with("versions", "a")
            .with("versions", "b")
            .with("tags", "x".repeat(300))
            .with("visibility", "")
            .with("etag", "7");
        let form = Form::typed(typed.to_vec()).over(&present);
        assert_eq!(form.value("name"), "Mine");
        assert_eq!(form.problem("name"), Some("It says now: Theirs"));
        assert_eq!(
            form.problem("description"),
            None,
            "line breaks make no difference"
        );
        assert_eq!(form.problem("versions"), None, "nor does the order");
        assert!(
            form.problem("tags")
                .is_some_and(|told| told.ends_with("x…"))
        );
        assert_eq!(form.values_of("etag").collect::<Vec<_>>(), ["7"]);
        assert!(form.is_refused() && form.refusal() == Some(CHANGED));
    }
}
