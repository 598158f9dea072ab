//! Versions as routes.

use std::sync::Arc;

use domain::api::Operations as OperationsMode;
use domain::effective;
use domain::id::{UpstreamId, VersionId};
use domain::policy::{AttachPoint, Looks, Policy, named_lists, named_upstreams};
use domain::problem::Invalid;
use domain::route::{Operations, Rule, Spot, check_rule};
use domain::snapshot::{self, Version};

use super::model::{self, Dirty};
use super::{Compiler, numbered};
use crate::asking::{Asked, Parts};
use crate::policy::{Bound, Chain, Context, Examples, Uncompiled};
use crate::state::{Beside, Chosen, Operation, Route, Upstream};

/// What policies look into of a version's document.
type Documented<'d> = (
    Result<Option<&'d Bound>, &'d str>,
    Result<Option<&'d Examples>, &'d str>,
);

impl Compiler {
    pub(super) fn compile_routes(&mut self, dirty: &Dirty) {
        // All are taken out before any is put in: two versions may have changed places.
        for id in &dirty.versions {
            if let Some(number) = self.route_numbers.get(id) {
                self.route_names.remove(*number);
            }
        }
        // Where those stand that are as they were: what is new is not there yet.
        let present = dirty.versions.iter();
        let present = present.filter_map(|id| self.model.versions.get(id));
        for old in dirty.former.iter().chain(present) {
            let (id, place) = (old.id, &old.revision.route);
            for host in hosts(place) {
                let there = self.state.routes.remove(host, &place.path);
                let mut others = there.map(Spot::into_parts).unwrap_or_default();
                others.retain(|(_, other)| other.version != id);
                if let Some(spot) = Spot::new(others) {
                    self.state.routes.insert(host, &place.path, spot);
                }
            }
        }
        for id in &dirty.versions {
            if let Some(version) = self.model.versions.get(id).cloned() {
                let asks = |policies: &[Policy]| named_upstreams(policies).next().is_some();
                let asks = self.model.meets(&version, asks);
                let lists = |policies: &[Policy]| named_lists(policies).next().is_some();
                let lists = self.model.meets(&version, lists);
                self.model.note_namer(*id, asks, lists);
                let rule = Arc::new(self.rule_of(&version));
                if let Some(route) = self.route(*id, &rule) {
                    self.place(&version, &rule, &Arc::new(route));
                }
            }
        }
    }

    /// Puts a version beside those that are there already.
    fn place(&mut self, version: &Version, rule: &Arc<Rule>, route: &Arc<Route>) {
        let (id, place) = (version.id, &version.revision.route);
        for host in hosts(place) {
            let there = self.state.routes.remove(host, &place.path);
            let mut all = there.map(Spot::into_parts).unwrap_or_default();
            for (known, other) in &all {
                if let Some(tie) = rule.tie(known) {
                    tracing::error!(version.id = %id, other.id = %other.version, %tie, "Requests cannot tell two versions apart.");
                }
            }
            all.push((rule.clone(), route.clone()));
            // Where two tie all the same, all gateways choose the same one.
            all.sort_by_key(|(_, route)| route.version);
            if let Some(spot) = Spot::new(all) {
                self.state.routes.insert(host, &place.path, spot);
            }
        }
    }

    /// What the version asks of a request beyond host and path.
    pub(super) fn rule_of(&self, version: &Version) -> Rule {
        let (route, name) = (&version.revision.route, &version.slug);
        Rule::new(route, name).unwrap_or_else(|_| Rule::broken(route, name))
    }

    /// The chain of a version whose rule cannot be read: no request may pass by what is left of it.
    fn unreadable(version: &Version) -> Uncompiled {
        let found = check_rule(&version.revision.route).into_iter().next();
        let found = found.unwrap_or_else(|| Invalid::new("", "It cannot be read."));
        Uncompiled {
            label: format!("the route's {}", found.pointer),
            reason: found.message,
        }
    }

