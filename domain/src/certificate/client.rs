//! The certificate that the gateway shows to an upstream that asks for one, with its key.

use serde::{Deserialize, Serialize};

use super::{PrivatePem, check_pair};
use crate::problem::Invalid;

/// A client certificate with its private key.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// PEM, the gateway's own certificate first, then the authorities between it and the root; in
    /// a declarative file also the path of such a file.
    pub certificate: String,
    /// PEM of its private key, not encrypted; in a declarative file also the path of such a file.
    pub key: PrivatePem,
}

impl ClientCertificate {
    /// What is wrong with it, the two texts being PEM by now; pointers from its own root.
    pub fn check(&self) -> Vec<Invalid> {
        check_pair(&self.certificate, &self.key.0)
    }
}
