//! How far several gateway nodes together may exceed a limit, in a sentence: the same wherever a
//! limit is shown.

use std::fmt;

use crate::policy::concurrency::MAX_WAITING;
use crate::policy::rate_limit::{Algorithm, Overshoot};
use crate::policy::{AttachPoint, Mode, Policy, RateLimit, Scope, Subject};

/// For so many nodes it is told where none is known.
pub const NODES_UNKNOWN: u32 = 2;

/// Nodes hear of each other's counts of a quota within so long.
const QUOTA_LATE_MS: u64 = 2000;

/// How far so many nodes may exceed a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Of a rate limit that they share.
    Rate {
        nodes: u32,
        overshoot: Overshoot,
        /// What they may have let a subject owe.
        owed: u64,
    },
    /// Of a quota, because each node learns late of what the others have let through.
    Quota {
        nodes: u32,
        /// Requests above it; `None` where no enforced rate limit beside it bounds whom it counts.
        most: Option<u64>,
    },
}

impl Bound {
    /// Of a policy that stands with `others` at a place; they may have it among them. `None` where
    /// it refuses nobody, is no limit, or is counted by each node for itself.
    pub fn of(policy: &Policy, others: &[Policy], point: AttachPoint, nodes: u32) -> Option<Self> {
        if policy.mode() != Mode::Enforce {
            return None;
        }
        if let Policy::RateLimit(limit) = policy {
            return limit.bound(nodes);
        }
        let Policy::Quota(_) = policy else {
            return None;
        };
        let strictest = others
            .iter()
            .filter(|other| other.mode() == Mode::Enforce)
            .filter_map(|other| match other {
                Policy::RateLimit(limit) if bounds_one(limit, point) => Some(late(limit, nodes)),
                _ => None,
            })
            .min();
        let most = if nodes <= 1 { Some(0) } else { strictest };
        Some(Self::Quota { nodes, most })
    }
}

impl RateLimit {
    /// `None` where each node has a count of its own.
    pub fn bound(&self, nodes: u32) -> Option<Bound> {
        match self.scope {
            Scope::Node => None,
            Scope::Cluster => Some(Bound::Rate {
                nodes,
                overshoot: self.overshoot(nodes),
                owed: self.owed(nodes),
            }),
        }
    }
}

/// Whether a limit bounds the requests of whoever a quota beside it counts: of a subscription in a
/// plan, of an application elsewhere. One that hears from answers that they cost nothing does not.
fn bounds_one(limit: &RateLimit, point: AttachPoint) -> bool {
    let by_others = !limit.headers.is_empty() || !limit.claims.is_empty();
    let whole = limit.by.iter().all(|subject| match subject {
        Subject::Application => true,
        // An application has several.
        Subject::Subscription => point == AttachPoint::Plan,
        Subject::Key | Subject::Address | Subject::Route => false,
    });
    whole && !by_others && limit.cost_from.is_none()
}

