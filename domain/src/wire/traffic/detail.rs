//! What `log_detail` kept of a request, for who runs its API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Header fields and bodies of a request and its answer, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestDetail {
    /// As the client sent it.
    pub request: SeenMessage,
    /// As the client got it, before it was encoded.
    pub answer: SeenMessage,
}

/// One side of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenMessage {
    /// Absent where they are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<SeenField>>,
    /// More of them came than are kept.
    #[serde(default)]
    pub headers_cut: bool,
    /// Absent where there was none, or it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<SeenBody>,
}

/// A header field; `***` stands for a value that is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenField {
    pub name: String,
    pub value: String,
    /// It is masked, or its query is cut off.
    pub masked: bool,
}

/// A body, or what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenBody {
    /// Empty where none was said.
    pub media_type: String,
    /// Bytes that passed.
    pub bytes: u64,
    /// Absent where it is not kept. Of JSON without the blanks between its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it is not kept: `type`, `encoded`, `charset` or `unreadable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Values of it that are masked.
    pub masked: u32,
    /// The text ends before the body does.
    pub cut: bool,
}

/// What of a request concerns only who runs the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inside {
    pub node: String,
    pub state: u64,
    pub target: String,
    /// Variant of the upstream that the target is of; empty for none.
    #[serde(default)]
    pub variant: String,
    pub tries: u8,
    pub observed: u32,
    /// What the policy `log_detail` kept of it; absent where it kept nothing, or no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<RequestDetail>,
}
