//! The policies of a plan.

use api::service::plans as service;
use domain::actor::Action;
use domain::lifecycle::PlanState;
use domain::policy::{AttachPoint, Policy};
use domain::wire::plans::{EditPlan, Plan};
use domain::wire::products::Product;
use frontend::pages::publish::attached::Attached;
use frontend::pages::publish::plan::{self, Policies};
use leptos::prelude::AnyView;

use super::{Ids, at, places::Place, plans};
use crate::{failure::Result, place::Workspace};

pub(super) struct OfPlan {
    plan: Plan,
    product: Product,
}

impl OfPlan {
    fn product(&self, workspace: &Workspace) -> String {
        format!("{}/products/{}", workspace.address(), self.product.id)
    }
}

impl Place for OfPlan {
    const TITLE: &'static str = "Policies of a plan";
    type Page = Policies;

    async fn load(workspace: &Workspace, ids: &Ids) -> Result<Self> {
        let (plan, product) = plans::found(workspace, ids).await?;
        Ok(Self { plan, product })
    }

    fn attached(&self, workspace: &Workspace) -> Attached {
        let home = format!(
            "{}/plans/{}/policies",
            self.product(workspace),
            self.plan.id
        );
        let team = Some(self.product.team.id);
        let organization = self.product.organization;
        // A plan that is closed does not change any more.
        let may = self.plan.state != PlanState::Closed
            && workspace.ctx().can(Action::EditProduct, organization, team);
        Attached::new(AttachPoint::Plan, home, self.plan.policies.clone(), may)
            .without(&self.plan.unreadable)
    }

    fn etag(&self) -> i64 {
        self.plan.etag
    }

    async fn save(&self, workspace: &Workspace, etag: i64, all: Vec<Policy>) -> api::Result<()> {
        let input = with(&self.plan, all);
        let saved = service::edit(workspace.ctx(), self.plan.id, Some(etag), input);
        saved.await.map(drop)
    }

    async fn page(self, workspace: &Workspace, attached: Attached) -> Result<Policies> {
        Ok(Policies {
            at: at(workspace),
            product: (self.product(workspace), self.product.name),
            plan: self.plan,
            attached,
        })
    }

    fn view(page: Policies) -> AnyView {
        plan::policies(page)
    }
}

/// The plan as it is, with other policies.
fn with(plan: &Plan, policies: Vec<Policy>) -> EditPlan {
    EditPlan {
        name: plan.name.clone(),
        description: plan.description.clone(),
        approval: plan.approval,
        terms: plan
            .terms
            .as_ref()
            .map(|terms| terms.text.clone())
            .unwrap_or_default(),
        priority: plan.priority,
        policies,
        scopes: plan.scopes.clone(),
        max_per_application: plan.max_per_application,
        max_subscriptions: plan.max_subscriptions,
        price: plan.price.clone(),
        organizations: plan.organizations.clone(),
    }
}
