//! What the operator and auditors see: audit rows, settings, nodes, the outbox.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{MailId, NodeId, UserId};

/// One row of the audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// The organization, or the zero id for the platform.
    pub chain: Uuid,
    /// Place in the chain, from 1.
    pub sequence: i64,
    pub at: DateTime<Utc>,
    /// `person`, `system` or `anonymous`.
    pub actor_kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<UserId>,
    /// Empty once the person was erased.
    pub actor_name: String,
    pub actor_email: String,
    pub address: String,
    /// `subscription.approve`, `session.create`, …
    pub action: String,
    pub object_kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Uuid>,
    /// Secrets are masked.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub before: serde_json::Value,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub after: serde_json::Value,
    pub request_id: String,
}

/// Filters of the audit, named as in the page's address.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema, utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    #[serde(deserialize_with = "crate::wire::blank")]
    #[param(value_type = Option<Uuid>)]
    pub actor: Option<UserId>,
    /// An action, or its first part: `session`.
    #[serde(deserialize_with = "crate::wire::blank")]
    pub action: Option<String>,
    #[serde(deserialize_with = "crate::wire::blank")]
    pub object: Option<Uuid>,
    #[serde(deserialize_with = "crate::wire::moment")]
    pub from: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "crate::wire::moment")]
    pub to: Option<DateTime<Utc>>,
}

/// What a check of a chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditVerdict {
    pub intact: bool,
    /// Rows checked.
    pub rows: i64,
    /// The first row that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<i64>,
    /// Hash of the last row, in hex: compare it with the one in the log.
    pub head: String,
}

/// A setting that the operator may change while everything runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Setting {
    /// `sign_up`, `retention_days`, `upstream_allow`.
    pub name: String,
    pub value: String,
    /// Whether it is the default, from the process's settings.
    pub is_default: bool,
    pub help: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    pub etag: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct EditSetting {
    #[schema(required)]
    pub value: String,
}

/// A gateway or portal process as it last reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    /// `gateway` or `portal`.
    pub kind: String,
    pub version: String,
    pub group: String,
    pub region: String,
    /// The configuration state that it serves.
    pub state: i64,
    /// The newest state that there is.
    pub newest: i64,
    /// 1.0 is one core busy.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: i64,
    pub connections: i64,
    /// Traffic records lost since its start.
    pub dropped: i64,
    /// Objects of the state that it serves which it cannot read, as a newer release wrote them.
    pub unreadable: i64,
    pub started_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// Seen in the last 15 seconds.
    pub alive: bool,
}

/// A mail that waits, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mail {
    pub id: MailId,
    pub kind: String,
    pub recipient: String,
    pub subject: String,
    pub state: String,
    pub tries: i32,
    pub last_error: String,
    pub created_at: DateTime<Utc>,
}

/// The outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outbox {
    /// Whether bodies can be shown: only while no SMTP is configured.
    pub readable: bool,
    pub mails: Vec<Mail>,
}

/// A mail as the operator sees it while there is no SMTP. Whoever reads its link can act as the
/// recipient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownMail {
    pub mail: Mail,
    pub text: String,
    pub warning: String,
}

impl std::fmt::Debug for ShownMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShownMail({})", self.mail.id)
    }
}
