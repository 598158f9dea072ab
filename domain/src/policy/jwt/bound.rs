//! Whether a token must be proven to be its client's own.

use serde::{Deserialize, Serialize};

/// What becomes of a token that its issuer has bound to a key of its client (claim `cnf`, RFC 7800):
/// to the certificate that the client shows in the TLS handshake (RFC 8705 §3), or to the key of its
/// DPoP proofs (RFC 9449 §6).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[schema(as = TokenBinding)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Nobody looks: whoever has the token may use it.
    None,
    /// One that is bound must be shown with its proof; one that is not counts as well.
    #[default]
    IfPresent,
    /// Only those count that are bound, with their proof.
    Required,
}

impl Bound {
    pub(in crate::policy) fn is_default(&self) -> bool {
        *self == Self::IfPresent
    }
}
