//! Webhooks of an organization: addresses that are told of its events, as Standard Webhooks says.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, WebhookId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    /// Whether it is told of anything. An address that answers 410 is switched off.
    pub enabled: bool,
    /// Until when the secret before the present one signs as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_secret_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CreateWebhook {
    /// https; http only to this machine, where the operator has opened that.
    #[schema(required)]
    pub url: String,
}

/// The whole webhook anew, but its secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditWebhook {
    pub url: String,
    pub enabled: bool,
}

/// A webhook with the secret that its messages are signed with, shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MadeWebhook {
    pub webhook: Webhook,
    /// `whsec_` and base64.
    pub secret: String,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is sent, or will be.
    Waiting,
    Delivered,
    /// It was tried often enough.
    GivenUp,
}

impl DeliveryState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::GivenUp]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A message to a webhook; kept for seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    pub id: DeliveryId,
    /// `subscription.quota_80`
    pub kind: String,
    pub state: DeliveryState,
    /// How often it was sent in vain.
    pub tries: i32,
    /// Why the last try failed; empty if none did.
    pub last_error: String,
    /// What the last try was answered with; not there where it was not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    pub created_at: DateTime<Utc>,
    /// When it is sent next, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<DateTime<Utc>>,
}
