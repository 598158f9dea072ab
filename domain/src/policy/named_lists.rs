//! Shared lists of networks that policies name.

use super::Policy;
use crate::ip_list::{MAX_NAMED, NAME, is_name};
use crate::problem::Invalid;

/// A policy's use of a list: where in the policy it is named, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedList<'a> {
    /// From the root of the list of policies: `/0/ip_filter/deny_lists/1`.
    pub pointer: String,
    pub name: &'a str,
}

/// The lists that a policy names, by the member in which they stand.
fn names(policy: &Policy) -> [(&'static str, &[String]); 2] {
    match policy {
        Policy::IpFilter(policy) => [
            ("allow_lists", &policy.allow_lists),
            ("deny_lists", &policy.deny_lists),
        ],
        Policy::AuthGuard(policy) => [("allow_lists", &policy.allow_lists), ("", &[])],
        _ => [("", &[]), ("", &[])],
    }
}

/// The lists that these name, by the organization's names for them.
pub fn named_lists(policies: &[Policy]) -> impl Iterator<Item = NamedList<'_>> {
    policies.iter().enumerate().flat_map(|(index, policy)| {
        let kind = policy.kind().as_str();
        names(policy).into_iter().flat_map(move |(member, names)| {
            let places = names.iter().enumerate();
            places.map(move |(place, name)| NamedList {
                pointer: format!("/{index}/{kind}/{member}/{place}"),
                name,
            })
        })
    })
}

/// What is wrong with the names in the members of a policy.
pub(super) fn check(members: &[(&str, &[String])]) -> Vec<Invalid> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    let count: usize = members.iter().map(|(_, names)| names.len()).sum();
    if count > MAX_NAMED {
        let pointer = format!("/{}", members[0].0);
        return vec![Invalid::new(pointer, "Name at most 20 lists.")];
    }
    for (member, names) in members {
        for (index, name) in names.iter().enumerate() {
            let message = if !is_name(name) {
                NAME
            } else if known.contains(&name) {
                "This list is named already."
            } else {
                known.push(name);
                continue;
            };
            found.push(Invalid::new(format!("/{member}/{index}"), message));
        }
    }
    found
}
