//! Labels of APIs and applications: words that tools, people and conditions of policies tell them
//! apart by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Invalid;

/// Most labels of one thing.
pub const MAX_LABELS: usize = 20;

/// A name with a value, `tier=gold`. Both have up to 63 letters, digits, `-`, `_`, dots and
/// slashes; a value may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub name: String,
    pub value: String,
}

/// Labels as a file has them.
pub fn of(map: &BTreeMap<String, String>) -> Vec<Label> {
    let label = |(name, value): (&String, &String)| Label {
        name: name.clone(),
        value: value.clone(),
    };
    map.iter().map(label).collect()
}

/// What is wrong with them, with pointers from the list: `/2/value`.
pub fn check(labels: &[Label]) -> Vec<Invalid> {
    let mut found = Vec::new();
    if labels.len() > MAX_LABELS {
        found.push(Invalid::new("", "Use at most 20 labels."));
        return found;
    }
    for (index, label) in labels.iter().enumerate() {
        const WORDS: &str = "Use up to 63 letters, digits, -, _, dots and slashes.";
        if label.name.is_empty() || !is_plain(&label.name) {
            found.push(Invalid::new(format!("/{index}/name"), WORDS));
        }
        if !is_plain(&label.value) {
            found.push(Invalid::new(format!("/{index}/value"), WORDS));
        }
        if labels[..index].iter().any(|other| other.name == label.name) {
            let message = "Name each label once.";
            found.push(Invalid::new(format!("/{index}/name"), message));
        }
    }
    found
}

fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    text.len() <= 63 && text.bytes().all(plain)
}

/// As people type them: one `name=value` per line, or several behind commas.
pub fn read(text: &str) -> Vec<Label> {
    let parts = text.split(['\n', ',']).map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Label {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
            }
        })
        .collect()
}

/// The other way round: one per line.
pub fn write(labels: &[Label]) -> String {
    let lines = labels
        .iter()
        .map(|label| format!("{}={}", label.name, label.value));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_typed_and_checked() {
        for (text, written, pointers) in [
            ("", "", &[][..]),
            (
                "tier=gold\r\nteam = web/api",
                "tier=gold\nteam=web/api",
                &[],
            ),
            ("beta, tier=", "beta=\ntier=", &[]),
            ("a=1,a=2", "a=1\na=2", &["/1/name"]),
            (
                "a b=c d\n=x",
                "a b=c d\n=x",
                &["/0/name", "/0/value", "/1/name"],
            ),
        ] {
            let labels = read(text);
            assert_eq!(write(&labels), written);
            let found: Vec<_> = check(&labels).into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{text}");
        }
        let label = |name: String| Label {
            name,
            value: String::new(),
        };
        assert_eq!(check(&[label("x".repeat(63))]).len(), 0);
        assert_eq!(check(&[label("x".repeat(64))]).len(), 1);
        let many: Vec<_> = (0..=MAX_LABELS).map(|one| label(one.to_string())).collect();
        assert_eq!(check(&many).len(), 1);
    }
}
