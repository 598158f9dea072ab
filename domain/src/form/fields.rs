//! Fields as a browser sent them: bounded, each taken once, and what nobody asked for told.

use std::collections::BTreeMap;

use crate::problem::Invalid;

/// Most fields of one form. What a policy may hold needs fewer.
pub const MOST_FIELDS: usize = 4_000;

/// Names with the values that came under them, in their order.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    pub(super) fn of(pairs: &[(String, String)]) -> Result<Self, Invalid> {
        if pairs.len() > MOST_FIELDS {
            let message = "The form has more than 4,000 fields. Edit so long a policy as YAML.";
            return Err(Invalid::new("", message));
        }
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            held.entry(name.clone()).or_default().push(value.clone());
        }
        Ok(Self(held))
    }

    /// The first value of a field, without surrounding blanks; nothing if it was left empty.
    pub(super) fn line(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The first value of a field, with the line breaks that are usual here.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let text = self.all(name).into_iter().next()?;
        Some(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// Every value of a field.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// Forgets what is inside of a field: a part that is switched off, or read in another way.
    pub(super) fn forget(&mut self, name: &str) {
        let (begin, end) = (format!("{name}/"), format!("{name}0"));
        // `0` is the character behind the slash.
        let inside: Vec<String> = self
            .0
            .range(begin..end)
            .map(|(name, _)| name.clone())
            .collect();
        for name in inside {
            self.0.remove(&name);
        }
    }

    /// The names that nobody asked for.
    pub(super) fn rest(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
