//! TLS towards targets: whose certificates are trusted, and which name they must have.

use serde::{Deserialize, Serialize};

use crate::certificate;
use crate::problem::Invalid;

/// TLS towards the targets: verified always.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTls {
    /// PEM certificates that are trusted instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Name to verify and to send as SNI, instead of the target's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl UpstreamTls {
    /// What is wrong with a name that no certificate can have, as the library for it says.
    pub const SERVER_NAME: &str =
        "Write a host name without port, or an IP address: no certificate can have this name.";

    /// What can be said of the text; whether it can be parsed is for those to say who have the
    /// library for it.
    pub(super) fn check(&self) -> Vec<Invalid> {
        let wrong = self.ca.as_deref().and_then(certificate::certificates);
        wrong
            .map(|why| Invalid::new("/ca", why))
            .into_iter()
            .collect()
    }
}
