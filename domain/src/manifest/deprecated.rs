//! What a file says about the end of a version.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// That a version will go, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecated {
    /// Since when, or from when on.
    pub since: DateTime<Utc>,
    /// When it stops answering, as far as is known; not before `since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<DateTime<Utc>>,
    /// What to use instead: another version of the API, or `<api>/<version>` of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// For people; the gateway does not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// From its sunset on it answers 410 `version_retired`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retire_at_sunset: bool,
}
