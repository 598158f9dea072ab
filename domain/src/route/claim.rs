//! Whether a route may be placed where it asks (gateway.md §5): inside its organization's part of
//! the address space, outside of everybody else's, and not where another version answers.

use crate::id::{ApiId, OrganizationId};
use crate::snapshot::Route;

use super::{Rule, Tie, covers};

/// A part of the address space that belongs to an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub organization: OrganizationId,
    /// Empty: any host.
    pub hosts: Vec<String>,
    /// `/acme`; `/` is everything that nobody else was granted.
    pub path: String,
}

/// A version's route, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub organization: OrganizationId,
    pub api: ApiId,
    /// The version's name: what a request asks for it with, unless its selector says otherwise.
    pub version: String,
    pub route: Route,
}

/// Why a route cannot stand there. Who is in the way is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    #[error("The path lies outside of the organization's part of the address space.")]
    Outside,
    #[error("Another version answers at this host and path.")]
    Taken,
    /// Another version of the same API is there, and requests could not tell the two apart.
    #[error(transparent)]
    Tie(#[from] Tie),
}

impl Clash {
    /// From the route's own root.
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::Outside | Self::Taken => "/path",
            Self::Tie(tie) => tie.pointer(),
        }
    }
}

/// Whether two host lists name a common host; an empty list is any host.
pub fn hosts_overlap(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| overlap(a, b)))
}

fn overlap(a: &str, b: &str) -> bool {
    let under = |pattern: &str, host: &str| {
        let Some(suffix) = pattern.strip_prefix('*') else {
            return false;
        };
        let host = host.strip_prefix('*').unwrap_or(host);
        host.ends_with(suffix)
    };
    a == b || under(a, b) || under(b, a)
}

/// The same host pattern and the same path: the two would be told apart by nothing.
fn same_address(a: &Route, b: &Route) -> bool {
    let same_host = match (a.hosts.is_empty(), b.hosts.is_empty()) {
        (true, true) => true,
        (false, false) => a.hosts.iter().any(|host| b.hosts.contains(host)),
        (true, false) | (false, true) => false,
    };
    same_host && a.path == b.path
}

/// What stands in the way of two claims at the same address; `None` elsewhere. Only versions of
/// one API may share an address.
pub(crate) fn shared(one: &Claim, other: &Claim) -> Option<Clash> {
    if !same_address(&one.route, &other.route) {
        return None;
    }
    if one.api != other.api {
        return Some(Clash::Taken);
    }
    let rule = |claim: &Claim| Rule::new(&claim.route, &claim.version);
    match (rule(one), rule(other)) {
        (Ok(one), Ok(other)) => one.tie(&other).map(Clash::Tie),
        // What cannot be read is told elsewhere; until then nobody else comes here.
        (Err(_), _) | (_, Err(_)) => Some(Clash::Taken),
    }
}

