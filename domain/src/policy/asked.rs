//! What policies that name an upstream, to ask it or to send copies to it, have in common.

use super::header::{is_name, is_reserved};
use super::{Identity, Policy};
use crate::duration::Span;
use crate::problem::Invalid;

/// How long an answer is waited for, unless set.
pub(super) const PATIENCE: Span = Span::from_secs(2);
const MOST_PATIENCE: Span = Span::from_secs(30);
/// How long one may be kept.
pub(super) const MOST_KEPT: Span = Span::from_secs(3600);
pub(super) const MOST_FIELDS: usize = 20;
/// Questions that are under way at a time, unless set.
const AT_ONCE: u32 = 64;
const MOST_AT_ONCE: u32 = 10_000;

/// A policy's use of an upstream: where in the policy it is named, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUpstream<'a> {
    /// From the root of the list of policies: `/0/ext_auth/upstream`.
    pub pointer: String,
    pub name: &'a str,
}

/// The upstream that a policy names by itself, and where in it that is.
fn names(policy: &Policy) -> Option<(&'static str, &str)> {
    match policy {
        Policy::Oauth2Introspection(policy) => {
            Some(("/oauth2_introspection/upstream", &policy.upstream))
        }
        Policy::ExtAuth(policy) => Some(("/ext_auth/upstream", &policy.upstream)),
        Policy::Mirror(policy) => Some(("/mirror/upstream", &policy.upstream)),
        _ => None,
    }
}

/// The upstreams that these name, by the organization's names for them.
pub fn named_upstreams(policies: &[Policy]) -> impl Iterator<Item = NamedUpstream<'_>> {
    let all = policies.iter().enumerate();
    all.flat_map(|(index, policy)| {
        let (ways, own): (&[Identity], _) = match policy {
            Policy::AnyOf(policy) => (&policy.of, None),
            other => (&[], names(other)),
        };
        let own = own.into_iter().map(move |(at, name)| NamedUpstream {
            pointer: format!("/{index}{at}"),
            name,
        });
        let ways = ways.iter().enumerate().filter_map(move |(way, identity)| {
            let Identity::Oauth2Introspection(policy) = identity else {
                return None;
            };
            Some(NamedUpstream {
                pointer: format!("/{index}/any_of/of/{way}/oauth2_introspection/upstream"),
                name: &policy.upstream,
            })
        });
        own.chain(ways)
    })
}

pub(super) const fn patience() -> Span {
    PATIENCE
}

pub(super) fn is_patience(span: &Span) -> bool {
    *span == PATIENCE
}

pub(super) const fn at_once() -> u32 {
    AT_ONCE
}

pub(super) const fn is_at_once(most: &u32) -> bool {
    *most == AT_ONCE
}

/// What is wrong with the name of an upstream.
pub(super) fn check_name(upstream: &str) -> Option<Invalid> {
    let is_name = (1..=100).contains(&upstream.chars().count());
    let is_good = is_name && !upstream.chars().any(char::is_control);
    (!is_good).then(|| Invalid::new("/upstream", "Name an upstream of the organization."))
}

/// What is wrong with whom it asks, where, for how long, and how much at a time.
pub(super) fn check(upstream: &str, path: &str, timeout: Span, at_once: u32) -> Vec<Invalid> {
    let mut found = Vec::from_iter(check_name(upstream));
    let mut that = |holds: bool, pointer: &str, message: &str| {
        if !holds {
            found.push(Invalid::new(pointer, message));
        }
    };
    let is_visible = path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    that(
        path.starts_with('/') && path.len() <= 1000 && is_visible,
        "/path",
        "Give a path that begins with / and has at most 1000 visible characters.",
    );
    that(
        timeout <= MOST_PATIENCE,
        "/timeout",
        "Wait for at most 30s.",
    );
    that(
        (1..=MOST_AT_ONCE).contains(&at_once),
        "/most_at_once",
        "Use 1 to 10,000 questions.",
    );
    found
}

/// What is wrong with the name of a field that the gateway sets at the upstream's request: what
/// callers are known by, and what belongs to the protocol, is not for others to say.
pub(super) fn check_told(pointer: &str, name: &str) -> Option<Invalid> {
    const NOT: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-api-key"];
    let is_free = is_name(name)
        && !is_reserved(name)
        && !NOT.iter().any(|one| name.eq_ignore_ascii_case(one));
    (!is_free).then(|| {
        let message = "Name a header field that the gateway and the protocol leave free.";
        Invalid::new(pointer, message)
    })
}
