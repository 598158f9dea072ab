//! `jwt`: the caller shows a signed token (RFC 7519, with the practice of RFC 8725).

mod algorithm;
mod bound;
mod keys;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

pub use algorithm::Algorithm;
pub use bound::Bound;
pub use keys::{is_for_signatures, is_of_good_size};

use super::header::{is_name, is_reserved};
use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Accepts a token from `Authorization: Bearer` or `DPoP`, of one of these issuers. The client that the
/// token names is one of an application's credentials: the application's subscription, plan and
/// limits are then the caller's, as with a key.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who may have signed it; 1 to 10, or none beside `platform`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub issuers: Vec<Issuer>,
    /// Tokens of the platform's own token endpoint count as well: those that were made for this
    /// API, for OAuth clients of applications.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Tokens of this platform count")]
    pub platform: bool,
    /// No token is fine, a wrong one is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a token pass")]
    pub optional: bool,
    /// The claim that names the client. Unless set: `client_id` (RFC 9068), else `azp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Claim that names the client", example = &"client_id")]
    pub client_claim: Option<String>,
    /// Whether the client must be one of an application. With `optional`, tokens of others pass
    /// as well, without subscription and plan.
    #[serde(default, skip_serializing_if = "Membership::is_default")]
    #[schemars(!skip_serializing_if)]
    pub application: Membership,
    /// Header fields for the upstream, each from a claim: a name, or names separated by dots for
    /// claims inside of others. What a client sends in these fields never gets through.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(title = "Header fields for the upstream", extend("x-pair" = ["Header field", "Claim"], "maxProperties" = 20))]
    pub headers: BTreeMap<String, String>,
    /// Send the token on to the upstream; else it is cut out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Forward the token")]
    pub forward: bool,
    /// What becomes of tokens that are bound to a key of their client (claim `cnf`): `if_present`
    /// asks for its proof, which is a client certificate or DPoP; `required` takes no others; `none`
    /// looks at none of it.
    #[serde(default, skip_serializing_if = "Bound::is_default")]
    #[schemars(title = "Bound tokens", !skip_serializing_if)]
    pub bound: Bound,
    /// Proofs of DPoP have a nonce of the gateway, so that nobody makes them beforehand: without one, or
    /// with an old one, a call is answered with the one to use (RFC 9449 §9).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Proofs with a nonce")]
    pub proof_nonce: bool,
    /// Each token has a `jti` and is good for one call, on each gateway node. Such tokens live for
    /// an hour at most.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Good once")]
    pub single_use: bool,
}

/// Whether a caller must belong to an application.
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
pub enum Membership {
    #[default]
    Required,
    Optional,
}

impl Membership {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::Required
    }
}

/// Who signs tokens, and with what. Without `jwks` and `jwks_uri`, the keys' address is discovered
/// at `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Exactly as in the claim `iss`.
    #[schemars(length(min = 1, max = 500), example = &"https://login.example.com")]
    pub issuer: String,
    /// One of these must be in the claim `aud`; 1 to 10.
    #[schemars(title = "Audiences", length(min = 1, max = 10))]
    pub audience: Vec<String>,
    /// What may have signed; the token's own header never decides. `RS256` unless set.
    #[serde(
        default = "Algorithm::usual",
        skip_serializing_if = "Algorithm::are_usual"
    )]
    #[schemars(!skip_serializing_if, extend("uniqueItems" = true))]
    pub algorithms: Vec<Algorithm>,
    /// Where the keys are (RFC 7517 §5). Unless set, the issuer says it at
    /// `<issuer>/.well-known/openid-configuration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Address of the keys", example = &"discovered")]
    pub jwks_uri: Option<String>,
    /// The keys themselves (RFC 7517 §5), public ones only; in place of an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    #[schemars(title = "Keys")]
    pub jwks: Option<serde_json::Value>,
    /// By how much clocks may differ; 60 s unless set, at most 5 min.
    #[serde(default = "minute", skip_serializing_if = "is_minute")]
    #[schemars(title = "Clock skew", !skip_serializing_if)]
    pub skew: Span,
}

const fn minute() -> Span {
    Span::from_secs(60)
}

fn is_minute(span: &Span) -> bool {
    *span == minute()
}

/// By how much the clocks of an issuer may differ at most.
pub const MAX_SKEW: Span = Span::from_secs(300);

