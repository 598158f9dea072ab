//! Credentials of an application. A key's value is in exactly one answer: that of its making.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Who;
use super::applications::FirstCall;
use crate::application::{CredentialKind, CredentialState, Overlap, TokenClient};
use crate::certificate::Facts;
use crate::id::{ApplicationId, CredentialId};
use crate::key::Environment;

/// Most network ranges of one credential.
pub const MAX_CIDRS: usize = 50;
/// Most credentials of an application that still work.
pub const MAX_CREDENTIALS: u64 = 100;
/// How long at most a key that was rolled works beside its successor, in days.
pub const MAX_OVERLAP_DAYS: i64 = 90;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    pub id: CredentialId,
    pub application: ApplicationId,
    /// Absent where a newer release made it, of a kind or in a form that this one does not know: it
    /// can be revoked here, and calls nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CredentialKind>,
    pub name: String,
    /// To recognize it by, useless to call with: the beginning of a key (`ptn_live_ab12cd34`), a
    /// client's id, a certificate's subject or the name that it is claimed by, a user name, the `keyid` of signatures.
    pub display_id: String,
    /// Of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<TokenClient>,
    /// Of a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Facts>,
    /// Of all certificates with a name: that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    pub environment: Environment,
    pub state: CredentialState,
    /// From which networks it works; empty: from anywhere.
    pub cidrs: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// It was rolled and works until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<DateTime<Utc>>,
    /// The first call with it that was answered with 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_success_at: Option<DateTime<Utc>>,
    pub created_by: Who,
    pub created_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

impl Credential {
    /// As it is shown: a key's beginning says that there is more.
    pub fn recognized_by(&self) -> String {
        match self.kind {
            Some(CredentialKind::Key) => format!("{}…", self.display_id),
            Some(
                CredentialKind::Client
                | CredentialKind::Certificate
                | CredentialKind::Password
                | CredentialKind::Signature,
            )
            | None => self.display_id.clone(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// `203.0.113.0/24`, `2001:db8::/32` or a single address.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// A client that gets its tokens from an identity provider: whoever shows one calls as the
/// application.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddClient {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    /// The `iss` of its tokens: 1 to 500 visible characters, exactly as in the API's policy `jwt`.
    pub issuer: String,
    /// What the tokens name it: 1 to 500 characters.
    pub client_id: String,
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// `203.0.113.0/24`, `2001:db8::/32` or a single address.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// An OAuth client of the platform's own token endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeOauthClient {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// From which networks it may ask for tokens and call.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// An OAuth client that was just made, with its secret: this once and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewOauthClient {
    pub credential: Credential,
    pub client_id: String,
    pub client_secret: String,
    /// Where it asks for tokens (RFC 6749 §4.4).
    pub token_endpoint: String,
}

impl std::fmt::Debug for NewOauthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewOauthClient({})", self.client_id)
    }
}

/// A public key by which the application signs requests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSigningKey {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    /// In PEM (`BEGIN PUBLIC KEY`), or as a JSON Web Key: Ed25519, P-256, P-384 or RSA. Never the
    /// private one.
    pub key: String,
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// `203.0.113.0/24`, `2001:db8::/32` or a single address.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// A user name with a password: one that is made, unless it is given here, or its hash.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakePassword {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    /// 1 to 100 characters without a colon (RFC 7617 §2). Others may have the same: the password
    /// tells them apart. With a password that is given, the organization has it once.
    pub user: String,
    /// 8 to 128 characters. Without it, and without `argon2id`, one is made.
    #[serde(default)]
    pub password: Option<String>,
    /// The hash of a password that is in use elsewhere: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, with m
    /// up to 65536, t up to 5 and p up to 4.
    #[serde(default)]
    pub argon2id: Option<String>,
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// `203.0.113.0/24`, `2001:db8::/32` or a single address.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

impl std::fmt::Debug for MakePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MakePassword({})", self.user)
    }
}

/// A user name with its password, where that was just made: this once and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPassword {
    pub credential: Credential,
    pub user: String,
    /// Absent where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewPassword({})", self.user)
    }
}

/// An identity provider whose tokens APIs take that the application is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KnownIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Names of these APIs.
    pub apis: Vec<String>,
}

/// What tokens of the platform's token endpoint may allow the application at an API, by the plans
/// that it is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantedScopes {
    /// The API's name.
    pub api: String,
    /// What the API is asked for as (RFC 8707 §2).
    pub resource: String,
    pub scopes: Vec<String>,
}

/// A certificate that the application shows as a TLS client, or all that have a name: one of the
/// two.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddCertificate {
    pub name: String,
    #[serde(default)]
    pub environment: Environment,
    /// PEM, at most 64 KiB. Of several the first counts. Without its private key.
    #[serde(default)]
    pub certificate: String,
    /// What its authority calls the application: `subject:CN=orders,O=Example` (RFC 4514),
    /// `san:dns:orders.example.com`, `san:uri:spiffe://example/orders` or
    /// `san:email:orders@example.com`; at most 1,000 bytes.
    #[serde(default)]
    pub certificate_name: String,
    /// The end of the certificate unless set, and never after it; never for a name.
    #[serde(default, deserialize_with = "super::moment")]
    pub expires_at: Option<DateTime<Utc>>,
    /// `203.0.113.0/24`, `2001:db8::/32` or a single address.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollKey {
    /// How long the old key still works: 24 hours unless something else is said. Never beyond its own
    /// expiry.
    #[serde(default)]
    pub overlap: Option<Overlap>,
    /// Until when the old key still works, in the stead of `overlap`: within 90 days.
    #[serde(default, deserialize_with = "super::moment")]
    pub retires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameCredential {
    pub name: String,
}

/// A key that was just made, with its value: this once and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    pub credential: Credential,
    pub key: String,
    /// With the key in it; absent while no subscription is effective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call: Option<FirstCall>,
    /// After a roll, the key before it: it works until its `retires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled: Option<Credential>,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKey({}…)", self.credential.display_id)
    }
}
