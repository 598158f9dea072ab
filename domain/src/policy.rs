//! Policies in their written form: what a person or a file says, and how it is checked.
//!
//! The running form is the gateway's. Adding a kind is a file here, a file there, and the match
//! arms that the compiler names.

pub mod any_of;
mod asked;
pub mod auth_guard;
pub mod basic_auth;
pub mod cache;
pub mod compress;
pub mod concurrency;
pub mod cors;
pub mod expression;
pub mod ext_auth;
pub mod fault;
mod header;
pub mod http_signature;
pub mod ip_filter;
pub mod json_threat;
pub mod jwt;
mod kept;
pub mod key_auth;
mod kind;
pub mod log_detail;
mod looks;
pub mod mirror;
pub mod mock;
pub mod mtls;
mod named_lists;
pub mod oauth2_introspection;
pub mod quota;
pub mod rate_limit;
pub mod redirect;
pub mod request_limits;
pub mod rewrite;
pub mod scopes;
pub mod security_headers;
pub mod template;
pub mod threat_patterns;
pub mod transform;
pub mod validate;

use serde::{Deserialize, Serialize};

pub use any_of::{AnyOf, Identity};
pub use asked::{NamedUpstream, named_upstreams};
pub use auth_guard::AuthGuard;
pub use basic_auth::BasicAuth;
pub use cache::Cache;
pub use compress::Compress;
pub use concurrency::Concurrency;
pub use cors::Cors;
pub use expression::Expression;
pub use ext_auth::ExtAuth;
pub use fault::Fault;
pub use http_signature::HttpSignature;
pub use ip_filter::IpFilter;
pub use json_threat::JsonThreat;
pub use jwt::{Jwt, Membership};
pub use kept::{Kept, take_unreadable};
pub use key_auth::KeyAuth;
pub use kind::{AttachPoint, PolicyKind, Stage};
pub use log_detail::LogDetail;
pub use looks::{Looks, look_into_document};
pub use mirror::Mirror;
pub use mock::Mock;
pub use mtls::Mtls;
pub use named_lists::{NamedList, named_lists};
pub use oauth2_introspection::Oauth2Introspection;
pub use quota::{Period, Quota};
pub use rate_limit::{RateLimit, Scope, Subject};
pub use redirect::Redirect;
pub use request_limits::RequestLimits;
pub use rewrite::Rewrite;
pub use scopes::Scopes;
pub use security_headers::SecurityHeaders;
pub use threat_patterns::ThreatPatterns;
pub use transform::Transform;
pub use validate::Validate;

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
//
// What is above 64 bytes is in a box: each of ten thousand versions may have a small one.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    KeyAuth(KeyAuth),
    Jwt(Box<Jwt>),
    Oauth2Introspection(Box<Oauth2Introspection>),
    BasicAuth(BasicAuth),
    HttpSignature(Box<HttpSignature>),
    Mtls(Mtls),
    AnyOf(AnyOf),
    Scopes(Box<Scopes>),
    RateLimit(Box<RateLimit>),
    Quota(Quota),
    IpFilter(Box<IpFilter>),
    Compress(Box<Compress>),
    AuthGuard(Box<AuthGuard>),
    Concurrency(Box<Concurrency>),
    Redirect(Redirect),
    Mock(Box<Mock>),
    Fault(Fault),
    Cache(Box<Cache>),
    Rewrite(Box<Rewrite>),
    Transform(Box<Transform>),
    Cors(Box<Cors>),
    RequestLimits(Box<RequestLimits>),
    SecurityHeaders(Box<SecurityHeaders>),
    JsonThreat(JsonThreat),
    Validate(Validate),
    Expression(Box<Expression>),
    ExtAuth(Box<ExtAuth>),
    ThreatPatterns(Box<ThreatPatterns>),
    LogDetail(Box<LogDetail>),
    Mirror(Mirror),
}

/// What every written form says of itself.
trait Written {
    fn mode(&self) -> Mode;
    /// As it is written; the kind unless set.
    fn name(&self) -> Option<&str>;
    /// What is wrong, with pointers from its own root: `/limit`.
    fn check(&self) -> Vec<Invalid>;
    /// It in a few words, for lists of policies.
    fn words(&self) -> String;
}

/// The two fields that every kind has.
macro_rules! mode_and_name {
    () => {
        fn mode(&self) -> $crate::policy::Mode {
            self.mode
        }

        fn name(&self) -> Option<&str> {
            self.name.as_deref()
        }
    };
}
use mode_and_name;

