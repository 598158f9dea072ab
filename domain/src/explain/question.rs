//! The question: a request that is written out, or one of the log by its id.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::CredentialId;
use crate::problem::Invalid;

/// Asks about a request: one that is written out, or one of the log by its id. Exactly one of both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Asked>,
    /// The value of `X-Request-Id` of a request of your own traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Upper case; `GET` unless given.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query as a client sends them, or a whole address.
    pub target: String,
    /// In the order in which they are sent. Without a `Host` it is the target's, else `localhost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Field>,
    /// Where the request comes from. Absent: where the question comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub client: Option<IpAddr>,
    /// A key by its id, instead of its value in a header; of an application that you may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub credential: Option<CredentialId>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            method: get(),
            target: "/".to_owned(),
            headers: Vec::new(),
            client: None,
            credential: None,
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// A header field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    pub value: String,
}

/// Values may be keys: they are in no log.
impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Bounds of a question.
const MAX_TARGET: usize = 8192;
const MAX_FIELDS: usize = 100;
const MAX_FIELD: usize = 16 * 1024;

impl Question {
    /// What is wrong, with pointers from the question's root.
    pub fn check(&self) -> Vec<Invalid> {
        match (&self.request, &self.request_id) {
            (Some(asked), None) => asked
                .check()
                .into_iter()
                .map(|invalid| invalid.under("/request"))
                .collect(),
            (None, Some(id)) if id.is_empty() || id.len() > 200 => vec![Invalid::new(
                "/request_id",
                "A request id has 1 to 200 characters.",
            )],
            (None, Some(_)) => Vec::new(),
            (Some(_), Some(_)) | (None, None) => vec![Invalid::new(
                "",
                "Give a request, or the id of one of the log; not both.",
            )],
        }
    }
}

impl Asked {
    /// What is wrong: what no client could send. What the gateway refuses is for the answer to say.
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let is_token = |text: &str| {
            !text.is_empty()
                && text.len() <= 200
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        if !is_token(&self.method) || self.method.len() > 16 {
            found.push(Invalid::new(
                "/method",
                "A method is a word of up to 16 characters, like GET.",
            ));
        }
        let is_text = |text: &str| text.bytes().all(|b| b > 0x20 && b != 0x7f);
        if self.target.is_empty() || self.target.len() > MAX_TARGET || !is_text(&self.target) {
            found.push(Invalid::new(
                "/target",
                "A target is a path or an address of up to 8,192 bytes, without spaces.",
            ));
        }
        if self.headers.len() > MAX_FIELDS {
            found.push(Invalid::new("/headers", "Give at most 100 header fields."));
        }
        for (index, field) in self.headers.iter().enumerate() {
            if !is_token(&field.name) {
                found.push(Invalid::new(
                    format!("/headers/{index}/name"),
                    "A header's name is a word of letters, digits and -.",
                ));
            }
            let is_value = |b: u8| b == b'\t' || (b >= 0x20 && b != 0x7f);
            if field.value.len() > MAX_FIELD || !field.value.bytes().all(is_value) {
                found.push(Invalid::new(
                    format!("/headers/{index}/value"),
                    "A header's value has no line ends and at most 16 KiB.",
                ));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_of_two() {
        for (json, wrong) in [
            (r#"{"request":{"target":"/x"}}"#, vec![]),
            (r#"{"request_id":"r1"}"#, vec![]),
            ("{}", vec![""]),
            (r#"{"request":{"target":"/x"},"request_id":"r"}"#, vec![""]),
            (r#"{"request_id":""}"#, vec!["/request_id"]),
            (
                r#"{"request":{"method":"G T","target":"","headers":[{"name":"a:","value":"b\nc"}]}}"#,
                vec![
                    "/request/method",
                    "/request/target",
                    "/request/headers/0/name",
                    "/request/headers/0/value",
                ],
            ),
        ] {
            let question: Question = serde_json::from_str(json).unwrap();
            let found: Vec<_> = question.check().into_iter().map(|i| i.pointer).collect();
            assert_eq!(found, wrong, "{json}");
        }
        for json in [r#"{"x":1}"#, r#"{"request":{}}"#] {
            assert!(serde_json::from_str::<Question>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_value_is_in_no_log() {
        let field = Field {
            name: "x-api-key".into(),
            value: "ptn_live_secret".into(),
        };
        assert!(!format!("{field:?}").contains("secret"));
    }
}
