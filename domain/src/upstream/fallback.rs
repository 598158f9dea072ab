//! What a request gets while its upstream takes none.

use serde::{Deserialize, Serialize};

use crate::id::UpstreamId;
use crate::problem::Invalid;

/// Used while the circuit is open, and where no target is healthy. Default: the refusal itself.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    Answer(FixedAnswer),
    /// Another upstream of the same organization; its own fallback is not used.
    Upstream(UpstreamId),
}

/// The same for every request.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct FixedAnswer {
    /// 200 to 599, but none that has no body (204, 205, 304).
    pub status: u16,
    #[serde(default = "json")]
    pub content_type: String,
    /// At most 16 KiB.
    #[serde(default)]
    pub body: String,
}

fn json() -> String {
    "application/json".to_owned()
}

/// Longest body of a fixed answer.
const MAX_BODY: usize = 16 * 1024;

impl Fallback {
    pub(super) fn check(&self) -> Vec<Invalid> {
        match self {
            Self::Answer(answer) => answer.check(),
            Self::Upstream(_) => Vec::new(),
        }
    }
}

impl FixedAnswer {
    /// What is wrong with it; pointers from the fallback's root.
    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let bodiless = matches!(self.status, 204 | 205 | 304);
        that(
            (200..=599).contains(&self.status) && !bodiless,
            "/answer/status",
            "Use a status of 200 to 599 that may have a body.",
        );
        let visible = |b: u8| (b' '..=b'~').contains(&b);
        that(
            (1..=128).contains(&self.content_type.len())
                && self.content_type.contains('/')
                && self.content_type.bytes().all(visible),
            "/answer/content_type",
            "Enter a media type like application/json.",
        );
        that(
            self.body.len() <= MAX_BODY,
            "/answer/body",
            "Use at most 16 KiB.",
        );
        found
    }
}
