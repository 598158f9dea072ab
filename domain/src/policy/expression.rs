//! `expression`: a condition in CEL.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::expression;
use crate::problem::Invalid;

/// Lets a request pass where a condition holds, written in the Common Expression Language. Anything
/// else, a failure included, is refused with 403 `access_denied`.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `claims.role == "admin" && now.getHours("Europe/Berlin") < 18`; at most 2048 bytes. It may
    /// use `request`, `caller`, `claims`, `api` and `now`.
    #[schemars(title = "Let pass where", length(min = 1, max = 2048), extend("x-lines" = 4))]
    pub allow: String,
    /// What whoever is refused is told, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "What the caller is told", length(max = 200))]
    pub detail: Option<String>,
}

/// What expressions of policies may use.
pub const VARIABLES: [&str; 5] = ["request", "caller", "claims", "api", "now"];

impl Expression {
    /// It as it is evaluated.
    pub fn read(&self) -> Result<expression::Expression, expression::Wrong> {
        expression::Expression::read(&self.allow, &VARIABLES)
    }
}

impl Written for Expression {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if let Err(wrong) = self.read() {
            found.push(Invalid::new("/allow", wrong.to_string()));
        }
        let detail = self.detail.as_deref().unwrap_or("-");
        let is_line = !detail.trim().is_empty()
            && detail.chars().count() <= 200
            && !detail.chars().any(char::is_control);
        if !is_line {
            let message = "Write one line of 1 to 200 characters.";
            found.push(Invalid::new("/detail", message));
        }
        found
    }

    fn words(&self) -> String {
        let start: String = self.allow.chars().take(60).collect();
        match start.len() < self.allow.len() {
            true => format!("{start}…"),
            false => start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"allow":"caller.plan == 'gold'"}"#, &[][..]),
            (
                r#"{"allow":"'tier' in api.labels && caller.labels['tier'] == 'gold'"}"#,
                &[],
            ),
            (r#"{"allow":"true","detail":"Not now."}"#, &[]),
            (r#"{"allow":"user.plan == 'gold'"}"#, &["/allow"]),
            (r#"{"allow":"","detail":" "}"#, &["/allow", "/detail"]),
        ] {
            let policy: Expression = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
