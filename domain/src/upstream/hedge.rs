//! A second try beside the first, when that takes long.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

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
    /// the first byte. `p50` to `p99`: as long as so many percent of the upstream's recent answers
    /// took to their first byte, on each node for itself.
    #[schema(value_type = String, example = "p95")]
    pub after: After,
    /// With a percentile: never sooner than this, 1 ms to the time-out of the first byte, default
    /// 10 ms.
    #[serde(default = "least", skip_serializing_if = "is_least")]
    pub least: Span,
    /// Most further tries at once, each `after` the one before; 1 to 3, default 1.
    #[serde(default = "one")]
    pub max: u8,
}

const fn one() -> u8 {
    1
}

const fn least() -> Span {
    Span::from_millis(10)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_least(span: &Span) -> bool {
    *span == least()
}

/// How long the first byte of an answer is waited for: `200ms`, or `p95`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum After {
    Fixed(Span),
    /// Of recent answers, 50 to 99.
    Percentile(u8),
}

impl schemars::JsonSchema for After {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("After")
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9]+(ms|s|m|h|d)|p[5-9][0-9])$",
        })
    }
}

/// What [`After`] reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Write a duration like 200ms, or a percentile of p50 to p99.")]
pub struct AfterError;

impl FromStr for After {
    type Err = AfterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(percent) = text.strip_prefix('p') else {
            let span = text.parse().map_err(|_| AfterError)?;
            return Ok(Self::Fixed(span));
        };
        let plain = percent.len() == 2 && percent.bytes().all(|byte| byte.is_ascii_digit());
        match percent.parse() {
            Ok(percent @ 50..=99) if plain => Ok(Self::Percentile(percent)),
            _ => Err(AfterError),
        }
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(span) => span.fmt(f),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

impl TryFrom<String> for After {
    type Error = AfterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<After> for String {
    fn from(after: After) -> Self {
        after.to_string()
    }
}

impl Hedge {
    /// One further try.
    pub const fn new(after: After) -> Self {
        Self {
            after,
            least: least(),
            max: one(),
        }
    }

    /// Pointers from the hedge's root.
    pub(super) fn check(&self, timeouts: &Timeouts, targets: &[Target]) -> Vec<Invalid> {
        const LESS: &str = "Use less than the time-out of the first byte.";
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        match self.after {
            After::Fixed(after) => {
                that(after < timeouts.first_byte, "/after", LESS);
                let only = "Only a percentile has a least time.";
                that(is_least(&self.least), "/least", only);
            }
            After::Percentile(_) => that(self.least < timeouts.first_byte, "/least", LESS),
        }
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
    use super::*;
    use crate::upstream::UpstreamSettings;

    #[test]
    fn what_contradicts_itself_is_named_by_its_place() {
        let two = r#"{"url":"http://a"},{"url":"http://b"}"#;
        for (targets, more, pointer) in [
            (two, r#""hedge":{"after":"200ms"}"#, None),
            (two, r#""hedge":{"after":"29s","max":3}"#, None),
            (two, r#""hedge":{"after":"30s"}"#, Some("/hedge/after")),
            (two, r#""hedge":{"after":"p50"}"#, None),
            (two, r#""hedge":{"after":"p99","least":"29s"}"#, None),
            (
                two,
                r#""hedge":{"after":"p95","least":"30s"}"#,
                Some("/hedge/least"),
            ),
            (
                two,
                r#""hedge":{"after":"1s","least":"20ms"}"#,
                Some("/hedge/least"),
            ),
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
        for bad in ["{}", r#"{"after":"p49"}"#, r#"{"after":"p100"}"#] {
            let text = format!(r#"{{"targets":[{{"url":"http://a"}}],"hedge":{bad}}}"#);
            assert!(serde_json::from_str::<UpstreamSettings>(&text).is_err());
        }
    }

    #[test]
    fn what_was_written_comes_back() {
        for text in [
            r#"{"after":"200ms","max":1}"#,
            r#"{"after":"p95","max":3}"#,
            r#"{"after":"p50","least":"50ms","max":1}"#,
        ] {
            let hedge: Hedge = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&hedge).unwrap(), text);
        }
        for bad in ["", "p", "p5", "p+95", "p095", "95", "P95", "0s"] {
            assert_eq!(bad.parse::<After>(), Err(AfterError), "{bad}");
        }
    }
}