/// Requests that the other nodes let through until a node hears of them, beginning with a limit of
/// which nothing is used.
fn late(limit: &RateLimit, nodes: u32) -> u64 {
    let window = limit.window.as_millis().max(1);
    let others = u64::from(nodes.saturating_sub(1));
    let refilled = |millis: u64| {
        let units = u64::from(limit.limit).saturating_mul(millis);
        units.div_ceil(window)
    };
    // Windows of the clock that this time may touch.
    let windows = QUOTA_LATE_MS.div_ceil(window) + 1;
    let admitted = match limit.algorithm {
        Algorithm::TokenBucket | Algorithm::SlidingWindow => {
            u64::from(limit.burst()) + refilled(QUOTA_LATE_MS)
        }
        // All of a window may come at its end, and all of the next one right after.
        Algorithm::FixedWindow => u64::from(limit.limit) * windows,
    };
    // Who waits for a turn is counted by the quota already.
    let waiting = limit.delay.map_or(0, |delay| {
        let most = limit.waiting.unwrap_or(MAX_WAITING);
        refilled(delay.as_millis()).min(u64::from(most))
    });
    match limit.scope {
        Scope::Node => others.saturating_mul(admitted.saturating_add(waiting)),
        // All nodes have one, and may exceed it by so much: windows each by itself.
        Scope::Cluster => {
            let times = match limit.algorithm {
                Algorithm::TokenBucket => 1,
                Algorithm::SlidingWindow | Algorithm::FixedWindow => windows,
            };
            let lost = limit.overshoot(nodes).lost.saturating_mul(times);
            admitted
                .saturating_add(lost)
                .saturating_add(others.saturating_mul(waiting))
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate {
                nodes,
                overshoot: Overshoot { late, lost },
                owed,
            } => {
                match nodes {
                    0 | 1 => f.write_str("One node counts exactly.")?,
                    nodes => write!(
                        f,
                        "{nodes} nodes together admit at most {late} more; {lost} more once Redis is lost."
                    )?,
                }
                match owed {
                    0 => Ok(()),
                    owed => write!(f, " What answers cost may be owed, up to {owed}."),
                }
            }
            Self::Quota { nodes: 0 | 1, .. } => {
                f.write_str("With one gateway node the quota is counted exactly.")
            }
            Self::Quota {
                nodes,
                most: Some(most),
            } => write!(
                f,
                "With {nodes} gateway nodes the quota may be exceeded by at most {most} requests."
            ),
            Self::Quota { nodes, most: None } => write!(
                f,
                "With {nodes} gateway nodes the quota may be exceeded; unbounded, because no rate limit beside it bounds whom it counts."
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
    fn the_bound_of_a_rate_limit_in_words() {
        let limit = |rest: &str| {
            let json = format!(r#"[{{"rate_limit":{{"limit":100,"window":"60s"{rest}}}}}]"#);
            policies(&json)
        };
        let bucket = r#","scope":"cluster""#;
        let costs = r#","scope":"cluster","cost_from":{"header":"X-Cost","max":5}"#;
        for (rest, nodes, told) in [
            ("", 3, None),
            (r#","scope":"cluster","mode":"observe""#, 3, None),
            (bucket, 1, Some("One node counts exactly.")),
            (
                bucket,
                2,
                Some("2 nodes together admit at most 12 more; 62 more once Redis is lost."),
            ),
            (
                r#","scope":"cluster","algorithm":"fixed_window""#,
                3,
                Some("3 nodes together admit at most 20 more; 88 more once Redis is lost."),
            ),
            (
                r#","scope":"cluster","algorithm":"sliding_window""#,
                2,
                Some("2 nodes together admit at most 30 more; 80 more once Redis is lost."),
            ),
            (
                costs,
                1,
                Some("One node counts exactly. What answers cost may be owed, up to 500."),
            ),
        ] {
            let all = limit(rest);
            let bound = Bound::of(&all[0], &all, AttachPoint::Api, nodes);
            let words = bound.map(|bound| bound.to_string());
            assert_eq!(words.as_deref(), told, "{rest} {nodes}");
        }
    }

    #[test]
    fn the_bound_of_a_quota_follows_nodes_and_what_stands_beside_it() {
        use AttachPoint::{Plan, Version};
        let minute = r#""limit":60,"window":"60s","burst":5"#;
        let unbounded = None;
        for (rate, point, nodes, most) in [
            (minute.to_owned(), Plan, 1, Some(0)),
            (minute.to_owned(), Plan, 3, Some(2 * (5 + 2))),
            (minute.to_owned(), Version, 3, Some(2 * (5 + 2))),
            (format!(r#"{minute},"by":["key"]"#), Plan, 2, unbounded),
            (format!(r#"{minute},"headers":["X-A"]"#), Plan, 2, unbounded),
            (format!(r#"{minute},"mode":"observe""#), Plan, 2, unbounded),
            (
                format!(r#"{minute},"by":["subscription"]"#),
                Plan,
                2,
                Some(7),
            ),
            // An application may have several.
            (
                format!(r#"{minute},"by":["subscription"]"#),
                Version,
                2,
                unbounded,
            ),
            (
                format!(r#"{minute},"by":["application"]"#),
                Version,
                2,
                Some(7),
            ),
            // What costs nothing in the end is not bounded by what it took.
            (
                format!(r#"{minute},"cost_from":{{"header":"X-Cost","max":5}}"#),
                Plan,
                2,
                unbounded,
            ),
            // A minute's at its end, and the next minute's.
            (
                r#""limit":60,"window":"60s","algorithm":"fixed_window""#.to_owned(),
                Plan,
                2,
                Some(120),
            ),
            (
                r#""limit":60,"window":"1s","algorithm":"fixed_window""#.to_owned(),
                Plan,
                2,
                Some(180),
            ),
            // Those who wait for their turns have passed the quota.
            (
                format!(r#"{minute},"delay":"10s""#),
                Plan,
                3,
                Some(2 * (5 + 2 + 10)),
            ),
            (
                format!(r#"{minute},"delay":"10s","waiting":4"#),
                Plan,
                3,
                Some(2 * (5 + 2 + 4)),
            ),
            // All nodes together have one bucket, and what they may exceed it by.
            (
                format!(r#"{minute},"scope":"cluster""#),
                Plan,
                2,
                Some(5 + 2 + (3 + 1) + 3),
            ),
            (
                format!(r#"{minute},"scope":"cluster","delay":"10s","waiting":4"#),
                Plan,
                2,
                Some(5 + 2 + (3 + 1) + 3 + 4),
            ),
            // Windows are exceeded each by itself.
            (
                r#""limit":60,"window":"60s","scope":"cluster","algorithm":"fixed_window""#
                    .to_owned(),
                Plan,
                2,
                Some(2 * (60 + 10 + 30)),
            ),
            (
                r#""limit":60,"window":"60s","scope":"cluster","algorithm":"sliding_window""#
                    .to_owned(),
                Plan,
                2,
                Some(60 + 2 + 2 * (30 + 30)),
            ),
        ] {
            let all = policies(&format!(
                r#"[{{"quota":{{"limit":1000,"period":"month"}}}},{{"rate_limit":{{{rate}}}}}]"#
            ));
            let bound = Bound::of(&all[0], &all, point, nodes);
            assert_eq!(
                bound,
                Some(Bound::Quota { nodes, most }),
                "{rate} {point:?}"
            );
        }
        let quota = r#"{"quota":{"limit":1000,"period":"month"}}"#;
        let told = |json: &str, nodes| {
            let all = policies(json);
            let bound = Bound::of(&all[0], &all, Plan, nodes);
            bound.map(|bound| bound.to_string()).unwrap_or_default()
        };
        let alone = format!("[{quota}]");
        assert_eq!(
            told(&alone, 1),
            "With one gateway node the quota is counted exactly."
        );
        assert!(told(&alone, 2).contains("unbounded"));
        let beside = format!(r#"[{quota},{{"rate_limit":{{{minute}}}}}]"#);
        assert_eq!(
            told(&beside, 3),
            "With 3 gateway nodes the quota may be exceeded by at most 14 requests."
        );
        let watched = r#"[{"quota":{"limit":9,"period":"day","mode":"observe"}}]"#;
        assert_eq!(told(watched, 3), "", "nobody is held to it");
    }
}
