//! TLS as a gateway loads it: towards clients, and what it shows to upstreams.

use serde::{Deserialize, Serialize};

use crate::certificate::TlsMode;
use crate::id::{CertificateId, HostId, OrganizationId, UpstreamId};

/// A certificate with its private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub id: CertificateId,
    /// The nil id: the platform's.
    pub organization: OrganizationId,
    pub name: String,
    /// Host patterns that it is shown for; empty: all DNS names that it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Shown where no other fits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// PEM, the host's own first.
    pub certificate: String,
    pub key: PrivateKey,
}

/// A private key as it travels: sealed from a database, in clear from a file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateKey {
    /// Base64 of key id, nonce and ciphertext of the PEM text; the additional data is the
    /// organization's id and the certificate's, 16 bytes each.
    Sealed(String),
    /// PEM.
    Clear(String),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sealed(_) => "PrivateKey::Sealed(…)",
            Self::Clear(_) => "PrivateKey::Clear(…)",
        })
    }
}

/// What the gateway shows to an upstream that asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// PEM, the gateway's own first.
    pub certificate: String,
    /// Sealed for the upstream's organization and [`Self::place`].
    pub key: PrivateKey,
}

impl ClientCertificate {
    /// The record that the key of an upstream is sealed for: not the upstream itself, which its
    /// credential is sealed for, so that neither opens in the other's place.
    pub fn place(upstream: UpstreamId) -> CertificateId {
        CertificateId::from_name("client certificate", &upstream.to_string())
    }
}

/// What a host asks of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub id: HostId,
    /// The nil id: the platform's.
    pub organization: OrganizationId,
    /// `api.example.com`, or `*.example.com` for any one or more labels in front.
    pub host: String,
    /// `None`: required for a host with a certificate or client authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsMode>,
    /// PEM of the authorities of client certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<String>,
    /// PEM of their lists of revoked certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl: Option<String>,
    /// A list whose time is over lets nobody in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_crl_current: bool,
}
