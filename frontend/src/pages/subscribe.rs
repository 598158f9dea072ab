//! Requesting a subscription: which application, which plan, why, under which terms.

use domain::{
    plan::Approval,
    wire::catalog::{ApiPage, OfferedPlan, OfferedProduct},
};
use leptos::prelude::*;

use super::api::address;
use crate::{
    form::Form,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    markdown::markdown,
    part::{
        field::{Field, check, error, refusal},
        head::{Link, PageHead, crumbs},
        limits::{approval, limits, price},
        table::Empty,
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Subscribe {
    pub visitor: Visitor,
    pub page: ApiPage,
    /// Value and words of each application that the person may subscribe with.
    pub applications: Vec<(String, String)>,
    /// Where the person can make an application, each with its name.
    pub teams: Vec<(String, String)>,
    pub form: Form,
}

#[must_use]
pub fn view(subscribe: Subscribe) -> AnyView {
    let home = address(&subscribe.page);
    let name = subscribe.page.entry.name.clone();
    let body = if subscribe.applications.is_empty() {
        no_application(subscribe.teams, &home)
    } else {
        fields(&subscribe.page, subscribe.applications, &subscribe.form)
    };
    let content = view! {
        {crumbs(vec![Link::new("/apis", "APIs"), Link::new(home, name.clone())], "Subscribe")}
        {PageHead::new(format!("Subscribe to {name}"))
            .lede("A key of the application works for this API as soon as the subscription is approved.")}
        {body}
    };
    frame::public(&subscribe.visitor, Area::Apis, content)
}

fn fields(page: &ApiPage, applications: Vec<(String, String)>, form: &Form) -> AnyView {
    let plans: Vec<(&OfferedProduct, &OfferedPlan)> = page
        .products
        .iter()
        .flat_map(|product| product.plans.iter().map(move |plan| (product, plan)))
        .filter(|(_, plan)| plan.state == domain::lifecycle::PlanState::Published)
        .collect();
    let chosen = plans
        .iter()
        .map(|(_, plan)| plan.id.to_string())
        .find(|id| form.holds("plan", id))
        .or_else(|| plans.first().map(|(_, plan)| plan.id.to_string()))
        .unwrap_or_default();
    let several = page.products.len() > 1;
    let choices = plans
        .iter()
        .map(|(product, plan)| plan_choice(product, plan, several, plan.id.to_string() == chosen))
        .collect_view();
    let terms = plans
        .iter()
        .filter_map(|(_, plan)| plan.terms.as_ref().map(|terms| (plan, terms)))
        .map(|(plan, terms)| {
            view! {
                <details class="more">
                    <summary>{icon(Icon::Chevron)} {format!("Terms of {}", plan.name)}</summary>
                    {markdown(&terms.text)}
                </details>
            }
        })
        .collect::<Vec<_>>();
    let accept = (!terms.is_empty()).then(|| {
        check(
            "accept_terms",
            "yes",
            "I accept the terms of the plan, if it has some",
            form,
        )
    });
    let problem = form
        .problem("plan")
        .map(|problem| error(None, problem.to_owned()));
    view! {
        <form class="form form--page" method="post">
            {refusal(form, &["application", "plan", "reason", "accept_terms"])}
            {Field::select("application", "Application", applications).of(form)}
            <fieldset class="field">
                <legend>"Plan"</legend>
                <div class="plan-choice">{choices}</div>
                {problem}
            </fieldset>
            {terms}
            {accept}
            {Field::area("reason", "What for", 3)
                .optional()
                .help("The owner reads it when the plan needs approval.")
                .of(form)}
            <div class="actions">
                <button class="btn btn--primary">"Request the subscription"</button>
            </div>
        </form>
    }
    .into_any()
}

fn plan_choice(
    product: &OfferedProduct,
    plan: &OfferedPlan,
    several: bool,
    chosen: bool,
) -> AnyView {
    let mut facts = limits(&plan.policies);
    if facts.is_empty() {
        facts.push("no limit".to_owned());
    }
    if !plan.scopes.is_empty() {
        facts.push(format!("scopes {}", plan.scopes.join(", ")));
    }
    facts.push(price(plan.price.as_ref()));
    facts.push(approval(plan.approval).to_owned());
    if several {
        facts.push(format!("product {}", product.product.name));
    }
    let lock = if plan.approval == Approval::Auto {
        Icon::Ok
    } else {
        Icon::Clock
    };
    view! {
        <label>
            <input type="radio" name="plan" value=plan.id.to_string() checked=chosen />
            <span>
                <b>{plan.name.clone()}</b>
                <span class="sub">{plan.description.clone()}</span>
                <span class="sub">{icon(lock)} " " {facts.join(" · ")}</span>
            </span>
        </label>
    }
    .into_any()
}

fn no_application(teams: Vec<(String, String)>, home: &str) -> AnyView {
    if teams.is_empty() {
        return Empty::new(
            Icon::Application,
            "Ask a maintainer of a team",
            "An application subscribes, and a team owns it. In no team of yours may you make one or ask for it: a maintainer of the team does, or makes you a developer there.",
        )
        .next(view! { <a class="btn" href="/home">"Your teams"</a> })
        .view();
    }
    let next = format!("{home}/subscribe");
    let buttons = teams
        .into_iter()
        .map(|(address, name)| {
            let href = format!("{address}/applications/new?next={next}");
            view! { <a class="btn" href=href>{format!("New application in {name}")}</a> " " }
        })
        .collect_view();
    Empty::new(
        Icon::Application,
        "First an application",
        "An application is the program that calls. It holds the keys, and it is what subscribes.",
    )
    .next(view! { <div class="actions">{buttons}</div> })
    .view()
}
