//! `mock`: an answer in the upstream's place, fixed or from the version's document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::header::{is_name, is_reserved, is_value};
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// An answer to every request that gets as far as to the upstream: the same to all, or an example of
/// the version's document.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Mock {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Answer with the examples that the version's OpenAPI document has of each operation, or with
    /// what fits its schemas. Operations that it does not have go on to the upstream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "From the document")]
    pub examples: bool,
    /// With examples: heed `Prefer: code=404, example=name` of requests (RFC 7240).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Clients may choose")]
    pub prefer: bool,
    /// 200 to 599; 200 unless set. With examples the one that is given where an operation has it;
    /// else the lowest 2xx.
    #[serde(skip_serializing_if = "is_ok")]
    #[schemars(range(min = 200, max = 599), !skip_serializing_if)]
    pub status: u16,
    /// Of the body; application/json unless set. With examples it is the document's.
    #[serde(skip_serializing_if = "is_json")]
    #[schemars(title = "Media type", !skip_serializing_if)]
    pub content_type: String,
    /// Further fields of the answer, at most 50.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(title = "Header fields", extend("x-pair" = ["Header field", "Value"], "maxProperties" = 50))]
    pub headers: BTreeMap<String, String>,
    /// At most 64 KiB; none with 204, 205 and 304.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(extend("x-lines" = 8))]
    pub body: String,
}

const JSON: &str = "application/json";

const fn is_ok(status: &u16) -> bool {
    *status == 200
}

fn is_json(media_type: &str) -> bool {
    media_type == JSON
}

impl Default for Mock {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            examples: false,
            prefer: false,
            status: 200,
            content_type: JSON.to_owned(),
            headers: BTreeMap::new(),
            body: String::new(),
        }
    }
}

const MAX_BODY: usize = 64 * 1024;

impl Written for Mock {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: String, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let is_status = (200..=599).contains(&self.status);
        that(is_status, "/status".into(), "Use a status of 200 to 599.");
        let is_type = self.content_type.contains('/')
            && self.content_type.len() <= 128
            && is_value(&self.content_type);
        let message = "Enter a media type like application/json.";
        that(is_type, "/content_type".into(), message);
        that(
            self.headers.len() <= 50,
            "/headers".into(),
            "Set at most 50 fields.",
        );
        for (name, value) in self.headers.iter().take(50) {
            // The portal may share the host: its session must not be anybody's to set.
            let is_ours = is_reserved(name)
                || ["content-type", "set-cookie"]
                    .iter()
                    .any(|one| name.eq_ignore_ascii_case(one));
            let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
            let message =
                "Name a field that is not the gateway's own, not Content-Type and not Set-Cookie.";
            that(is_name(name) && !is_ours, pointer.clone(), message);
            let message = "Write one line of at most 4,096 visible ASCII characters.";
            that(is_value(value), pointer, message);
        }
        that(
            self.body.len() <= MAX_BODY,
            "/body".into(),
            "Use at most 64 KiB.",
        );
        let message = "The document says what is answered.";
        let is_own = !self.examples || self.body.is_empty();
        that(is_own, "/body".into(), message);
        let is_own = !self.examples || self.content_type == JSON;
        that(is_own, "/content_type".into(), message);
        let message = "This goes with examples.";
        that(self.examples || !self.prefer, "/prefer".into(), message);
        let is_bare = matches!(self.status, 204 | 205 | 304);
        that(
            !is_bare || self.body.is_empty(),
            "/body".into(),
            "This status has no body.",
        );
        found
    }

    fn words(&self) -> String {
        match self.examples {
            true => "examples of the document".to_owned(),
            false => format!("{} with {} bytes", self.status, self.body.len()),
        }
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
                r#"{"status":201,"content_type":"text/plain","headers":{"X-A":"1"},"body":"a"}"#,
                &[],
            ),
            (
                r#"{"status":204,"content_type":"x","headers":{"Content-Length":"1","Set-Cookie":"a","X-A":"a\nb"},"body":"a"}"#,
                &[
                    "/content_type",
                    "/headers/Content-Length",
                    "/headers/Set-Cookie",
                    "/headers/X-A",
                    "/body",
                ],
            ),
            (r#"{"status":199}"#, &["/status"]),
            (
                r#"{"examples":true,"prefer":true,"status":201,"headers":{"X-A":"1"}}"#,
                &[],
            ),
            (
                r#"{"examples":true,"content_type":"text/plain","body":"a"}"#,
                &["/body", "/content_type"],
            ),
            (r#"{"prefer":true}"#, &["/prefer"]),
        ] {
            let policy: Mock = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        let large = Mock {
            body: "x".repeat(MAX_BODY + 1),
            ..Mock::default()
        };
        assert_eq!(large.check().len(), 1);
    }
}
