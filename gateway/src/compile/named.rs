//! What the numbers and ids of a state are called: for explaining, never on a request's way.

use domain::explain::Place;
use domain::id::{CredentialId, OperationId, PlanId, UpstreamId, VersionId};
use domain::key::KeyDigest;
use domain::snapshot;

use super::Compiler;

impl Compiler {
    pub(crate) fn place_of(&self, id: VersionId) -> Option<Place> {
        let version = self.model.versions.get(&id)?;
        let api = self.model.apis.get(&version.api)?;
        let organization = self.model.organizations.get(&api.organization)?;
        let route = &version.revision.route;
        let rule = self.rule_of(version);
        Some(Place {
            organization: organization.slug.clone(),
            organization_id: organization.id,
            api: api.slug.clone(),
            api_id: api.id,
            version: version.slug.clone(),
            version_id: id,
            revision: version.revision.number,
            hosts: route.hosts.clone(),
            path: route.path.clone(),
            strip_path: route.strip_path,
            when: rule.lines().map(str::to_owned).collect(),
        })
    }

    pub(crate) fn operation(
        &self,
        version: VersionId,
        id: OperationId,
    ) -> Option<&snapshot::Operation> {
        let operations = &self.model.versions.get(&version)?.revision.operations;
        operations.iter().find(|operation| operation.id == id)
    }

    pub(crate) fn source_of_upstream(&self, id: UpstreamId) -> Option<&snapshot::Upstream> {
        self.model.upstreams.get(&id)
    }

    pub(crate) fn plan_slug(&self, id: PlanId) -> Option<&str> {
        Some(&self.model.plans.get(&id)?.slug)
    }

    pub(crate) fn digest_of(&self, id: CredentialId) -> Option<KeyDigest> {
        Some(self.consumers.key(id, &self.state.keys)?.digest)
    }
}
