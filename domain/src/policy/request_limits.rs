//! `request_limits`: how large requests may be.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Bounds below those that the operator set for all requests; what is not set stays as it is.
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
pub struct RequestLimits {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bytes of the body, declared or in chunks; 0 takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub body: Option<u64>,
    /// Header fields, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Header fields", range(min = 1))]
    pub headers: Option<u32>,
    /// Bytes of all header fields, names and values; at least 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "All header fields", range(min = 64), extend("x-unit" = "bytes"))]
    pub header_bytes: Option<u32>,
    /// Parameters in the query; 0 takes no query.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Query parameters")]
    pub query: Option<u32>,
}

impl Written for RequestLimits {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.body.is_none()
            && self.headers.is_none()
            && self.header_bytes.is_none()
            && self.query.is_none()
        {
            let message = "Set at least one of body, headers, header_bytes and query.";
            found.push(Invalid::new("", message));
        }
        if self.headers == Some(0) {
            let message = "Every request has at least a Host.";
            found.push(Invalid::new("/headers", message));
        }
        if self.header_bytes.is_some_and(|bytes| bytes < 64) {
            found.push(Invalid::new("/header_bytes", "Use at least 64 bytes."));
        }
        found
    }

    fn words(&self) -> String {
        let parts = [
            self.body.map(|bytes| format!("body of {bytes} bytes")),
            self.headers.map(|count| format!("{count} headers")),
            self.header_bytes
                .map(|bytes| format!("{bytes} bytes of headers")),
            self.query.map(|count| format!("{count} query parameters")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"body":0}"#, &[][..]),
            (r#"{"headers":20,"header_bytes":64,"query":0}"#, &[]),
            (r"{}", &[""]),
            (
                r#"{"headers":0,"header_bytes":63}"#,
                &["/headers", "/header_bytes"],
            ),
        ] {
            let policy: RequestLimits = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
