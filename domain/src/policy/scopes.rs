//! `scopes`: what a token must allow (RFC 6749 §3.3, RFC 9068 §2.2.3).

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Asks for scopes, or for values of another claim, such as roles, in the token that `jwt` took.
/// A caller without a token has none.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All of these must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "All of", length(max = 50))]
    pub all: Vec<String>,
    /// One of these must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "One of", length(max = 50))]
    pub any: Vec<String>,
    /// Where they are: a text with spaces between them, or a list. `scope`, else `scp`, unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"scope")]
    pub claim: Option<String>,
}

impl Written for Scopes {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.all.is_empty() && self.any.is_empty() {
            found.push(Invalid::new("/all", "Name a scope, here or in `any`."));
        }
        for (field, names) in [("all", &self.all), ("any", &self.any)] {
            if names.len() > 50 {
                found.push(Invalid::new(format!("/{field}"), "Name at most 50."));
            }
            for (index, name) in names.iter().enumerate() {
                let is_plain = name.bytes().all(|b| b.is_ascii_graphic());
                if !(1..=200).contains(&name.len()) || !is_plain {
                    found.push(Invalid::new(
                        format!("/{field}/{index}"),
                        "Name a scope with 1 to 200 visible characters.",
                    ));
                }
            }
        }
        if let Some(claim) = &self.claim
            && !super::jwt::is_claim(claim)
        {
            found.push(Invalid::new("/claim", super::jwt::CLAIM));
        }
        found
    }

    fn words(&self) -> String {
        let all = (!self.all.is_empty()).then(|| self.all.join(" and "));
        let any = (!self.any.is_empty()).then(|| self.any.join(" or "));
        let both: Vec<String> = [all, any].into_iter().flatten().collect();
        both.join(", and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong() {
        for (json, wrong) in [
            (r#"{"all":["read"]}"#, &[][..]),
            (r#"{"any":["a","b"],"claim":"realm.roles"}"#, &[]),
            (r#"{}"#, &["/all"]),
            (
                r#"{"all":["", "a b"],"claim":""}"#,
                &["/all/0", "/all/1", "/claim"],
            ),
        ] {
            let scopes: Scopes = serde_json::from_str(json).unwrap();
            let pointers: Vec<_> = scopes.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(pointers, wrong, "{json}");
        }
    }
}
