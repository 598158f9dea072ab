//! The teams of an organization, and the form that makes one.

use domain::wire::organizations::Team;
use leptos::prelude::*;

use super::team_role;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        field::{Field, refusal},
        head::{PageHead, Section},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Teams {
    pub at: At,
    /// Each with whether its settings are the reader's to change.
    pub teams: Vec<(Team, bool)>,
    pub newest: Option<String>,
    pub older: Option<String>,
    pub may_create: bool,
    pub form: Form,
}

#[must_use]
pub fn list(page: Teams) -> AnyView {
    let base = page.at.base();
    let shown = format::counted(page.teams.len() as u64, "team", "teams");
    let rows: Vec<_> = page
        .teams
        .iter()
        .map(|(team, may_edit)| row(team, *may_edit, &base, page.at.now))
        .collect();
    let columns = vec![
        table::wide("Team"),
        table::text("Your role"),
        table::text("Made"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Users,
        "No team yet",
        "A team owns APIs, products and applications, and decides over them.",
    );
    let create = page
        .may_create
        .then(|| view! { {Section::new("new", "New team").body(create(&page.form))} });
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let content = view! {
        {PageHead::new("Teams").lede("A team owns APIs, upstreams, products and applications. Admins and owners stand above all teams.")}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {paged}
        {create}
    };
    page.at.page(Menu::Teams, content)
}

fn row(team: &Team, may_edit: bool, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let home = format!("{base}/t/{}", team.slug);
    let role = match team.role {
        Some(role) => view! { {team_role(role)} }.into_any(),
        None => view! { <span class="faint">"not a member"</span> }.into_any(),
    };
    let settings = may_edit
        .then(|| view! { <a class="btn btn--s" href=format!("{home}/settings")>"Settings"</a> });
    view! {
        <tr>
            <td>
                <a href=home.clone()><b>{team.name.clone()}</b></a>
                <span class="sub">{team.description.clone()}</span>
            </td>
            <td data-label="Your role">{role}</td>
            <td data-label="Made">{format::time(team.created_at, now)}</td>
            <td class="act">
                <a class="btn btn--s" href=format!("{home}/members")>"Members"</a> " " {settings}
            </td>
        </tr>
    }
    .into_any()
}

fn create(form: &Form) -> AnyView {
    view! {
        <form class="form form--page" method="post">
            {refusal(form, &["name", "slug", "description"])}
            <div class="form-row">
                {Field::text("name", "Name").placeholder("Storefront").of(form)}
                {Field::text("slug", "Name in addresses").optional().mono().placeholder("storefront").help("Made from the name if left empty; it stays.").of(form)}
            </div>
            {Field::area("description", "What it is responsible for", 2).optional().of(form)}
            <div class="actions"><button class="btn btn--primary">"Make the team"</button></div>
        </form>
    }
    .into_any()
}
