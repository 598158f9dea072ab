//! `rate_limit`: so many requests per window and subject.

use serde::{Deserialize, Serialize};

use super::concurrency::MAX_WAITING;
use super::header::{is_name, is_reserved};
use super::jwt::{CLAIM, is_claim};
use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// So many requests per window: by a token bucket unless set otherwise, `limit` per `window` and up to
/// `burst` at once.
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
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "requests"))]
    pub limit: u32,
    /// 1 s to 24 h.
    #[schemars(example = &"60s")]
    pub window: Span,
    /// How it counts.
    #[serde(default, skip_serializing_if = "Algorithm::is_bucket")]
    #[schemars(title = "Counts by", !skip_serializing_if)]
    pub algorithm: Algorithm,
    /// Of a token bucket: requests at once, at least 1; the limit unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "requests"))]
    pub burst: Option<u32>,
    /// What is counted together. Unless set: the subscription in a plan, the application
    /// elsewhere, the address of a caller who is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Counted by", extend("uniqueItems" = true))]
    pub by: Vec<Subject>,
    /// Header fields of the request that are counted by as well, at most 5; the caller's address
    /// where one is missing. With these or `claims`, and without `by`, nothing else counts, but in a
    /// plan the subscription.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "And by header fields", length(max = 5))]
    pub headers: Vec<String>,
    /// Claims of the caller's token that are counted by as well, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "And by claims", length(max = 5))]
    pub claims: Vec<String>,
    /// What a request takes of the limit; 1 unless set. At most the burst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "A request costs", range(min = 1, max = 1_000_000_000))]
    pub cost: Option<u32>,
    /// What a request really costs, its answer says: `cost` is what it takes beforehand, and what
    /// it costs where its answer says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Its answer says what it costs")]
    pub cost_from: Option<CostFrom>,
    /// Requests above the limit wait for their turn, up to so long (10 ms to 30 s), before they are
    /// refused; of a token bucket. Those of the plan with the highest priority go first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Requests above it wait up to", example = &"2s")]
    pub delay: Option<Span>,
    /// With `delay`: requests of a subject that wait at a time, 1 to 1,000; 1,000 unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "So many wait at most", range(min = 1, max = 1000), extend("x-unit" = "requests"))]
    pub waiting: Option<u32>,
    /// Who counts together; each node by itself unless set.
    #[serde(default, skip_serializing_if = "Scope::is_node")]
    #[schemars(title = "Counted", !skip_serializing_if)]
    pub scope: Scope,
}

/// A header field of answers that says what their requests cost.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct CostFrom {
    /// Name of the field. Its value is a whole number; anything else, and a field that comes more
    /// than once, says nothing.
    #[schemars(title = "In the header field", example = &"X-Cost")]
    pub header: String,
    /// What a request costs at most: at least `cost`, up to 1,000,000,000.
    #[schemars(title = "At most", range(min = 1, max = 1_000_000_000))]
    pub max: u32,
    /// The client sees the field; unless set, it is taken out of the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schemars(title = "The client sees it", !skip_serializing_if)]
    pub keep: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How a limit counts.
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
pub enum Algorithm {
    /// A bucket that refills evenly (GCRA).
    #[default]
    TokenBucket,
    /// The window behind the request, of which the older part counts as if it had come evenly.
    SlidingWindow,
    /// Windows of the clock: all of a minute's may come in its last second, and the next minute's
    /// right after.
    FixedWindow,
}

impl Algorithm {
    fn is_bucket(&self) -> bool {
        *self == Self::TokenBucket
    }
}

/// Largest limit of a sliding window.
pub const MAX_SLIDING: u32 = 1_000_000;

/// How far a count reaches.
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
pub enum Scope {
    /// Each gateway node has a count of its own.
    #[default]
    Node,
    /// All nodes that share a Redis have one count.
    Cluster,
}

