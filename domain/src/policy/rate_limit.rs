//! `rate_limit`: so many requests per window and subject.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// A token bucket (GCRA): `limit` requests per `window`, up to `burst` at once, on each node.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests per window, 1 to 1,000,000,000.
    pub limit: u32,
    /// 1 s to 24 h.
    pub window: Span,
    /// Requests at once, at least 1; the limit unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// What is counted together. Unless set: the subscription in a plan, the application
    /// elsewhere, the address of a caller who is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Subject>,
}

/// What a limit counts by. Several make a tuple.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Subscription,
    Application,
    Key,
    Address,
    Route,
}

/// What is wrong with a tuple of subjects.
pub(super) fn check_subjects(by: &[Subject]) -> Vec<Invalid> {
    let twice = (0..by.len()).filter(|index| by[..*index].contains(&by[*index]));
    let found = twice.map(|index| Invalid::new(format!("/by/{index}"), "Name each subject once."));
    found.collect()
}

impl Written for RateLimit {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(1..=1_000_000_000).contains(&self.limit) {
            found.push(Invalid::new(
                "/limit",
                "Use a limit of 1 to 1,000,000,000 requests.",
            ));
        }
        if !(1000..=86_400_000).contains(&self.window.as_millis()) {
            found.push(Invalid::new("/window", "Use a window of 1s to 24h."));
        }
        if let Some(burst) = self.burst
            && !(1..=1_000_000_000).contains(&burst)
        {
            found.push(Invalid::new(
                "/burst",
                "Use a burst of 1 to 1,000,000,000 requests.",
            ));
        }
        found.extend(check_subjects(&self.by));
        found
    }

    fn words(&self) -> String {
        format!("{} in {}", self.limit, self.window)
    }
}

impl RateLimit {
    pub fn burst(&self) -> u32 {
        self.burst.unwrap_or(self.limit)
    }
}
