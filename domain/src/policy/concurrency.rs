//! `concurrency`: so many requests at a time and subject.

use serde::{Deserialize, Serialize};

use super::{Mode, Subject, Written, mode_and_name, rate_limit};
use crate::problem::Invalid;

/// Requests in flight, from their admission to the last byte of their answer, on each node.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests at a time, 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "requests"))]
    pub limit: u32,
    /// What is counted together. Unless set: the subscription in a plan, the application
    /// elsewhere, the address of a caller who is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Counted by", extend("uniqueItems" = true))]
    pub by: Vec<Subject>,
}

impl Written for Concurrency {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = rate_limit::check_subjects(&self.by);
        if !(1..=1_000_000).contains(&self.limit) {
            found.push(Invalid::new(
                "/limit",
                "Use a limit of 1 to 1,000,000 requests.",
            ));
        }
        found
    }

    fn words(&self) -> String {
        format!("{} at a time", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"limit":1,"by":["address","route"]}"#, &[][..]),
            (r#"{"limit":0,"by":["key","key"]}"#, &["/by/1", "/limit"]),
            (r#"{"limit":1000001}"#, &["/limit"]),
        ] {
            let policy: Concurrency = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
