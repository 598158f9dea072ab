//! Policies as they are kept. A newer release may have written some that this one does not know:
//! they are told, and the others are read all the same.
//!
//! What decides about calls takes none of this: a gateway that cannot read all policies of a place
//! refuses its calls.

use serde::Deserialize;
use serde_json::Value;

use super::{Policy, PolicyKind};
use crate::problem::Invalid;

/// The policies of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those that this release can read, in their order.
    pub policies: Vec<Policy>,
    /// What it cannot read, with pointers into the list as it is kept: `/2`, and none for all of it.
    pub unreadable: Vec<Invalid>,
}

impl Kept {
    /// Of a list as JSON.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let error = match serde_json::from_str(text) {
            Ok(policies) => {
                return Self {
                    policies,
                    unreadable: Vec::new(),
                };
            }
            Err(error) => error,
        };
        let mut list: Value = serde_json::from_str(text).unwrap_or_default();
        let mut unreadable = take_unreadable(&mut list, "");
        // A name twice is seen in the text alone.
        if unreadable.is_empty() {
            unreadable.push(Invalid::new("", format!("They cannot be read: {error}.")));
        }
        Self {
            policies: serde_json::from_value(list).unwrap_or_default(),
            unreadable,
        }
    }
}

/// Takes those policies out of a list that this release cannot read, and says which they were:
/// pointers begin with `at`. Of what is no list at all an empty one is left.
pub fn take_unreadable(list: &mut Value, at: &str) -> Vec<Invalid> {
    let Value::Array(policies) = list else {
        *list = Value::Array(Vec::new());
        return vec![Invalid::new(at, "These policies cannot be read at all.")];
    };
    let mut found = Vec::new();
    let mut index = 0;
    policies.retain(|policy| {
        let read = Policy::deserialize(policy);
        if let Err(error) = &read {
            found.push(Invalid::new(format!("{at}/{index}"), why(policy, error)));
        }
        index += 1;
        read.is_ok()
    });
    found
}

fn why(policy: &Value, error: &serde_json::Error) -> String {
    let mut names = policy
        .as_object()
        .into_iter()
        .flat_map(|kinds| kinds.keys());
    match (names.next(), names.next()) {
        (Some(name), None) => match PolicyKind::parse(name) {
            Some(kind) => format!("This `{}` cannot be read: {error}.", kind.as_str()),
            None => {
                let start: String = name.chars().take(40).collect();
                format!("This release knows no policy `{start}`.")
            }
        },
        (Some(_) | None, _) => "This is no policy that this release knows.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_and_the_rest_is_told() {
        for (text, kinds, told) in [
            ("[]", vec![], vec![]),
            (r#"[{"key_auth":{}}]"#, vec!["key_auth"], vec![]),
            (
                r#"[{"hologram":{}},{"key_auth":{}},{"key_auth":{"hologram":1}},7,{"mtls":{}}]"#,
                vec!["key_auth", "mtls"],
                vec!["/0", "/2", "/3"],
            ),
            (r#"{"key_auth":{}}"#, vec![], vec![""]),
            ("null", vec![], vec![""]),
            ("", vec![], vec![""]),
            (r#"[{"key_auth":{}}"#, vec![], vec![""]),
            (
                r#"[{"key_auth":{"name":"a","name":"b"}}]"#,
                vec!["key_auth"],
                vec![""],
            ),
        ] {
            let kept = Kept::read(text);
            let found: Vec<&str> = kept
                .policies
                .iter()
                .map(|one| one.kind().as_str())
                .collect();
            let unreadable = kept.unreadable.iter();
            let pointers: Vec<&str> = unreadable.map(|one| one.pointer.as_str()).collect();
            assert_eq!((found, pointers), (kinds, told), "{text}");
        }
        let kept = Kept::read(r#"[{"hologram":{}},{"key_auth":{"hologram":1}}]"#);
        let mut messages = kept.unreadable.iter().map(|one| one.message.as_str());
        assert_eq!(
            messages.next(),
            Some("This release knows no policy `hologram`.")
        );
        let second = messages.next().unwrap();
        assert!(
            second.starts_with("This `key_auth` cannot be read: unknown field `hologram`"),
            "{second}"
        );
    }
}
