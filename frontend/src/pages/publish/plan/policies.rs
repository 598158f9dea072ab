//! The policies of a plan: its limits, and what else holds for its subscribers.

use domain::wire::plans::Plan;
use leptos::prelude::*;

use super::super::attached::{Attached, not_read};
use super::super::policy;
use super::At;
use crate::{
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        head::{Link, PageHead, crumbs},
        limits::bound,
        state::Badge,
    },
};

/// The list with the policy that is open.
#[derive(Clone, Debug)]
pub struct Policies {
    pub at: At,
    /// Address and name of the product.
    pub product: (String, String),
    pub plan: Plan,
    pub attached: Attached,
}

#[must_use]
pub fn policies(page: Policies) -> AnyView {
    let (address, product) = page.product;
    let plan = page.plan;
    let own = format!("{address}/plans/{}", plan.id);
    let content = view! {
        {crumbs(
            vec![
                Link::new(format!("{}/products", page.at.base()), "Products and plans"),
                Link::new(address, product),
                Link::new(own, plan.name.clone()),
            ],
            "Policies",
        )}
        {PageHead::new(format!("Policies of {}", plan.name))
            .beside(view! { {Badge::from(plan.state)} })
            .lede("They add to those of the API, for the subscribers of this plan, and act as soon as they are saved.")}
        {page.attached.editor("Save, live at once", None, None)}
    };
    page.at.page(Menu::Products, content)
}

fn list(plan: &Plan, home: &str) -> AnyView {
    let policies = &plan.policies;
    if policies.is_empty() {
        return view! { <p class="none">"No policies: no limit of its own"</p> }.into_any();
    }
    let items = policies
        .iter()
        .enumerate()
        .map(|(index, one)| policy::entry(index, one, home, false, bound(one, &plan.bounds)))
        .collect_view();
    view! { <ul>{items}</ul> }.into_any()
}

/// On the page of the plan: what there is, and the way to it.
pub(super) fn summary(plan: &Plan, own: &str) -> AnyView {
    let home = format!("{own}/policies");
    view! {
        <h2>"Limits and other policies"</h2>
        {not_read(&plan.unreadable)}
        <div class="stages">
            {list(plan, &home)}
            <div><a class="btn" href=home.clone()>{icon(Icon::Plus)} "Add a policy"</a></div>
        </div>
    }
    .into_any()
}
