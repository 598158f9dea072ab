//! Subscriptions as provider and consumer see them: each side only what design.md §1 allows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NamedOrganization, NamedPlan, NamedProduct, Who};
use crate::id::{ApplicationId, PlanId, SubscriptionId};
use crate::subscription::SubscriptionState;

/// Longest reason, note or message in characters.
pub const MAX_TEXT: usize = 2000;

/// A subscription. The provider sees of the consumer: organization, team, application's name and
/// description, the requester's name and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub application: SubscribedApplication,
    pub product: NamedProduct,
    pub plan: NamedPlan,
    /// Whose product it is.
    pub provider: NamedOrganization,
    pub state: SubscriptionState,
    /// The consumer's own switch.
    pub paused: bool,
    /// Whether a call gets through now; else the code that it is refused with.
    pub effective: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_with: Option<String>,
    /// Why the consumer asks.
    pub reason: String,
    /// What the provider said when it decided, suspended or revoked.
    pub note: String,
    /// Revision of the plan's terms that were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_accepted: Option<u32>,
    pub requested_by: Who,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Who>,
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub sync: Sync,
    /// What the caller may do to it now.
    pub may: Vec<SubscriptionVerb>,
    /// For `If-Match`.
    pub etag: i64,
}

/// The application of a subscription, as far as both sides may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubscribedApplication {
    pub id: ApplicationId,
    pub name: String,
    pub description: String,
    pub team: String,
    pub organization: NamedOrganization,
}

/// Whether the gateways have the present form of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Sync {
    /// All live nodes serve a state that holds it.
    Synced { number: u64 },
    /// Some node has not reported it yet.
    Waiting {
        number: u64,
        nodes: u32,
        behind: u32,
    },
    /// No gateway has reported within a minute.
    NoGateway,
}

/// What may be done to a subscription, each a POST of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionVerb {
    Approve,
    Reject,
    Suspend,
    Resume,
    Revoke,
    Withdraw,
    Pause,
    Unpause,
    Cancel,
}

impl SubscriptionVerb {
    pub const ALL: [Self; 9] = [
        Self::Approve,
        Self::Reject,
        Self::Suspend,
        Self::Resume,
        Self::Revoke,
        Self::Withdraw,
        Self::Pause,
        Self::Unpause,
        Self::Cancel,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke => "revoke",
            Self::Withdraw => "withdraw",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Cancel => "cancel",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text)
    }

    /// Whether it is the provider's; else the consumer's.
    pub const fn is_providers(self) -> bool {
        match self {
            Self::Approve | Self::Reject | Self::Suspend | Self::Resume | Self::Revoke => true,
            Self::Withdraw | Self::Pause | Self::Unpause | Self::Cancel => false,
        }
    }

    /// Whether the other side is owed a reason.
    pub const fn needs_note(self) -> bool {
        matches!(self, Self::Reject | Self::Suspend | Self::Revoke)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSubscription {
    pub plan: PlanId,
    #[serde(default)]
    pub reason: String,
    /// The revision of the terms that was read; needed where the plan has terms.
    #[serde(default)]
    pub accept_terms: Option<u32>,
}

/// A subscription that the provider makes on a consumer's behalf; approved at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantSubscription {
    pub application: ApplicationId,
    #[serde(default)]
    pub note: String,
}

/// The body of every verb.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decide {
    /// Needed to reject, suspend and revoke.
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approvals {
    /// All that wait, also those beyond this page.
    pub pending: u64,
    pub items: Vec<Subscription>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
