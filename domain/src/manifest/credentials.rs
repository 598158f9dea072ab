//! What applications of a file show with their calls.

use serde::{Deserialize, Serialize};

use crate::key::Environment;

/// A client's certificate, or all that have a name: whoever shows one calls as this application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShownCertificate {
    /// Unique among keys, clients and certificates of its application.
    pub name: String,
    /// `live` unless set.
    #[serde(default)]
    pub env: Environment,
    /// SHA-256 of the certificate (of its DER), 64 hexadecimal digits; colons between bytes do no
    /// harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What its authority calls the application, in place of `sha256`: `subject:CN=orders,O=Example`
    /// (RFC 4514), `san:dns:orders.example.com`, `san:uri:spiffe://example/orders` or
    /// `san:email:orders@example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Networks that it may call from; anywhere unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<ipnet::IpNet>,
}

/// A client that gets its tokens from an issuer: whoever shows one calls as this application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Unique among keys and clients of its application.
    pub name: String,
    /// `live` unless set.
    #[serde(default)]
    pub env: Environment,
    /// Exactly as in the policy `jwt`.
    pub issuer: String,
    /// What the issuer's tokens name it.
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Networks that it may call from; anywhere unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<ipnet::IpNet>,
}

/// A public key: whoever signs with its private half calls as this application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicKey {
    /// Unique among the credentials of its application.
    pub name: String,
    /// `live` unless set.
    #[serde(default)]
    pub env: Environment,
    /// What signatures name it (`keyid`), 1 to 200 visible characters; unique in the file.
    pub keyid: String,
    /// In PEM (`BEGIN PUBLIC KEY`), or as a JSON Web Key in JSON.
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Networks that it may call from; anywhere unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<ipnet::IpNet>,
}

/// A user name with its password: whoever shows both calls as this application.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// Unique among the credentials of its application.
    pub name: String,
    /// `live` unless set.
    #[serde(default)]
    pub env: Environment,
    /// Without a colon (RFC 7617 §2).
    pub user: String,
    /// SHA-256 of user name, colon and password, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The password in clear, 16 to 200 characters: it is found by its digest, so it must be one
    /// that nobody guesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Of a password that somebody chose: its hash, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, with m up
    /// to 65536, t up to 5 and p up to 4. The user name then stands once in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argon2id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Networks that it may call from; anywhere unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<ipnet::IpNet>,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Password({})", self.name)
    }
}

/// An API key: its digest, or (in a file that is not committed) the key itself.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Unique in its application.
    pub name: String,
    /// `live` unless set.
    #[serde(default)]
    pub env: Environment,
    /// SHA-256 of the whole key, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The key in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Networks that the key is good from; anywhere unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cidrs: Vec<ipnet::IpNet>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.name)
    }
}
