//! APIs and their versions: routes, upstreams, and operations of document and file together.

use std::collections::BTreeMap;

use super::super::document;
use super::super::{DocumentLoader, DocumentOperation, Manifest, Version};
use super::{Resolver, id, token};
use crate::api::Operations;
use crate::openapi::PathTemplate;
use crate::path;
use crate::policy::{AttachPoint, Looks, Policy, look_into_document};
use crate::route::{Claim, Clash, RouteTimeouts, Tie, check_rule, host, shared};
use crate::snapshot;

impl<'a> Resolver<'a> {
    pub(super) fn apis(&mut self, manifest: &'a Manifest, load: &DocumentLoader<'_>) {
        let mut taken = BTreeMap::new();
        for (name, api) in &manifest.apis {
            let pointer = format!("/apis/{}", token(name));
            self.slug(&pointer, name);
            self.policies(
                &format!("{pointer}/policies"),
                &api.policies,
                AttachPoint::Api,
            );
            if api.versions.is_empty() {
                self.refuse(
                    format!("{pointer}/versions"),
                    "An API has at least one version.",
                );
            }
            let api_id = id("api", self.prefix, &[name]);
            let labels = self.labels(&pointer, &api.labels);
            self.parts.apis.push(snapshot::Api {
                purges: Vec::new(),
                // What is gone for good is taken out of a file.
                retired: Vec::new(),
                labels,
                id: api_id,
                organization: self.organization,
                slug: name.clone(),
                policies: api.policies.clone(),
                unreadable: None,
            });
            for (version_name, version) in &api.versions {
                let pointer = format!("{pointer}/versions/{}", token(version_name));
                self.slug(&pointer, version_name);
                let version_id = id("version", self.prefix, &[name, version_name]);
                self.versions
                    .insert(format!("{name}/{version_name}"), version_id);
                let revision =
                    self.revision(&pointer, &[name, version_name], (manifest, version), load);
                let wide = [&manifest.policies, &api.policies];
                let document = self.document(&pointer, version, &wide, load);
                let claim = Claim {
                    organization: self.organization,
                    api: api_id,
                    version: version_name.clone(),
                    route: revision.route.clone(),
                };
                self.claim(&pointer, claim, &mut taken);
                let names = [name.as_str(), version_name.as_str()];
                let deprecation = version.deprecated.as_ref();
                let deprecation =
                    deprecation.map(|written| self.deprecation(&pointer, manifest, names, written));
                self.parts.versions.push(snapshot::Version {
                    id: version_id,
                    api: api_id,
                    slug: version_name.clone(),
                    enabled: version.enabled,
                    revision,
                    document,
                    deprecation,
                    unreadable: None,
                });
            }
        }
    }

    fn revision(
        &mut self,
        pointer: &str,
        names: &[&str; 2],
        (manifest, version): (&Manifest, &Version),
        load: &DocumentLoader<'_>,
    ) -> snapshot::Revision {
        self.policies(
            &format!("{pointer}/policies"),
            &version.policies,
            AttachPoint::Version,
        );
        let route = self.route(pointer, version);
        let upstream = self.upstream(&format!("{pointer}/upstream"), &version.upstream);
        let test_upstream = version
            .test_upstream
            .as_deref()
            .map(|name| self.upstream(&format!("{pointer}/test_upstream"), name));
        let upstreams = self.chosen(&format!("{pointer}/upstreams"), manifest, version);
        let by_document = version.openapi.is_some();
        snapshot::Revision {
            id: id("revision", self.prefix, names),
            number: 1,
            route,
            upstream,
            test_upstream,
            upstreams,
            policies: version.policies.clone(),
            operations_mode: version.operations_mode.unwrap_or(if by_document {
                Operations::Listed
            } else {
                Operations::Open
            }),
            operations: self.operations(pointer, names, version, load),
        }
    }

    /// The document, where a policy looks into it.
    fn document(
        &mut self,
        pointer: &str,
        version: &Version,
        wide: &[&Vec<Policy>; 2],
        load: &DocumentLoader<'_>,
    ) -> Option<String> {
        let mut own = version.operations.iter().map(|one| &one.policies);
        let own = look_into_document(&version.policies)
            || own.any(|policies| look_into_document(policies));
        if !own && !wide.iter().any(|policies| look_into_document(policies)) {
            return None;
        }
        let Some(path) = &version.openapi else {
            if own {
                let message = "A policy looks into the version's document, and it has none.";
                self.refuse(format!("{pointer}/policies"), message);
            }
            return None;
        };
        // What cannot be opened was told where its operations were read.
        let bytes = load(path).ok()?;
        let own = version.operations.iter().map(|one| &one.policies);
        let all = own.chain(wide.iter().copied()).chain([&version.policies]);
        for one in Looks::of(all.flatten()).unread(&bytes) {
            let message = format!("{path}, at {}: {}", one.pointer, one.message);
            self.refuse(format!("{pointer}/openapi"), message);
        }
        String::from_utf8(bytes).ok()
    }

