//! When an upstream is given a pause: too much at once, or too many failures.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

/// What is not set is not bounded. Every node judges for itself.
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
pub struct Breaker {
    /// Most requests at once, until the last byte of their answers; 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Most connections being made at once, 1 to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connects: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
}

/// Opens the circuit at this share of failures (no connection, no answer, or a 5xx). After `pause`
/// single requests probe: if `probes` of them do well the circuit closes, at the first that fails
/// it opens again.
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
pub struct Errors {
    /// Percentage of failed tries that opens, 1 to 100, default 50.
    pub ratio: u8,
    /// Over this time, 1 s to 10 min, default 10 s.
    pub window: Span,
    /// With fewer tries in the window nothing is judged, 1 to 100,000, default 20.
    pub least: u32,
    /// How long the circuit stays open, 100 ms to 1 h, default 10 s.
    pub pause: Span,
    /// Probes at a time, and in a row to close; 1 to 100, default 3.
    pub probes: u8,
}

impl Default for Errors {
    fn default() -> Self {
        Self {
            ratio: 50,
            window: Span::from_secs(10),
            least: 20,
            pause: Span::from_secs(10),
            probes: 3,
        }
    }
}

impl Breaker {
    /// Whether there is anything to watch.
    pub const fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.connects.is_none() && self.errors.is_none()
    }

    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let within = |cap: Option<u32>, most: u32| cap.is_none_or(|cap| (1..=most).contains(&cap));
        that(
            within(self.in_flight, 1_000_000),
            "/in_flight",
            "Use 1 to 1,000,000 requests.",
        );
        that(
            within(self.connects, 100_000),
            "/connects",
            "Use 1 to 100,000 connections.",
        );
        if let Some(errors) = &self.errors {
            let millis = |span: Span| span.as_millis();
            that(
                (1..=100).contains(&errors.ratio),
                "/errors/ratio",
                "Use 1 to 100 percent.",
            );
            that(
                (1000..=600_000).contains(&millis(errors.window)),
                "/errors/window",
                "Use 1s to 10m.",
            );
            that(
                (1..=100_000).contains(&errors.least),
                "/errors/least",
                "Use 1 to 100,000 tries.",
            );
            that(
                (100..=3_600_000).contains(&millis(errors.pause)),
                "/errors/pause",
                "Use 100ms to 1h.",
            );
            that(
                (1..=100).contains(&errors.probes),
                "/errors/probes",
                "Use 1 to 100 probes.",
            );
        }
        found
    }
}
