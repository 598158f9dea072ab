//! Applications' credentials: their states over time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::certificate::{CertificateName, Facts};
use crate::key::KeyDigest;
use crate::password_hash::PasswordHash;
use crate::problem::Code;
use crate::signing::SigningKey;

/// What a credential is: what the application shows with its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A key that we made; `key_auth` takes it.
    Key,
    /// A client of an identity provider or of the platform itself, whose tokens `jwt` takes.
    Client,
    /// A certificate of a TLS client; `mtls` takes it.
    Certificate,
    /// A user name with a password; `basic_auth` takes it.
    Password,
    /// A public key by which the application signs requests; `http_signature` takes it.
    Signature,
}

impl CredentialKind {
    pub const ALL: [Self; 5] = [
        Self::Key,
        Self::Client,
        Self::Certificate,
        Self::Password,
        Self::Signature,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Client => "client",
            Self::Certificate => "certificate",
            Self::Password => "password",
            Self::Signature => "signature",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whether it can stand in front of a password: RFC 7617 §2 keeps the colon for what is between.
pub fn is_user_name(text: &str) -> bool {
    let is_short = (1..=100).contains(&text.chars().count());
    is_short && !text.chars().any(|one| one == ':' || one.is_control())
}

/// Whose tokens a credential of kind client stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenClient {
    /// The `iss` of its tokens (RFC 7519 §4.1.1), exactly as the policy `jwt` names it.
    pub issuer: String,
    /// What the issuer's tokens name it: `client_id` (RFC 9068 §2.2) or `azp`, unless the policy
    /// says otherwise.
    pub client_id: String,
}

/// What a credential that is no key is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    Client(TokenClient),
    /// An OAuth client of the platform's own token endpoint, by its id.
    Platform(String),
    Certificate(Facts),
    /// All certificates that have a name.
    CertificateName(CertificateName),
    /// A public key, by the `keyid` of its signatures.
    Signature {
        keyid: String,
        key: SigningKey,
    },
    /// A password that somebody chose, for the user name that is the credential's `display_id`.
    Password(PasswordHash),
}

impl Claimed {
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Client(_) | Self::Platform(_) => CredentialKind::Client,
            Self::Certificate(_) | Self::CertificateName(_) => CredentialKind::Certificate,
            Self::Signature { .. } => CredentialKind::Signature,
            Self::Password(_) => CredentialKind::Password,
        }
    }

    /// By which a gateway finds it; `None`: a fingerprint that is none, or a password, which is found
    /// by its user name.
    pub fn digest(&self) -> Option<KeyDigest> {
        match self {
            Self::Client(client) => Some(KeyDigest::of_client(&client.issuer, &client.client_id)),
            Self::Platform(client) => Some(KeyDigest::of_platform_client(client)),
            Self::Signature { keyid, .. } => Some(KeyDigest::of_signing_key(keyid)),
            Self::CertificateName(name) => Some(name.digest()),
            Self::Password(_) => None,
            Self::Certificate(facts) => {
                let print = KeyDigest::from_hex(&facts.fingerprint.replace(':', ""))?;
                Some(KeyDigest::of_certificate(&print.0))
            }
        }
    }
}

/// `active → retiring(until) → expired`, `→ revoked`: judged from timestamps, so that a gateway
/// needs no message when time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    Active,
    Retiring,
    Expired,
    Revoked,
}

impl CredentialState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The timestamps of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lifetime {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Set when the credential was rolled: it works until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Lifetime {
    pub fn state(&self, now: DateTime<Utc>) -> CredentialState {
        let over = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= now);
        if self.revoked_at.is_some() {
            CredentialState::Revoked
        } else if over(self.expires_at) || over(self.retires_at) {
            CredentialState::Expired
        } else if self.retires_at.is_some() {
            CredentialState::Retiring
        } else {
            CredentialState::Active
        }
    }

    pub fn judge(&self, now: DateTime<Utc>) -> Result<(), Code> {
        match self.state(now) {
            CredentialState::Active | CredentialState::Retiring => Ok(()),
            CredentialState::Expired => Err(Code::KeyExpired),
            CredentialState::Revoked => Err(Code::KeyRevoked),
        }
    }
}

/// When the old key dies after a roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    #[serde(rename = "now")]
    None,
    #[serde(rename = "1h")]
    Hour,
    #[default]
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
}

impl Overlap {
    pub const ALL: [Self; 4] = [Self::None, Self::Hour, Self::Day, Self::Week];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "now",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|overlap| overlap.as_str() == text)
    }

    pub const fn seconds(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_over_time() {
        let at = |s: i64| DateTime::from_timestamp(s, 0);
        let now = at(100).unwrap();
        let table = [
            (None, None, None, CredentialState::Active),
            (at(101), None, None, CredentialState::Active),
            (at(100), None, None, CredentialState::Expired),
            (None, at(101), None, CredentialState::Retiring),
            (None, at(100), None, CredentialState::Expired),
            (at(99), None, at(1), CredentialState::Revoked),
        ];
        for (expires_at, retires_at, revoked_at, state) in table {
            let lifetime = Lifetime {
                expires_at,
                retires_at,
                revoked_at,
            };
            assert_eq!(lifetime.state(now), state, "{lifetime:?}");
        }
    }
}
