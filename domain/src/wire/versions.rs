//! Versions of an API: the draft that is edited, the revisions that publishing made of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NamedApi, NamedProduct, NamedTeam, NamedUpstream, NamedVersion, Who};
use crate::api::{Operations, Visibility};
use crate::id::{ApiId, OperationId, OrganizationId, ProductId, RevisionId, UpstreamId, VersionId};
use crate::lifecycle::VersionState;
use crate::openapi::Severity;
use crate::policy::{AttachPoint, Policy};
use crate::problem::Invalid;
use crate::snapshot::Route;
use crate::upstream::{CallerIs, Chosen};

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    pub id: VersionId,
    pub slug: String,
    pub state: VersionState,
    /// The runtime switch: a disabled version answers `version_disabled`.
    pub enabled: bool,
    /// Number of the revision that gateways serve; absent before the first publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// The draft differs from the current revision.
    pub changed: bool,
    /// Where gateways answer for it: `https://gateway/foxglove/bookshop/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub updated_at: DateTime<Utc>,
}

/// A version with its draft, as the editor shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    pub summary: VersionSummary,
    pub organization: OrganizationId,
    pub team: NamedTeam,
    pub api: NamedApi,
    pub visibility: Visibility,
    pub products: Vec<NamedProduct>,
    /// What is said about its end; absent while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    pub draft: Draft,
    pub created_at: DateTime<Utc>,
    /// For `If-Match`: changes with the version and with its draft.
    pub etag: i64,
}

/// The one mutable form of a version. Gateways never see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// Absent: no document; then every path is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentInfo>,
    pub route: Route,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<NamedUpstream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_upstream: Option<NamedUpstream>,
    /// For some callers; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<DraftChosen>,
    pub policies: Vec<Policy>,
    pub operations_mode: Operations,
    pub operations: Vec<DraftOperation>,
    /// What of it this release cannot read, with pointers as those of `blockers`; "" is all of it. It
    /// is left out here, and nothing of the draft changes before it is written anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Invalid>,
    /// What stands in the way of publishing, with pointers into this draft; empty when nothing.
    pub blockers: Vec<Invalid>,
    pub updated_at: DateTime<Utc>,
}

/// An upstream for callers of whom `when` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DraftChosen {
    pub when: CallerIs,
    pub upstream: NamedUpstream,
}

/// The imported document, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentInfo {
    pub title: String,
    /// As its author numbers it.
    pub version: String,
    /// Of the standard, like `3.0.3`.
    pub openapi: String,
    pub bytes: u64,
    /// Lint findings, worst first.
    pub findings: Vec<LintFinding>,
}

/// One thing in a document that deserves a look; it never stops an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LintFinding {
    #[schema(value_type = String, example = "warning")]
    pub severity: Severity,
    pub code: String,
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    pub message: String,
}

/// An operation of the draft with its own policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DraftOperation {
    pub id: OperationId,
    pub method: String,
    pub template: String,
    pub summary: String,
    pub policies: Vec<Policy>,
}

/// A further version of an API. Its draft starts as a copy of `from`, if given.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVersion {
    pub slug: String,
    #[serde(default)]
    pub from: Option<VersionId>,
    /// OpenAPI 3.0 or 3.1, JSON or YAML.
    #[serde(default)]
    pub document: Option<String>,
}

/// Changes the draft; absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditDraft {
    pub route: Option<Route>,
    pub upstream: Option<UpstreamId>,
    /// `null` removes it: test calls then go to the same upstream.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<UpstreamId>)]
    pub test_upstream: Option<Option<UpstreamId>>,
    /// Replaces the list of upstreams for some callers, at most 16.
    pub upstreams: Option<Vec<Chosen>>,
    pub policies: Option<Vec<Policy>>,
    pub operations_mode: Option<Operations>,
    /// Replaces the policies of the operations named here; others keep theirs.
    pub operations: Option<Vec<OperationPolicies>>,
}

/// Tells `null` (take it away) from a field that is absent (leave it).
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationPolicies {
    pub id: OperationId,
    pub policies: Vec<Policy>,
}

/// Replaces the draft's document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDocument {
    /// OpenAPI 3.0 or 3.1, JSON or YAML, at most 5 MiB.
    pub document: String,
}

/// Makes the draft the next revision and that one current.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishVersion {
    /// For the change log, at most 2,000 characters.
    pub note: String,
    /// Changes the API's visibility with it.
    pub visibility: Option<Visibility>,
    /// The product that offers it; unless it is offered already, by default one of its own.
    pub product: Option<ProductId>,
}

/// Announces that a version will go, or changes what was announced.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeprecateVersion {
    /// When it stops answering: still to come, within ten years.
    pub sunset_at: Option<DateTime<Utc>>,
    /// Another version of the API, which is to be used instead.
    pub successor: Option<VersionId>,
    /// For those who use it, at most 2,000 characters.
    pub message: String,
    /// Retire it by itself at `sunset_at`; else somebody does.
    pub retire_at_sunset: bool,
}

/// What is said about the end of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deprecation {
    pub since: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<NamedVersion>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub retire_at_sunset: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromoteRevision {
    pub note: String,
}

/// An immutable snapshot of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    pub id: RevisionId,
    pub number: u32,
    pub current: bool,
    pub route: Route,
    pub operations: u64,
    pub policies: Vec<Policy>,
    /// What of it this release cannot read, with pointers into it; "" is all but the route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Invalid>,
    pub note: String,
    pub published_by: Who,
    pub published_at: DateTime<Utc>,
}

/// The chain of policies that a call meets, in the order in which they act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePolicies {
    pub version: VersionId,
    /// Absent: the chain of calls that match no operation with policies of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    pub chain: Vec<EffectivePolicy>,
    /// What stands on the way and this release cannot read. Gateways that cannot either refuse the
    /// calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadablePolicies>,
    /// No policy identifies the caller: anybody may call. Never where one cannot be read.
    pub open: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePolicy {
    #[schema(value_type = String, example = "version")]
    pub from: AttachPoint,
    /// The attach point's name: the API's slug, the version's, the plan's.
    pub place: String,
    pub policy: Policy,
    /// How far several gateways together may exceed it, in a sentence or two: of a rate limit that
    /// they share (`scope: cluster`), and of a quota. For as many gateways as there are, for two
    /// where none has reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2 nodes together admit at most 12 more; 62 more once Redis is lost.")]
    pub overshoot: Option<String>,
}

/// What of the policies of a place cannot be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnreadablePolicies {
    #[schema(value_type = String, example = "version")]
    pub from: AttachPoint,
    /// The attach point's name, as that of a policy in the chain.
    pub place: String,
    /// JSON Pointer into what is kept there: `/2` in the list of an organization, an API or a plan,
    /// `/policies/2` in a version; "" is all of it.
    pub pointer: String,
    /// Why it cannot be read.
    pub message: String,
}

/// A new API by import: what was made, and what the lint says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    pub api: ApiId,
    pub version: Version,
}
