//! The policies of an organization, which all its APIs meet. No team's: they stand in the
//! organization's own workspace.

use api::service::{apis, organizations as service};
use domain::actor::Action;
use domain::effective;
use domain::policy::{AttachPoint, Policy, PolicyKind};
use domain::problem::Code;
use domain::wire::TeamPaging;
use domain::wire::apis::Api;
use domain::wire::organizations::{OrganizationPolicies, SetOrganizationPolicies};
use frontend::pages::publish::attached::{Attached, Nearer};
use frontend::pages::publish::organization::{self as page, Policies};
use leptos::prelude::AnyView;

use super::{Ids, at, places::Place};
use crate::{failure::Result, place::Workspace};

pub(super) struct OfOrganization(OrganizationPolicies);

impl Place for OfOrganization {
    const TITLE: &'static str = "Policies of the organization";
    type Page = Policies;

    async fn load(workspace: &Workspace, _: &Ids) -> Result<Self> {
        let found = service::policies(workspace.ctx(), workspace.organization_id());
        Ok(Self(found.await?))
    }

    fn attached(&self, workspace: &Workspace) -> Attached {
        let home = format!("{}/policies", workspace.address());
        let may = workspace.can(Action::EditOrganization);
        Attached::new(
            AttachPoint::Organization,
            home,
            self.0.policies.clone(),
            may,
        )
        .without(&self.0.unreadable)
    }

    fn etag(&self) -> i64 {
        self.0.etag
    }

    async fn save(&self, workspace: &Workspace, etag: i64, all: Vec<Policy>) -> api::Result<()> {
        let input = SetOrganizationPolicies { policies: all };
        let id = self.0.organization;
        let saved = service::set_policies(workspace.ctx(), id, Some(etag), input);
        saved.await.map(drop)
    }

    async fn page(self, workspace: &Workspace, attached: Attached) -> Result<Policies> {
        let paging = TeamPaging {
            team: None,
            limit: Some(100),
            after: None,
        };
        let id = self.0.organization;
        let seen = match apis::list(workspace.ctx(), id, &paging).await {
            Ok(page) => page.items,
            // Somebody without a team reads the organization's policies all the same.
            Err(error) if error.code == Code::Forbidden => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let own = seen
            .into_iter()
            .filter(|api| !api.policies.is_empty() || !api.unreadable.is_empty());
        Ok(Policies {
            at: at(workspace),
            name: workspace.organization.name.clone(),
            attached,
            apis: own
                .map(|api| nearer(workspace, &self.0.policies, api))
                .collect(),
        })
    }

    fn view(page: Policies) -> AnyView {
        page::policies(page)
    }
}

/// What an API has of its own, and which of the organization's policies it does not meet for that.
fn nearer(workspace: &Workspace, all: &[Policy], api: Api) -> Nearer {
    let chain = effective::chain(all, &api.policies, &[], &[], &[]);
    let is_met = |policy: &Policy| {
        let mut met = chain.iter();
        met.any(|one| one.from == AttachPoint::Organization && one.policy == policy)
    };
    let replaced: Vec<PolicyKind> = all
        .iter()
        .filter(|policy| !is_met(policy))
        .map(Policy::kind)
        .collect();
    Nearer {
        name: api.name,
        home: format!("{}/apis/{}/policies", workspace.address(), api.id),
        policies: api.policies,
        is_partial: !api.unreadable.is_empty(),
        replaced,
    }
}
