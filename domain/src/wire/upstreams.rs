//! Upstreams of an organization. Their credentials go in and never come out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NamedTeam;
use crate::certificate::{ClientCertificate, Facts};
use crate::id::{OrganizationId, TeamId, UpstreamId};
use crate::upstream::{UpstreamCredential, UpstreamSettings};

/// An upstream as its owners see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upstream {
    pub id: UpstreamId,
    pub organization: OrganizationId,
    pub team: NamedTeam,
    /// Unique in the organization.
    pub name: String,
    pub settings: UpstreamSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialHint>,
    /// What the certificate that is shown to the targets says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<Facts>,
    /// Versions whose draft or current revision sends requests here.
    pub used_by: u64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

/// What may be told of a stored credential: its kind, and the part that is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialHint {
    Header {
        name: String,
    },
    Basic {
        user: String,
    },
    Bearer,
    /// It was sealed with a key that is no longer in the ring; set it anew.
    Unreadable,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpstream {
    pub team: TeamId,
    pub name: String,
    pub settings: UpstreamSettings,
    #[serde(default)]
    pub credential: Option<UpstreamCredential>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditUpstream {
    pub name: Option<String>,
    pub settings: Option<UpstreamSettings>,
}

/// Replaces the stored credential; `null` removes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpstreamCredential {
    pub credential: Option<UpstreamCredential>,
}

/// Replaces the stored client certificate with its key; `null` removes them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetClientCertificate {
    pub client_certificate: Option<ClientCertificate>,
}
