//! `concurrency`: so many requests at a time and subject, and a queue for those above it.

use serde::{Deserialize, Serialize};

use super::{Mode, Subject, Written, mode_and_name, rate_limit};
use crate::duration::Span;
use crate::problem::Invalid;

/// Requests in flight, from their admission to the last byte of their answer, on each node.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests at a time, 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "requests"))]
    pub limit: u32,
    /// What is counted together. Unless set: the subscription in a plan, the application
    /// elsewhere, the address of a caller who is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Counted by", extend("uniqueItems" = true))]
    pub by: Vec<Subject>,
    /// Requests above it wait for a place, those of the plan with the highest priority first.
    /// Unless set, they are refused at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Those above it wait")]
    pub queue: Option<Queue>,
}

/// Where requests wait for a place.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Requests of a subject that wait at a time, 1 to 1,000.
    #[schemars(title = "At most", range(min = 1, max = 1000), extend("x-unit" = "requests"))]
    pub max: u32,
    /// How long each waits before it is refused, 10 ms to 30 s; `5s` unless set.
    #[serde(default = "patience", skip_serializing_if = "is_patience")]
    #[schemars(title = "Each waits up to", !skip_serializing_if)]
    pub timeout: Span,
}

fn patience() -> Span {
    Span::from_secs(5)
}

fn is_patience(span: &Span) -> bool {
    *span == patience()
}

/// Requests of one subject that wait for the same, at most.
pub const MAX_WAITING: u32 = 1000;

impl Queue {
    fn check(&self, found: &mut Vec<Invalid>) {
        if !(1..=MAX_WAITING).contains(&self.max) {
            let message = "Let 1 to 1,000 requests wait.";
            found.push(Invalid::new("/queue/max", message));
        }
        if !(10..=30_000).contains(&self.timeout.as_millis()) {
            let message = "Let requests wait for 10ms to 30s.";
            found.push(Invalid::new("/queue/timeout", message));
        }
    }
}

impl Written for Concurrency {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = rate_limit::check_subjects(&self.by);
        if !(1..=1_000_000).contains(&self.limit) {
            found.push(Invalid::new(
                "/limit",
                "Use a limit of 1 to 1,000,000 requests.",
            ));
        }
        if let Some(queue) = &self.queue {
            queue.check(&mut found);
        }
        found
    }

    fn words(&self) -> String {
        let waiting = match &self.queue {
            None => String::new(),
            Some(queue) => format!(", {} waiting", queue.max),
        };
        format!("{} at a time{waiting}", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"limit":1,"by":["address","route"]}"#, &[][..]),
            (r#"{"limit":0,"by":["key","key"]}"#, &["/by/1", "/limit"]),
            (r#"{"limit":1000001}"#, &["/limit"]),
            (r#"{"limit":1,"queue":{"max":1000,"timeout":"30s"}}"#, &[]),
            (
                r#"{"limit":0,"queue":{"max":0,"timeout":"31s"}}"#,
                &["/limit", "/queue/max", "/queue/timeout"],
            ),
            (
                r#"{"limit":1,"queue":{"max":1001,"timeout":"9ms"}}"#,
                &["/queue/max", "/queue/timeout"],
            ),
        ] {
            let policy: Concurrency = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }

    #[test]
    fn who_waits_waits_for_five_seconds() {
        let policy: Concurrency = serde_json::from_str(r#"{"limit":2,"queue":{"max":3}}"#).unwrap();
        assert_eq!(policy.queue.as_ref().unwrap().timeout, Span::from_secs(5));
        assert_eq!(policy.words(), "2 at a time, 3 waiting");
        let without = r#"{"limit":2,"queue":{"timeout":"1s"}}"#;
        assert!(serde_json::from_str::<Concurrency>(without).is_err());
    }
}