    pub(super) fn upstream(&mut self, pointer: &str, name: &str) -> crate::id::UpstreamId {
        match self.upstreams.get(name) {
            Some(id) => *id,
            None => {
                self.refuse(pointer, format!("There is no upstream {name}."));
                crate::id::UpstreamId::NIL
            }
        }
    }

    fn route(&mut self, pointer: &str, version: &Version) -> snapshot::Route {
        let at = format!("{pointer}/match");
        let written = &version.route.path;
        let canonical = path::canonical(written);
        let plain = written == "/" || !written.ends_with('/');
        if canonical.as_deref() != Ok(written) || !plain {
            self.refuse(
                format!("{at}/path"),
                "Write a plain path that starts with a slash and has none at its end.",
            );
        }
        for (index, pattern) in version.route.hosts.iter().enumerate() {
            let name = pattern.strip_prefix("*.").unwrap_or(pattern);
            if host(name).as_deref() != Some(name) {
                self.refuse(
                    format!("{at}/hosts/{index}"),
                    "Write a host name in lower case without port, or *. and a name.",
                );
            }
        }
        let route = snapshot::Route {
            hosts: version.route.hosts.clone(),
            path: written.clone(),
            strip_path: version.strip_path,
            encoded_slashes: version.encoded_slashes,
            timeouts: version.timeouts.map(Box::new),
            selector: version.route.selector.clone().map(Box::new),
            when: version.route.when.clone(),
        };
        let wrong = check_rule(&route).into_iter();
        self.found.extend(wrong.map(|invalid| invalid.under(&at)));
        let at = format!("{pointer}/timeouts");
        let wrong = version.timeouts.iter().flat_map(RouteTimeouts::check);
        self.found.extend(wrong.map(|invalid| invalid.under(&at)));
        route
    }

    /// (host, path, selector) is unique in a file, and no request may fit two versions alike. The
    /// other one is named, as a file is one person's.
    fn claim(
        &mut self,
        pointer: &str,
        claim: Claim,
        taken: &mut BTreeMap<String, Vec<(String, Claim)>>,
    ) {
        let there = taken.entry(claim.route.path.clone()).or_default();
        let clash = there.iter().find_map(|(other, known)| {
            let clash = shared(&claim, known)?;
            Some((clash, other.clone()))
        });
        there.push((pointer.to_owned(), claim));
        if let Some((clash, other)) = clash {
            let at = match clash {
                Clash::Outside | Clash::Taken | Clash::Tie(Tie::Same) => "",
                Clash::Tie(tie) => tie.pointer(),
            };
            self.refuse(
                format!("{pointer}/match{at}"),
                format!("{clash} It is {other}."),
            );
        }
    }

    fn operations(
        &mut self,
        pointer: &str,
        names: &[&str; 2],
        version: &Version,
        load: &DocumentLoader<'_>,
    ) -> Vec<snapshot::Operation> {
        let mut listed = match &version.openapi {
            None => Vec::new(),
            Some(path) => document::operations(path, load).unwrap_or_else(|message| {
                self.refuse(format!("{pointer}/openapi"), message);
                Vec::new()
            }),
        };
        let by_document = version.openapi.is_some();
        let mut own = BTreeMap::new();
        for (index, operation) in version.operations.iter().enumerate() {
            let at = format!("{pointer}/operations/{index}");
            self.policies(
                &format!("{at}/policies"),
                &operation.policies,
                AttachPoint::Operation,
            );
            let matches = &operation.matches;
            let Some(form) = form(&matches.path) else {
                self.refuse(
                    format!("{at}/match/path"),
                    "Write a template like /pets/{id}.",
                );
                continue;
            };
            let known = listed
                .iter()
                .any(|o| o.method == matches.method && self::form(&o.path).as_ref() == Some(&form));
            if by_document && !known && self.found.is_empty() {
                self.refuse(format!("{at}/match"), "The document has no such operation.");
            }
            if !by_document {
                listed.push(DocumentOperation {
                    method: matches.method.clone(),
                    path: matches.path.clone(),
                });
            }
            if !is_method(&matches.method) {
                self.refuse(
                    format!("{at}/match/method"),
                    "Write a method in upper case, such as GET.",
                );
            }
            if own
                .insert((matches.method.clone(), form), operation)
                .is_some()
            {
                self.refuse(
                    format!("{at}/match"),
                    "An earlier entry is about this operation.",
                );
            }
        }
        listed
            .into_iter()
            .map(|operation| {
                let key = (
                    operation.method.clone(),
                    form(&operation.path).unwrap_or_default(),
                );
                snapshot::Operation {
                    id: id(
                        "operation",
                        self.prefix,
                        &[names[0], names[1], &key.0, &key.1],
                    ),
                    policies: own
                        .get(&key)
                        .map(|written| written.policies.clone())
                        .unwrap_or_default(),
                    method: operation.method,
                    template: operation.path,
                }
            })
            .collect()
    }
}

/// The template without its parameters' names; `None` when it is none.
fn form(template: &str) -> Option<String> {
    PathTemplate::parse(template)
        .ok()
        .map(|template| template.form())
}

fn is_method(method: &str) -> bool {
    (1..=16).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}
