//! `http_signature`: the caller signs its requests (RFC 9421).

use serde::{Deserialize, Serialize};

use super::header::is_name;
use super::validate::{USUAL, check_bytes, is_usual};
use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Finds the application by a signature over the request, made with a key whose public half is one
/// of its credentials. The signature's `keyid` is that credential's id.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "HTTP signature")]
pub struct HttpSignature {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What must be signed, at least: `@method`, `@authority`, `@scheme`, `@target-uri`, `@path`,
    /// `@query`, and header fields by name. Unless set: method, authority, path and query.
    #[serde(skip_serializing_if = "is_usual_list")]
    #[schemars(title = "Must be signed", length(min = 1, max = 20), !skip_serializing_if)]
    pub components: Vec<String>,
    /// A body must be signed by its digest (`Content-Digest`, RFC 9530), which is compared with it.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(title = "Bodies must be signed", !skip_serializing_if)]
    pub body: bool,
    /// Bytes of the longest body that is compared, 1 to 8388608; 1048576 unless set.
    #[serde(skip_serializing_if = "is_usual")]
    #[schemars(title = "Longest body", range(min = 1, max = 8_388_608), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_bytes: u64,
    /// How old a signature may be, 1 s to 1 h; 5 min unless set. Clocks may differ by 60 s.
    #[serde(skip_serializing_if = "is_usual_age")]
    #[schemars(title = "Good for", !skip_serializing_if)]
    pub max_age: Span,
    /// Each signature has a `nonce` and is good once, on each gateway node.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Good once")]
    pub nonce: bool,
    /// Of several signatures the one with this `tag` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// No signature is fine, a wrong one is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a signature pass")]
    pub optional: bool,
}

/// Components of the request itself that can be signed (RFC 9421 §2.2).
pub const DERIVED: [&str; 6] = [
    "@method",
    "@authority",
    "@scheme",
    "@target-uri",
    "@path",
    "@query",
];

fn usual_list() -> Vec<String> {
    ["@method", "@authority", "@path", "@query"]
        .map(str::to_owned)
        .to_vec()
}

fn is_usual_list(list: &[String]) -> bool {
    *list == usual_list()
}

/// Fields that end at the gateway: nobody behind it gets what was signed.
fn is_hop(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name)
}

const fn is_true(flag: &bool) -> bool {
    *flag
}

const USUAL_AGE: Span = Span::from_secs(300);

fn is_usual_age(span: &Span) -> bool {
    *span == USUAL_AGE
}

impl Default for HttpSignature {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            components: usual_list(),
            body: true,
            max_bytes: USUAL,
            max_age: USUAL_AGE,
            nonce: false,
            tag: None,
            optional: false,
        }
    }
}

impl Written for HttpSignature {
    mode_and_name!();

    fn words(&self) -> String {
        let optional = if self.optional {
            ", if there is one"
        } else {
            ""
        };
        format!("a signature over {}{optional}", self.components.join(", "))
    }

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(1..=20).contains(&self.components.len()) {
            let message = "Name 1 to 20 components that must be signed.";
            found.push(Invalid::new("/components", message));
        }
        for (index, name) in self.components.iter().enumerate() {
            let at = format!("/components/{index}");
            let is_field =
                is_name(name) && !is_hop(name) && !name.bytes().any(|b| b.is_ascii_uppercase());
            if !is_field && !DERIVED.contains(&&**name) {
                let message = "Name a component like @path, or a header field in small letters.";
                found.push(Invalid::new(at, message));
            } else if self.components[..index].contains(name) {
                found.push(Invalid::new(at, "Name each component once."));
            }
        }
        if !(1000..=3_600_000).contains(&self.max_age.as_millis()) {
            found.push(Invalid::new("/max_age", "Use 1s to 1h."));
        }
        found.extend(check_bytes(self.max_bytes));
        if let Some(tag) = &self.tag {
            let is_plain = tag.bytes().all(|b| matches!(b, b' '..=b'~'));
            if !(1..=100).contains(&tag.len()) || !is_plain {
                let message = "Use 1 to 100 visible characters.";
                found.push(Invalid::new("/tag", message));
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
        for (json, wrong) in [
            ("{}", &[][..]),
            (r#"{"components":["@method","x-a"],"tag":"shop"}"#, &[]),
            (r#"{"components":[]}"#, &["/components"]),
            (
                r#"{"components":["@path","@status","X-A","@path"],"max_age":"2h","tag":"","max_bytes":0}"#,
                &[
                    "/components/1",
                    "/components/2",
                    "/components/3",
                    "/max_age",
                    "/max_bytes",
                    "/tag",
                ],
            ),
        ] {
            let policy: HttpSignature = serde_json::from_str(json).unwrap();
            let pointers: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(pointers, wrong, "{json}");
        }
    }
}
