//! All organizations, and what the operator decides about one: its prefixes, and whether it runs.

use domain::{organization::OrganizationState, wire::organizations::Organization};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::{At, tag},
    part::{
        boxes::{callout, pairs},
        field::{Field, refusal},
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Organizations {
    pub at: At,
    pub organizations: Vec<Organization>,
    pub newest: Option<String>,
    pub older: Option<String>,
}

#[must_use]
pub fn list(page: Organizations) -> AnyView {
    let base = format!("{}/organizations", page.at.base());
    let shown = format::counted(
        page.organizations.len() as u64,
        "organization",
        "organizations",
    );
    let rows: Vec<_> = page
        .organizations
        .iter()
        .map(|organization| row(organization, &base, page.at.now))
        .collect();
    let columns = vec![
        table::wide("Organization"),
        table::text("State"),
        table::text("Prefixes"),
        table::text("Founded"),
    ];
    let empty = Empty::new(
        Icon::Building,
        "No organization yet",
        "Whoever signs up without an invitation founds one.",
    );
    let paged = (page.older.is_some() || page.newest.is_some())
        .then(|| pager(shown, page.newest.clone(), page.older.clone()));
    let content = view! {
        {PageHead::new("Organizations").lede("The tenants. You see what they were granted, nothing of what they hold.")}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {paged}
    };
    page.at.page(Menu::Organizations, content)
}

fn row(organization: &Organization, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let badge = match organization.state {
        OrganizationState::Active => Badge::from(organization.state).quiet(),
        OrganizationState::Suspended => Badge::from(organization.state),
    };
    let grants = organization
        .grants
        .iter()
        .map(|grant| {
            let hosts = (!grant.hosts.is_empty())
                .then(|| view! { <span class="sub mono">{grant.hosts.join(", ")}</span> });
            view! { <span class="line mono">{grant.path.clone()}</span> {hosts} }
        })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", organization.id)><b>{organization.name.clone()}</b></a>
                <span class="sub mono">{organization.slug.clone()}</span>
            </td>
            <td data-label="State">{badge}</td>
            <td data-label="Prefixes">{grants}</td>
            <td class="nowrap" data-label="Founded">{format::time(organization.created_at, now)}</td>
        </tr>
    }
    .into_any()
}

/// What the page of one shows.
#[derive(Clone, Debug)]
pub struct One {
    pub at: At,
    pub organization: Organization,
    /// The form of the prefixes.
    pub grants: Form,
    /// The form that suspends or resumes.
    pub switch: Form,
    pub saved: bool,
}

#[must_use]
pub fn one(page: One) -> AnyView {
    let base = format!("{}/organizations", page.at.base());
    let organization = &page.organization;
    let saved = page
        .saved
        .then(|| callout(Tone::Ok, "Saved. Gateways have it within a second."));
    let facts = pairs(vec![
        (
            "Name in addresses".into(),
            view! { <span class="mono">{organization.slug.clone()}</span> }.into_any(),
        ),
        (
            "Id".into(),
            view! { <span class="mono">{organization.id.to_string()}</span> }.into_any(),
        ),
        (
            "Founded".into(),
            view! { {format::time(organization.created_at, page.at.now)} }.into_any(),
        ),
    ]);
    let (title, body) = match organization.state {
        OrganizationState::Active => ("Suspend", suspend(&page.switch, &organization.slug)),
        OrganizationState::Suspended => ("Resume", resume(&page.switch)),
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "Organizations")], organization.name.clone())}
        {PageHead::new(organization.name.clone()).beside(view! { {Badge::from(organization.state)} })}
        <div class="stack">{saved} {facts}</div>
        {Section::new("places", "Prefixes and hosts").body(grants(&page.grants))}
        {Section::new("switch", title).body(body)}
    };
    page.at.page(Menu::Organizations, content)
}

fn grants(form: &Form) -> AnyView {
    view! {
        <form class="form form--page" method="post">
            {tag(form)}
            {refusal(form, &["grants"])}
            {Field::area("grants", "Where its versions may answer", 4)
                .optional()
                .mono()
                .placeholder("/foxglove\n/ api.foxglove.example")
                .help("One prefix a line, then the hosts it holds on, apart by blanks; without a host it holds on any. Versions outside of it stop answering at once.")
                .of(form)}
            <div class="actions"><button class="btn btn--primary" name="do" value="grants">"Save the prefixes"</button></div>
        </form>
    }
    .into_any()
}

fn suspend(form: &Form, slug: &str) -> AnyView {
    view! {
        <div class="stack">
            {callout(
                Tone::Warn,
                view! {
                    <p><b>"What suspending does"</b></p>
                    <ul class="blast">
                        <li>{icon(Icon::Users)} <span>"Its members can read, and change nothing."</span></li>
                        <li>{icon(Icon::Key)} <span>"Its keys are refused everywhere with organization_suspended."</span></li>
                        <li>{icon(Icon::Layers)} <span>"Its APIs answer organization_suspended to everybody who subscribed to them."</span></li>
                        <li>{icon(Icon::Play)} <span>"Nothing is deleted; resuming brings all of it back."</span></li>
                    </ul>
                },
            )}
            <form class="form form--page" method="post">
                {refusal(form, &["reason", "confirm"])}
                {Field::area("reason", "Reason", 2).help("Goes into the organization's audit, which its admins read.").of(form)}
                {Field::text("confirm", format!("Type {slug} to confirm")).mono().autocomplete("off").of(form)}
                <div class="actions"><button class="btn btn--solid-danger" name="do" value="suspend">"Suspend the organization"</button></div>
            </form>
        </div>
    }
    .into_any()
}

fn resume(form: &Form) -> AnyView {
    view! {
        <div class="stack">
            <p class="small soft">"Its members may change things again, its keys and APIs answer within a second."</p>
            <form class="form form--page" method="post">
                {refusal(form, &["reason"])}
                {Field::area("reason", "Reason", 2).help("Goes into the organization's audit, which its admins read.").of(form)}
                <div class="actions"><button class="btn" name="do" value="resume">"Resume the organization"</button></div>
            </form>
        </div>
    }
    .into_any()
}
