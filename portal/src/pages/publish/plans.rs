//! Plans: the form, and the steps from draft to closed.

use api::http::extract::Path;
use api::service::plans as service;
use domain::actor::Action;
use domain::duration::Span;
use domain::id::{PlanId, ProductId};
use domain::lifecycle::PlanStep;
use domain::plan::{Approval, PRIORITY};
use domain::policy::rate_limit::Algorithm;
use domain::policy::{Mode, Policy, Quota, RateLimit, Scope};
use domain::problem::{Code, Invalid};
use domain::wire::plans::{CreatePlan, EditPlan, Plan, Price, PricePeriod};
use domain::wire::products::Product;
use frontend::form::Form;
use frontend::icon::Icon;
use frontend::pages::publish::plan;
use frontend::part::confirm::Question;

use super::{Ids, at, fields::Fields, places::WOULD_BE_LOST, products};
use crate::{
    failure::{Failure, Result},
    pages::confirm,
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

/// The plan of an address with its product; 404 unless they belong together, and here.
pub(super) async fn found(workspace: &Workspace, ids: &Ids) -> Result<(Plan, Product)> {
    let plan = service::get(workspace.ctx(), PlanId::from_uuid(ids.plan)).await?;
    if plan.product.id.uuid() != ids.product {
        return Err(Failure::of(Code::NotFound));
    }
    let product = products::found(workspace, plan.product.id).await?;
    Ok((plan, product))
}

async fn props(
    workspace: &Workspace,
    product: ProductId,
    plan: Option<Plan>,
    form: Form,
) -> Result<plan::Edit> {
    let product = products::found(workspace, product).await?;
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
    let product = products::found(&workspace, ProductId::from_uuid(ids.product))
        .await?
        .id;
    let (written, wrong) = written(&typed, None);
    if !wrong.is_empty() {
        let form = unreadable(&workspace, typed, wrong, written).await?;
        return refuse(&workspace, product, None, form).await;
    }
    let input = CreatePlan {
        name: written.name,
        slug: None,
        description: written.description,
        approval: written.approval,
        terms: written.terms,
        priority: written.priority,
        policies: written.policies,
        scopes: written.scopes,
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
    let (plan, _) = found(&workspace, &ids).await?;
    let (title, product, form) = (plan.name.clone(), plan.product.id, form_of(&plan));
    let props = props(&workspace, product, Some(plan), form).await?;
    Ok(workspace.visit.page(&title, move || plan::edit(props)))
}

pub(super) async fn act(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let (plan, product) = found(&workspace, &ids).await?;
    let (id, product) = (plan.id, product.id);
    let ctx = workspace.ctx();
    let done = match typed.get("do") {
        "publish" => service::step(ctx, id, PlanStep::Publish, None).await,
        "deprecate" => service::step(ctx, id, PlanStep::Deprecate, None).await,
        "save" => {
            let (input, wrong) = written(&typed, Some(&plan));
            if !wrong.is_empty() {
                let form = unreadable(&workspace, typed, wrong, input).await?;
                return refuse(&workspace, product, Some(plan), form).await;
            }
            service::edit(ctx, id, typed.etag(), input).await
        }
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    match done {
        Ok(_) => Ok(see(&format!(
            "{}/products/{product}/plans/{id}",
            workspace.address()
        ))),
        Err(error) if error.code == Code::PreconditionFailed => {
            // As it is by now.
            let (plan, _) = found(&workspace, &ids).await?;
            let present = form_of(&plan);
            let form = typed.refused_over(ctx, error, &present).await?;
            refuse(&workspace, product, Some(plan), form).await
        }
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

/// The form with what could not be read, and with what the service would not take of the rest: one
/// round tells all.
async fn unreadable(
    workspace: &Workspace,
    typed: Typed,
    wrong: Vec<Invalid>,
    rest: EditPlan,
) -> Result<Form> {
    let form = typed.clone().into_form().invalid(&wrong);
    Ok(match service::check(workspace.ctx(), rest).await {
        Ok(()) => form,
        Err(error) => form.also(at_fields(workspace, typed, error).await?),
    })
}

pub(super) async fn ask_close(workspace: Workspace, Path(ids): Path<Ids>) -> Result {
    let (plan, product) = found(&workspace, &ids).await?;
    let props = close_props(&workspace, plan, product, Form::default())?;
    Ok(workspace
        .visit
        .page("Close a plan", move || plan::close(props)))
}

fn close_props(
    workspace: &Workspace,
    found: Plan,
    product: Product,
    form: Form,
) -> Result<plan::Close> {
    let team = Some(product.team.id);
    workspace
        .ctx()
        .may(Action::EditProduct, product.organization, team)?;
    let address = format!("{}/products/{}", workspace.address(), product.id);
    Ok(plan::Close {
        at: at(workspace),
        question: Question {
            name: found.name.clone(),
            verb: "Close",
            does: "Every subscription to it ends, and its calls are refused at once. A closed plan stays closed.",
            blast: vec![confirm::subscribed(found.subscriptions)],
            symbol: Icon::Ban,
            button: "Close the plan",
            home: format!("{address}/plans/{}", found.id),
            form,
        },
        product: (address, product.name),
    })
}

pub(super) async fn close(workspace: Workspace, Path(ids): Path<Ids>, typed: Typed) -> Result {
    let (found, product) = found(&workspace, &ids).await?;
    let id = found.id;
    let form = match confirm::named(typed, &found.name) {
        Ok(typed) => match service::step(workspace.ctx(), id, PlanStep::Close, None).await {
            Ok(closed) => {
                let product = closed.product.id;
                let address = format!("{}/products/{product}/plans/{id}", workspace.address());
                return Ok(see(&address));
            }
            Err(error) => typed.refused(workspace.ctx(), error).await?,
        },
        Err(form) => form,
    };
    let props = close_props(&workspace, found, product, form)?;
    Ok(workspace
        .visit
        .refused("Close a plan", move || plan::close(props)))
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
            _ if pointer.starts_with("/scopes") => "/scopes",
            _ => pointer.as_str(),
        };
        *invalid = Invalid::new(field, invalid.message.clone());
    }
    typed.refused(workspace.ctx(), error).await
}

/// What the form says, and what of it could not be read. A new plan gets its first limits here;
/// those of one that is there are edited on a page of their own.
fn written(typed: &Typed, before: Option<&Plan>) -> (EditPlan, Vec<Invalid>) {
    let mut fields = Fields::of(typed);
    if before.is_some_and(|plan| !plan.unreadable.is_empty()) {
        fields.wrong.push(Invalid::new("", WOULD_BE_LOST));
    }
    let policies = match before {
        Some(plan) => plan.policies.clone(),
        None => rate(typed, &mut fields)
            .into_iter()
            .chain(quota(typed, &mut fields))
            .collect(),
    };
    let input = EditPlan {
        name: typed.get("name").to_owned(),
        description: typed.get("description").to_owned(),
        approval: Approval::parse(typed.get("approval")).unwrap_or_default(),
        terms: typed.get("terms").to_owned(),
        priority: fields.read("priority", PRIORITY).unwrap_or(0),
        policies,
        scopes: typed
            .get("scopes")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        max_per_application: fields.read("max_per_application", COUNT),
        max_subscriptions: before.and_then(|plan| plan.max_subscriptions),
        price: price(typed, &mut fields),
        organizations: typed
            .get("organizations")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    (input, fields.wrong)
}

fn rate(typed: &Typed, fields: &mut Fields<'_>) -> Option<Policy> {
    let limit = fields.read("limit", COUNT);
    let window = fields.span("window").unwrap_or(Span::from_secs(60));
    let burst = fields.read("burst", COUNT);
    if limit.is_none() && burst.is_some() && typed.get("limit").is_empty() {
        let words = "A burst needs a rate.";
        fields.wrong.push(Invalid::new("/limit", words));
    }
    Some(Policy::RateLimit(Box::new(RateLimit {
        mode: Mode::Enforce,
        name: None,
        limit: limit?,
        window,
        burst,
        by: Vec::new(),
        headers: Vec::new(),
        claims: Vec::new(),
        algorithm: Algorithm::default(),
        cost: None,
        cost_from: None,
        delay: None,
        waiting: None,
        scope: Scope::default(),
    })))
}

fn quota(typed: &Typed, fields: &mut Fields<'_>) -> Option<Policy> {
    let limit = fields.read("quota", COUNT);
    Some(Policy::Quota(Quota {
        mode: Mode::Enforce,
        name: None,
        limit: limit?,
        period: fields.period(),
        time_zone: typed.optional("time_zone"),
    }))
}

fn price(typed: &Typed, fields: &mut Fields<'_>) -> Option<Price> {
    const AMOUNT: &str = "Write an amount like 49 or 49.90.";
    let amount = fields.read::<f64>("price", AMOUNT)?;
    if !amount.is_finite() || amount < 0.0 {
        fields.wrong.push(Invalid::new("/price", AMOUNT));
        return None;
    }
    (amount > 0.0).then(|| Price {
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
    })
}

fn form_of(plan: &Plan) -> Form {
    let form = Form::default()
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
        .with("scopes", plan.scopes.join(" "))
        .with("organizations", plan.organizations.join(" "))
        .with("priority", plan.priority.to_string())
        .with("etag", plan.etag.to_string());
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
