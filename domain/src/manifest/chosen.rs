//! Upstreams of a version for some of its callers, as a file names them.

use serde::{Deserialize, Serialize};

use crate::key::Environment;
use crate::upstream::ClaimIs;

/// Another upstream than the version's own, for callers of whom `when` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    pub when: CallerIs,
    /// Name of an upstream of this file.
    pub upstream: String,
}

/// What is known of a caller: all that is set must hold, and something is set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallerIs {
    /// Name of a plan, of any product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Name of an application of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimIs>,
}
