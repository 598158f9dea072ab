//! Products: bundles of versions that are offered under plans.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plans::Plan;
use super::{NamedApi, NamedTeam};
use crate::id::{OrganizationId, ProductId, TeamId, VersionId};
use crate::lifecycle::VersionState;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    pub id: ProductId,
    pub organization: OrganizationId,
    pub team: NamedTeam,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub versions: Vec<BundledVersion>,
    pub plans: Vec<Plan>,
    /// Open subscriptions to any of its plans.
    pub subscriptions: u64,
    pub created_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

/// A version in a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundledVersion {
    pub id: VersionId,
    pub slug: String,
    pub api: NamedApi,
    pub state: VersionState,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    pub team: TeamId,
    pub name: String,
    #[serde(default)]
    pub slug: Option<String>,
    #[serde(default)]
    pub description: String,
    /// Versions of the team's own APIs; an organization admin bundles any of the organization's.
    #[serde(default)]
    pub versions: Vec<VersionId>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditProduct {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    /// Replaces the whole bundle.
    pub versions: Option<Vec<VersionId>>,
}
