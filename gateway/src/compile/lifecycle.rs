//! What is said about the end of versions, and what the places of retired ones answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::id::{ApiId, VersionId};
use domain::organization::ClientAddresses;
use domain::policy::{self, Mode};
use domain::route::{Routes, Rule, Scheme, Spot};
use domain::snapshot::{self, Version};

use super::Compiler;
use super::model::Dirty;
use super::route::hosts;
use crate::notice::{Links, Notice, Retired};
use crate::policy::Cors;

/// Retired versions at one host and path.
type Place = Vec<(Arc<Rule>, Arc<Retired>)>;

impl Compiler {
    /// What answers of a version say about its end.
    pub(super) fn notice(&self, version: &Version) -> Option<Arc<Notice>> {
        let told = version.deprecation.as_ref()?;
        let links = Links {
            own: self.page(version.api, &version.slug),
            successor: told.successor.and_then(|id| self.successor(id)),
        };
        Some(Arc::new(Notice::new(told, &links)))
    }

    /// Compiles the places of all that is retired: it is little, and seldom changes.
    pub(super) fn compile_retired(&mut self, dirty: &Dirty) {
        // Links lead to successors, which are touched with their APIs and organizations.
        let mut successors = self.model.successors.iter();
        if !(dirty.retired || successors.any(|id| dirty.versions.contains(id))) {
            return;
        }
        let mut places: BTreeMap<(Option<&str>, &str), Place> = BTreeMap::new();
        let mut successors = HashSet::new();
        let apis = self.model.retiring.iter();
        for api in apis.filter_map(|id| self.model.apis.get(id)) {
            for source in &api.retired {
                // What this release cannot read answered nobody.
                let Ok(rule) = Rule::new(&source.route, &source.slug) else {
                    continue;
                };
                let rule = Arc::new(rule);
                // It has no page of its own any more.
                let successor = source.deprecation.successor;
                successors.extend(successor);
                let links = Links {
                    own: None,
                    successor: successor.and_then(|id| self.successor(id)),
                };
                let provider = self.model.organizations.get(&api.organization);
                let retired = Arc::new(Retired {
                    version: source.id,
                    api: api.id,
                    provider: api.organization,
                    client_addresses: provider
                        .map_or(ClientAddresses::Dropped, |one| one.client_addresses),
                    revision: source.revision,
                    notice: Arc::new(Notice::new(&source.deprecation, &links)),
                    cors: self.cors(api, source.cors.as_ref()),
                });
                for host in hosts(&source.route) {
                    let place = places.entry((host, source.route.path.as_str()));
                    let place = place.or_default();
                    place.push((rule.clone(), retired.clone()));
                }
            }
        }
        let mut routes = Routes::default();
        let mut any = false;
        for ((host, path), mut all) in places {
            // Of two that nothing tells apart, the later one answers.
            all.sort_by_key(|(_, retired)| Reverse(retired.version));
            let spots = by_scheme(all);
            any |= !spots.is_empty();
            routes.insert(host, path, spots);
        }
        self.state.retired = any.then(|| Arc::new(routes));
        self.model.successors = successors;
    }

    /// Where the one that comes after is described, or where it answers: that the gateway knows by
    /// itself. `None` while it is not served.
    fn successor(&self, id: VersionId) -> Option<String> {
        let next = self.model.versions.get(&id)?;
        let page = self.page(next.api, &next.slug);
        page.or_else(|| place(&next.revision.route))
    }

    /// Which pages may read what its place answers: by the nearest `cors`, as when it was served.
    fn cors(&self, api: &snapshot::Api, own: Option<&policy::Cors>) -> Option<Cors> {
        let organization = self.model.organizations.get(&api.organization);
        let nearest = own
            .or_else(|| policy::Cors::among(&api.policies))
            .or_else(|| policy::Cors::among(&organization?.policies))?;
        (nearest.mode == Mode::Enforce).then(|| Cors::compile(nearest))
    }

    /// The page of a version in the portal, where that is known.
    fn page(&self, api: ApiId, slug: &str) -> Option<String> {
        let portal = self.portal_url.as_deref()?;
        let api = self.model.apis.get(&api)?;
        let owner = self.model.organizations.get(&api.organization)?;
        let (owner, api) = (&owner.slug, &api.slug);
        Some(format!("{portal}/apis/{owner}/{api}?version={slug}")).filter(|page| is_plain(page))
    }
}

/// Several APIs may have been at a place, one after another, and requests asked for a version of each
/// in its own way. Where none was asked for comes last.
fn by_scheme(all: Place) -> Vec<Spot<Arc<Retired>>> {
    let mut groups: Vec<(Option<Scheme>, Place)> = Vec::new();
    for (rule, retired) in all {
        let scheme = rule.selected.as_ref().map(|selected| &selected.scheme);
        let known = groups
            .iter()
            .position(|(known, _)| known.as_ref() == scheme);
        match known {
            Some(index) => groups[index].1.push((rule, retired)),
            None => groups.push((scheme.cloned(), vec![(rule, retired)])),
        }
    }
    groups.sort_by_key(|(scheme, _)| scheme.is_none());
    let spots = groups.into_iter().filter_map(|(_, all)| Spot::new(all));
    spots.collect()
}

/// The address of a route, as far as it has one: relative to where the client asked.
fn place(route: &snapshot::Route) -> Option<String> {
    let path = &route.path;
    let host = route.hosts.iter().find(|host| !host.starts_with("*."));
    let place = match host {
        Some(host) => Some(format!("//{host}{path}")),
        None => route.hosts.is_empty().then(|| path.clone()),
    };
    place.filter(|place| is_plain(place))
}

/// Whether it can stand in a field between angle brackets.
fn is_plain(target: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"');
    target.bytes().all(plain)
}
