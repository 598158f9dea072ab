//! `key_auth`: the caller shows an API key (gateway.md §1).

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Accepts a key from `X-Api-Key`, from `Authorization: Bearer ptn_…`, or from a query parameter.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct KeyAuth {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// No key is fine, a wrong one is refused: for APIs that are open to all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a key pass")]
    pub optional: bool,
    /// Also accept the key in this query parameter; it is cut out before the upstream and the log.
    /// Keys in addresses end up in logs elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Query parameter", length(max = 64), example = &"api_key")]
    pub query: Option<String>,
}

impl Written for KeyAuth {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let plain = |name: &str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match &self.query {
            Some(name) if !plain(name) => vec![Invalid::new(
                "/query",
                "Name the parameter with 1 to 64 letters, digits, -, _ and dots.",
            )],
            Some(_) | None => Vec::new(),
        }
    }

    fn words(&self) -> String {
        let optional = if self.optional { ", optional" } else { "" };
        format!("X-Api-Key or Bearer{optional}")
    }
}
