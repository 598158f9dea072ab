//! Products: bundles of versions, and the plans under which they are offered.

use domain::wire::products::Product;
use leptos::prelude::*;

use super::At;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        field::{Field, refusal},
        head::{Link, PageHead, Section, crumbs},
        limits::{approval, limits, price},
        state::Badge,
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Products {
    pub at: At,
    pub products: Vec<Product>,
    pub older: Option<String>,
    pub may_edit: bool,
}

#[must_use]
pub fn list(page: Products) -> AnyView {
    let base = format!("{}/products", page.at.base());
    let new = format!("{base}/new");
    let action = page.may_edit.then(|| {
        let new = new.clone();
        view! { <a class="btn btn--primary" href=new>{icon(Icon::Plus)} "New product"</a> }
    });
    let shown = format::counted(page.products.len() as u64, "product", "products");
    let rows: Vec<_> = page
        .products
        .iter()
        .map(|product| row(product, &base))
        .collect();
    let columns = vec![
        table::wide("Product"),
        table::text("Covers"),
        table::text("Plans"),
        table::number("Subscriptions"),
    ];
    let mut empty = Empty::new(
        Icon::Tag,
        "No product yet",
        "Publishing a version makes one of its own; a product of yours may bundle several.",
    );
    if page.may_edit {
        empty = empty.next(view! { <a class="btn" href=new>"New product"</a> });
    }
    let content = view! {
        {PageHead::new("Products and plans").lede("What applications subscribe to, and under which limits.").actions(view! { {action} })}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    page.at.page(Menu::Products, content)
}

fn row(product: &Product, base: &str) -> AnyView {
    let covers: Vec<_> = product
        .versions
        .iter()
        .map(|version| format!("{} {}", version.api.name, version.slug))
        .collect();
    let plans = product
        .plans
        .iter()
        .map(|plan| view! { <span class="row">{plan.name.clone()} {Badge::from(plan.state).quiet()}</span> })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", product.id)><b>{product.name.clone()}</b></a>
                <span class="sub">{product.team.name.clone()}</span>
            </td>
            <td data-label="Covers">{covers.join(", ")}</td>
            <td data-label="Plans">{plans}</td>
            <td class="n" data-label="Subscriptions">{format::count(product.subscriptions)}</td>
        </tr>
    }
    .into_any()
}

/// The form of a new product.
#[derive(Clone, Debug)]
pub struct New {
    pub at: At,
    pub form: Form,
    pub teams: Vec<(String, String)>,
}

#[must_use]
pub fn new(page: New) -> AnyView {
    let base = format!("{}/products", page.at.base());
    let form = &page.form;
    let team = match page.teams.as_slice() {
        [(id, _)] => view! { <input type="hidden" name="team" value=id.clone() /> }.into_any(),
        teams => view! { {Field::select("team", "Team", teams.to_vec()).of(form)} }.into_any(),
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "Products and plans")], "New")}
        {PageHead::new("New product")}
        <form class="form form--page" method="post">
            {refusal(form, &["team", "name", "description"])}
            {team}
            {Field::text("name", "Name").of(form)}
            {Field::area("description", "Description", 3).optional().of(form)}
            <div class="actions"><button class="btn btn--primary">"Make the product"</button></div>
        </form>
    };
    page.at.page(Menu::Products, content)
}

/// What the page of a product shows.
#[derive(Clone, Debug)]
pub struct Shown {
    pub at: At,
    pub product: Product,
    /// Id and name of the versions that may be bundled.
    pub versions: Vec<(String, String)>,
    pub form: Form,
    pub may_edit: bool,
}

#[must_use]
pub fn show(page: Shown) -> AnyView {
    let base = format!("{}/products", page.at.base());
    let home = format!("{base}/{}", page.product.id);
    let rows: Vec<_> = page
        .product
        .plans
        .iter()
        .map(|plan| plan_row(plan, &home))
        .collect();
    let columns = vec![
        table::wide("Plan"),
        table::text("State"),
        table::text("Requests"),
        table::text("Approval"),
        table::number("Price"),
        table::number("Subscriptions"),
    ];
    let add = page.may_edit.then(|| view! { <a class="btn btn--primary" href=format!("{home}/plans/new")>{icon(Icon::Plus)} "New plan"</a> });
    let mut empty = Empty::new(
        Icon::Tag,
        "No plan yet",
        "Without a published plan nobody can subscribe.",
    );
    if page.may_edit {
        empty =
            empty.next(view! { <a class="btn" href=format!("{home}/plans/new")>"New plan"</a> });
    }
    let plans = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let edit = page
        .may_edit
        .then(|| view! { {Section::new("edit", "What it is").body(edit(&page))} });
    let content = view! {
        {crumbs(vec![Link::new(base, "Products and plans")], page.product.name.clone())}
        {PageHead::new(page.product.name.clone())
            .lede(format!("{}, {}", page.product.team.name, format::counted(page.product.subscriptions, "open subscription", "open subscriptions")))
            .actions(view! { {add} })}
        {Section::new("plans", "Plans").count(page.product.plans.len() as u64).body(view! { {plans} })}
        {edit}
    };
    page.at.page(Menu::Products, content)
}

fn plan_row(plan: &domain::wire::plans::Plan, home: &str) -> AnyView {
    let lines = match limits(&plan.policies) {
        lines if lines.is_empty() => vec!["no limit".to_owned()],
        lines => lines,
    };
    let lines = lines
        .into_iter()
        .map(|line| view! { <span class="line">{line}</span> })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{home}/plans/{}", plan.id)><b>{plan.name.clone()}</b></a>
                <span class="sub">{plan.description.clone()}</span>
            </td>
            <td data-label="State">{Badge::from(plan.state).quiet()}</td>
            <td data-label="Requests">{lines}</td>
            <td data-label="Approval">{approval(plan.approval)}</td>
            <td class="n" data-label="Price">{price(plan.price.as_ref())}</td>
            <td class="n" data-label="Subscriptions">{format::count(plan.subscriptions)}</td>
        </tr>
    }
    .into_any()
}

fn edit(page: &Shown) -> AnyView {
    let form = &page.form;
    let boxes = page
        .versions
        .iter()
        .map(|(id, name)| {
            let checked = form.holds("versions", id);
            view! {
                <label class="check">
                    <input type="checkbox" name="versions" value=id.clone() checked=checked />
                    <span>{name.clone()}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, &["name", "description"])}
            {Field::text("name", "Name").of(form)}
            {Field::area("description", "Description", 3).optional().of(form)}
            <fieldset class="field"><legend>"Covers"</legend>{boxes}</fieldset>
            <div class="actions"><button class="btn" name="do" value="save">"Save"</button></div>
        </form>
    }
    .into_any()
}