impl Scope {
    fn is_node(&self) -> bool {
        *self == Self::Node
    }
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

/// What is shared is remembered for as long as it takes to be refilled.
const MOST_REFILL_MS: u128 = 30 * 86_400_000;

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
        let refill = u128::from(self.burst()) * u128::from(self.window.as_millis())
            / u128::from(self.limit.max(1));
        if self.scope == Scope::Cluster && refill > MOST_REFILL_MS {
            let message = "The burst takes more than 30 days to be refilled.";
            found.push(Invalid::new("/burst", message));
        }
        if self.algorithm != Algorithm::TokenBucket {
            for (field, is_set) in [
                ("/burst", self.burst.is_some()),
                ("/delay", self.delay.is_some()),
            ] {
                if is_set {
                    found.push(Invalid::new(field, "Only a token bucket has this."));
                }
            }
            if self.algorithm == Algorithm::SlidingWindow && self.limit > MAX_SLIDING {
                let message = "A sliding window counts at most 1,000,000.";
                found.push(Invalid::new("/limit", message));
            }
        } else if let Some(delay) = self.delay
            && !(10..=30_000).contains(&delay.as_millis())
        {
            found.push(Invalid::new("/delay", "Let requests wait for 10ms to 30s."));
        }
        if let Some(waiting) = self.waiting {
            if self.delay.is_none() {
                let message = "Nothing waits without delay.";
                found.push(Invalid::new("/waiting", message));
            } else if !(1..=MAX_WAITING).contains(&waiting) {
                let message = "Let 1 to 1,000 requests wait.";
                found.push(Invalid::new("/waiting", message));
            }
        }
        found.extend(check_subjects(&self.by));
        for (list, names) in [("headers", &self.headers), ("claims", &self.claims)] {
            if names.len() > 5 {
                found.push(Invalid::new(format!("/{list}"), "Name at most 5."));
            }
            for (index, name) in names.iter().take(5).enumerate() {
                let (is, message) = match list {
                    "headers" => (is_name(name), "Name a header field."),
                    _ => (is_claim(name), CLAIM),
                };
                if !is {
                    found.push(Invalid::new(format!("/{list}/{index}"), message));
                }
            }
        }
        if let Some(cost) = self.cost
            && !(1..=self.burst()).contains(&cost)
        {
            found.push(Invalid::new(
                "/cost",
                "Use 1 to the burst: more is never there.",
            ));
        }
        if let Some(from) = &self.cost_from {
            if !is_name(&from.header) || is_reserved(&from.header) {
                let message = "Name a header field that is the upstream's own.";
                found.push(Invalid::new("/cost_from/header", message));
            }
            if !(self.cost()..=1_000_000_000).contains(&from.max) {
                let message = "Use at least what a request takes beforehand, up to 1,000,000,000.";
                found.push(Invalid::new("/cost_from/max", message));
            }
        }
        found
    }

    fn words(&self) -> String {
        let each = match self.scope {
            Scope::Node => "",
            Scope::Cluster => " on all nodes together",
        };
        let how = match self.algorithm {
            Algorithm::TokenBucket => "",
            Algorithm::SlidingWindow => ", sliding",
            Algorithm::FixedWindow => ", by the clock",
        };
        format!("{} in {}{how}{each}", self.limit, self.window)
    }
}

/// How long a request that Redis has granted to a node may come after that: the longest that a
/// node keeps a share, with the time-out of settling it.
pub const LEASE_MS: u64 = 1000;

/// A node is granted at least so many requests ahead, as far as the burst has them: with less, a
/// few requests at once would be refused while the cluster's bucket is full.
const LEAST_AHEAD: u32 = 10;

impl RateLimit {
    pub fn burst(&self) -> u32 {
        self.burst.unwrap_or(self.limit)
    }

    /// What a request takes beforehand.
    pub fn cost(&self) -> u32 {
        self.cost.unwrap_or(1)
    }

    /// How far the nodes together may exceed the limit, in any stretch of time, by what they let
    /// through; of windows, in each of them as the algorithm counts it. What answers say of costs
    /// comes on top of that: see [`RateLimit::owed`].
    pub fn overshoot(&self, nodes: u32) -> Overshoot {
        match self.scope {
            Scope::Node => {
                let others = u64::from(nodes.saturating_sub(1));
                let late = others * u64::from(self.burst());
                Overshoot { late, lost: late }
            }
            Scope::Cluster if nodes <= 1 => Overshoot { late: 0, lost: 0 },
            Scope::Cluster => {
                // Leases are of whole requests.
                let (others, cost) = (u64::from(nodes - 1), u64::from(self.cost().max(1)));
                let burst = (self.burst() / self.cost().max(1)).max(1);
                let window = self.window.as_millis().max(1);
                let one = u64::from(ahead(burst, nodes));
                let ahead = others * one;
                let late = match self.algorithm {
                    Algorithm::TokenBucket => {
                        let refill = u64::from(self.limit) * LEASE_MS;
                        ahead + refill.div_ceil(window.saturating_mul(cost))
                    }
                    // Nothing is refilled in a window, and what is granted ends with it.
                    Algorithm::FixedWindow => ahead,
                    // In the window before, and in this one, where nobody may know yet of the others.
                    Algorithm::SlidingWindow => 2 * ahead + one,
                };
                let parts = match self.algorithm {
                    Algorithm::TokenBucket => u64::from(burst.div_ceil(nodes)) * cost,
                    _ => u64::from(self.limit.div_ceil(nodes)).max(cost),
                };
                let late = late.saturating_mul(cost);
                let lost = late.saturating_add(others.saturating_mul(parts));
                Overshoot { late, lost }
            }
        }
    }

    /// What so many nodes may have let a subject owe, because its answers cost more than was taken
    /// beforehand: the requests of a whole burst on each, of which none is answered yet. All of it is
    /// paid for before the next request is let through.
    pub fn owed(&self, nodes: u32) -> u64 {
        // Each has heard of its own alone.
        let most = self.cost_from.as_ref().map_or(0, |from| from.max);
        let at_once = (self.burst() / self.cost().max(1)).max(1);
        let here = u64::from(at_once) * u64::from(most);
        here.saturating_mul(u64::from(nodes.max(1)))
    }
}

/// Requests of one subject that a node of so many lets through before the cluster has said yes to
/// them: its part of the burst, and no more than its part of a fifth of it, where that is ten.
pub fn ahead(burst: u32, nodes: u32) -> u32 {
    let (burst, nodes) = (burst.max(1), nodes.max(2));
    let fifth = burst.div_ceil(nodes.saturating_mul(5));
    burst.div_ceil(nodes).min(fifth.max(LEAST_AHEAD))
}

/// Requests above a limit, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overshoot {
    /// Because nodes hear of each other late.
    pub late: u64,
    /// The same, when all nodes lose Redis in between.
    pub lost: u64,
}

#[cfg(test)]
mod tests;
