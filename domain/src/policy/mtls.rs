//! `mtls`: the caller shows a certificate in the TLS handshake.

use serde::{Deserialize, Serialize};

use super::{Membership, Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Takes the client's certificate, which was verified in the handshake under the authorities of
/// the host (`client_ca`), for the application that has it among its credentials.
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
pub struct Mtls {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// No certificate is fine, one of no application is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Calls without a certificate pass")]
    pub optional: bool,
    /// Whether it must be one of an application; else any that was verified will do, without
    /// subscription and plan.
    #[serde(skip_serializing_if = "Membership::is_default")]
    #[schemars(!skip_serializing_if)]
    pub application: Membership,
    /// Send it on to the upstream, in `Client-Cert` (RFC 9440).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Forward the certificate")]
    pub forward: bool,
}

impl Written for Mtls {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        Vec::new()
    }

    fn words(&self) -> String {
        let optional = if self.optional {
            ", if one is shown"
        } else {
            ""
        };
        format!("a client's certificate{optional}")
    }
}
