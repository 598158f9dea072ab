//! Variants of an upstream: which share of the callers goes to which of its targets, how a share
//! grows, and when it is taken back.

mod check;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::is_default;
use crate::duration::Span;

/// Every target names its variant. Either `live` takes everything (blue and green: one field
/// switches), or each of `variants` has a share.
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
pub struct Split {
    /// The variant that takes every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// By name, at most 8.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, Variant>,
    /// Where a request may name its variant, whatever its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<NamedBy>,
    /// What keeps its variant; the caller unless set.
    #[serde(skip_serializing_if = "is_default")]
    pub sticky: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

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
#[serde(deny_unknown_fields, default)]
pub struct Variant {
    /// In proportion to the other shares, 0 to 1000; 0 takes only requests that name it.
    pub share: u16,
}

/// A header, a cookie or a claim of the caller's token whose value is the name of a variant; another
/// value counts for nothing.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    Header(String),
    Cookie(String),
    /// A name, or names separated by dots for claims inside of others.
    Claim(String),
}

/// Whose requests go to the same variant, as long as shares stay.
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
pub enum Kept {
    /// The application's; those of an address where nobody is known.
    #[default]
    Caller,
    /// Those of an address, IPv6 by /64.
    Address,
    /// Nobody's: each request for itself.
    Nothing,
}

/// One variant's percentage of all grows evenly; the others share the rest.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    pub variant: String,
    /// Percent before and at the begin, 0 to 99, default 0.
    #[serde(default)]
    pub from: u8,
    /// Percent at the end and ever after, up to 100, default 100.
    #[serde(default = "all")]
    pub to: u8,
    pub begins: DateTime<Utc>,
    /// At most 90 d.
    pub lasts: Span,
}

const fn all() -> u8 {
    100
}

/// Takes a variant's share away when it does worse than another by a margin. Each node judges by
/// its own requests; what was taken stays taken until the split is changed.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The one that is watched.
    pub variant: String,
    /// The one that it is compared with.
    pub against: String,
    /// So many percentage points more failed tries (no answer, or a 5xx), 1 to 100, default 5.
    #[serde(default = "five")]
    pub errors: u8,
    /// A 95th percentile of the time to the first byte that is so many percent longer, 10 to 1000;
    /// not compared unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<u16>,
    /// Compared at the end of each such time, 1 s to 1 h, default 60 s.
    #[serde(default = "minute")]
    pub window: Span,
    /// With fewer tries of either in the window nothing is compared, 1 to 1,000,000, default 50.
    #[serde(default = "fifty")]
    pub least: u32,
}

const fn five() -> u8 {
    5
}

const fn minute() -> Span {
    Span::from_secs(60)
}

const fn fifty() -> u32 {
    50
}

/// Most variants of one upstream.
pub const MAX_VARIANTS: usize = 8;
