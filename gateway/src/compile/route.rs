//! Versions as routes.

use std::sync::Arc;

use domain::api::Operations as OperationsMode;
use domain::effective;
use domain::id::VersionId;
use domain::policy::{AttachPoint, Policy};
use domain::route::Operations;
use domain::snapshot::{self, Version};

use super::model::Dirty;
use super::{Compiler, numbered};
use crate::policy::{Chain, Uncompiled};
use crate::state::{Operation, Route};

impl Compiler {
    pub(super) fn compile_routes(&mut self, dirty: &Dirty) {
        // All are taken out before any is put in: two versions may have changed places.
        for id in &dirty.versions {
            if let Some(number) = self.route_numbers.get(id) {
                self.route_names.remove(*number);
            }
            if let Some(old) = self.placed_routes.remove(id) {
                for host in hosts(&old) {
                    self.state.routes.remove(host, &old.path);
                }
            }
        }
        for id in &dirty.versions {
            if let Some(version) = self.model.versions.get(id) {
                let place = version.revision.route.clone();
                if let Some(route) = self.route(*id) {
                    self.place(*id, place, &Arc::new(route));
                }
            }
        }
    }

    fn place(&mut self, id: VersionId, place: snapshot::Route, route: &Arc<Route>) {
        for host in hosts(&place) {
            let other = self.state.routes.insert(host, &place.path, route.clone());
            if let Some(other) = other {
                tracing::error!(version.id = %id, other.id = %other.version, "Two versions answer at the same address.");
            }
        }
        self.placed_routes.insert(id, place);
    }

    /// `None` when something that it refers to is not there (yet).
    fn route(&mut self, id: VersionId) -> Option<Route> {
        let version = self.model.versions.get(&id)?;
        let api = self.model.apis.get(&version.api)?;
        let number = numbered(&mut self.route_numbers, id);
        let name = format!("{}/{}", api.slug, version.slug);
        self.route_names.put(number, name);
        let organization = self.model.organizations.get(&api.organization)?;
        let revision = &version.revision;
        let chain = |operation: Option<&snapshot::Operation>| {
            self.chain(organization, api, version, operation)
        };
        let own = chain(None);
        if let Err(error) = &own {
            tracing::error!(version.id = %id, %error, "A policy could not be compiled; its route answers 500.");
        }
        let mut operations = Operations::default();
        for operation in &revision.operations {
            let compiled = Operation {
                id: operation.id,
                chain: (!operation.policies.is_empty()).then(|| chain(Some(operation))),
            };
            if !operations.insert(&operation.method, &operation.template, compiled) {
                tracing::warn!(operation.id = %operation.id, "An operation's path cannot be matched.");
            }
        }
        let mut products: Vec<u32> = self
            .model
            .products_of
            .of(&id)
            .map(|product| numbered(&mut self.product_numbers, product))
            .collect();
        products.sort_unstable();
        Some(Route {
            version: id,
            api: api.id,
            provider: organization.id,
            revision: revision.number,
            number,
            strip_path: revision.route.strip_path,
            enabled: version.enabled,
            suspended: organization.suspended,
            open: match revision.operations_mode {
                OperationsMode::Open => true,
                OperationsMode::Listed => false,
            },
            operations,
            chain: own,
            products: products.into(),
            upstream: self.upstreams.get(&revision.upstream).cloned(),
            test_upstream: revision
                .test_upstream
                .and_then(|id| self.upstreams.get(&id).cloned()),
        })
    }

    fn chain(
        &self,
        organization: &snapshot::Organization,
        api: &snapshot::Api,
        version: &Version,
        operation: Option<&snapshot::Operation>,
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
        Chain::compile(&chain, attach, &self.context())
    }
}

/// The host patterns of a route; `None` is any.
fn hosts(route: &snapshot::Route) -> impl Iterator<Item = Option<&str>> {
    let any = route.hosts.is_empty().then_some(None);
    any.into_iter()
        .chain(route.hosts.iter().map(|host| Some(host.as_str())))
}