impl Policy {
    pub const fn kind(&self) -> PolicyKind {
        match self {
            Self::KeyAuth(_) => PolicyKind::KeyAuth,
            Self::Jwt(_) => PolicyKind::Jwt,
            Self::Oauth2Introspection(_) => PolicyKind::Oauth2Introspection,
            Self::BasicAuth(_) => PolicyKind::BasicAuth,
            Self::HttpSignature(_) => PolicyKind::HttpSignature,
            Self::Mtls(_) => PolicyKind::Mtls,
            Self::AnyOf(_) => PolicyKind::AnyOf,
            Self::Scopes(_) => PolicyKind::Scopes,
            Self::RateLimit(_) => PolicyKind::RateLimit,
            Self::Quota(_) => PolicyKind::Quota,
            Self::IpFilter(_) => PolicyKind::IpFilter,
            Self::Compress(_) => PolicyKind::Compress,
            Self::AuthGuard(_) => PolicyKind::AuthGuard,
            Self::Concurrency(_) => PolicyKind::Concurrency,
            Self::Redirect(_) => PolicyKind::Redirect,
            Self::Mock(_) => PolicyKind::Mock,
            Self::Fault(_) => PolicyKind::Fault,
            Self::Cache(_) => PolicyKind::Cache,
            Self::Rewrite(_) => PolicyKind::Rewrite,
            Self::Transform(_) => PolicyKind::Transform,
            Self::Cors(_) => PolicyKind::Cors,
            Self::RequestLimits(_) => PolicyKind::RequestLimits,
            Self::SecurityHeaders(_) => PolicyKind::SecurityHeaders,
            Self::JsonThreat(_) => PolicyKind::JsonThreat,
            Self::Validate(_) => PolicyKind::Validate,
            Self::Expression(_) => PolicyKind::Expression,
            Self::ExtAuth(_) => PolicyKind::ExtAuth,
            Self::ThreatPatterns(_) => PolicyKind::ThreatPatterns,
            Self::LogDetail(_) => PolicyKind::LogDetail,
            Self::Mirror(_) => PolicyKind::Mirror,
        }
    }

    fn written(&self) -> &dyn Written {
        match self {
            Self::KeyAuth(policy) => policy,
            Self::Jwt(policy) => &**policy,
            Self::Oauth2Introspection(policy) => &**policy,
            Self::BasicAuth(policy) => policy,
            Self::HttpSignature(policy) => &**policy,
            Self::Mtls(policy) => policy,
            Self::AnyOf(policy) => policy,
            Self::Scopes(policy) => &**policy,
            Self::RateLimit(policy) => &**policy,
            Self::Quota(policy) => policy,
            Self::IpFilter(policy) => &**policy,
            Self::Compress(policy) => &**policy,
            Self::AuthGuard(policy) => &**policy,
            Self::Concurrency(policy) => &**policy,
            Self::Redirect(policy) => policy,
            Self::Mock(policy) => &**policy,
            Self::Fault(policy) => policy,
            Self::Cache(policy) => &**policy,
            Self::Rewrite(policy) => &**policy,
            Self::Transform(policy) => &**policy,
            Self::Cors(policy) => &**policy,
            Self::RequestLimits(policy) => &**policy,
            Self::SecurityHeaders(policy) => &**policy,
            Self::JsonThreat(policy) => policy,
            Self::Validate(policy) => policy,
            Self::Expression(policy) => &**policy,
            Self::ExtAuth(policy) => &**policy,
            Self::ThreatPatterns(policy) => &**policy,
            Self::LogDetail(policy) => &**policy,
            Self::Mirror(policy) => policy,
        }
    }

    pub fn mode(&self) -> Mode {
        self.written().mode()
    }

    /// Whether it notes what it would refuse, and lets it pass.
    pub fn watches(&self) -> bool {
        let of_answers = match self {
            Self::Validate(policy) => policy.responses.is_some_and(validate::Responses::watches),
            _ => false,
        };
        of_answers || self.mode() == Mode::Observe && self.kind().observes()
    }

    /// The name that tells it from others of its kind at the same attach point.
    pub fn name(&self) -> &str {
        let name = self.written().name();
        name.unwrap_or(self.kind().as_str())
    }

    /// It in a few words, for lists of policies.
    pub fn words(&self) -> String {
        self.written().words()
    }

    /// What is wrong, with pointers from the policy's own root: `/rate_limit/limit`.
    pub fn check(&self) -> Vec<Invalid> {
        let kind = self.kind().as_str();
        let mut found = self.written().check();
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
    // They are read with what they stand on, and each change of them is kept twice in the audit.
    let written = serde_json::to_vec(policies).map_or(0, |text| text.len());
    if written > MAX_POLICY_BYTES {
        let message = "All policies of one place have at most 256 KiB together.";
        found.push(Invalid::new("", message));
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
        let mut same = policies[..index].iter().filter(|one| one.kind() == kind);
        if kind.is_single() && same.clone().next().is_some() {
            found.push(Invalid::new(
                format!("/{index}/{}", kind.as_str()),
                "One place carries one policy of this kind.",
            ));
        } else if same.any(|earlier| earlier.name() == policy.name()) {
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
/// Most bytes of them together, as JSON.
pub const MAX_POLICY_BYTES: usize = 256 * 1024;

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
