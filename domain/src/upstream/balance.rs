//! How the requests of an upstream are shared among its targets.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

/// Choice of a target, among those that are healthy. Default: smooth weighted round robin.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Balance {
    pub algorithm: Algorithm,
    /// What `consistent_hash` hashes; the client's address unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<HashBy>,
    /// With `consistent_hash`: the most that a target may have in flight, in percent of its
    /// share, 100 to 1000, default 125; what is above goes to the next target of the hash.
    pub bound: u16,
    /// A target that was added, or is back from an ejection or a failed probe, takes a share that
    /// grows from a tenth to all of its weight in this time, up to 1 h; at once unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<Span>,
    /// Keeps a client at its target by a cookie of the gateway's own; none unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
}

/// The cookie names the target by a digest; one that is unknown, or whose target is not healthy, is
/// replaced, as the request is balanced anew.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    /// Name of the cookie.
    pub cookie: String,
    /// How long a client keeps it, up to 365 d; until its session ends unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::RoundRobin,
            by: None,
            bound: 125,
            slow_start: None,
            sticky: None,
        }
    }
}

/// All of them heed the weights.
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
    /// In turn, smoothly by weight.
    #[default]
    RoundRobin,
    /// Of two at random the one with fewer requests in flight, until the last byte of an answer.
    LeastRequests,
    /// Of two at random the one with the lower product of requests in flight and of the time to
    /// the first byte, where a peak counts at once and fades within some ten seconds.
    Ewma,
    /// The same target for the same caller, as long as it is healthy and not overloaded.
    ConsistentHash,
    /// At random.
    Random,
}

/// What makes requests go to the same target.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HashBy {
    /// The client's, IPv6 by /64.
    Address,
    /// The path as it goes to the target, without the query.
    Path,
    /// A header's first value; the address where it is absent.
    Header(String),
    /// A cookie's value; the address where it is absent.
    Cookie(String),
}

impl Balance {
    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(100..=1000).contains(&self.bound) {
            found.push(Invalid::new(
                "/bound",
                "Use a bound of 100 to 1000 percent.",
            ));
        }
        match (&self.by, self.algorithm) {
            (None, _) | (Some(_), Algorithm::ConsistentHash) => {}
            (
                Some(_),
                Algorithm::RoundRobin
                | Algorithm::LeastRequests
                | Algorithm::Ewma
                | Algorithm::Random,
            ) => found.push(Invalid::new(
                "/by",
                "Only consistent_hash hashes something.",
            )),
        }
        let name = match &self.by {
            Some(HashBy::Header(name)) => Some(("/by/header", name)),
            Some(HashBy::Cookie(name)) => Some(("/by/cookie", name)),
            Some(HashBy::Address | HashBy::Path) | None => None,
        };
        if let Some((pointer, name)) = name
            && !is_token(name)
        {
            found.push(Invalid::new(
                pointer,
                "Enter 1 to 64 letters, digits, - or _.",
            ));
        }
        if self
            .slow_start
            .is_some_and(|span| span > Span::from_secs(3600))
        {
            found.push(Invalid::new("/slow_start", "Use at most 1h."));
        }
        if let Some(sticky) = &self.sticky {
            if !is_token(&sticky.cookie) {
                found.push(Invalid::new(
                    "/sticky/cookie",
                    "Enter 1 to 64 letters, digits, - or _.",
                ));
            }
            let longest = Span::from_secs(365 * 86_400);
            if sticky.max_age.is_some_and(|age| age > longest) {
                found.push(Invalid::new("/sticky/max_age", "Use at most 365d."));
            }
        }
        found
    }
}

fn is_token(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
