//! What a form holds while it is shown: the values, typed or stored, and what is wrong with them.
//!
//! A field's name is the pointer of its value in the wire body without the first slash
//! (`targets/0/address`), so that a problem of a service finds its field by itself.

use domain::problem::Invalid;

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
