//! `oauth2_introspection`: the authorization server says what a token is (RFC 7662).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::asked::{self, at_once, is_at_once, is_patience, patience};
use super::jwt::{Bound, CLAIM, is_claim};
use super::{Membership, Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Accepts a token from `Authorization: Bearer` or `DPoP`, of any form, that the authorization server calls
/// active. The client that it names is one of an application's credentials: the application's
/// subscription, plan and limits are then the caller's, as with a key.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
#[schemars(title = "OAuth2 introspection")]
pub struct Oauth2Introspection {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the organization's upstream that is the authorization server. Its credential is what
    /// the gateway shows there (RFC 7662 §2.1).
    #[schemars(length(min = 1, max = 100), example = &"login")]
    pub upstream: String,
    /// Of the introspection endpoint there. `/introspect` unless set.
    #[serde(default = "endpoint", skip_serializing_if = "is_endpoint")]
    #[schemars(!skip_serializing_if)]
    pub path: String,
    /// Whose clients these are: the issuer under which applications have them. Where an answer has
    /// `iss`, it must be this.
    #[schemars(length(min = 1, max = 500), example = &"https://login.example.com")]
    pub issuer: String,
    /// One of these must be in the answer's `aud`; none: any will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Audiences", length(max = 10))]
    pub audience: Vec<String>,
    /// No token is fine, a wrong one is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a token pass")]
    pub optional: bool,
    /// The member of the answer that names the client. Unless set: `client_id`, else `azp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Member that names the client", example = &"client_id")]
    pub client_claim: Option<String>,
    /// Whether the client must be one of an application. Else tokens of others pass as well, without
    /// subscription and plan.
    #[serde(default, skip_serializing_if = "Membership::is_default")]
    #[schemars(!skip_serializing_if)]
    pub application: Membership,
    /// Header fields for the upstream, each from a member of the answer: a name, or names separated
    /// by dots. What a client sends in these fields never gets through.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(title = "Header fields for the upstream", extend("x-pair" = ["Header field", "Member"], "maxProperties" = 20))]
    pub headers: BTreeMap<String, String>,
    /// Send the token on to the upstream; else it is cut out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Forward the token")]
    pub forward: bool,
    /// What becomes of tokens that are bound to a key of their client (member `cnf` of the answer):
    /// `if_present` asks for its proof, which is a client certificate or DPoP; `required` takes no
    /// others; `none` looks at none of it.
    #[serde(default, skip_serializing_if = "Bound::is_default")]
    #[schemars(title = "Bound tokens", !skip_serializing_if)]
    pub bound: Bound,
    /// How long an answer is believed, at most 1 h and never beyond its `exp`; 60 s unless set. A
    /// token that was withdrawn is good for as long at most.
    #[serde(default = "minute", skip_serializing_if = "is_minute")]
    #[schemars(title = "Believed for", !skip_serializing_if)]
    pub cache: Span,
    /// How long an answer is waited for, at most 30 s; 2 s unless set. Then: 503.
    #[serde(default = "patience", skip_serializing_if = "is_patience")]
    #[schemars(!skip_serializing_if)]
    pub timeout: Span,
    /// Questions that are under way to the upstream at a time, on each gateway node: 1 to 10,000; 64
    /// unless set. What would be one more is answered with 503.
    #[serde(default = "at_once", skip_serializing_if = "is_at_once")]
    #[schemars(title = "Questions at a time", range(min = 1, max = 10_000), extend("x-unit" = "questions"), !skip_serializing_if)]
    pub most_at_once: u32,
}

fn endpoint() -> String {
    "/introspect".to_owned()
}

fn is_endpoint(path: &str) -> bool {
    path == "/introspect"
}

const fn minute() -> Span {
    Span::from_secs(60)
}

fn is_minute(span: &Span) -> bool {
    *span == minute()
}

impl Written for Oauth2Introspection {
    mode_and_name!();

    fn words(&self) -> String {
        let optional = if self.optional {
            ", if one is shown"
        } else {
            ""
        };
        format!("a token that {} knows{optional}", self.upstream)
    }

    fn check(&self) -> Vec<Invalid> {
        let mut found = asked::check(&self.upstream, &self.path, self.timeout, self.most_at_once);
        let mut that = |holds: bool, pointer: String, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let is_plain = self.issuer.bytes().all(|b| b.is_ascii_graphic());
        that(
            (1..=500).contains(&self.issuer.len()) && is_plain,
            "/issuer".to_owned(),
            "Give 1 to 500 visible characters.",
        );
        let fits = |audience: &String| (1..=500).contains(&audience.len());
        that(
            self.audience.len() <= 10 && self.audience.iter().all(fits),
            "/audience".to_owned(),
            "Name at most 10 audiences of 1 to 500 characters.",
        );
        if let Some(claim) = &self.client_claim {
            that(is_claim(claim), "/client_claim".to_owned(), CLAIM);
        }
        that(
            self.headers.len() <= asked::MOST_FIELDS,
            "/headers".to_owned(),
            "Set at most 20 fields.",
        );
        that(
            self.cache <= asked::MOST_KEPT,
            "/cache".to_owned(),
            "Believe an answer for at most 1h.",
        );
        for (name, claim) in &self.headers {
            let at = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            found.extend(asked::check_told(&at, name));
            if !is_claim(claim) {
                found.push(Invalid::new(at, CLAIM));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong() {
        for (more, wrong) in [
            ("", &[][..]),
            (r#","path":"introspect""#, &["/path"]),
            (r#","path":"/a b""#, &["/path"]),
            (r#","timeout":"31s""#, &["/timeout"]),
            (r#","most_at_once":1"#, &[]),
            (r#","most_at_once":0"#, &["/most_at_once"]),
            (r#","most_at_once":10001"#, &["/most_at_once"]),
            (r#","cache":"2h""#, &["/cache"]),
            (r#","audience":[""]"#, &["/audience"]),
            (r#","client_claim":"""#, &["/client_claim"]),
            (
                r#","headers":{"X-User":"sub","Authorization":"sub","X-A":"a b"}"#,
                &["/headers/Authorization", "/headers/X-A"],
            ),
        ] {
            let json = format!(r#"{{"upstream":"login","issuer":"https://i"{more}}}"#);
            let policy: Oauth2Introspection = serde_json::from_str(&json).unwrap();
            let pointers: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(pointers, wrong, "{json}");
        }
        let nameless = r#"{"upstream":"","issuer":""}"#;
        let nameless: Oauth2Introspection = serde_json::from_str(nameless).unwrap();
        let pointers: Vec<_> = nameless
            .check()
            .into_iter()
            .map(|one| one.pointer)
            .collect();
        assert_eq!(pointers, ["/upstream", "/issuer"]);
    }
}
