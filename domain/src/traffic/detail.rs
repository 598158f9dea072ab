//! What the policy `log_detail` keeps of a request beside its record: masked already.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::id::{ApplicationId, OrganizationId, VersionId};

/// The details of one request. The first fields are those of its record, which it is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    pub at: DateTime<Utc>,
    pub request_id: String,
    pub node: String,
    pub provider: OrganizationId,
    pub consumer: OrganizationId,
    pub version: VersionId,
    pub application: ApplicationId,
    #[serde(flatten)]
    pub seen: Seen,
}

/// What was seen of a request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    #[serde(default)]
    pub request: Message,
    #[serde(default)]
    pub answer: Message,
}

/// One side of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Absent where they are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
    /// More of them came than are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fields_cut: bool,
    /// Absent where there was none, or it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    /// [`crate::mask::MASK`] in the place of what is masked.
    pub value: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
}

/// A body, or what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Body {
    /// As it was said; empty where nothing was.
    #[serde(default)]
    pub media_type: String,
    /// Bytes that passed.
    pub bytes: u64,
    /// Absent where its text is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Values of it that were masked.
    #[serde(default)]
    pub masked: u32,
    /// The text ends before the body does.
    #[serde(default)]
    pub cut: bool,
}

/// Why the text of a body is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Its media type is none of those that are kept.
    Type,
    /// It has a `Content-Encoding`.
    Encoded,
    /// It says that it is not UTF-8.
    Charset,
    /// Already its first byte is not what its media type says.
    Unreadable,
}

impl Detail {
    /// The details of `record`.
    pub fn of(record: &Record, seen: Seen) -> Self {
        Self {
            at: record.at,
            request_id: record.request_id.clone(),
            node: record.node.clone(),
            provider: record.provider,
            consumer: record.consumer,
            version: record.version,
            application: record.application,
            seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_former_release_wrote_is_read() {
        let text = r#"{"at":"2026-11-21T01:02:03.000004Z","request_id":"r","node":"n",
            "provider":"00000000-0000-0000-0000-000000000001","consumer":"00000000-0000-0000-0000-000000000000",
            "version":"00000000-0000-0000-0000-000000000002","application":"00000000-0000-0000-0000-000000000000",
            "request":{"fields":[{"name":"a","value":"b"}],"body":{"bytes":5}},"answer":{},"later":1}"#;
        let detail: Detail = serde_json::from_str(text).unwrap();
        let body = detail.seen.request.body.clone().unwrap();
        assert_eq!((body.bytes, body.text, body.cut), (5, None, false));
        assert_eq!(detail.seen.answer, Message::default());
        let again = serde_json::to_string(&detail).unwrap();
        assert_eq!(serde_json::from_str::<Detail>(&again).unwrap(), detail);
    }
}
