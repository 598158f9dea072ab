//! Plans: the form, and the steps from draft to closed.

use api::http::extract::Path;
use api::service::{plans as service, products};
use domain::actor::Action;
use domain::duration::Span;
use domain::id::{PlanId, ProductId};
use domain::lifecycle::PlanStep;
use domain::plan::Approval;
use domain::policy::{Mode, Policy, Quota, RateLimit};
use domain::problem::{Code, Invalid};
use domain::wire::plans::{CreatePlan, EditPlan, Plan, Price, PricePeriod};
use frontend::form::Form;
use frontend::pages::publish::plan;

use super::{Ids, at, fields::Fields};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

const COUNT: &str = "Write a whole number, 1 or more.";

pub(super) async fn new(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let form = Form::default()
        .with("approval", "manual")
        .with("window", "60s")
        .with("period", "month");
    let props = props(&workspace, ProductId::from_uuid(ids.product), None, form).await?;
    Ok(workspace.visit.page("New plan", move || plan::edit(props)))
}

async fn props(
    workspace: &Workspace,
    product: ProductId,
    plan: Option<Plan>,
    form: Form,
) -> Result<plan::Edit> {
    let product = products::get(workspace.ctx(), product).await?;
    let address = format!("{}/products/{}", workspace.address(), product.id);
    Ok(plan::Edit {
        at: at(workspace),
        may_edit: workspace.ctx().can(
            Action::EditProduct,
            product.organization,
            Some(product.team.id),
        ),
        product: (address, product.name),
        plan,
        form,
    })
}

pub(super) async fn create(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let product = ProductId::from_uuid(ids.product);
    let written = match written(&typed, &[]) {
        Ok(written) => written,
        Err(wrong) => {
            return refuse(&workspace, product, None, typed.into_form().invalid(&wrong)).await;
        }
    };
    let input = CreatePlan {
        name: written.name,
        slug: None,
        description: written.description,
        approval: written.approval,
        terms: written.terms,
        policies: written.policies,
        max_per_application: written.max_per_application,
        max_subscriptions: None,
        price: written.price,
        organizations: written.organizations,
    };
    match service::create(workspace.ctx(), product, input).await {
        Ok(made) => Ok(see(&format!(
            "{}/products/{product}/plans/{}",
            workspace.address(),
            made.id
        ))),
        Err(error) => {
            refuse(
                &workspace,
                product,
                None,
                at_fields(&workspace, typed, error).await?,
            )
            .await
        }
    }
}

pub(super) async fn show(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let plan = service::get(workspace.ctx(), PlanId::from_uuid(ids.plan)).await?;
    let (title, product, form) = (plan.name.clone(), plan.product.id, form_of(&plan));
    let props = props(&workspace, product, Some(plan), form).await?;
    Ok(workspace.visit.page(&title, move || plan::edit(props)))
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let id = PlanId::from_uuid(ids.plan);
    let plan = service::get(workspace.ctx(), id).await?;
    let product = plan.product.id;
    let ctx = workspace.ctx();
    let done = match typed.get("do") {
        "publish" => service::step(ctx, id, PlanStep::Publish, None).await,
        "deprecate" => service::step(ctx, id, PlanStep::Deprecate, None).await,
        "close" => service::step(ctx, id, PlanStep::Close, None).await,
        "save" => match written(&typed, &plan.policies) {
            Ok(mut input) => {
                input.max_subscriptions = plan.max_subscriptions;
                service::edit(ctx, id, Fields::of(&typed).etag(), input).await
            }
            Err(wrong) => {
                return refuse(
                    &workspace,
                    product,
                    Some(plan),
                    typed.into_form().invalid(&wrong),
                )
                .await;
            }
        },
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(_) => Ok(see(&format!(
            "{}/products/{product}/plans/{id}",
            workspace.address()
        ))),
        Err(error) => {
            let stored = (typed.get("do") != "save").then(|| form_of(&plan));
            let words = error.detail.clone();
            let form = at_fields(&workspace, typed, error).await?;
            let form = stored.map_or(form, |stored| stored.refused(words));
            refuse(&workspace, product, Some(plan), form).await
        }
    }
}

async fn refuse(
    workspace: &Workspace,
    product: ProductId,
    plan: Option<Plan>,
    form: Form,
) -> Result {
    let props = props(workspace, product, plan, form).await?;
    Ok(workspace.visit.refused("Plan", move || plan::edit(props)))
}

