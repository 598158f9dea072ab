//! Plans: under which limits and approval a product may be used.

mod scope;

use serde::{Deserialize, Serialize};

use crate::policy::{Mode, Policy, RateLimit, Subject};

pub use scope::{MAX_SCOPE, MAX_SCOPES, check_scopes, is_scope};

/// Which of a plan's requests come first where they wait for the same as those of other plans, and
/// may not all wait; 0 unless set.
pub const PRIORITIES: std::ops::RangeInclusive<i8> = -100..=100;

/// What is said of a priority outside of [`PRIORITIES`].
pub const PRIORITY: &str = "Use -100 to 100; 0 is the usual one.";

/// Whether it is the usual one, which is not written.
pub fn is_usual(priority: &i8) -> bool {
    *priority == 0
}

/// Who says yes to a subscription.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Approved at once.
    Auto,
    /// A maintainer of the product's team, or an admin or owner of its organization.
    #[default]
    Manual,
}

impl Approval {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "manual" => Some(Self::Manual),
            _ => None,
        }
    }
}

/// How far several gateways together may exceed a quota, because each learns of the others' counts
/// within two seconds: (nodes − 1) × what the rate limit admits in that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overshoot {
    /// At most so many requests.
    Requests(u64),
    /// No enforced rate limit of the plan bounds a subscription as a whole.
    Unbounded,
}

/// `None` when the plan has no enforced quota.
pub fn overshoot(nodes: u32, policies: &[Policy]) -> Option<Overshoot> {
    let enforced = |policy: &&Policy| policy.mode() == Mode::Enforce;
    policies
        .iter()
        .filter(enforced)
        .find(|policy| matches!(policy, Policy::Quota(_)))?;
    if nodes <= 1 {
        return Some(Overshoot::Requests(0));
    }
    let in_two_seconds = policies
        .iter()
        .filter(enforced)
        .filter_map(|policy| {
            let Policy::RateLimit(limit) = policy else {
                return None;
            };
            admitted(limit, 2000)
        })
        .min();
    Some(match in_two_seconds {
        Some(requests) => Overshoot::Requests(u64::from(nodes - 1).saturating_mul(requests)),
        None => Overshoot::Unbounded,
    })
}

/// Requests of one subscription that one node lets through in `millis`, starting with a full
/// bucket; `None` where the limit counts by something that a subscription has many of.
fn admitted(limit: &RateLimit, millis: u64) -> Option<u64> {
    let by_others = !limit.headers.is_empty() || !limit.claims.is_empty();
    let whole = !by_others
        && limit.by.iter().all(|subject| match subject {
            Subject::Subscription | Subject::Application => true,
            Subject::Key | Subject::Address | Subject::Route => false,
        });
    let refilled = (u64::from(limit.limit) * millis).div_ceil(limit.window.as_millis().max(1));
    whole.then(|| u64::from(limit.burst()) + refilled)
}

impl std::fmt::Display for Overshoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requests(0) => f.write_str("With one gateway node the quota is counted exactly."),
            Self::Requests(count) => write!(
                f,
                "With the present number of gateway nodes the quota may be exceeded by at most {count} requests."
            ),
            Self::Unbounded => f.write_str(
                "With several gateway nodes the quota may be exceeded; unbounded, because no rate limit of the plan bounds a subscription.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(json: &str) -> Vec<Policy> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn overshoot_follows_nodes_and_rate() {
        let quota = r#"{"quota":{"limit":1000,"period":"month"}}"#;
        let with = |rate: &str| policies(&format!("[{quota},{rate}]"));
        let minute = with(r#"{"rate_limit":{"limit":60,"window":"60s","burst":5}}"#);
        assert_eq!(overshoot(1, &minute), Some(Overshoot::Requests(0)));
        assert_eq!(overshoot(3, &minute), Some(Overshoot::Requests(14)));
        let per_key = with(r#"{"rate_limit":{"limit":60,"window":"60s","by":["key"]}}"#);
        assert_eq!(overshoot(2, &per_key), Some(Overshoot::Unbounded));
        let watched = with(r#"{"rate_limit":{"limit":60,"window":"60s","mode":"observe"}}"#);
        assert_eq!(overshoot(2, &watched), Some(Overshoot::Unbounded));
        assert_eq!(overshoot(2, &minute[1..]), None);
    }
}
