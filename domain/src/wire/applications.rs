//! Applications: the consumers' programs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NamedApi, NamedTeam};
use crate::id::{ApplicationId, OrganizationId, TeamId};
use crate::label::Label;
use crate::lifecycle::ApplicationState;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Application {
    pub id: ApplicationId,
    pub organization: OrganizationId,
    pub team: NamedTeam,
    pub name: String,
    pub slug: String,
    pub description: String,
    /// What conditions of policies of its own organization may ask.
    #[serde(default)]
    pub labels: Vec<Label>,
    pub state: ApplicationState,
    /// Credentials that still work.
    pub keys: u64,
    /// Open subscriptions.
    pub subscriptions: u64,
    /// When a call with one of its keys was last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApplication {
    pub team: TeamId,
    pub name: String,
    /// Shown to the providers whose products it subscribes to.
    #[serde(default)]
    pub description: String,
    /// Set by the organization's admins: conditions of policies may look at them.
    #[serde(default)]
    pub labels: Vec<Label>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditApplication {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Set by the organization's admins.
    pub labels: Option<Vec<Label>>,
}

/// A ready call: what to type to see the API answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FirstCall {
    pub api: NamedApi,
    pub version: String,
    /// `GET /books`, or the route's address where there is no document.
    pub title: String,
    pub method: String,
    pub url: String,
    /// One line for a POSIX shell.
    pub curl: String,
}
