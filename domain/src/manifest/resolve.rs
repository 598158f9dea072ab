//! From a [`Manifest`] to a [`Snapshot`]: names become ids, references are followed, and every
//! problem is collected with its pointer.

mod applications;
mod certificates;
mod chosen;
mod deprecated;
mod ip_lists;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::read::token;
use super::{DocumentLoader, Manifest, Product};
use crate::id::{Id, OrganizationId, PlanId, ProductId, UpstreamId, VersionId};
use crate::label::{self, Label};
use crate::lifecycle::PlanState;
use crate::name::Slug;
use crate::plan::{PRIORITIES, PRIORITY, check_scopes};
use crate::policy::{AttachPoint, Policy, check_all, named_lists, named_upstreams};
use crate::problem::Invalid;
use crate::snapshot::{self, Parts, SCHEMA, Secret, Settings, Snapshot};
use crate::upstream::{Fallback, UpstreamSettings};

/// Resolves a file as number `state`. `load` opens the documents that it names. In a file every
/// network is allowed for upstreams, and routes lie anywhere.
pub fn resolve(
    manifest: &Manifest,
    state: u64,
    load: &DocumentLoader<'_>,
) -> Result<Snapshot, Vec<Invalid>> {
    let name = manifest.organization.as_deref().unwrap_or("default");
    let mut resolver = Resolver {
        organization: id("organization", name, &[]),
        prefix: name,
        parts: Parts::default(),
        found: Vec::new(),
        upstreams: BTreeMap::new(),
        ip_lists: BTreeSet::new(),
        versions: BTreeMap::new(),
        plans: BTreeMap::new(),
    };
    if manifest.portunus != 1 {
        resolver.refuse("/portunus", "This release reads version 1 of the format.");
    }
    resolver.slug("/organization", name);
    // Policies may name them.
    resolver.upstreams(manifest, load);
    resolver.ip_lists(manifest, load);
    resolver.policies("/policies", &manifest.policies, AttachPoint::Organization);
    resolver.parts.organizations.push(snapshot::Organization {
        id: resolver.organization,
        slug: name.to_owned(),
        suspended: false,
        client_addresses: manifest.client_addresses,
        policies: manifest.policies.clone(),
        unreadable: None,
    });
    resolver.parts.settings = Some(open_settings());
    resolver.apis(manifest, load);
    for (name, product) in &manifest.products {
        resolver.product(name, product);
    }
    resolver.applications(manifest);
    resolver.certificates(manifest, load);
    resolver.hosts(manifest, load);
    if resolver.found.is_empty() {
        Ok(Snapshot {
            schema: SCHEMA,
            state,
            parts: resolver.parts,
        })
    } else {
        Err(resolver.found)
    }
}

fn open_settings() -> Settings {
    let any = ["0.0.0.0/0", "::/0"];
    Settings {
        upstream_allow: any.iter().filter_map(|net| net.parse().ok()).collect(),
        ..Settings::default()
    }
}

/// The id of something known by its place: organization, then names from the outside in.
fn id<K>(kind: &str, organization: &str, names: &[&str]) -> Id<K> {
    let behind = names.iter().map(|part| 1 + part.len());
    let mut name = String::with_capacity(organization.len() + behind.sum::<usize>());
    name.push_str(organization);
    for part in names {
        name.push('\0');
        name.push_str(part);
    }
    Id::from_name(kind, &name)
}

struct Resolver<'a> {
    organization: OrganizationId,
    /// Name of the organization, in front of every name that becomes an id.
    prefix: &'a str,
    parts: Parts,
    found: Vec<Invalid>,
    upstreams: BTreeMap<&'a str, UpstreamId>,
    ip_lists: BTreeSet<&'a str>,
    /// By `<api>/<version>`.
    versions: BTreeMap<String, VersionId>,
    plans: BTreeMap<(&'a str, &'a str), (ProductId, PlanId)>,
}

impl<'a> Resolver<'a> {
    fn refuse(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.found.push(Invalid::new(pointer, message));
    }

    fn slug(&mut self, pointer: impl Display, name: &str) {
        if let Err(error) = name.parse::<Slug>() {
            self.refuse(pointer.to_string(), error.0);
        }
    }

    fn labels(&mut self, pointer: impl Display, labels: &BTreeMap<String, String>) -> Vec<Label> {
        let labels = label::of(labels);
        for wrong in label::check(&labels) {
            self.refuse(format!("{pointer}/labels"), wrong.message);
        }
        labels
    }

