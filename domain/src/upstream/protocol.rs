//! What is spoken with the targets of an upstream.

use serde::{Deserialize, Serialize};

/// HTTP/1.1 unless it is said otherwise; gRPC needs HTTP/2.
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
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Http1,
    /// With `https://` as agreed by ALPN, with `http://` from the first byte (RFC 9113 §3.3).
    Http2,
}
