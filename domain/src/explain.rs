//! What the gateway would do with a request, and why: the question and the answer of `explain`, on
//! the command line, in the management API and on its page.

mod question;
mod sight;
mod text;

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{
    ApiId, ApplicationId, OperationId, OrganizationId, SubscriptionId, UpstreamId, VersionId,
};
use crate::key::Environment;
use crate::policy::{AttachPoint, Mode, Stage};
use crate::route::Missed;
use crate::wire::traffic::LogEntry;

pub use question::{Asked, Field, Question};
pub use sight::{KeyState, Sight};
pub use text::masked;

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
    /// How it is asked for, and its conditions, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
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
    /// It is at the same place, and the request asks for another version, or for none.
    Version,
    /// It is at the same place, and one of its conditions does not hold.
    Condition,
    /// It is at the same place, and more conditions of another version hold.
    FewerConditions,
}

impl From<Missed> for Lost {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Version => Self::Version,
            Missed::Condition => Self::Condition,
            Missed::Fewer => Self::FewerConditions,
        }
    }
}

impl Lost {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShorterPath => "a longer path fits",
            Self::Host => "a more telling host decides alone",
            Self::Version => "the request does not ask for it",
            Self::Condition => "a condition does not hold",
            Self::FewerConditions => "more conditions of another one hold",
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
    /// It answers in the upstream's place; that is no refusal.
    Answers,
    /// The same, and it only observes.
    WouldAnswer,
    /// An earlier step refused or answered.
    NotReached,
}

impl Decision {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Refuses => "refuses",
            Self::WouldRefuse => "would refuse",
            Self::Answers => "answers",
            Self::WouldAnswer => "would answer",
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
    /// The variant that it goes to while one of its targets is healthy; absent where the upstream
    /// has none, and where chance decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The client's `Host` goes on; else the target's name.
    pub preserve_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightedTarget {
    pub url: String,
    pub weight: u16,
    /// The variant that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
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
