//! TLS towards the targets of an upstream, as the declarative file writes it.

use serde::{Deserialize, Serialize};

use crate::certificate::ClientCertificate;
use crate::upstream;

/// TLS towards the targets: verified always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTls {
    /// PEM certificates that are trusted instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Name to verify and to send as SNI, instead of the target's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Shown to targets that ask for a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

impl UpstreamTls {
    /// All but the client certificate, which travels beside the settings as its key is a secret.
    pub(super) fn settings(&self) -> upstream::UpstreamTls {
        let Self {
            ca,
            server_name,
            client_certificate: _,
        } = self;
        upstream::UpstreamTls {
            ca: ca.clone(),
            server_name: server_name.clone(),
        }
    }
}
