//! Traffic: dashboards made of rollups, and the log of single requests.

mod detail;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use detail::{Inside, RequestDetail, SeenBody, SeenField, SeenMessage};

use super::{NamedApi, NamedApplication, NamedCredential, NamedOrganization, NamedPlan};
use crate::id::{
    ApiId, ApplicationId, CredentialId, OperationId, RecordId, SubscriptionId, VersionId,
};
use crate::key::Environment;
use crate::traffic::Cached;

/// How far back a dashboard looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
pub enum Range {
    #[serde(rename = "1h")]
    Hour,
    #[default]
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
}

impl Range {
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.as_str() == text)
    }

    pub const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
        }
    }

    /// Width of a point in the series: about 60 to 120 points.
    pub const fn step_seconds(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day => 900,
            Self::Week => 2 * 3600,
            Self::Month => 6 * 3600,
        }
    }

    /// Whether minutes answer it; else hours (design.md "Traffic").
    pub const fn from_minutes(self) -> bool {
        matches!(self, Self::Hour | Self::Day)
    }
}

/// What a dashboard shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub range: Range,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub step_seconds: i64,
    pub totals: Totals,
    /// The same length of time before `from`; absent where it is no longer kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Totals>,
    /// Oldest first, without gaps.
    pub series: Vec<Point>,
    /// By requests, at most ten.
    pub operations: Vec<OperationUsage>,
    /// By requests, at most ten.
    pub applications: Vec<ApplicationUsage>,
}

/// Sums of a stretch of time. Latencies are milliseconds and absent without requests.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    pub requests: u64,
    /// Answers of 400 and above.
    pub errors: u64,
    /// 4xx among them.
    pub client_errors: u64,
    /// 5xx among them.
    pub server_errors: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Absent where no cache was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheTotals>,
}

/// What caches did with requests; those that met none are in no part.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct CacheTotals {
    /// Answered with a fresh kept answer.
    pub hits: u64,
    /// Answered with one whose time is over.
    pub stale: u64,
    /// The upstream was asked, be it only whether what is kept is still good.
    pub misses: u64,
    /// Requests whose answers are never kept.
    pub passes: u64,
    /// Hits and stale ones, of these and misses together; absent where there are none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_ratio: Option<f64>,
}

/// One step of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// Its beginning.
    pub at: DateTime<Utc>,
    pub totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationUsage {
    /// The zero id is "other": no operation of the document.
    pub id: OperationId,
    /// Empty for "other".
    pub method: String,
    pub template: String,
    pub api: NamedApi,
    pub version: String,
    pub totals: Totals,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationUsage {
    /// The zero id is "nobody": calls without a known application.
    pub id: ApplicationId,
    pub name: String,
    pub organization: String,
    pub totals: Totals,
}

/// What went to one variant of an upstream, over all statuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariantUsage {
    pub variant: String,
    pub api: NamedApi,
    pub version_id: VersionId,
    pub version: String,
    /// Of what a target of the variant was asked for: refusals before that are in none.
    pub totals: Totals,
}

/// The variants of a version or an API side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variants {
    pub range: Range,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// By version, then by name; at most a hundred.
    pub variants: Vec<VariantUsage>,
}

/// Requests of one application that a policy in observe mode would have refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObservedApplication {
    /// The zero id is "nobody": calls without a known application.
    pub id: ApplicationId,
    /// Empty where the caller may not know it.
    pub name: String,
    pub organization: String,
    /// All that it asked of the version.
    pub requests: u64,
    pub would_refuse: u64,
}

/// What one policy in observe mode would have refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObservedPolicy {
    /// `organization`, `api`, `version`, `operation` or `plan`: where it is attached.
    pub from: String,
    pub kind: String,
    pub name: String,
    /// Whether it is served in observe mode now; of operations and plans that is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observes: Option<bool>,
    pub would_refuse: u64,
    /// How many applications it would have refused something; callers without one are none.
    pub applications: u64,
    /// Of `would_refuse`, those of callers without an application.
    #[serde(default)]
    pub without_application: u64,
    /// Those with most first, at most a hundred.
    pub by_application: Vec<ObservedApplication>,
}

/// Who would have been refused what, if the policies in observe mode of a version enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Observed {
    pub range: Range,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Where it is counted only since a moment after `from`: that moment, from which on requests
    /// are counted here as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// All requests to the version.
    pub requests: u64,
    /// Those that would have refused most first; those that would have refused nothing as well.
    pub policies: Vec<ObservedPolicy>,
}

/// Filters of the request log; absent ones admit everything.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LogFilter {
    #[serde(
        deserialize_with = "super::moment",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<DateTime<Utc>>,
    #[serde(
        deserialize_with = "super::moment",
        skip_serializing_if = "Option::is_none"
    )]
    pub to: Option<DateTime<Utc>>,
    /// `404`, or a class: `4xx`.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<String>,
    /// A code of ours: `rate_limited`.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<String>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub method: Option<String>,
    /// Part of the path.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub path: Option<String>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<uuid::Uuid>)]
    pub api: Option<ApiId>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<uuid::Uuid>)]
    pub version: Option<VersionId>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<uuid::Uuid>)]
    pub operation: Option<OperationId>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<uuid::Uuid>)]
    pub application: Option<ApplicationId>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<uuid::Uuid>)]
    pub credential: Option<CredentialId>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<Environment>,
    /// The value of `X-Request-Id`.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub request_id: Option<String>,
    /// The trace of `traceparent`: 32 hexadecimal digits.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub trace_id: Option<String>,
    /// A variant of an upstream; only for the provider's side.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub variant: Option<String>,
    /// What a cache did with it.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub cached: Option<Cached>,
    /// Slower than this many milliseconds.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub min_ms: Option<u32>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub after: Option<String>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub limit: Option<u16>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    pub id: RecordId,
    pub at: DateTime<Utc>,
    pub request_id: String,
    /// The trace that its client named in `traceparent`; empty for none.
    #[serde(default)]
    pub trace_id: String,
    pub method: String,
    pub path: String,
    pub path_cut: bool,
    pub status: u16,
    /// Our own code when the gateway answered itself; else empty.
    pub code: String,
    pub api: NamedApi,
    pub version: String,
    pub application: NamedApplication,
    pub environment: Environment,
    pub total_ms: f64,
    /// What a cache did with it.
    #[serde(default)]
    pub cached: Cached,
}

/// A request with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    pub line: LogLine,
    pub version_id: VersionId,
    pub revision: u32,
    /// `GET /books/{id}`; empty for "other".
    pub operation: String,
    /// The consumer's side: absent for the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<NamedCredential>,
    pub subscription: SubscriptionId,
    pub plan: NamedPlan,
    pub provider: NamedOrganization,
    pub consumer: NamedOrganization,
    /// The client's address as far as it is kept.
    pub client: String,
    /// `kind/name` of the policy that decided.
    pub decided_by: String,
    /// The provider's side: node, state number, target and its tries; absent for the consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub policies_ms: f64,
    pub connect_ms: f64,
    pub first_byte_ms: f64,
    pub curl: String,
}
