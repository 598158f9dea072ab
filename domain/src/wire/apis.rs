//! APIs: the entries of the catalog, as their owners edit them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NamedTeam;
use super::versions::VersionSummary;
use crate::api::Visibility;
use crate::id::{ApiId, OrganizationId, TeamId};
use crate::label::Label;
use crate::policy::Policy;
use crate::problem::Invalid;

/// Most tags of one API.
pub const MAX_TAGS: usize = 20;
/// Longest description in characters.
pub const MAX_DESCRIPTION: usize = 20_000;

/// An API with its versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Api {
    pub id: ApiId,
    pub organization: OrganizationId,
    pub team: NamedTeam,
    pub name: String,
    pub slug: String,
    /// Markdown.
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    /// For people, and for conditions of policies.
    pub labels: Vec<Label>,
    pub visibility: Visibility,
    /// Edited live, each change audited.
    pub policies: Vec<Policy>,
    /// What of them this release cannot read, with pointers into the list as it is kept; it is
    /// not in `policies`, and whoever sets those takes it away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Invalid>,
    /// Newest first.
    pub versions: Vec<VersionSummary>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApi {
    pub team: TeamId,
    pub name: String,
    /// Made from the name unless given.
    #[serde(default)]
    pub slug: Option<String>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub labels: Vec<Label>,
    #[serde(default)]
    pub visibility: Visibility,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditApi {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub tags: Option<Vec<String>>,
    pub labels: Option<Vec<Label>>,
    pub visibility: Option<Visibility>,
    pub policies: Option<Vec<Policy>>,
}

/// Makes an API and the draft of its first version out of an OpenAPI document. What is not given
/// is proposed from the document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportApi {
    pub team: TeamId,
    /// OpenAPI 3.0 or 3.1, JSON or YAML, at most 5 MiB.
    pub document: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub slug: Option<String>,
    /// `v1` unless given or told by the document's version.
    #[serde(default)]
    pub version: Option<String>,
}
