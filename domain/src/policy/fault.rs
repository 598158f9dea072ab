//! `fault`: delays and failures on purpose, to see how clients take them.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Delays some requests, and answers some with an error, in the upstream's place.
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
pub struct Fault {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// So many of the requests wait before they go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// So many of the requests are answered with an error, in the upstream's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
}

#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Of the requests, 1 to 100.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "%"))]
    pub percent: u8,
    /// Up to 30s.
    #[schemars(title = "Wait", example = &"2s")]
    pub time: Span,
}

#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Of the requests, 1 to 100.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "%"))]
    pub percent: u8,
    /// 400 to 599.
    #[schemars(range(min = 400, max = 599), example = 503)]
    pub status: u16,
}

impl Written for Fault {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let is_percent = |percent: u8| (1..=100).contains(&percent);
        const PERCENT: &str = "Use 1 to 100 percent.";
        that(
            self.delay.is_some() || self.abort.is_some(),
            "",
            "Set delay, abort or both.",
        );
        if let Some(delay) = &self.delay {
            that(is_percent(delay.percent), "/delay/percent", PERCENT);
            that(
                delay.time.as_millis() <= 30_000,
                "/delay/time",
                "Use at most 30s.",
            );
        }
        if let Some(abort) = &self.abort {
            that(is_percent(abort.percent), "/abort/percent", PERCENT);
            let is_error = (400..=599).contains(&abort.status);
            that(is_error, "/abort/status", "Use a status of 400 to 599.");
        }
        found
    }

    fn words(&self) -> String {
        let delay = self.delay.as_ref();
        let delay = delay.map(|delay| format!("{} % delayed by {}", delay.percent, delay.time));
        let abort = self.abort.as_ref();
        let abort = abort.map(|abort| format!("{} % answered {}", abort.percent, abort.status));
        delay
            .into_iter()
            .chain(abort)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (
                r#"{"delay":{"percent":1,"time":"30s"},"abort":{"percent":100,"status":503}}"#,
                &[][..],
            ),
            (r"{}", &[""]),
            (
                r#"{"delay":{"percent":0,"time":"31s"},"abort":{"percent":101,"status":200}}"#,
                &[
                    "/delay/percent",
                    "/delay/time",
                    "/abort/percent",
                    "/abort/status",
                ],
            ),
        ] {
            let policy: Fault = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