/// Most keys of one issuer.
pub const MAX_TOKEN_KEYS: usize = 100;

/// What callers are known by is read from these.
fn is_credential(name: &str) -> bool {
    const NAMES: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-api-key"];
    NAMES.iter().any(|one| name.eq_ignore_ascii_case(one))
}

impl Written for Jwt {
    mode_and_name!();

    fn words(&self) -> String {
        let platform = self.platform.then_some("the platform");
        let issuers = self.issuers.iter().map(|one| one.issuer.as_str());
        let issuers: Vec<&str> = platform.into_iter().chain(issuers).collect();
        let optional = if self.optional {
            ", if one is shown"
        } else {
            ""
        };
        format!("a token of {}{optional}", issuers.join(", "))
    }

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.issuers.len() > 10 || self.issuers.is_empty() && !self.platform {
            let message = "Name 1 to 10 issuers, or take the platform's own tokens.";
            found.push(Invalid::new("/issuers", message));
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            let at = format!("/issuers/{index}");
            found.extend(issuer.check().into_iter().map(|one| one.under(&at)));
            let twice = self.issuers[..index].iter();
            if twice.clone().any(|other| other.issuer == issuer.issuer) {
                found.push(Invalid::new(
                    format!("{at}/issuer"),
                    "Name each issuer once; give it several audiences.",
                ));
            }
        }
        if let Some(claim) = &self.client_claim
            && !is_claim(claim)
        {
            found.push(Invalid::new("/client_claim", CLAIM));
        }
        if self.proof_nonce && self.bound == Bound::None {
            let message = "With bound: none nobody looks at proofs.";
            found.push(Invalid::new("/proof_nonce", message));
        }
        if self.headers.len() > 20 {
            found.push(Invalid::new("/headers", "Set at most 20 fields."));
        }
        for (name, claim) in &self.headers {
            let at = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_name(name) || is_reserved(name) || is_credential(name) {
                found.push(Invalid::new(
                    &*at,
                    "Name a header field that the gateway and the protocol leave free.",
                ));
            }
            if !is_claim(claim) {
                found.push(Invalid::new(at, CLAIM));
            }
        }
        found
    }
}

pub(crate) const CLAIM: &str = "Name a claim with 1 to 100 visible characters.";

pub(crate) fn is_claim(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

impl Issuer {
    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let is_plain = self.issuer.bytes().all(|b| b.is_ascii_graphic());
        if !(1..=500).contains(&self.issuer.len()) || !is_plain {
            found.push(Invalid::new("/issuer", "Give 1 to 500 visible characters."));
        }
        let fits = |audience: &String| (1..=500).contains(&audience.len());
        if !(1..=10).contains(&self.audience.len()) || !self.audience.iter().all(fits) {
            found.push(Invalid::new(
                "/audience",
                "Name 1 to 10 audiences: a token for another service must not work here.",
            ));
        }
        if self.algorithms.is_empty() || self.algorithms.len() > Algorithm::ALL.len() {
            found.push(Invalid::new("/algorithms", "Name 1 to 9 algorithms."));
        }
        if self.skew > MAX_SKEW {
            found.push(Invalid::new("/skew", "Give at most 5 minutes."));
        }
        match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => {
                found.push(Invalid::new("/jwks", "Give either keys or their address."))
            }
            (Some(jwks), None) => found.extend(keys::check(jwks)),
            (None, Some(address)) => found.extend(check_address("/jwks_uri", address)),
            (None, None) => found.extend(check_address("/issuer", &self.issuer)),
        }
        found
    }

    /// Where its keys are asked for, and whether that is said by a document at that address.
    pub fn address(&self) -> Option<(String, bool)> {
        match (&self.jwks, &self.jwks_uri) {
            (Some(_), _) => None,
            (None, Some(address)) => Some((address.clone(), false)),
            (None, None) => {
                let base = self.issuer.trim_end_matches('/');
                Some((format!("{base}/.well-known/openid-configuration"), true))
            }
        }
    }
}

