//! A plan: its limits, who says yes, and its way from draft to closed.

mod policies;

use domain::lifecycle::PlanState;
use domain::wire::plans::Plan;
use leptos::prelude::*;

use super::{At, button};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    markdown::markdown,
    part::{
        Text,
        boxes::pairs,
        confirm::{Question, confirm},
        field::{Field, choice, refusal},
        head::{Link, PageHead, crumbs},
        limits::{allowed, approval, price},
        state::Badge,
    },
};

pub use self::policies::{Policies, policies};

/// The form of a plan, new or existing.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: At,
    /// Address and name of the product.
    pub product: (String, String),
    pub plan: Option<Plan>,
    pub form: Form,
    pub may_edit: bool,
}

const FIELDS: &[&str] = &[
    "name",
    "description",
    "approval",
    "limit",
    "window",
    "burst",
    "quota",
    "period",
    "time_zone",
    "scopes",
    "terms",
    "max_per_application",
    "priority",
    "price",
    "currency",
    "per",
    "organizations",
];

#[must_use]
pub fn edit(page: Edit) -> AnyView {
    let (address, product) = page.product.clone();
    let title = page
        .plan
        .as_ref()
        .map_or_else(|| "New plan".to_owned(), |plan| plan.name.clone());
    let badge = page
        .plan
        .as_ref()
        .map(|plan| view! { {Badge::from(plan.state)} });
    let lede = page.plan.as_ref().map(|plan| {
        format::counted(
            plan.subscriptions,
            "open subscription",
            "open subscriptions",
        )
    });
    let steps = page
        .plan
        .as_ref()
        .filter(|_| page.may_edit)
        .and_then(|plan| steps(plan, &format!("{address}/plans/{}", plan.id)));
    let form = if page.may_edit {
        form(&page.form, page.plan.as_ref(), &address)
    } else {
        page.plan.as_ref().map(facts).into_any()
    };
    let head = match lede {
        Some(lede) => PageHead::new(title.clone()).lede(lede),
        None => PageHead::new(title.clone()).lede("A draft until you publish it."),
    };
    let content = view! {
        {crumbs(
            vec![Link::new(format!("{}/products", page.at.base()), "Products and plans"), Link::new(address, product)],
            title,
        )}
        {head.beside(badge).actions(steps)}
        {form}
    };
    page.at.page(Menu::Products, content)
}

/// The one step that the present state allows.
fn steps(plan: &Plan, home: &str) -> Option<AnyView> {
    let home = home.to_owned();
    match plan.state {
        PlanState::Draft => Some(button(home, "publish", "btn btn--primary", "Publish")),
        PlanState::Published => Some(button(
            home,
            "deprecate",
            "btn",
            "Take no new subscriptions",
        )),
        PlanState::Deprecated => Some(
            view! { <a class="btn btn--danger" href=format!("{home}/close")>"Close"</a> }
                .into_any(),
        ),
        PlanState::Closed => None,
    }
}

/// The plan for who may not change it.
fn facts(plan: &Plan) -> AnyView {
    let text = |words: String| words.into_any();
    let mut rows: Vec<(Text, AnyView)> = Vec::new();
    if !plan.description.is_empty() {
        rows.push(("Description".into(), text(plan.description.clone())));
    }
    rows.push(("Approval".into(), text(approval(plan.approval).to_owned())));
    rows.extend(allowed(plan));
    if !plan.scopes.is_empty() {
        rows.push(("Scopes".into(), text(plan.scopes.join(", "))));
    }
    rows.push(("Price".into(), text(price(plan.price.as_ref()))));
    if let Some(most) = plan.max_per_application {
        let words = format::counted(u64::from(most), "subscription", "subscriptions");
        rows.push((
            "For one application".into(),
            text(format!("at most {words}")),
        ));
    }
    if plan.priority != 0 {
        rows.push(("Priority".into(), text(plan.priority.to_string())));
    }
    if !plan.organizations.is_empty() {
        rows.push(("Only for".into(), text(plan.organizations.join(", "))));
    }
    if let Some(terms) = &plan.terms {
        let body = view! {
            {format!("revision {}", terms.revision)}
            {markdown(&terms.text)}
        };
        rows.push(("Terms".into(), body.into_any()));
    }
    pairs(rows)
}

