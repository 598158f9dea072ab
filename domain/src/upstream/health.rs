//! When a target counts as healthy: by what comes of the requests to it.

use serde::{Deserialize, Serialize};

use super::Active;
use crate::duration::Span;
use crate::problem::Invalid;

/// With a single target only active probes and `panic: 0` matter: there is no other to go to.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Probes by the gateway itself; none unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
    pub passive: Passive,
    /// While less than this percentage of the targets of every tier is healthy, health is not
    /// heeded and all take requests, 0 to 100, default 50; 0 never.
    pub panic: u8,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            active: None,
            passive: Passive::default(),
            panic: 50,
        }
    }
}

/// Ejects a target for what comes of requests to it: no connection, no answer, or a 5xx.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Passive {
    /// Failures in a row that eject, 0 to 1000, default 5; 0 never.
    pub failures: u16,
    /// How long the first time; as many times longer as it was ejected before. Default 30 s.
    pub base: Span,
    /// Longest ejection; a target that was not ejected for this long begins anew. Default 300 s.
    pub longest: Span,
    /// Most of the targets that may be ejected at once, in percent, 0 to 100, default 50.
    pub most: u8,
}

impl Default for Passive {
    fn default() -> Self {
        Self {
            failures: 5,
            base: Span::from_secs(30),
            longest: Span::from_secs(300),
            most: 50,
        }
    }
}

impl Health {
    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        that(self.panic <= 100, "/panic", "Use 0 to 100 percent.");
        let passive = &self.passive;
        that(
            passive.failures <= 1000,
            "/passive/failures",
            "Use 0 to 1000 failures.",
        );
        that(
            passive.base <= passive.longest,
            "/passive/base",
            "Use at most the longest ejection.",
        );
        that(
            passive.longest <= Span::from_secs(86_400),
            "/passive/longest",
            "Use at most 24h.",
        );
        that(
            passive.most <= 100,
            "/passive/most",
            "Use 0 to 100 percent.",
        );
        if let Some(active) = &self.active {
            let problems = active.check().into_iter();
            found.extend(problems.map(|invalid| invalid.under("/active")));
        }
        found
    }
}
