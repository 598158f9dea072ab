//! A plan: its limits, who says yes, and its way from draft to closed.

use domain::lifecycle::PlanState;
use domain::wire::plans::Plan;
use leptos::prelude::*;

use super::{At, button};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    part::{
        Text,
        boxes::callout,
        field::{Field, choice, refusal},
        head::{Link, PageHead, crumbs},
        state::{Badge, Tone},
    },
};

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
    "terms",
    "max_per_application",
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
    let overshoot = page
        .plan
        .as_ref()
        .and_then(|plan| plan.overshoot.clone())
        .map(|words| callout(Tone::Info, view! { <p>{words}</p> }));
    let form = page.may_edit.then(|| form(&page.form, page.plan.is_some()));
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
        {overshoot}
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
        PlanState::Deprecated => Some(button(
            home,
            "close",
            "btn btn--danger",
            "Close: end what is subscribed",
        )),
        PlanState::Closed => None,
    }
}

fn form(form: &Form, exists: bool) -> AnyView {
    let approvals: Vec<(&'static str, Text)> = vec![
        ("manual", "A person says yes".into()),
        ("auto", "At once".into()),
    ];
    let periods: Vec<(&'static str, Text)> = ["month", "week", "day"]
        .map(|period| (period, Text::from(format!("a {period}"))))
        .to_vec();
    let prices: Vec<(&'static str, Text)> = vec![
        ("month", "a month".into()),
        ("year", "a year".into()),
        ("once", "once".into()),
    ];
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, FIELDS)}
            {Field::text("name", "Name").placeholder("Standard").of(form)}
            {Field::text("description", "Description").optional().of(form)}
            {choice("approval", "Approval", approvals, form)}
            <h2>"Limits"</h2>
            <div class="form-row">
                {Field::number("limit", "Rate").optional().mono().unit("requests").of(form)}
                {Field::text("window", "in each").optional().mono().placeholder("60s").of(form)}
                {Field::number("burst", "Burst").optional().mono().placeholder("same as rate").of(form)}
            </div>
            <div class="form-row">
                {Field::number("quota", "Quota").optional().mono().unit("requests").of(form)}
                {choice("period", "in each", periods, form)}
                {Field::text("time_zone", "Time zone").optional().mono().placeholder("UTC").of(form)}
            </div>
            <h2>"Terms and price"</h2>
            {Field::area("terms", "Terms to accept", 4).optional().help("Markdown. Whoever subscribes accepts this text; a change makes a new revision of it.").of(form)}
            <div class="form-row">
                {Field::number("price", "Price").optional().mono().help("In whole units; shown and exported, never charged.").of(form)}
                {Field::text("currency", "Currency").optional().mono().placeholder("EUR").of(form)}
                {choice("per", "per", prices, form)}
            </div>
            <div class="form-row">
                {Field::number("max_per_application", "Most subscriptions of one application").optional().mono().of(form)}
                {Field::text("organizations", "Only for these organizations").optional().mono().help("Their short names, with blanks between.").of(form)}
            </div>
            <div class="actions">
                <button class="btn btn--primary" name="do" value="save">{if exists { "Save" } else { "Make the plan" }}</button>
            </div>
        </form>
    }
    .into_any()
}
