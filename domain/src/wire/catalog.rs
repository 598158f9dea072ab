//! The catalog: what readers see of APIs, with and without an account.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plans::{Price, Terms};
use super::{NamedOrganization, NamedProduct};
use crate::api::Visibility;
use crate::id::{ApiId, PlanId, VersionId};
use crate::lifecycle::{PlanState, VersionState};
use crate::plan::Approval;
use crate::policy::Policy;

/// What to look for; absent filters admit everything.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct CatalogQuery {
    /// Words in name, description, tags or operations.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub q: Option<String>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub category: Option<String>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub tag: Option<String>,
    /// Slug of the owning organization.
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<String>,
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

/// A page of the catalog with the values to filter by, counted over all that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Catalog {
    pub total: u64,
    pub items: Vec<CatalogEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    pub categories: Vec<Facet>,
    pub tags: Vec<Facet>,
    pub owners: Vec<Facet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    /// What to filter by.
    pub value: String,
    /// What to show.
    pub label: String,
    pub count: u64,
}

/// An API in the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogEntry {
    pub id: ApiId,
    pub name: String,
    pub slug: String,
    /// The first paragraph of the description, as plain text.
    pub summary: String,
    pub category: String,
    pub tags: Vec<String>,
    pub visibility: Visibility,
    pub owner: NamedOrganization,
    pub team: String,
    /// Published and deprecated ones, newest first.
    pub versions: Vec<CatalogVersion>,
    /// `auto` if some plan approves at once, else `manual`; absent without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Keys are asked for.
    pub needs_key: bool,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogVersion {
    pub id: VersionId,
    pub slug: String,
    pub state: VersionState,
    pub enabled: bool,
    pub revision: u32,
    pub operations: u64,
    /// Where it answers.
    pub address: String,
    /// How a request asks for it, where versions share that address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<crate::route::Ask>,
    pub has_document: bool,
    /// What is said about its end; absent while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<super::versions::Deprecation>,
    pub published_at: DateTime<Utc>,
}

/// The page of an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiPage {
    pub entry: CatalogEntry,
    /// Markdown.
    pub description: String,
    /// Products that offer one of its versions, with their open plans that the reader may see.
    pub products: Vec<OfferedProduct>,
    /// The reader may edit it.
    pub may_edit: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferedProduct {
    pub product: NamedProduct,
    pub description: String,
    /// `bookshop/v1`
    pub versions: Vec<String>,
    pub plans: Vec<OfferedPlan>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OfferedPlan {
    pub id: PlanId,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub state: PlanState,
    pub approval: Approval,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    pub policies: Vec<Policy>,
    /// What tokens of its subscribers may allow at the product's APIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overshoot: Option<String>,
}

/// A change-log line of a version: what publishing said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeLogLine {
    pub revision: u32,
    pub note: String,
    pub at: DateTime<Utc>,
}
