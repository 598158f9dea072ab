//! `ext_auth`: another server decides.

use serde::{Deserialize, Serialize};

use super::asked::{self, at_once, is_at_once, is_patience, patience};
use super::header::is_name;
use super::jwt::{CLAIM, is_claim};
use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Asks another server whether the call may go on, once it is known who calls. What that server
/// says can be told to the upstream, and can be kept for calls that are alike.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
#[schemars(title = "External authorization")]
pub struct ExtAuth {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the organization's upstream that decides.
    #[schemars(length(min = 1, max = 100), example = &"authz")]
    pub upstream: String,
    /// What is asked there, with a query if need be. Unless set: `/` of forward,
    /// `/access/v1/evaluation` of authzen, `/v1/data/portunus/allow` of opa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/access/v1/evaluation")]
    pub path: Option<String>,
    /// How it is asked.
    #[serde(default, skip_serializing_if = "Asking::is_default")]
    #[schemars(!skip_serializing_if)]
    pub form: Asking,
    /// Header fields of the request that are told. With none, `forward` tells all that the upstream
    /// would get, and the others tell none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Header fields that are told", length(max = 20))]
    pub headers: Vec<String>,
    /// Header fields of a good answer that the upstream gets; of authzen and opa members of
    /// `headers` in what they say. What a client sends in these fields never gets through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Header fields for the upstream", length(max = 20))]
    pub pass: Vec<String>,
    /// Keeps decisions for calls that are alike; unless set, each call is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Keep decisions")]
    pub cache: Option<Kept>,
    /// What becomes of calls while nobody decides: no answer in time, or none that says anything.
    #[serde(default, skip_serializing_if = "Undecided::is_default")]
    #[schemars(title = "While nobody decides", !skip_serializing_if)]
    pub undecided: Undecided,
    /// How long an answer is waited for, at most 30 s; 2 s unless set.
    #[serde(default = "patience", skip_serializing_if = "is_patience")]
    #[schemars(!skip_serializing_if)]
    pub timeout: Span,
    /// Questions that are under way to the upstream at a time, on each gateway node: 1 to 10,000; 64
    /// unless set. What would be one more is answered with 503, whatever `undecided` says.
    #[serde(default = "at_once", skip_serializing_if = "is_at_once")]
    #[schemars(title = "Questions at a time", range(min = 1, max = 10_000), extend("x-unit" = "questions"), !skip_serializing_if)]
    pub most_at_once: u32,
}

/// How another server is asked.
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
pub enum Asking {
    /// GET with the request's fields and `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` and
    /// `-For`. 2xx lets it on; 401, 403 and redirects go to the client.
    #[default]
    Forward,
    /// The access evaluation of AuthZEN 1.0: POST with subject, action, resource and context;
    /// `decision` decides.
    Authzen,
    /// The data API of Open Policy Agent: POST with `input`; `result`, or `allow` in it, decides.
    Opa,
}

impl Asking {
    fn is_default(&self) -> bool {
        *self == Self::Forward
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Authzen => "authzen",
            Self::Opa => "opa",
        }
    }
}

/// What becomes of a call that nobody decides on.
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
pub enum Undecided {
    /// 503 `undecided`.
    #[default]
    Refuse,
    /// It goes on, and is counted.
    Pass,
}

impl Undecided {
    fn is_default(&self) -> bool {
        *self == Self::Refuse
    }
}

/// Which calls are alike, and for how long a decision holds for them.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// At most 1 h.
    #[serde(rename = "for")]
    #[schemars(title = "For")]
    pub span: Span,
    /// Calls are alike that agree in all of these, and in the version, the header fields that are told
    /// and, where no `claims` are named, all claims: what else the decision goes by must be among
    /// them.
    #[schemars(title = "Alike in", length(min = 1), extend("uniqueItems" = true))]
    pub by: Vec<Alike>,
    /// And in these header fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "And in header fields", length(max = 20))]
    pub headers: Vec<String>,
    /// And in these claims of the caller's token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "And in claims", length(max = 20))]
    pub claims: Vec<String>,
}

