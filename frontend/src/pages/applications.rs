//! The applications of a team, and the form that makes one.

use chrono::{DateTime, Utc};
use domain::{lifecycle::ApplicationState, wire::applications::Application};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::{self, Place, Section, Visitor},
    icon::{Icon, icon},
    part::{
        field::{Field, refusal},
        head::{Link, PageHead, crumbs},
        state::Badge,
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Applications {
    pub visitor: Visitor,
    pub place: Place,
    pub applications: Vec<Application>,
    /// Address of the following page.
    pub older: Option<String>,
    pub may_create: bool,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn list(page: Applications) -> AnyView {
    let base = format!("{}/applications", page.place.address());
    let new = format!("{base}/new");
    let shown = format::counted(
        page.applications.len() as u64,
        "application",
        "applications",
    );
    let create = page.may_create.then(|| {
        let new = new.clone();
        view! { <a class="btn btn--primary" href=new>{icon(Icon::Plus)} "New application"</a> }
    });
    let rows = page
        .applications
        .into_iter()
        .map(|application| row(application, &base, page.now));
    let columns = vec![
        table::wide("Name"),
        table::text("State"),
        table::number("Keys"),
        table::number("Subscriptions"),
        table::text("Last call"),
    ];
    let mut empty = Empty::new(
        Icon::Application,
        "No application yet",
        "An application is the program that calls: it holds keys and subscribes to plans. Make one per program.",
    );
    if page.may_create {
        empty = empty.next(view! { <a class="btn" href=new>"New application"</a> });
    }
    let more = page.older.map(|older| pager(shown, None, Some(older)));
    let content = view! {
        {PageHead::new("Applications")
            .lede("The programs of this team that call APIs.")
            .actions(view! { {create} })}
        {Table::new(Shape::Rows, columns).rows(rows.collect::<Vec<_>>()).or_empty(empty)}
        {more}
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Section::Applications),
        content,
    )
}

fn row(application: Application, base: &str, now: DateTime<Utc>) -> AnyView {
    let badge = match application.state {
        ApplicationState::Active => Badge::from(application.state).quiet(),
        ApplicationState::Disabled => Badge::from(application.state),
    };
    let last = match application.last_used_at {
        Some(at) => view! { {format::time(at, now)} }.into_any(),
        None => view! { <span class="faint">"never"</span> }.into_any(),
    };
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", application.id)><b>{application.name}</b></a>
                <span class="sub">{application.description}</span>
            </td>
            <td data-label="State">{badge}</td>
            <td class="n" data-label="Keys">{format::count(application.keys)}</td>
            <td class="n" data-label="Subscriptions">{format::count(application.subscriptions)}</td>
            <td data-label="Last call">{last}</td>
        </tr>
    }
    .into_any()
}

/// The form of a new application, or of one to edit.
#[derive(Clone, Debug)]
pub struct Edit {
    pub visitor: Visitor,
    pub place: Place,
    pub form: Form,
    /// Address and name of the application; none for a new one.
    pub existing: Option<(String, String)>,
    /// Whether the person may say what conditions of policies let it do by.
    pub may_label: bool,
    /// Where to go on afterwards: back to a plan that was about to be subscribed to.
    pub next: Option<String>,
}

#[must_use]
pub fn edit(page: Edit) -> AnyView {
    let form = page.form;
    let mut way = vec![Link::new(
        format!("{}/applications", page.place.address()),
        "Applications",
    )];
    let (title, button, here) = match page.existing {
        Some((address, name)) => {
            way.push(Link::new(address, name));
            ("Edit the application", "Save", "Edit")
        }
        None => ("New application", "Make the application", "New"),
    };
    let next = page
        .next
        .map(|next| view! { <input type="hidden" name="next" value=next /> });
    let content = view! {
        {crumbs(way, here)}
        {PageHead::new(title).lede("One per program, so that its keys and traffic can be told apart.")}
        <form class="form form--page" method="post">
            {refusal(&form, &["name", "description", "labels"])}
            {next}
            {Field::text("name", "Name").placeholder("Lantern iOS").of(&form)}
            {Field::area("description", "What it does", 3)
                .optional()
                .help("Shown to the owners of the products that it subscribes to.")
                .of(&form)}
            {page.may_label.then(|| view! {
                {Field::area("labels", "Labels", 2)
                    .optional()
                    .mono()
                    .placeholder("tier=gold")
                    .help("One name=value per line. Conditions of this organization's policies ask for them: caller.labels[\"tier\"].")
                    .of(&form)}
            })}
            <div class="actions">
                <button class="btn btn--primary">{button}</button>
            </div>
        </form>
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Section::Applications),
        content,
    )
}
