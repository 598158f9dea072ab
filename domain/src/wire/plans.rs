//! Plans of a product: limits, approval, terms and shown prices.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NamedProduct;
use crate::id::PlanId;
use crate::lifecycle::PlanState;
use crate::plan::Approval;
use crate::policy::Policy;
use crate::problem::Invalid;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub id: PlanId,
    pub product: NamedProduct,
    pub name: String,
    /// Sent to the upstream as `X-Portunus-Plan`.
    pub slug: String,
    pub description: String,
    pub state: PlanState,
    pub approval: Approval,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// Where requests wait, those of the highest go first: -100 to 100.
    pub priority: i8,
    pub policies: Vec<Policy>,
    /// What of them this release cannot read, with pointers into the list as it is kept; it is
    /// not in `policies`, and whoever sets those takes it away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Invalid>,
    /// What tokens of its subscribers may allow at the product's APIs (RFC 6749 §3.3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Open subscriptions that one application may hold with this provider; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_application: Option<u32>,
    /// Open subscriptions to this plan in all; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_subscriptions: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Slugs of the organizations that may see and request it; empty: all.
    pub organizations: Vec<String>,
    /// Open subscriptions to it.
    pub subscriptions: u64,
    /// One sentence on how far several gateways may overshoot the quota; absent without a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overshoot: Option<String>,
    /// The same of each of its limits that several gateways may exceed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<LimitBound>,
    pub created_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

/// How far several gateways together may exceed a limit: for as many as there are, for two where
/// none has reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitBound {
    /// The policy's kind and name.
    #[schema(example = "rate_limit/minute")]
    pub policy: String,
    /// In a sentence or two.
    #[schema(example = "2 nodes together admit at most 12 more; 62 more once Redis is lost.")]
    pub overshoot: String,
}

/// Terms to accept. The revision rises with each change of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// Markdown.
    pub text: String,
    pub revision: u32,
}

/// Shown and exported; no invoice is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// In the currency's smallest unit: cents.
    pub amount: u64,
    /// ISO 4217: `EUR`.
    pub currency: String,
    pub per: PricePeriod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PricePeriod {
    Month,
    Year,
    Once,
}

impl PricePeriod {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
            Self::Once => "once",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePlan {
    pub name: String,
    #[serde(default)]
    pub slug: Option<String>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub approval: Approval,
    /// Markdown; empty: nothing to accept.
    #[serde(default)]
    pub terms: String,
    /// Where requests wait, those of the highest go first: -100 to 100.
    #[serde(default)]
    pub priority: i8,
    /// Of the kinds that a plan may carry.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// At most 50 of 1 to 100 visible characters, 1,000 in all (RFC 6749 §3.3).
    #[serde(default)]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub max_per_application: Option<u32>,
    #[serde(default)]
    pub max_subscriptions: Option<u32>,
    #[serde(default)]
    pub price: Option<Price>,
    /// Slugs; empty: all.
    #[serde(default)]
    pub organizations: Vec<String>,
}

/// The whole plan anew, but its slug and state: what is left out gets its default.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditPlan {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub approval: Approval,
    #[serde(default)]
    pub terms: String,
    #[serde(default)]
    pub priority: i8,
    #[serde(default)]
    pub policies: Vec<Policy>,
    #[serde(default)]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub max_per_application: Option<u32>,
    #[serde(default)]
    pub max_subscriptions: Option<u32>,
    #[serde(default)]
    pub price: Option<Price>,
    #[serde(default)]
    pub organizations: Vec<String>,
}
