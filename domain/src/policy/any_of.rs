//! `any_of`: several ways for a caller to say who it is.

use serde::{Deserialize, Serialize};

use super::{
    BasicAuth, HttpSignature, Jwt, KeyAuth, Mode, Mtls, Oauth2Introspection, Written, mode_and_name,
};
use crate::problem::Invalid;

/// Tries several ways: the first of which the caller shows a credential decides alone, for or
/// against it.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct AnyOf {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 2 to 5, each once, in the order in which they are looked for. Where `jwt` stands before
    /// `oauth2_introspection`, it takes the tokens that have a signature's form, and no others.
    #[schemars(title = "Ways", length(min = 2, max = 5))]
    pub of: Vec<Identity>,
    /// None of them is fine, a wrong one is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without any of them pass")]
    pub optional: bool,
}

/// One way: `{ "key_auth": {} }`. Its own `mode`, `name` and `optional` stay unset.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(title = "Way", extend("x-without" = ["mode", "name", "optional"]))]
pub enum Identity {
    KeyAuth(KeyAuth),
    Jwt(Jwt),
    Oauth2Introspection(Oauth2Introspection),
    BasicAuth(BasicAuth),
    HttpSignature(HttpSignature),
    Mtls(Mtls),
}

impl Identity {
    const fn kind(&self) -> &'static str {
        match self {
            Self::KeyAuth(_) => "key_auth",
            Self::Jwt(_) => "jwt",
            Self::Oauth2Introspection(_) => "oauth2_introspection",
            Self::BasicAuth(_) => "basic_auth",
            Self::HttpSignature(_) => "http_signature",
            Self::Mtls(_) => "mtls",
        }
    }

    fn written(&self) -> (&dyn Written, bool) {
        match self {
            Self::KeyAuth(policy) => (policy, policy.optional),
            Self::Jwt(policy) => (policy, policy.optional),
            Self::Oauth2Introspection(policy) => (policy, policy.optional),
            Self::BasicAuth(policy) => (policy, policy.optional),
            Self::HttpSignature(policy) => (policy, policy.optional),
            Self::Mtls(policy) => (policy, policy.optional),
        }
    }
}

impl Written for AnyOf {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(2..=5).contains(&self.of.len()) {
            found.push(Invalid::new("/of", "Name 2 to 5 ways."));
        }
        for (index, identity) in self.of.iter().enumerate() {
            let at = format!("/of/{index}/{}", identity.kind());
            let (written, optional) = identity.written();
            found.extend(written.check().into_iter().map(|one| one.under(&at)));
            for (field, is_set) in [
                ("mode", written.mode() != Mode::Enforce),
                ("name", written.name().is_some()),
                ("optional", optional),
            ] {
                if is_set {
                    found.push(Invalid::new(
                        format!("{at}/{field}"),
                        "Say this of `any_of` as a whole.",
                    ));
                }
            }
            if self.of[..index]
                .iter()
                .any(|one| one.kind() == identity.kind())
            {
                found.push(Invalid::new(at, "Name each way once."));
            }
        }
        found
    }

    fn words(&self) -> String {
        let ways = self.of.iter().map(|one| one.written().0.words());
        let ways: Vec<String> = ways.collect();
        ways.join(", or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong() {
        for (json, wrong) in [
            (r#"{"of":[{"key_auth":{}},{"mtls":{}}]}"#, &[][..]),
            (r#"{"of":[{"key_auth":{}}]}"#, &["/of"]),
            (
                r#"{"of":[{"key_auth":{"optional":true,"query":"a b"}},{"mtls":{"mode":"observe","name":"x"}},{"key_auth":{}}]}"#,
                &[
                    "/of/0/key_auth/query",
                    "/of/0/key_auth/optional",
                    "/of/1/mtls/mode",
                    "/of/1/mtls/name",
                    "/of/2/key_auth",
                ],
            ),
            (
                r#"{"of":[{"jwt":{"issuers":[]}},{"mtls":{}}]}"#,
                &["/of/0/jwt/issuers"],
            ),
        ] {
            let policy: AnyOf = serde_json::from_str(json).unwrap();
            let pointers: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(pointers, wrong, "{json}");
        }
        for json in [
            r#"{"of":[{"any_of":{"of":[]}},{"mtls":{}}]}"#,
            r#"{"of":[{"quota":{"limit":1,"period":"day"}},{"mtls":{}}]}"#,
        ] {
            assert!(serde_json::from_str::<AnyOf>(json).is_err(), "{json}");
        }
    }
}
