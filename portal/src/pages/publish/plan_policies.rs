//! The policies of a plan: the same form as those of a version.

use api::http::extract::{Path, Query};
use api::service::{plans as service, products};
use domain::actor::Action;
use domain::id::PlanId;
use domain::wire::plans::{EditPlan, Plan};
use frontend::pages::publish::plan::{self, Policies};
use frontend::pages::publish::policy::{Edit, Open};

use super::{Ids, at, sheets, sheets::Address};
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

const TITLE: &str = "Policies of a plan";

pub(super) async fn show(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
) -> Result {
    let plan = service::get(workspace.ctx(), PlanId::from_uuid(ids.plan)).await?;
    let props = props(&workspace, plan, &address, None).await?;
    Ok(workspace.visit.page(TITLE, move || plan::policies(props)))
}

/// The page around what is open; `edit` is a form that was sent.
async fn props(
    workspace: &Workspace,
    plan: Plan,
    address: &Address,
    edit: Option<Edit>,
) -> Result<Policies> {
    let product = products::get(workspace.ctx(), plan.product.id).await?;
    let team = Some(product.team.id);
    let may_edit = workspace
        .ctx()
        .can(Action::EditProduct, product.organization, team);
    let open = address.open(&plan.policies);
    let stored = || sheets::stored(&plan.policies, open, plan.etag, may_edit);
    let home = format!("{}/products/{}", workspace.address(), product.id);
    Ok(Policies {
        at: at(workspace),
        product: (home, product.name),
        edit: edit.or_else(stored),
        plan,
        may_edit,
        open,
    })
}

pub(super) async fn save(
    workspace: Workspace,
    Path(ids): Path<Ids>,
    Query(address): Query<Address>,
    typed: Typed,
) -> Result {
    let id = PlanId::from_uuid(ids.plan);
    let plan = service::get(workspace.ctx(), id).await?;
    let mut all = plan.policies.clone();
    let open = address.open(&all);
    let kind = sheets::kind(&typed, &all, open)?;
    let exists = matches!(open, Open::At(_));
    let (index, made) = match sheets::read(kind, exists, &typed)? {
        sheets::Asked::Again(edit) => {
            let props = props(&workspace, plan, &address, Some(edit)).await?;
            return Ok(workspace.visit.page(TITLE, move || plan::policies(props)));
        }
        sheets::Asked::Refused(edit) => return refuse(&workspace, plan, &address, edit).await,
        sheets::Asked::Remove => (sheets::remove(&mut all, open)?, None),
        sheets::Asked::Save(made) => (sheets::put(&mut all, open, made.0.clone())?, Some(made)),
    };
    // Places in a list mean something else once somebody has changed it.
    let etag = typed.etag().unwrap_or(plan.etag);
    match service::edit(workspace.ctx(), id, Some(etag), with(&plan, all)).await {
        Ok(plan) => Ok(see(&format!(
            "{}/products/{}/plans/{id}/policies",
            workspace.address(),
            plan.product.id
        ))),
        Err(mut error) => {
            if let Some(made) = made {
                let at = format!("/policies/{index}");
                sheets::at_fields(&mut error, &at, &made.0, &made.1);
            }
            let form = typed.clone().refused(workspace.ctx(), error).await?;
            let edit = sheets::again(kind, exists, &typed, form);
            refuse(&workspace, plan, &address, edit).await
        }
    }
}

/// The plan as it is, with other policies.
fn with(plan: &Plan, policies: Vec<domain::policy::Policy>) -> EditPlan {
    EditPlan {
        name: plan.name.clone(),
        description: plan.description.clone(),
        approval: plan.approval,
        terms: plan
            .terms
            .as_ref()
            .map(|terms| terms.text.clone())
            .unwrap_or_default(),
        policies,
        max_per_application: plan.max_per_application,
        max_subscriptions: plan.max_subscriptions,
        price: plan.price.clone(),
        organizations: plan.organizations.clone(),
    }
}

async fn refuse(workspace: &Workspace, plan: Plan, address: &Address, edit: Edit) -> Result {
    let props = props(workspace, plan, address, Some(edit)).await?;
    Ok(workspace
        .visit
        .refused(TITLE, move || plan::policies(props)))
}