    /// `None` when something that it refers to is not there (yet).
    fn route(&mut self, id: VersionId, rule: &Rule) -> Option<Route> {
        let version = self.model.versions.get(&id)?;
        let api = self.model.apis.get(&version.api)?;
        let number = numbered(&mut self.route_numbers, id);
        let name = format!("{}/{}", api.slug, version.slug);
        self.route_names.put(number, name);
        let organization = self.model.organizations.get(&api.organization)?;
        let revision = &version.revision;
        let bound = self.contracts.bound(version);
        let bound = bound.as_ref().map(Option::as_ref).map_err(String::as_str);
        let own = revision.operations.iter().map(|one| &one.policies);
        let all = own.chain([&organization.policies, &api.policies, &revision.policies]);
        let examples = match Looks::of(all.flatten()).examples {
            true => self.contracts.examples(version),
            false => Ok(None),
        };
        let examples = examples
            .as_ref()
            .map(Option::as_ref)
            .map_err(String::as_str);
        let chain = |operation: Option<&snapshot::Operation>| {
            self.chain(organization, api, version, operation, (bound, examples))
        };
        let unread = [
            ("the organization", &organization.unreadable),
            ("the API", &api.unreadable),
            ("the version", &version.unreadable),
        ];
        let unread = unread
            .into_iter()
            .find_map(|(label, reason)| Some((label, reason.clone()?)));
        let is_unread = unread.is_some() || rule.is_broken();
        let own = match unread {
            Some((label, reason)) => Err(Uncompiled {
                label: label.to_owned(),
                reason,
            }),
            None if rule.is_broken() => Err(Self::unreadable(version)),
            None => chain(None),
        };
        if let Err(error) = &own {
            tracing::error!(version.id = %id, %error, "Part of a version could not be compiled; its route answers 500.");
        }
        let mut operations = Operations::default();
        for operation in &revision.operations {
            let compiled = Operation {
                id: operation.id,
                chain: (!operation.policies.is_empty() && !is_unread)
                    .then(|| chain(Some(operation))),
            };
            if !operations.insert(&operation.method, &operation.template, compiled) {
                tracing::warn!(operation.id = %operation.id, "An operation's path cannot be matched.");
            }
        }
        let mut products: Vec<u32> = self
            .model
            .products_of
            .of(id)
            .map(|product| numbered(&mut self.product_numbers, product))
            .collect();
        products.sort_unstable();
        Some(Route {
            version: id,
            api: api.id,
            provider: organization.id,
            labels: api.labels.clone().into(),
            revision: revision.number,
            number,
            strip_path: revision.route.strip_path,
            encoded_slashes: revision.route.encoded_slashes,
            strip_selector: rule
                .selected
                .as_ref()
                .filter(|selected| selected.strip)
                .map(|selected| Box::new(selected.scheme.clone())),
            enabled: version.enabled,
            suspended: organization.suspended,
            client_addresses: organization.client_addresses,
            open: match revision.operations_mode {
                OperationsMode::Open => true,
                OperationsMode::Listed => false,
            },
            is_timed: revision.route.timeouts.is_some(),
            notice: self.notice(version),
            operations,
            chain: own,
            products: products.into(),
            upstream: self.upstreams.get(&revision.upstream).cloned(),
            test_upstream: revision
                .test_upstream
                .and_then(|id| self.upstreams.get(&id).cloned()),
            beside: self.beside(revision.upstream),
            chosen: self.chosen(&revision.upstreams),
            test_beside: revision
                .test_upstream
                .map_or_else(Beside::default, |id| self.beside(id)),
            timeouts: revision.route.timeouts.clone(),
        })
    }

    fn chosen(&self, all: &[domain::upstream::Chosen]) -> Option<Box<[Chosen]>> {
        let one = |one: &domain::upstream::Chosen| Chosen {
            when: one.when.clone(),
            upstream: self.upstreams.get(&one.upstream).cloned(),
            beside: self.beside(one.upstream),
        };
        (!all.is_empty()).then(|| all.iter().map(one).collect())
    }

    fn beside(&self, id: UpstreamId) -> Beside {
        let Some(source) = self.model.upstreams.get(&id) else {
            return Beside::default();
        };
        let find = |other: UpstreamId| -> Option<Arc<Upstream>> {
            let found = self.model.upstreams.get(&other)?;
            // A credential is its organization's: nobody sends requests with another's.
            let own = found.organization == source.organization;
            (own && found.unreadable.is_none())
                .then(|| self.upstreams.get(&other).cloned())
                .flatten()
        };
        Beside {
            fallback: model::fallback(source).and_then(find),
            mirror: model::mirror(source).and_then(find),
        }
    }

    fn chain(
        &self,
        organization: &snapshot::Organization,
        api: &snapshot::Api,
        version: &Version,
        operation: Option<&snapshot::Operation>,
        (bound, examples): Documented<'_>,
    ) -> Result<Chain, Uncompiled> {
        let none: &[Policy] = &[];
        let own = operation.map_or(none, |operation| &operation.policies);
        let chain = effective::chain(
            &organization.policies,
            &api.policies,
            &version.revision.policies,
            own,
            none,
        );
        let attach = |point| match point {
            AttachPoint::Organization => organization.id.uuid(),
            AttachPoint::Api => api.id.uuid(),
            AttachPoint::Version | AttachPoint::Plan => version.id.uuid(),
            AttachPoint::Operation => {
                operation.map_or(version.id.uuid(), |operation| operation.id.uuid())
            }
        };
        let upstreams = |name: &str| {
            let id = self.model.named_upstream(organization.id, name)?;
            let source = self.model.upstreams.get(&id)?;
            if source.unreadable.is_some() {
                return None;
            }
            Some(Asked {
                upstream: self.upstreams.get(&id).cloned()?,
                written: Parts::new("upstream")
                    .and(&serde_json::to_vec(source).unwrap_or_default())
                    .key(),
            })
        };
        let ip_lists = |name: &str| self.ip_lists.number(organization.id, name);
        let context = Context {
            ip_lists: &ip_lists,
            bound,
            upstreams: &upstreams,
            examples,
            ..self.context()
        };
        Chain::compile(&chain, attach, &context)
    }
}

/// The host patterns of a route; `None` is any.
pub(super) fn hosts(route: &snapshot::Route) -> impl Iterator<Item = Option<&str>> {
    let any = route.hosts.is_empty().then_some(None);
    any.into_iter()
        .chain(route.hosts.iter().map(|host| Some(host.as_str())))
}
