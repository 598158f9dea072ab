//! A list of networks as a file has it.

use serde::{Deserialize, Serialize};

use crate::policy::ip_filter::Listed;

/// Networks that policies name together: in place, in a file beside this one, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpList {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Listed>,
    /// Path of a text, relative to this file: one network per line, `until` with a time behind one
    /// that ends, `#` or `;` before a comment. It is read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
