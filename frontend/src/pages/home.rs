//! Where a signed-in person starts: what to do next, and their places.

use chrono::{DateTime, Utc};
use domain::wire::{accounts::AccountMembership, applications::Application};
use leptos::prelude::*;

use crate::{
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::callout,
        head::{PageHead, Section},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Home {
    pub visitor: Visitor,
    pub memberships: Vec<AccountMembership>,
    /// The newest applications, each with the address of its workspace.
    pub applications: Vec<(String, Application)>,
    /// Where decisions wait: address, name, how many.
    pub waiting: Vec<(String, String, u64)>,
    /// Where a first document is imported, for who may publish and has no API.
    pub import: Option<String>,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn view(page: Home) -> AnyView {
    let person = page.visitor.person.clone();
    let name = person
        .as_ref()
        .map(|person| person.name.clone())
        .unwrap_or_default();
    let operator = person.filter(|person| person.operator).map(|_| {
        callout(
            Tone::Info,
            view! { "You run this platform. " <a href="/operator">"Open the operator's pages"</a> },
        )
    });
    let waiting = page
        .waiting
        .iter()
        .map(|(address, place, count)| {
            let words = format!("{} in {place}", format::counted(*count, "request waits", "requests wait"));
            callout(
                Tone::Warn,
                view! { {words} " for a decision. " <a href=format!("{address}/approvals")>"Open the approvals"</a> },
            )
        })
        .collect_view();
    let steps = steps(&page);
    let notes = (operator.is_some() || !page.waiting.is_empty())
        .then(|| view! { <div class="stack">{operator} {waiting}</div> });
    let lede = if steps.is_some() || notes.is_some() {
        "What to do next, and your places."
    } else {
        "Your applications and your places."
    };
    let actions = match page.import.clone() {
        Some(import) => view! {
            <a class="btn" href="/apis">"Browse APIs"</a>
            <a class="btn btn--primary" href=import>{icon(Icon::Plus)} "Import a document"</a>
        }
        .into_any(),
        None => view! { <a class="btn btn--primary" href="/apis">"Browse APIs"</a> }.into_any(),
    };
    let content = view! {
        {PageHead::new(format!("Hello, {name}"))
            .lede(lede)
            .actions(actions)}
        {notes}
        {steps}
        {applications(page.applications, page.now)}
        {Section::new("places", "Organizations and teams").body(places(page.memberships))}
    };
    frame::public(&page.visitor, Area::Elsewhere, content)
}

/// The way to the first call, until an application was called.
fn steps(page: &Home) -> Option<AnyView> {
    let called = page
        .applications
        .iter()
        .any(|(_, application)| application.last_used_at.is_some());
    if called || page.memberships.is_empty() {
        return None;
    }
    let team = page
        .memberships
        .iter()
        .find_map(|membership| Some((&membership.slug, &membership.teams.first()?.slug)));
    let applications = team.map_or("/apis".to_owned(), |(organization, team)| {
        format!("/o/{organization}/t/{team}/applications")
    });
    Some(
        view! {
            <section class="section" aria-labelledby="next-h">
                <div class="section-head"><h2 id="next-h">"Your first call"</h2></div>
                <ol class="steps steps--row">
                    <li><span>"Choose an API from the " <a href="/apis">"catalog"</a> " and read what it does."</span></li>
                    <li><span>"Make an " <a href=applications>"application"</a> " and subscribe it to a plan."</span></li>
                    <li><span>"Create a key, run the ready call, and watch the light turn green."</span></li>
                </ol>
            </section>
        }
        .into_any(),
    )
}

fn applications(applications: Vec<(String, Application)>, now: DateTime<Utc>) -> Option<AnyView> {
    if applications.is_empty() {
        return None;
    }
    let rows: Vec<_> = applications
        .into_iter()
        .map(|(address, application)| {
            let last = match application.last_used_at {
                Some(at) => view! { {format::time(at, now)} }.into_any(),
                None => view! { <span class="faint">"never"</span> }.into_any(),
            };
            view! {
                <tr>
                    <td>
                        <a href=format!("{address}/applications/{}", application.id)>
                            <b>{application.name}</b>
                        </a>
                        <span class="sub">{application.team.name}</span>
                    </td>
                    <td data-label="State">{Badge::from(application.state).quiet()}</td>
                    <td class="n" data-label="Keys">{format::count(application.keys)}</td>
                    <td class="n" data-label="Subscriptions">{format::count(application.subscriptions)}</td>
                    <td data-label="Last call">{last}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::wide("Application"),
        table::text("State"),
        table::number("Keys"),
        table::number("Subscriptions"),
        table::text("Last call"),
    ];
    let table = Table::new(Shape::Rows, columns).rows(rows);
    Some(
        view! { {Section::new("applications", "Applications").body(view! { {table} })} }.into_any(),
    )
}

fn places(memberships: Vec<AccountMembership>) -> AnyView {
    if memberships.is_empty() {
        return Empty::new(
            Icon::Building,
            "No organization yet",
            "Whoever is invited to one finds it here. Signing up makes one of its own.",
        )
        .view();
    }
    let rows: Vec<_> = memberships
        .into_iter()
        .map(|membership| {
            let home = format!("/o/{}", membership.slug);
            let teams = membership
                .teams
                .into_iter()
                .map(|team| {
                    view! {
                        <a class="btn btn--s" href=format!("{home}/t/{}", team.slug)>
                            {icon(Icon::Users)} {team.name} " " <span class="faint">{team.role.as_str()}</span>
                        </a>
                        " "
                    }
                })
                .collect_view();
            view! {
                <tr>
                    <td>
                        <a href=home.clone()><b>{membership.name}</b></a>
                        <span class="sub">{membership.role.as_str()}</span>
                    </td>
                    <td data-label="State">{Badge::from(membership.state).quiet()}</td>
                    <td data-label="Teams"><div class="row">{teams}</div></td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::text("Organization"),
        table::text("State"),
        table::wide("Teams"),
    ];
    view! { {Table::new(Shape::Rows, columns).rows(rows)} }.into_any()
}
