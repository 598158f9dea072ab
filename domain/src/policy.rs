//! Policies in their written form: what a person or a file says, and how it is checked.
//!
//! The running form is the gateway's. Adding a kind is a file here, a file there, and the match
//! arms that the compiler names.

pub mod key_auth;
pub mod quota;
pub mod rate_limit;

use serde::{Deserialize, Serialize};

pub use key_auth::KeyAuth;
pub use quota::{Period, Quota};
pub use rate_limit::{RateLimit, Subject};

use crate::problem::Invalid;

/// Whether a policy refuses or only watches.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Enforce,
    /// Decides, counts and logs, but never refuses.
    Observe,
}

impl Mode {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::Enforce
    }
}

/// One rule on the request's way: `{ "<kind>": { "mode"?, "name"?, … } }`.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    KeyAuth(KeyAuth),
    RateLimit(RateLimit),
    Quota(Quota),
}

/// The kind of a policy, without its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    KeyAuth,
    RateLimit,
    Quota,
}

/// The named stages that order policies; never a number (design.md "gateway").
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Edge,
    Identity,
    Access,
    Allowance,
    Contract,
    Answer,
    Shape,
}

/// Where a policy may be attached.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AttachPoint {
    Organization,
    Api,
    Version,
    Operation,
    Plan,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Identity => "identity",
            Self::Access => "access",
            Self::Allowance => "allowance",
            Self::Contract => "contract",
            Self::Answer => "answer",
            Self::Shape => "shape",
        }
    }
}

impl AttachPoint {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Api => "api",
            Self::Version => "version",
            Self::Operation => "operation",
            Self::Plan => "plan",
        }
    }
}

impl PolicyKind {
    pub const ALL: [Self; 3] = [Self::KeyAuth, Self::RateLimit, Self::Quota];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyAuth => "key_auth",
            Self::RateLimit => "rate_limit",
            Self::Quota => "quota",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    pub const fn stage(self) -> Stage {
        match self {
            Self::KeyAuth => Stage::Identity,
            Self::RateLimit | Self::Quota => Stage::Allowance,
        }
    }

    /// Kinds marked "all" in gateway.md §8 add up over the attach points; of the others the
    /// nearest wins.
    pub const fn adds_up(self) -> bool {
        match self {
            Self::KeyAuth => false,
            Self::RateLimit | Self::Quota => true,
        }
    }

    /// Kinds that a plan may carry.
    pub const fn fits(self, point: AttachPoint) -> bool {
        match self {
            Self::KeyAuth => !matches!(point, AttachPoint::Plan),
            Self::RateLimit | Self::Quota => true,
        }
    }
}

impl Policy {
    pub const fn kind(&self) -> PolicyKind {
        match self {
            Self::KeyAuth(_) => PolicyKind::KeyAuth,
            Self::RateLimit(_) => PolicyKind::RateLimit,
            Self::Quota(_) => PolicyKind::Quota,
        }
    }

    pub const fn mode(&self) -> Mode {
        match self {
            Self::KeyAuth(policy) => policy.mode,
            Self::RateLimit(policy) => policy.mode,
            Self::Quota(policy) => policy.mode,
        }
    }

    /// The name that tells it from others of its kind at the same attach point.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::KeyAuth(policy) => &policy.name,
            Self::RateLimit(policy) => &policy.name,
            Self::Quota(policy) => &policy.name,
        };
        name.as_deref().unwrap_or(self.kind().as_str())
    }

    /// What is wrong, with pointers from the policy's own root: `/rate_limit/limit`.
    pub fn check(&self) -> Vec<Invalid> {
        let kind = self.kind().as_str();
        let mut found: Vec<Invalid> = match self {
            Self::KeyAuth(policy) => policy.check(),
            Self::RateLimit(policy) => policy.check(),
            Self::Quota(policy) => policy.check(),
        };
        if !is_policy_name(self.name()) {
            found.push(Invalid::new(
                "/name",
                "Name a policy with 1 to 40 of a-z, 0-9, _ and -.",
            ));
        }
        found
            .into_iter()
            .map(|invalid| invalid.under(&format!("/{kind}")))
            .collect()
    }
}

/// Checks all policies of one attach point together: each one, whether it fits there, and that no
/// two share kind and name. Pointers start with the index: `/0/rate_limit/limit`.
pub fn check_all(policies: &[Policy], point: AttachPoint) -> Vec<Invalid> {
    let mut found = Vec::new();
    if policies.len() > MAX_POLICIES {
        found.push(Invalid::new("", "Attach at most 50 policies at one place."));
    }
    for (index, policy) in policies.iter().enumerate() {
        let kind = policy.kind();
        found.extend(
            policy
                .check()
                .into_iter()
                .map(|invalid| invalid.under(&format!("/{index}"))),
        );
        if !kind.fits(point) {
            found.push(Invalid::new(
                format!("/{index}/{}", kind.as_str()),
                "This kind of policy cannot stand here.",
            ));
        }
        let twice = policies[..index]
            .iter()
            .any(|earlier| earlier.kind() == kind && earlier.name() == policy.name());
        if twice {
            found.push(Invalid::new(
                format!("/{index}/{}/name", kind.as_str()),
                "Another policy of this kind has this name; names are unique at one place.",
            ));
        }
    }
    found
}

/// Most policies at one attach point.
pub const MAX_POLICIES: usize = 50;

/// Policy names stand in header fields and metrics, so they are kept plain.
fn is_policy_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Policy, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn written_form_round_trips() {
        for json in [
            r#"{"key_auth":{}}"#,
            r#"{"rate_limit":{"name":"minute","limit":100,"window":"60s"}}"#,
            r#"{"quota":{"limit":1000,"period":"month"}}"#,
            r#"{"rate_limit":{"mode":"observe","limit":5,"window":"1s","burst":10,"by":["key","address"]}}"#,
        ] {
            let policy = read(json).unwrap();
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
            assert_eq!(policy.check(), vec![], "{json}");
        }
    }

    #[test]
    fn unknown_fields_and_kinds_are_refused() {
        for json in [
            r#"{"key_auth":{"burst":1}}"#,
            r#"{"rate_limit":{"limit":1}}"#,
            r#"{"speed":{}}"#,
            r#"{"key_auth":{},"quota":{"limit":1,"period":"day"}}"#,
            r#"{"rate_limit":{"limit":-1,"window":"60s"}}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let policies: Vec<Policy> = serde_json::from_str(
            r#"[{"rate_limit":{"limit":0,"window":"60s"}},{"rate_limit":{"limit":1,"window":"60s"}},{"key_auth":{"name":"X"}}]"#,
        )
        .unwrap();
        let pointers: Vec<String> = check_all(&policies, AttachPoint::Plan)
            .into_iter()
            .map(|i| i.pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "/0/rate_limit/limit",
                "/1/rate_limit/name",
                "/2/key_auth/name",
                "/2/key_auth"
            ]
        );
    }
}