/// Whether keys may be asked for at an address: http or https, nothing secret in it.
pub fn check_address(pointer: &str, address: &str) -> Option<Invalid> {
    let good = Url::parse(address).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    });
    let message = "Give an http or https address without user and fragment.";
    (!good || address.len() > 2000).then(|| Invalid::new(pointer, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: serde_json::Value) -> Vec<String> {
        let jwt: Jwt = serde_json::from_value(json).unwrap();
        jwt.check().into_iter().map(|one| one.pointer).collect()
    }

    #[test]
    fn what_is_wrong() {
        use serde_json::json;
        let issuer = |more: serde_json::Value| {
            let mut one = json!({ "issuer": "https://idp.test", "audience": ["a"] });
            let more = more.as_object().unwrap().clone();
            one.as_object_mut().unwrap().extend(more);
            json!({ "issuers": [one] })
        };
        // Any 32 bytes.
        let number = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let of = |crv: &str| json!({ "kty": "EC", "crv": crv, "x": number, "y": number });
        let key = of("P-256");
        for (policy, wrong) in [
            (issuer(json!({})), vec![]),
            (
                issuer(json!({ "jwks_uri": "http://127.0.0.1:1/keys" })),
                vec![],
            ),
            (issuer(json!({ "jwks": { "keys": [key] } })), vec![]),
            (json!({ "issuers": [] }), vec!["/issuers"]),
            (
                json!({ "platform": true, "proof_nonce": true, "bound": "none" }),
                vec!["/proof_nonce"],
            ),
            (json!({ "platform": true, "proof_nonce": true }), vec![]),
            (
                issuer(json!({ "issuer": "idp" })),
                vec!["/issuers/0/issuer"],
            ),
            (
                issuer(json!({ "issuer": "https://u:p@idp.test" })),
                vec!["/issuers/0/issuer"],
            ),
            (
                issuer(json!({ "audience": [], "algorithms": [], "skew": "301s" })),
                vec![
                    "/issuers/0/audience",
                    "/issuers/0/algorithms",
                    "/issuers/0/skew",
                ],
            ),
            (
                issuer(json!({ "jwks_uri": "file:///etc/passwd" })),
                vec!["/issuers/0/jwks_uri"],
            ),
            (
                issuer(json!({ "jwks": { "keys": [] } })),
                vec!["/issuers/0/jwks"],
            ),
            (
                issuer(json!({ "jwks": { "keys": [key, { "kty": "oct" }, { "kty": "RSA" }] } })),
                vec!["/issuers/0/jwks/keys/1", "/issuers/0/jwks/keys/2"],
            ),
            // Of these the first can be used.
            (
                issuer(json!({ "jwks": { "keys": [key, of("P-521")] } })),
                vec![],
            ),
            (
                issuer(json!({ "jwks": { "keys": [of("P-521"), of("P-384"), { "kty": "EC" }] } })),
                vec!["/issuers/0/jwks"],
            ),
            (
                issuer(json!({ "jwks": { "keys": [{ "kty": "RSA", "d": "x" }] } })),
                vec!["/issuers/0/jwks/keys/0"],
            ),
        ] {
            assert_eq!(pointers(policy.clone()), wrong, "{policy}");
        }
        let twice = json!({ "issuers": [
            { "issuer": "https://a.test", "audience": ["a"] },
            { "issuer": "https://a.test", "audience": ["b"] },
        ], "headers": { "Host": "sub", "X-User": "", "authorization": "sub", "Client-Cert": "sub", "X-Portunus-Plan": "p", "Content-Length": "n" }, "client_claim": "a b" });
        assert_eq!(
            pointers(twice),
            [
                "/issuers/1/issuer",
                "/client_claim",
                "/headers/Client-Cert",
                "/headers/Content-Length",
                "/headers/Host",
                "/headers/X-Portunus-Plan",
                "/headers/X-User",
                "/headers/authorization"
            ]
        );
    }

    #[test]
    fn secrets_are_no_algorithm() {
        for algorithm in ["HS256", "none", "rs256", "RS1"] {
            let json = format!(
                r#"{{"issuers":[{{"issuer":"https://a.test","audience":["a"],"algorithms":["{algorithm}"]}}]}}"#
            );
            assert!(serde_json::from_str::<Jwt>(&json).is_err(), "{algorithm}");
        }
        for algorithm in Algorithm::ALL {
            let json = format!("\"{}\"", algorithm.as_str());
            assert_eq!(serde_json::to_string(&algorithm).unwrap(), json);
        }
    }
}
