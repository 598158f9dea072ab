//! `security_headers`: what browsers are told to be careful about, and what an answer need not
//! tell of its server.

use serde::{Deserialize, Serialize};

use super::header::{is_name, is_reserved};
use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Sets fields of every answer, refusals included, in place of the upstream's.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHeaders {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Strict-Transport-Security` (RFC 6797), only to clients that came by TLS; none unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "HSTS")]
    pub hsts: Option<Hsts>,
    /// `X-Content-Type-Options: nosniff`; true unless set.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "No sniffing", !skip_serializing_if)]
    pub nosniff: bool,
    /// Who may show an answer in a frame: `X-Frame-Options`, and `frame-ancestors` in a
    /// `Content-Security-Policy` of its own; `deny` unless set.
    #[serde(skip_serializing_if = "Frame::is_default")]
    #[schemars(title = "In frames", !skip_serializing_if)]
    pub frame: Frame,
    /// `Referrer-Policy`; `no-referrer` unless set.
    #[serde(skip_serializing_if = "Referrer::is_default")]
    #[schemars(title = "Referrer policy", !skip_serializing_if)]
    pub referrer: Referrer,
    /// Fields that are taken out of answers; `Server` and `X-Powered-By` unless set.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(
        title = "Remove header fields",
        length(max = 50),
        !skip_serializing_if
    )]
    pub remove: Vec<String>,
}

/// How long browsers keep to https.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// Up to 730d; 180d is usual.
    #[schemars(example = &"180d")]
    pub max_age: Span,
    /// All names below the host as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Subdomains as well")]
    pub include_subdomains: bool,
    /// The owner of the host asks to be put on the browsers' lists: needs a year and subdomains.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Preload")]
    pub preload: bool,
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    #[default]
    Deny,
    SameOrigin,
    /// Nothing is said.
    Off,
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Referrer {
    #[default]
    NoReferrer,
    SameOrigin,
    StrictOrigin,
    StrictOriginWhenCrossOrigin,
    /// Nothing is said.
    Off,
}

impl Frame {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Referrer {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The field's value; `None` where nothing is said.
    pub const fn value(self) -> Option<&'static str> {
        match self {
            Self::NoReferrer => Some("no-referrer"),
            Self::SameOrigin => Some("same-origin"),
            Self::StrictOrigin => Some("strict-origin"),
            Self::StrictOriginWhenCrossOrigin => Some("strict-origin-when-cross-origin"),
            Self::Off => None,
        }
    }
}

const USUAL: [&str; 2] = ["Server", "X-Powered-By"];

fn is_usual(names: &[String]) -> bool {
    *names == USUAL
}

const fn is_true(value: &bool) -> bool {
    *value
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            hsts: None,
            nosniff: true,
            frame: Frame::default(),
            referrer: Referrer::default(),
            remove: USUAL.map(str::to_owned).to_vec(),
        }
    }
}

const DAY: u64 = 86_400_000;

impl Written for SecurityHeaders {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if let Some(hsts) = &self.hsts {
            if hsts.max_age.as_millis() > 730 * DAY {
                found.push(Invalid::new("/hsts/max_age", "Use at most 730d."));
            }
            let is_whole = hsts.include_subdomains && hsts.max_age.as_millis() >= 365 * DAY;
            if hsts.preload && !is_whole {
                found.push(Invalid::new(
                    "/hsts/preload",
                    "The lists take only hosts with include_subdomains and a max_age of 365d or more.",
                ));
            }
        }
        if self.remove.len() > 50 {
            found.push(Invalid::new("/remove", "List at most 50."));
        }
        for (index, name) in self.remove.iter().take(50).enumerate() {
            if !is_name(name) || is_reserved(name) {
                let message =
                    "Name a header field of the upstream's; framing and the gateway's own stay.";
                found.push(Invalid::new(format!("/remove/{index}"), message));
            }
        }
        found
    }

    fn words(&self) -> String {
        let hsts = if self.hsts.is_some() { "HSTS, " } else { "" };
        let nosniff = if self.nosniff { "nosniff, " } else { "" };
        format!("{hsts}{nosniff}{} taken out", self.remove.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[][..]),
            (
                r#"{"hsts":{"max_age":"365d","include_subdomains":true,"preload":true},"frame":"off","referrer":"strict-origin","remove":[]}"#,
                &[],
            ),
            (
                r#"{"hsts":{"max_age":"180d","preload":true},"remove":["Via","content-length","a b"]}"#,
                &["/hsts/preload", "/remove/1", "/remove/2"],
            ),
            (
                r#"{"hsts":{"max_age":"731d"},"nosniff":false}"#,
                &["/hsts/max_age"],
            ),
        ] {
            let policy: SecurityHeaders = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