/// The page that asks before a plan is closed.
#[derive(Clone, Debug)]
pub struct Close {
    pub at: At,
    /// Address and name of the product.
    pub product: (String, String),
    pub question: Question,
}

#[must_use]
pub fn close(page: Close) -> AnyView {
    let (address, product) = page.product;
    let question = page.question;
    let content = view! {
        {crumbs(
            vec![
                Link::new(format!("{}/products", page.at.base()), "Products and plans"),
                Link::new(address, product),
                Link::new(question.home.clone(), question.name.clone()),
            ],
            "Close",
        )}
        {confirm(question)}
    };
    page.at.page(Menu::Products, content)
}

/// The usual limits of a new plan; all others are policies of the plan, once there is one.
fn first_limits(form: &Form) -> AnyView {
    let periods: Vec<(&'static str, Text)> = ["month", "week", "day"]
        .map(|period| (period, Text::from(period)))
        .to_vec();
    view! {
            <h2>"Limits"</h2>
            <div class="form-row">
                {Field::number("limit", "Rate").optional().mono().min("1").unit("requests").of(form)}
                {Field::text("window", "in each").optional().mono().placeholder("60s").of(form)}
                {Field::number("burst", "Burst").optional().mono().min("1").placeholder("same as rate").of(form)}
            </div>
            <div class="form-row">
                {Field::number("quota", "Quota").optional().mono().min("1").unit("requests").of(form)}
                {choice("period", "in each", periods, form)}
                {Field::text("time_zone", "Time zone").optional().mono().placeholder("UTC").of(form)}
            </div>
    }
    .into_any()
}

fn form(form: &Form, plan: Option<&Plan>, address: &str) -> AnyView {
    let exists = plan.is_some();
    let limits = match (plan, address) {
        (Some(plan), address) => policies::summary(plan, &format!("{address}/plans/{}", plan.id)),
        (None, _) => first_limits(form),
    };
    let approvals: Vec<(&'static str, Text)> = vec![
        ("manual", "A person says yes".into()),
        ("auto", "At once".into()),
    ];
    let prices: Vec<(&'static str, Text)> = ["month", "year", "once"]
        .map(|period| (period, Text::from(period)))
        .to_vec();
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, FIELDS)}
            {Field::text("name", "Name").placeholder("Standard").of(form)}
            {Field::text("description", "Description").optional().of(form)}
            {choice("approval", "Approval", approvals, form)}
            {limits}
            {Field::text("scopes", "Scopes")
                .optional()
                .mono()
                .placeholder("orders:read orders:write")
                .help("With blanks between. Tokens of this platform may have them at the product's APIs; a policy scopes asks for them.")
                .of(form)}
            <h2>"Terms and price"</h2>
            {Field::area("terms", "Terms to accept", 4).optional().help("Markdown. Whoever subscribes accepts this text; a change makes a new revision of it.").of(form)}
            <div class="form-row">
                {Field::number("price", "Price").optional().mono().min("0").step("0.01").help("Shown and exported, never charged.").of(form)}
                {Field::text("currency", "Currency").optional().mono().placeholder("EUR").of(form)}
                {choice("per", "per", prices, form)}
            </div>
            <div class="form-row">
                {Field::number("max_per_application", "Most for one application").optional().mono().min("1").of(form)}
                {Field::number("priority", "Priority").optional().mono().min("-100").placeholder("0").help("Where requests wait, those of the highest go first: -100 to 100.").of(form)}
                {Field::text("organizations", "Only for these organizations").optional().mono().help("Their short names, with blanks between.").of(form)}
            </div>
            <div class="actions">
                <button class="btn btn--primary" name="do" value="save">{if exists { "Save" } else { "Make the plan" }}</button>
            </div>
        </form>
    }
    .into_any()
}
