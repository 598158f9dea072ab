//! `mirror`: shadow traffic, copies of requests for another upstream whose answers nobody sees.

use serde::{Deserialize, Serialize};

use super::asked::check_name;
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Sends copies of requests to another upstream, in the background. Nothing that becomes of them
/// touches the requests.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
#[schema(as = MirrorPolicy)]
pub struct Mirror {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the organization's upstream that gets the copies.
    #[schemars(length(min = 1, max = 100), example = &"candidate")]
    pub upstream: String,
    /// Of the requests, 0 to 100, by chance; all unless set.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    #[schemars(range(min = 0, max = 100), extend("x-unit" = "%"), !skip_serializing_if)]
    pub percent: u8,
}

const fn all() -> u8 {
    100
}

const fn is_all(percent: &u8) -> bool {
    *percent == all()
}

impl Written for Mirror {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::from_iter(check_name(&self.upstream));
        if self.percent > all() {
            found.push(Invalid::new("/percent", "Use 0 to 100 percent."));
        }
        found
    }

    fn words(&self) -> String {
        format!("{} % copied to {}", self.percent, self.upstream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, named_upstreams};

    #[test]
    fn everything_wrong_is_named() {
        let long = "x".repeat(101);
        for (upstream, more, pointers) in [
            ("candidate", "", &[][..]),
            ("candidate", r#","percent":0"#, &[]),
            ("candidate", r#","percent":99"#, &[]),
            ("candidate", r#","percent":101"#, &["/percent"]),
            ("", r#","percent":255"#, &["/upstream", "/percent"]),
            (&*long, "", &["/upstream"]),
            (r"a\u0007", "", &["/upstream"]),
        ] {
            let json = format!(r#"{{"upstream":"{upstream}"{more}}}"#);
            let policy: Mirror = serde_json::from_str(&json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        for json in [
            "{}",
            r#"{"upstream":"a","percent":256}"#,
            r#"{"upstream":"a","percent":-1}"#,
            r#"{"upstream":"a","percent":0.5}"#,
            r#"{"upstream":"a","sample":5}"#,
        ] {
            assert!(serde_json::from_str::<Mirror>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn all_requests_are_copied_unless_it_says_otherwise() {
        for (json, words) in [
            (r#"{"upstream":"a"}"#, "100 % copied to a"),
            (r#"{"upstream":"a","percent":100}"#, "100 % copied to a"),
            (r#"{"upstream":"a","percent":5}"#, "5 % copied to a"),
        ] {
            let policy: Mirror = serde_json::from_str(json).unwrap();
            assert_eq!(policy.words(), words);
        }
    }

    #[test]
    fn its_upstream_is_among_those_that_are_named() {
        let policies: Vec<Policy> = serde_json::from_str(
            r#"[{"key_auth":{}},{"mirror":{"mode":"observe","upstream":"candidate"}}]"#,
        )
        .unwrap();
        let found: Vec<_> = named_upstreams(&policies)
            .map(|one| (one.pointer, one.name))
            .collect();
        assert_eq!(found, [("/1/mirror/upstream".to_owned(), "candidate")]);
    }
}
