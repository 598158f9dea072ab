//! Certificates of hosts, and what hosts ask of a connection. Private keys go in and never come
//! out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::certificate::{Facts, PrivatePem, TlsMode};
use crate::id::{CertificateId, OrganizationId};

/// A certificate as its owners see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    pub id: CertificateId,
    /// Absent: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Unique among those of its owner.
    pub name: String,
    /// Hosts that it is shown for.
    pub hosts: Vec<String>,
    /// Also shown to clients that name no host, or one that has no certificate.
    pub default: bool,
    /// What the certificate says of itself.
    pub facts: Facts,
    /// PEM of the certificate and of the authorities between it and the root.
    pub chain: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCertificate {
    pub name: String,
    /// PEM, the host's own certificate first, then the authorities between it and the root. At
    /// most 64 KiB.
    pub certificate: String,
    pub key: PrivatePem,
    /// `api.example.com` or `*.example.com`; all DNS names of the certificate unless set.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Only for the platform's; it takes the place of the one before.
    #[serde(default)]
    pub default: bool,
}

/// Absent fields stay as they are. A renewal is a new `certificate` with its `key`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditCertificate {
    pub name: Option<String>,
    pub hosts: Option<Vec<String>>,
    pub default: Option<bool>,
    pub certificate: Option<String>,
    pub key: Option<PrivatePem>,
}

/// What a host asks of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    /// `api.example.com`, or `*.example.com` for any one or more labels in front.
    pub host: String,
    /// Absent: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Absent: required where the host has a certificate or `client_ca`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsMode>,
    /// PEM of the authorities, one of which must have issued a client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<String>,
    /// PEM of their lists of revoked certificates; only where one host is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl: Option<String>,
    /// What these lists are, also where many hosts are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_crl_facts: Option<ListFacts>,
    /// A list whose time is over lets nobody in.
    pub client_crl_current: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

/// What can be said of lists of revoked certificates without them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListFacts {
    /// SHA-256 of their PEM, in hexadecimal.
    pub sha256: String,
    pub lists: Vec<ListTerm>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListTerm {
    pub issuer: String,
    /// When the next one is there at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<DateTime<Utc>>,
}
