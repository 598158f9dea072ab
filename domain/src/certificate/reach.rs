//! Which hosts a certificate may be shown for: those that it names, and for an organization those
//! that it alone was granted.

use crate::id::OrganizationId;
use crate::route::{Grant, hosts_overlap};

/// Whether a certificate for `names` is one for `host`. A wildcard stands for one label (RFC 6125
/// §6.4.3).
pub fn is_for(names: &[String], host: &str) -> bool {
    let under = host.split_once('.').map(|(_, rest)| rest);
    names.iter().any(|name| {
        name == host
            || name
                .strip_prefix("*.")
                .is_some_and(|rest| under == Some(rest))
    })
}

/// Whether `host` (or all that a pattern stands for) was granted to `organization`, and to nobody
/// else: whoever decides about TLS decides for all that is called under the name. A grant without
/// hosts speaks of a path, not of hosts.
pub fn holds(organization: OrganizationId, host: &str, grants: &[Grant]) -> bool {
    let mut is_granted = false;
    for grant in grants {
        if grant.organization == organization {
            is_granted |= grant.hosts.iter().any(|pattern| covers(pattern, host));
        } else if !grant.hosts.is_empty() && hosts_overlap(&grant.hosts, &[host.to_owned()]) {
            return false;
        }
    }
    is_granted
}

/// As in routes, `*.` stands for any one or more labels.
fn covers(pattern: &str, host: &str) -> bool {
    let inside = host.strip_prefix('*').unwrap_or(host);
    pattern == host
        || pattern
            .strip_prefix('*')
            .is_some_and(|suffix| inside.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        let names = ["*.a.test".to_owned(), "b.test".to_owned()];
        for (host, fits) in [
            ("x.a.test", true),
            ("*.a.test", true),
            ("a.test", false),
            ("y.x.a.test", false),
            ("b.test", true),
            ("x.b.test", false),
        ] {
            assert_eq!(is_for(&names, host), fits, "{host}");
        }
    }

    #[test]
    fn an_organization_holds_what_it_alone_was_granted() {
        let who = |name: &str| OrganizationId::from_name("organization", name);
        let grant = |name: &str, hosts: &[&str]| Grant {
            organization: who(name),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: format!("/{name}"),
        };
        let grants = [
            grant("demo", &[]),
            grant(
                "acme",
                &["api.acme.org", "*.acme.net", "shared.org", "*.wide.org"],
            ),
            grant("beta", &["shared.org", "x.wide.org"]),
        ];
        for (name, host, answer) in [
            ("acme", "api.acme.org", true),
            ("acme", "*.acme.org", false),
            ("acme", "www.acme.org", false),
            ("acme", "*.acme.net", true),
            ("acme", "a.acme.net", true),
            ("acme", "*.a.acme.net", true),
            ("acme", "acme.net", false),
            ("acme", "shared.org", false),
            ("acme", "y.wide.org", true),
            ("acme", "x.wide.org", false),
            ("acme", "*.wide.org", false),
            ("beta", "api.acme.org", false),
            ("beta", "x.wide.org", false),
            ("demo", "demo.org", false),
        ] {
            assert_eq!(holds(who(name), host, &grants), answer, "{name} {host}");
        }
    }
}
