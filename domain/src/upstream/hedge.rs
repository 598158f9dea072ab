//! A second try beside the first, when that takes long.

use serde::{Deserialize, Serialize};

use super::{Target, Timeouts};
use crate::duration::Span;
use crate::problem::Invalid;

/// Only for idempotent methods (RFC 9110 §9.2.2), without a body or with one of a known length of
/// at most 64 KiB. The first answer wins, the others are cancelled. Each is one of the retries'
/// budget.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// Without a first byte for so long, another target is asked as well; below the time-out of
    /// the first byte.
    pub after: Span,
    /// Most further tries at once, each `after` the one before; 1 to 3, default 1.
    #[serde(default = "one")]
    pub max: u8,
}

const fn one() -> u8 {
    1
}

impl Hedge {
    /// Pointers from the hedge's root.
    pub(super) fn check(&self, timeouts: &Timeouts, targets: &[Target]) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        that(
            self.after < timeouts.first_byte,
            "/after",
            "Use less than the time-out of the first byte.",
        );
        that((1..=3).contains(&self.max), "/max", "Use 1 to 3 tries.");
        let takers = targets.iter().filter(|target| target.weight > 0);
        that(
            takers.count() > 1,
            "",
            "Name a second target with a weight: a further try goes to another one.",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::upstream::UpstreamSettings;

    #[test]
    fn what_contradicts_itself_is_named_by_its_place() {
        let two = r#"{"url":"http://a"},{"url":"http://b"}"#;
        for (targets, more, pointer) in [
            (two, r#""hedge":{"after":"200ms"}"#, None),
            (two, r#""hedge":{"after":"29s","max":3}"#, None),
            (two, r#""hedge":{"after":"30s"}"#, Some("/hedge/after")),
            (
                two,
                r#""hedge":{"after":"2s"},"timeouts":{"first_byte":"1s"}"#,
                Some("/hedge/after"),
            ),
            (two, r#""hedge":{"after":"1s","max":0}"#, Some("/hedge/max")),
            (two, r#""hedge":{"after":"1s","max":4}"#, Some("/hedge/max")),
            (
                r#"{"url":"http://a"}"#,
                r#""hedge":{"after":"1s"}"#,
                Some("/hedge"),
            ),
            (
                r#"{"url":"http://a"},{"url":"http://b","weight":0}"#,
                r#""hedge":{"after":"1s"}"#,
                Some("/hedge"),
            ),
        ] {
            let text = format!(r#"{{"targets":[{targets}],{more}}}"#);
            let found = serde_json::from_str::<UpstreamSettings>(&text)
                .unwrap()
                .check();
            let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(pointers, Vec::from_iter(pointer), "{text}");
        }
        let no_time = r#"{"targets":[{"url":"http://a"}],"hedge":{}}"#;
        assert!(serde_json::from_str::<UpstreamSettings>(no_time).is_err());
    }
}
