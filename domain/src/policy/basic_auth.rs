//! `basic_auth`: the caller shows a user name and a password (RFC 7617).

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Finds the application by a user name and password from `Authorization: Basic`. Passwords are
/// made by the platform on the application's page, long and random as keys are, so they are found
/// by their digest and nobody can guess one. Those that somebody chose are compared with an argon2id
/// hash, and guesses of them are bounded.
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
pub struct BasicAuth {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// No password is fine, a wrong one is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a password pass")]
    pub optional: bool,
    /// Tells the upstream the user name in this header field. What a client sends in it never gets
    /// through.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Header field for the user name", example = &"X-User")]
    pub header: Option<String>,
}

impl Written for BasicAuth {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let header = self.header.as_deref();
        header
            .and_then(|name| super::asked::check_told("/header", name))
            .into_iter()
            .collect()
    }

    fn words(&self) -> String {
        let optional = if self.optional {
            ", if one is shown"
        } else {
            ""
        };
        format!("a user name and password{optional}")
    }
}
