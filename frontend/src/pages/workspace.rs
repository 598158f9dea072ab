//! The first page of an organization and of a team.

use chrono::{DateTime, Utc};
use domain::organization::OrganizationState;
use domain::wire::{
    apis::Api,
    applications::Application,
    organizations::{Organization, Team},
    traffic::Usage,
};
use leptos::prelude::*;

use super::usage::totals;
use crate::{
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::callout,
        head::{PageHead, Section},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What the page of an organization shows.
#[derive(Clone, Debug)]
pub struct OfOrganization {
    pub visitor: Visitor,
    pub place: Place,
    pub organization: Organization,
    pub teams: Vec<Team>,
    /// Whether the reader may make teams.
    pub may_create_team: bool,
}

#[must_use]
pub fn organization(page: OfOrganization) -> AnyView {
    let base = page.place.address();
    let suspended = (page.organization.state == OrganizationState::Suspended).then(|| {
        callout(Tone::Danger, "The organization is suspended: its members read only, its keys and routes answer organization_suspended.")
    });
    let rows: Vec<_> = page
        .teams
        .into_iter()
        .map(|team| team_row(team, &base))
        .collect();
    let columns = vec![
        table::wide("Team"),
        table::text("Your role"),
        table::actions(),
    ];
    let create = page.may_create_team.then(|| {
        view! { <a class="btn btn--s" href=format!("{base}/teams")>"Manage teams"</a> }
    });
    let empty = Empty::new(
        Icon::Users,
        "No team",
        "Teams own APIs, products and applications.",
    );
    let table = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let role = page
        .organization
        .role
        .map(|role| view! { {Badge::new(Tone::Plain, Icon::User, role.as_str()).quiet()} });
    let content = view! {
        {PageHead::new(page.organization.name)
            .beside(view! { {Badge::from(page.organization.state).quiet()} {role} })
            .lede("Choose a team: it owns the APIs, products and applications.")}
        {suspended}
        {Section::new("teams", "Teams").actions(view! { {create} }).body(view! { {table} })}
    };
    frame::workspace(&page.visitor, &page.place, Some(Open::Home), content)
}

fn team_row(team: Team, base: &str) -> AnyView {
    let role = match team.role {
        Some(role) => view! { {role.as_str()} }.into_any(),
        None => view! { <span class="faint">"not a member"</span> }.into_any(),
    };
    let home = format!("{base}/t/{}", team.slug);
    view! {
        <tr>
            <td>
                <a href=home.clone()><b>{team.name}</b></a>
                <span class="sub">{team.description}</span>
            </td>
            <td data-label="Your role">{role}</td>
            <td class="act"><a class="btn btn--s" href=home>"Open"</a></td>
        </tr>
    }
    .into_any()
}

/// What the page of a team shows. Each list holds the newest few, and nothing where the reader
/// may not see them.
#[derive(Clone, Debug)]
pub struct OfTeam {
    pub visitor: Visitor,
    pub place: Place,
    pub team: Team,
    pub usage: Option<Usage>,
    pub applications: Option<Vec<Application>>,
    pub apis: Option<Vec<Api>>,
    pub may_edit_apis: bool,
    pub may_edit_applications: bool,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn team(page: OfTeam) -> AnyView {
    let base = page.place.address();
    let figures = page
        .usage
        .as_ref()
        .filter(|usage| usage.totals.requests > 0)
        .map(|usage| {
            let log = view! { <a class="btn btn--s" href=format!("{base}/analytics")>"Analytics"</a> };
            view! { {Section::new("figures", "Our calls").note("last 24 hours, UTC").actions(log).body(totals(usage))} }
        });
    let applications = page
        .applications
        .map(|list| applications(list, &base, page.may_edit_applications, page.now));
    let apis = page.apis.map(|list| apis(list, &base, page.may_edit_apis));
    let content = view! {
        {PageHead::new(page.team.name)
            .lede(page.team.description)
            .actions(view! { <a class="btn btn--primary" href="/apis">"Browse APIs"</a> })}
        {figures}
        {applications}
        {apis}
    };
    frame::workspace(&page.visitor, &page.place, Some(Open::Home), content)
}

fn applications(list: Vec<Application>, base: &str, may_edit: bool, now: DateTime<Utc>) -> AnyView {
    let rows: Vec<_> = list
        .into_iter()
        .map(|application| {
            let last = match application.last_used_at {
                Some(at) => view! { {format::time(at, now)} }.into_any(),
                None => view! { <span class="faint">"never"</span> }.into_any(),
            };
            view! {
                <tr>
                    <td>
                        <a href=format!("{base}/applications/{}", application.id)>
                            <b>{application.name}</b>
                        </a>
                    </td>
                    <td data-label="State">{Badge::from(application.state).quiet()}</td>
                    <td class="n" data-label="Keys">{format::count(application.keys)}</td>
                    <td data-label="Last call">{last}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::wide("Application"),
        table::text("State"),
        table::number("Keys"),
        table::text("Last call"),
    ];
    let mut empty = Empty::new(
        Icon::Application,
        "No application yet",
        "To call an API: make an application, subscribe it, create a key.",
    );
    if may_edit {
        empty = empty.next(
            view! { <a class="btn" href=format!("{base}/applications/new")>"New application"</a> },
        );
    }
    let all =
        view! { <a class="btn btn--s" href=format!("{base}/applications")>"All applications"</a> };
    let table = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    view! { {Section::new("applications", "Applications").actions(all).body(view! { {table} })} }
        .into_any()
}

fn apis(list: Vec<Api>, base: &str, may_edit: bool) -> AnyView {
    let rows: Vec<_> = list
        .into_iter()
        .map(|api| {
            let newest = api.versions.first().map(|version| {
                view! { <span class="tag mono">{version.slug.clone()}</span> " " {Badge::from(version.state).quiet()} }
            });
            view! {
                <tr>
                    <td>
                        <a href=format!("{base}/apis/{}", api.id)><b>{api.name}</b></a>
                    </td>
                    <td data-label="Newest version">{newest}</td>
                    <td data-label="Visibility">{Badge::from(api.visibility)}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::wide("API"),
        table::text("Newest version"),
        table::text("Visibility"),
    ];
    let mut empty = Empty::new(
        Icon::Layers,
        "No API yet",
        "To offer an API: import its OpenAPI document, name an upstream, publish it with a plan.",
    );
    if may_edit {
        empty = empty.next(view! { <a class="btn" href=format!("{base}/apis/import")>{icon(Icon::Plus)} "New API"</a> });
    }
    let all = view! { <a class="btn btn--s" href=format!("{base}/apis")>"All APIs"</a> };
    let table = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    view! { {Section::new("apis", "APIs").actions(all).body(view! { {table} })} }.into_any()
}