/// The form names a limit by what it is, not by its place in a list.
async fn at_fields(workspace: &Workspace, typed: Typed, mut error: api::Error) -> Result<Form> {
    for invalid in &mut error.invalid {
        let pointer = invalid.pointer.clone();
        let field = match pointer.rsplit('/').next() {
            Some("limit") if pointer.contains("/quota/") => "/quota",
            Some("amount") => "/price",
            Some("limit") => "/limit",
            Some("window") => "/window",
            Some("burst") => "/burst",
            Some("time_zone") => "/time_zone",
            Some("currency") => "/currency",
            _ => pointer.as_str(),
        };
        *invalid = Invalid::new(field, invalid.message.clone());
    }
    typed.refused(workspace.ctx(), error).await
}

/// What the form says. Policies of `before` that the form has no field for stay as they are.
fn written(typed: &Typed, before: &[Policy]) -> Result<EditPlan, Vec<Invalid>> {
    let mut fields = Fields::of(typed);
    let mut policies: Vec<Policy> = before
        .iter()
        .filter(|policy| !is_shown(policy, before))
        .cloned()
        .collect();
    if let Some(limit) = fields.read("limit", COUNT) {
        let window = fields.span("window").unwrap_or(Span::from_secs(60));
        let burst = fields.read("burst", COUNT);
        policies.push(Policy::RateLimit(RateLimit {
            mode: Mode::Enforce,
            name: None,
            limit,
            window,
            burst,
            by: Vec::new(),
        }));
    }
    if let Some(limit) = fields.read("quota", COUNT) {
        let (period, time_zone) = (fields.period(), typed.optional("time_zone"));
        policies.push(Policy::Quota(Quota {
            mode: Mode::Enforce,
            name: None,
            limit,
            period,
            time_zone,
        }));
    }
    let price = fields
        .read::<f64>("price", "Write an amount like 49 or 49.90.")
        .filter(|amount| *amount > 0.0)
        .map(|amount| Price {
            amount: (amount * 100.0).round() as u64,
            currency: typed
                .optional("currency")
                .unwrap_or_else(|| "EUR".to_owned())
                .to_uppercase(),
            per: match typed.get("per") {
                "year" => PricePeriod::Year,
                "once" => PricePeriod::Once,
                _ => PricePeriod::Month,
            },
        });
    let input = EditPlan {
        name: typed.get("name").to_owned(),
        description: typed.get("description").to_owned(),
        approval: Approval::parse(typed.get("approval")).unwrap_or_default(),
        terms: typed.get("terms").to_owned(),
        policies,
        max_per_application: fields.read("max_per_application", COUNT),
        max_subscriptions: None,
        price,
        organizations: typed
            .get("organizations")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    if fields.wrong.is_empty() {
        Ok(input)
    } else {
        Err(fields.wrong)
    }
}

/// Whether the form has fields for this policy: the first unnamed rate limit and quota.
fn is_shown(policy: &Policy, all: &[Policy]) -> bool {
    let plain = |other: &Policy| {
        other.kind() == policy.kind()
            && other.mode() == Mode::Enforce
            && other.name() == other.kind().as_str()
    };
    plain(policy)
        && all
            .iter()
            .find(|other| plain(other))
            .is_some_and(|first| std::ptr::eq(first, policy))
}

fn form_of(plan: &Plan) -> Form {
    let mut form = Form::default()
        .with("name", plan.name.clone())
        .with("description", plan.description.clone())
        .with("approval", plan.approval.as_str())
        .with(
            "terms",
            plan.terms
                .as_ref()
                .map(|terms| terms.text.clone())
                .unwrap_or_default(),
        )
        .with(
            "max_per_application",
            plan.max_per_application
                .map(|most| most.to_string())
                .unwrap_or_default(),
        )
        .with("organizations", plan.organizations.join(" "))
        .with("etag", plan.etag.to_string());
    for policy in plan
        .policies
        .iter()
        .filter(|policy| is_shown(policy, &plan.policies))
    {
        form = match policy {
            Policy::RateLimit(limit) => form
                .with("limit", limit.limit.to_string())
                .with("window", limit.window.to_string())
                .with(
                    "burst",
                    limit
                        .burst
                        .map(|burst| burst.to_string())
                        .unwrap_or_default(),
                ),
            Policy::Quota(quota) => form
                .with("quota", quota.limit.to_string())
                .with("period", quota.period.as_str())
                .with("time_zone", quota.time_zone.clone().unwrap_or_default()),
            Policy::KeyAuth(_) => form,
        };
    }
    match &plan.price {
        Some(price) => form
            .with(
                "price",
                format!("{}.{:02}", price.amount / 100, price.amount % 100),
            )
            .with("currency", price.currency.clone())
            .with("per", price.per.as_str()),
        None => form,
    }
}