    fn policies(&mut self, pointer: &str, policies: &[Policy], point: AttachPoint) {
        let problems = check_all(policies, point).into_iter();
        self.found
            .extend(problems.map(|invalid| invalid.under(pointer)));
        for named in named_upstreams(policies) {
            if !self.upstreams.contains_key(named.name) {
                self.refuse(
                    format!("{pointer}{}", named.pointer),
                    format!("There is no upstream {}.", named.name),
                );
            }
        }
        for named in named_lists(policies) {
            if !self.ip_lists.contains(named.name) {
                self.refuse(
                    format!("{pointer}{}", named.pointer),
                    format!("There is no list {}.", named.name),
                );
            }
        }
    }

    fn upstreams(&mut self, manifest: &'a Manifest, load: &DocumentLoader<'_>) {
        for (name, upstream) in &manifest.upstreams {
            let pointer = format!("/upstreams/{}", token(name));
            self.slug(&pointer, name);
            let settings = UpstreamSettings {
                targets: upstream.targets.clone(),
                timeouts: upstream.timeouts,
                tls: upstream.tls.settings(),
                preserve_host: upstream.preserve_host,
                protocol: upstream.protocol,
                balance: upstream.balance.clone(),
                health: upstream.health.clone(),
                retries: upstream.retries.clone(),
                breaker: upstream.breaker,
                split: upstream.split.clone(),
                fallback: self.fallback(&pointer, manifest, name, upstream),
                mirror: upstream.mirror.as_ref().map(|mirror| {
                    let pointer = format!("{pointer}/mirror/upstream");
                    mirror.to(self.other(pointer, manifest, name, &mirror.upstream))
                }),
                hedge: upstream.hedge,
            };
            let problems = settings.check().into_iter();
            self.found
                .extend(problems.map(|invalid| invalid.under(&pointer)));
            let id = id("upstream", self.prefix, &[name]);
            self.upstreams.insert(name, id);
            let client_certificate = upstream.tls.client_certificate.as_ref();
            let client_certificate = client_certificate
                .and_then(|written| self.client_certificate(&pointer, written, load));
            self.parts.upstreams.push(snapshot::Upstream {
                id,
                organization: self.organization,
                name: name.clone(),
                settings,
                credential: upstream
                    .credential
                    .clone()
                    .map_or(Secret::None, Secret::Clear),
                client_certificate,
                unreadable: None,
            });
        }
    }

    fn fallback(
        &mut self,
        pointer: &str,
        manifest: &Manifest,
        own: &str,
        upstream: &super::Upstream,
    ) -> Option<Fallback> {
        match upstream.fallback.as_ref()? {
            super::Fallback::Answer(answer) => Some(Fallback::Answer(answer.clone())),
            super::Fallback::Upstream(name) => {
                let pointer = format!("{pointer}/fallback/upstream");
                Some(Fallback::Upstream(self.other(pointer, manifest, own, name)))
            }
        }
    }

    /// Another upstream of the file than `own`.
    fn other(&mut self, pointer: String, manifest: &Manifest, own: &str, name: &str) -> UpstreamId {
        if name == own {
            self.refuse(pointer, "Name another upstream.");
        } else if !manifest.upstreams.contains_key(name) {
            self.refuse(pointer, format!("There is no upstream {name}."));
        }
        id("upstream", self.prefix, &[name])
    }

    fn product(&mut self, name: &'a str, product: &'a Product) {
        let pointer = format!("/products/{}", token(name));
        self.slug(&pointer, name);
        let product_id = id("product", self.prefix, &[name]);
        let mut versions = Vec::new();
        for (index, wanted) in product.versions.iter().enumerate() {
            match self.versions.get(wanted) {
                Some(version) => versions.push(*version),
                None => self.refuse(
                    format!("{pointer}/versions/{index}"),
                    format!("There is no version {wanted}; write <api>/<version>."),
                ),
            }
        }
        self.parts.products.push(snapshot::Product {
            id: product_id,
            organization: self.organization,
            versions,
        });
        for (plan_name, plan) in &product.plans {
            let pointer = format!("{pointer}/plans/{}", token(plan_name));
            self.slug(&pointer, plan_name);
            self.policies(
                &format!("{pointer}/policies"),
                &plan.policies,
                AttachPoint::Plan,
            );
            let at = format!("{pointer}/scopes");
            let problems = check_scopes(&plan.scopes).into_iter();
            self.found
                .extend(problems.map(|invalid| invalid.under(&at)));
            if !PRIORITIES.contains(&plan.priority) {
                self.refuse(format!("{pointer}/priority"), PRIORITY);
            }
            let plan_id = id("plan", self.prefix, &[name, plan_name]);
            self.plans.insert((name, plan_name), (product_id, plan_id));
            self.parts.plans.push(snapshot::Plan {
                id: plan_id,
                product: product_id,
                slug: plan_name.clone(),
                state: plan.state.unwrap_or(PlanState::Published),
                priority: plan.priority,
                policies: plan.policies.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