/// Judges a claim. `grants` are those of all organizations, `others` the routes in use by all
/// other versions on the platform.
///
/// Whatever of others reaches the place, a grant or a route in use, is weighed against the owner's
/// grants, and the more telling decides (host before path). So the holder of `/` cannot reach into
/// a granted prefix, a granted prefix does not clash with the holder of `/`, and yet it takes
/// nothing of a route that the holder of `/` has there already.
pub fn clash(claim: &Claim, grants: &[Grant], others: &[Claim]) -> Option<Clash> {
    let (route, owner) = (&claim.route, claim.organization);
    let covered = |hosts: &[String], path: &str| {
        (hosts_overlap(hosts, &route.hosts) && covers(path, &route.path))
            .then(|| (!hosts.is_empty(), path.trim_end_matches('/').len()))
    };
    // A route for any host answers on no host that has routes of its own, so it takes nothing of
    // a host that is somebody's.
    let reached = |hosts: &[String]| hosts.is_empty() || !route.hosts.is_empty();
    let own = grants
        .iter()
        .filter(|grant| grant.organization == owner)
        .filter_map(|grant| covered(&grant.hosts, &grant.path))
        .max();
    let granted = grants
        .iter()
        .map(|grant| (grant.organization, &grant.hosts, &grant.path));
    let in_use = others
        .iter()
        .map(|other| (other.organization, &other.route.hosts, &other.route.path));
    let foreign = granted
        .chain(in_use)
        .filter(|(holder, hosts, _)| *holder != owner && reached(hosts))
        .filter_map(|(_, hosts, path)| covered(hosts, path))
        .max();
    if foreign > own || (own.is_some() && foreign == own) {
        return Some(Clash::Taken);
    }
    if own.is_none() {
        return Some(Clash::Outside);
    }
    others.iter().find_map(|other| shared(claim, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(name: &str) -> OrganizationId {
        OrganizationId::from_name("organization", name)
    }

    fn grant(name: &str, hosts: &[&str], path: &str) -> Grant {
        Grant {
            organization: organization(name),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: path.to_owned(),
        }
    }

    fn route(hosts: &[&str], path: &str) -> Route {
        Route {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Route::at(path)
        }
    }

    fn claim(name: &str, api: &str, route: Route) -> Claim {
        Claim {
            organization: organization(name),
            api: ApiId::from_name("api", api),
            version: "v1".to_owned(),
            route,
        }
    }

    #[test]
    fn everybody_stays_in_their_part() {
        let grants = [
            grant("acme", &[], "/acme"),
            grant("demo", &[], "/"),
            grant("hosted", &["api.hosted.org"], "/"),
        ];
        let taken = route(&[], "/acme/pets/v1");
        let others = [claim("acme", "pets", taken.clone())];
        let judge =
            |who: &str, route: &Route| clash(&claim(who, who, route.clone()), &grants, &others);
        assert_eq!(judge("acme", &route(&[], "/acme/toys/v1")), None);
        assert_eq!(judge("acme", &taken), Some(Clash::Taken));
        assert_eq!(
            judge("acme", &route(&[], "/acmeville")),
            Some(Clash::Taken),
            "the rest is demo's"
        );
        assert_eq!(judge("demo", &route(&[], "/shop")), None);
        assert_eq!(judge("demo", &route(&[], "/acme")), Some(Clash::Taken));
        assert_eq!(
            judge("demo", &route(&["x.org"], "/acme/x")),
            Some(Clash::Taken)
        );
        assert_eq!(judge("hosted", &route(&["api.hosted.org"], "/acme")), None);
        assert_eq!(
            judge("demo", &route(&["api.hosted.org"], "/x")),
            Some(Clash::Taken)
        );
        assert_eq!(
            judge("acme", &route(&["api.hosted.org"], "/acme/x")),
            Some(Clash::Taken)
        );
        let alone = [grant("acme", &[], "/acme")];
        assert_eq!(
            clash(&claim("acme", "x", route(&[], "/x")), &alone, &[]),
            Some(Clash::Outside)
        );
    }

    #[test]
    fn nobody_cuts_into_a_route_in_use() {
        let grants = [
            grant("demo", &[], "/"),
            grant("late", &[], "/bookshop"),
            grant("deep", &[], "/bookshop/v1/deep"),
            grant("hosted", &["api.hosted.org"], "/"),
        ];
        let others = [
            claim("demo", "shop", route(&[], "/")),
            claim("demo", "shop", route(&[], "/bookshop/v1")),
            claim("demo", "shop", route(&["x.org"], "/bookshop/v2")),
        ];
        for (who, hosts, path, answer) in [
            ("late", &[][..], "/bookshop/v1", Some(Clash::Taken)),
            ("late", &[], "/bookshop/v1/inner", Some(Clash::Taken)),
            ("late", &["y.org"], "/bookshop/v1/inner", Some(Clash::Taken)),
            ("late", &[], "/bookshop", None),
            ("late", &[], "/bookshop/v10", None),
            ("late", &[], "/bookshop/v2/inner", None),
            ("late", &["x.org"], "/bookshop/v2/inner", Some(Clash::Taken)),
            // The operator granted exactly this, inside of the route.
            ("deep", &[], "/bookshop/v1/deep/er", None),
            ("hosted", &["api.hosted.org"], "/bookshop/v1/inner", None),
            ("demo", &[], "/music/v1", None),
        ] {
            let asked = claim(who, who, route(hosts, path));
            let found = clash(&asked, &grants, &others);
            assert_eq!(found, answer, "{who} {hosts:?} {path}");
        }
    }

    #[test]
    fn versions_of_one_api_share_an_address() {
        let grants = [grant("demo", &[], "/")];
        let with = |selector: &str| Route {
            selector: serde_json::from_str(selector).unwrap(),
            ..route(&["x.org", "y.org"], "/shop")
        };
        let others = [claim("demo", "shop", with(r#"{"query":"v"}"#))];
        for (api, selector, answer) in [
            ("shop", r#"{"query":"v","value":"v2"}"#, None),
            ("shop", r#"{"query":"v"}"#, Some(Clash::Tie(Tie::Value))),
            ("shop", "null", Some(Clash::Tie(Tie::Mixed))),
            ("other", r#"{"query":"v","value":"v2"}"#, Some(Clash::Taken)),
        ] {
            let asked = Route {
                hosts: vec!["y.org".to_owned()],
                ..with(selector)
            };
            let found = clash(&claim("demo", api, asked), &grants, &others);
            assert_eq!(found, answer, "{api} {selector}");
        }
        let elsewhere = Route {
            hosts: Vec::new(),
            ..with("null")
        };
        assert_eq!(
            clash(&claim("demo", "shop", elsewhere), &grants, &others),
            None
        );
    }

    #[test]
    fn host_patterns_overlap() {
        let hosts = |list: &[&str]| list.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>();
        for (a, b, answer) in [
            (vec![], vec!["x.org"], true),
            (vec!["x.org"], vec!["x.org"], true),
            (vec!["*.x.org"], vec!["a.x.org"], true),
            (vec!["*.x.org"], vec!["*.a.x.org"], true),
            (vec!["*.x.org"], vec!["x.org"], false),
            (vec!["ax.org"], vec!["*.x.org"], false),
            (vec!["x.org"], vec!["y.org"], false),
        ] {
            assert_eq!(hosts_overlap(&hosts(&a), &hosts(&b)), answer, "{a:?} {b:?}");
            assert_eq!(hosts_overlap(&hosts(&b), &hosts(&a)), answer, "{b:?} {a:?}");
        }
    }
}
