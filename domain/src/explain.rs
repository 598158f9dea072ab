//! What the gateway would do with a request, and why: the question and the answer of `explain`, on
//! the command line, in the management API and on its page.

mod sight;
mod text;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{
    ApiId, ApplicationId, CredentialId, OperationId, OrganizationId, SubscriptionId, UpstreamId,
    VersionId,
};
use crate::key::Environment;
use crate::policy::{AttachPoint, Mode, Stage};
use crate::problem::Invalid;
use crate::wire::traffic::LogEntry;

pub use sight::{KeyState, Sight};
pub use text::masked;

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

/// What is known: of a request of the log what became of it, and what would become of the same
/// request now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// What was decided then, as far as your side of the call may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<LogEntry>,
    /// Absent where you may not read the API's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Explanation>,
    /// What an explanation after the fact cannot know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A request's way through one configuration state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The number of the state.
    pub state: u64,
    /// The time that keys, subscriptions and limits were judged at.
    pub at: DateTime<Utc>,
    pub request: Read,
    /// The version that answers; absent when none does, or none that you may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Place>,
    /// Versions whose address fits as well, the nearest first.
    pub runners_up: Vec<RunnerUp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The chain of policies in the order in which they run.
    pub steps: Vec<Step>,
    /// Where it goes, if nothing refuses it and you may read the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Destination>,
    /// Header fields on their way to the upstream, if nothing refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Changes>,
    pub verdict: Verdict,
}

/// The request as the gateway reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Read {
    pub method: String,
    /// As it was sent, without its query.
    pub sent: String,
    /// The canonical path: matched, logged and forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The host as it is matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The client's address behind trusted proxies.
    #[schema(value_type = String)]
    pub client: IpAddr,
}

/// A version where it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    pub organization: String,
    #[schema(value_type = uuid::Uuid)]
    pub organization_id: OrganizationId,
    pub api: String,
    #[schema(value_type = uuid::Uuid)]
    pub api_id: ApiId,
    pub version: String,
    #[schema(value_type = uuid::Uuid)]
    pub version_id: VersionId,
    pub revision: u32,
    /// Its host patterns; none for any host.
    pub hosts: Vec<String>,
    pub path: String,
    pub strip_path: bool,
}

/// A version that would have fitted, and why another one was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunnerUp {
    pub place: Place,
    pub lost: Lost,
}

/// Why a version lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// A longer path prefix fits on the same host.
    ShorterPath,
    /// Another host pattern is more telling, and decides alone.
    Host,
}

impl Lost {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShorterPath => "a longer path fits",
            Self::Host => "a more telling host decides alone",
        }
    }
}

/// What of the version is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Absent for "other": a path that is not listed, of a version that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub id: Option<OperationId>,
    /// `GET /pets/{id}`; `other`.
    pub name: String,
    /// It has policies of its own.
    pub own_policies: bool,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    #[schema(value_type = uuid::Uuid)]
    pub application: ApplicationId,
    pub environment: Environment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub subscription: Option<SubscriptionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// A policy, or the judgement of the subscription, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// `kind/name`; `subscription` for the judgement between identity and allowance.
    pub policy: String,
    pub stage: Stage,
    /// Where it is attached; absent for the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AttachPoint>,
    pub mode: Mode,
    pub decision: Decision,
    /// The code that it refuses with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// What a step says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Passes,
    Refuses,
    /// It only observes.
    WouldRefuse,
    /// An earlier step refused.
    NotReached,
}

impl Decision {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Refuses => "refuses",
            Self::WouldRefuse => "would refuse",
            Self::NotReached => "not reached",
        }
    }
}

/// How far a limit is used. Explaining counts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    pub limit: u64,
    /// Seconds that it speaks of.
    pub window_s: u64,
    /// Requests that would pass right now, this one included; absent when it is not known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// Seconds until all of it is there again; absent with `left`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_s: Option<u64>,
    pub counted: Counted,
}

/// Whose count `left` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The gateway's in this process; others count for themselves.
    Node,
    /// Of all nodes, as of the last second.
    Platform,
    /// Not known here: each gateway counts for itself. The limit is taken as unused.
    Elsewhere,
}

impl Counted {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "on this node",
            Self::Platform => "on all nodes",
            Self::Elsewhere => "counted by each gateway, not known here",
        }
    }
}

/// The upstream and its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Destination {
    #[schema(value_type = uuid::Uuid)]
    pub upstream_id: UpstreamId,
    pub upstream: String,
    /// The test upstream, as the key is one for tests.
    pub test: bool,
    /// Addresses that it may go to, with the path that it has there; no query.
    pub targets: Vec<WeightedTarget>,
    /// The client's `Host` goes on; else the target's name.
    pub preserve_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightedTarget {
    pub url: String,
    pub weight: u16,
}

/// Names of header fields; values are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// The client's that do not go on.
    pub cut: Vec<String>,
    /// The gateway's own.
    pub added: Vec<String>,
    /// The client's that go on with another value.
    pub changed: Vec<String>,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// It goes to the upstream; what that answers nobody knows.
    pub forwarded: bool,
    /// The status of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The code of a refusal; absent for what is refused before it is a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub why: String,
    /// The policy that refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

/// Bounds of a question.
pub const MAX_TARGET: usize = 8192;
pub const MAX_FIELDS: usize = 100;
pub const MAX_FIELD: usize = 16 * 1024;

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
