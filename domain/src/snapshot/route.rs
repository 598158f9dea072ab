//! Which requests a version takes.

use serde::{Deserialize, Serialize};

use crate::route::{Condition, RouteTimeouts, Selector};

/// Where a version answers.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Lower-case names without port; `*.example.com` for any one or more labels in front; empty: any host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Starts with `/`, canonical, no trailing slash except `/` itself.
    pub path: String,
    /// Cut the prefix before the rest is appended to the target's base path.
    #[serde(default = "yes")]
    pub strip_path: bool,
    /// Take paths with `%2F` or `%5C`, and pass them on so; else they are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encoded_slashes: bool,
    /// In the place of the upstream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Box<RouteTimeouts>>,
    /// How a request asks for this version, where others of the API share hosts and path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Box<Selector>>,
    /// What a request must have besides; where several versions fit, more conditions win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

impl Route {
    /// Any host, the prefix cut off, nothing asked of a request.
    pub fn at(path: impl Into<String>) -> Self {
        Self {
            hosts: Vec::new(),
            path: path.into(),
            strip_path: true,
            encoded_slashes: false,
            timeouts: None,
            selector: None,
            when: Vec::new(),
        }
    }
}

const fn yes() -> bool {
    true
}
