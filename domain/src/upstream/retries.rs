//! When a request is sent once more, and how many may be.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

/// A request that never reached a target, or that a target says it did nothing with (RFC 9113
/// §8.7), is tried again always, one that was answered with one of `statuses` if its method is
/// idempotent (RFC 9110 §9.2.2) and it has no body, or one of at most 64 KiB, which is kept while it
/// is sent.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// The first included, 1 to 5, default 2; 1 never tries again.
    pub tries: u8,
    /// Answers that are tried again, of 500 to 599; default 502, 503, 504.
    pub statuses: Vec<u16>,
    /// Pause before the second try, doubled for each further one, of which a random part of at
    /// least a half is waited; up to 10 s, default 25 ms.
    pub backoff: Span,
    /// Longest `Retry-After` that is waited for where no other target is healthy, up to 10 s,
    /// default 1 s; after a longer one the answer goes to the client.
    pub longest_wait: Span,
    /// Most tries beyond the first that run at once, in percent of the upstream's requests in
    /// flight on this node, 0 to 100, default 20.
    pub budget: u8,
    /// So many are always allowed, 0 to 1000, default 3.
    pub least: u16,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 2,
            statuses: vec![502, 503, 504],
            backoff: Span::from_millis(25),
            longest_wait: Span::from_secs(1),
            budget: 20,
            least: 3,
        }
    }
}

impl Retries {
    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        that((1..=5).contains(&self.tries), "/tries", "Use 1 to 5 tries.");
        let known = |status: &u16| (500..=599).contains(status);
        that(
            self.statuses.len() <= 100 && self.statuses.iter().all(known),
            "/statuses",
            "Use up to 100 codes of 500 to 599.",
        );
        let most = Span::from_secs(10);
        that(self.backoff <= most, "/backoff", "Use at most 10s.");
        that(
            self.longest_wait <= most,
            "/longest_wait",
            "Use at most 10s.",
        );
        that(self.budget <= 100, "/budget", "Use 0 to 100 percent.");
        that(self.least <= 1000, "/least", "Use 0 to 1000.");
        found
    }
}
