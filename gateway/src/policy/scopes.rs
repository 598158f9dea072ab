//! `scopes`: what the token of the caller must allow.

use domain::policy;
use domain::problem::Code;
use serde_json::Value;

use super::Flow;
use crate::answer::Refusal;
use crate::call::Call;
use crate::token::{Claims, claim};

/// The running form.
#[derive(Debug)]
pub(crate) struct Scopes {
    all: Box<[Box<str>]>,
    any: Box<[Box<str>]>,
    claim: Option<Box<str>>,
}

impl Scopes {
    pub(crate) fn compile(policy: &policy::Scopes) -> Self {
        let names = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Self {
            all: names(&policy.all),
            any: names(&policy.any),
            claim: policy.claim.as_deref().map(Into::into),
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        let claims = call.token.as_deref();
        match claims.is_some_and(|claims| self.are_in(claims)) {
            true => Flow::Next,
            false => Flow::refuse(Refusal::new(Code::ScopeMissing)),
        }
    }

    fn are_in(&self, claims: &Claims) -> bool {
        let given = match &self.claim {
            Some(name) => claim(claims, name),
            None => claims.get("scope").or_else(|| claims.get("scp")),
        };
        let has = |wanted: &str| match given {
            Some(Value::String(text)) => text.split(' ').any(|one| one == wanted),
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(wanted)),
            _ => false,
        };
        let any = self.any.is_empty() || self.any.iter().any(|name| has(name));
        any && self.all.iter().all(|name| has(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_whole_words() {
        let read: fn(Value) -> Scopes =
            |json| Scopes::compile(&serde_json::from_value(json).unwrap());
        let claims = json!({
            "scope": "orders:read orders:write", "scp": ["x"], "realm": { "roles": ["admin", 7] },
        });
        for (policy, is) in [
            (json!({ "all": ["orders:read"] }), true),
            (json!({ "all": ["orders:read", "orders:write"] }), true),
            (json!({ "all": ["orders"] }), false),
            (json!({ "all": ["orders:read orders:write"] }), false),
            (json!({ "all": ["orders:read", "x"] }), false),
            (json!({ "any": ["x", "orders:write"] }), true),
            (json!({ "any": ["x"] }), false),
            (json!({ "any": ["x"], "claim": "scp" }), true),
            (json!({ "any": ["admin"], "claim": "realm.roles" }), true),
            (json!({ "any": ["7"], "claim": "realm.roles" }), false),
            (json!({ "any": ["admin"], "claim": "realm" }), false),
            (json!({ "any": ["admin"], "claim": "none" }), false),
        ] {
            let scopes = read(policy.clone());
            assert_eq!(scopes.are_in(claims.as_object().unwrap()), is, "{policy}");
        }
        let scopes = read(json!({ "all": ["x"] }));
        let claims = json!({ "scp": ["x"] });
        assert!(scopes.are_in(claims.as_object().unwrap()));
    }
}