/// In what calls can be alike.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Alike {
    /// The same application calls, or nobody that is known.
    Application,
    Address,
    Method,
    Host,
    Path,
    /// Path and query.
    Target,
    Operation,
}

impl ExtAuth {
    /// Where it asks.
    pub fn target(&self) -> &str {
        match (&self.path, self.form) {
            (Some(path), _) => path,
            (None, Asking::Forward) => "/",
            (None, Asking::Authzen) => "/access/v1/evaluation",
            (None, Asking::Opa) => "/v1/data/portunus/allow",
        }
    }
}

impl Written for ExtAuth {
    mode_and_name!();

    fn words(&self) -> String {
        format!("{} decides", self.upstream)
    }

    fn check(&self) -> Vec<Invalid> {
        let mut found = asked::check(
            &self.upstream,
            self.target(),
            self.timeout,
            self.most_at_once,
        );
        let is_few = |count: usize| count <= asked::MOST_FIELDS;
        let names = |pointer: &str, names: &[String], found: &mut Vec<Invalid>| {
            if !is_few(names.len()) {
                found.push(Invalid::new(pointer, "Name at most 20 fields."));
            }
            for (index, name) in names.iter().enumerate() {
                if !is_name(name) {
                    let at = format!("{pointer}/{index}");
                    found.push(Invalid::new(at, "Name a header field."));
                }
            }
        };
        names("/headers", &self.headers, &mut found);
        if !is_few(self.pass.len()) {
            found.push(Invalid::new("/pass", "Name at most 20 fields."));
        }
        for (index, name) in self.pass.iter().enumerate() {
            found.extend(asked::check_told(&format!("/pass/{index}"), name));
        }
        if let Some(kept) = &self.cache {
            if self.form == Asking::Forward && self.headers.is_empty() {
                let message =
                    "Name the header fields that are told: what is not told alike cannot be kept.";
                found.push(Invalid::new("/headers", message));
            }
            if kept.span > asked::MOST_KEPT {
                let message = "Keep a decision for at most 1h.";
                found.push(Invalid::new("/cache/for", message));
            }
            if kept.by.is_empty() || kept.by.len() > 7 {
                let message = "Say in what calls must be alike.";
                found.push(Invalid::new("/cache/by", message));
            }
            names("/cache/headers", &kept.headers, &mut found);
            if !is_few(kept.claims.len()) || !kept.claims.iter().all(|claim| is_claim(claim)) {
                found.push(Invalid::new("/cache/claims", CLAIM));
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
            (r#","form":"opa","headers":["x-a"]"#, &[]),
            (r#","path":"x""#, &["/path"]),
            (r#","most_at_once":0"#, &["/most_at_once"]),
            (r#","headers":["a b"]"#, &["/headers/0"]),
            (r#","pass":["X-User","Host"]"#, &["/pass/1"]),
            (
                r#","headers":["x-a"],"cache":{"for":"10s","by":["application","path"]}"#,
                &[],
            ),
            (r#","cache":{"for":"10s","by":["path"]}"#, &["/headers"]),
            (
                r#","form":"opa","cache":{"for":"2h","by":[],"headers":[""],"claims":[""]}"#,
                &[
                    "/cache/for",
                    "/cache/by",
                    "/cache/headers/0",
                    "/cache/claims",
                ],
            ),
        ] {
            let json = format!(r#"{{"upstream":"authz"{more}}}"#);
            let policy: ExtAuth = serde_json::from_str(&json).unwrap();
            let pointers: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(pointers, wrong, "{json}");
        }
    }

    #[test]
    fn each_form_has_its_own_place() {
        for (form, target) in [
            ("forward", "/"),
            ("authzen", "/access/v1/evaluation"),
            ("opa", "/v1/data/portunus/allow"),
        ] {
            let json = format!(r#"{{"upstream":"authz","form":"{form}"}}"#);
            let policy: ExtAuth = serde_json::from_str(&json).unwrap();
            assert_eq!(policy.target(), target);
            assert_eq!(policy.form.as_str(), form);
        }
    }
}
