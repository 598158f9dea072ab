//! Whose requests to a version go to another upstream than the version's own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ApplicationId, UpstreamId};
use crate::key::Environment;
use crate::name::Slug;
use crate::policy::jwt::{CLAIM, is_claim};
use crate::problem::Invalid;

/// The upstream of callers of whom `when` holds. The first of a version's list that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    pub when: CallerIs,
    pub upstream: UpstreamId,
}

/// What is known of a caller: all that is set must hold, and something is set. Callers of the test
/// environment are meant where it is named, or where the version has no upstream for them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallerIs {
    /// The plan's name in addresses, as in `X-Portunus-Plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimIs>,
}

/// A claim of the caller's token with its value: a text, or one of a list of texts.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ClaimIs {
    /// A name, or names separated by dots for claims inside of others.
    pub name: String,
    /// 1 to 200 bytes.
    pub value: String,
}

/// Most of one version.
pub const MAX_CHOSEN: usize = 16;

impl Chosen {
    /// What is wrong with a version's list; pointers from its root.
    pub fn check(all: &[Self]) -> Vec<Invalid> {
        let mut found = Vec::new();
        if all.len() > MAX_CHOSEN {
            found.push(Invalid::new(
                "",
                "Use at most 16 upstreams for some callers.",
            ));
        }
        for (index, one) in all.iter().enumerate() {
            let at = format!("/{index}/when");
            found.extend(
                one.when
                    .check()
                    .into_iter()
                    .map(|invalid| invalid.under(&at)),
            );
        }
        found
    }
}

impl CallerIs {
    fn check(&self) -> Vec<Invalid> {
        let Self {
            plan,
            application,
            environment,
            claim,
        } = self;
        let mut found = Vec::new();
        if plan.is_none() && application.is_none() && environment.is_none() && claim.is_none() {
            let message = "Say for whom: a plan, an application, an environment or a claim.";
            found.push(Invalid::new("", message));
        }
        if let Some(Err(error)) = plan.as_ref().map(|plan| plan.parse::<Slug>()) {
            found.push(Invalid::new("/plan", error.0));
        }
        if let Some(ClaimIs { name, value }) = claim {
            if !is_claim(name) {
                found.push(Invalid::new("/claim/name", CLAIM));
            }
            if !(1..=200).contains(&value.len()) {
                found.push(Invalid::new("/claim/value", "Use 1 to 200 bytes."));
            }
        }
        found
    }
}

/// In words: `plan gold, claim tier = one`.
impl fmt::Display for CallerIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan.as_ref().map(|plan| format!("plan {plan}"));
        let application = self.application.map(|id| format!("application {id}"));
        let environment = self
            .environment
            .map(|environment| format!("environment {}", environment.as_str()));
        let claim = self.claim.as_ref();
        let claim = claim.map(|claim| format!("claim {} = {}", claim.name, claim.value));
        let all: Vec<String> = [plan, application, environment, claim]
            .into_iter()
            .flatten()
            .collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let id = "01890000-0000-7000-8000-000000000001";
        for (when, pointers) in [
            (r#"{"plan":"gold"}"#, &[][..]),
            (r#"{"environment":"test"}"#, &[]),
            (
                r#"{"application":"01890000-0000-7000-8000-000000000002","claim":{"name":"a.b","value":"c"}}"#,
                &[],
            ),
            ("{}", &["/0/when"]),
            (r#"{"plan":"Gold Plan"}"#, &["/0/when/plan"]),
            (
                r#"{"claim":{"name":"a b","value":""}}"#,
                &["/0/when/claim/name", "/0/when/claim/value"],
            ),
        ] {
            let text = format!(r#"[{{"when":{when},"upstream":"{id}"}}]"#);
            let all: Vec<Chosen> = serde_json::from_str(&text).unwrap();
            let found = Chosen::check(&all);
            let found: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{when}");
            assert_eq!(serde_json::to_string(&all).unwrap(), text);
            let many = vec![all[0].clone(); MAX_CHOSEN + 1];
            assert_eq!(Chosen::check(&many)[0].pointer, "");
        }
        assert!(serde_json::from_str::<CallerIs>(r#"{"plans":"a"}"#).is_err());
    }

    #[test]
    fn it_is_said_in_words() {
        let when: CallerIs = serde_json::from_str(
            r#"{"plan":"gold","environment":"live","claim":{"name":"tier","value":"one"}}"#,
        )
        .unwrap();
        let words = "plan gold, environment live, claim tier = one";
        assert_eq!(when.to_string(), words);
    }
}
