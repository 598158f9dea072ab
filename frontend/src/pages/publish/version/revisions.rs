//! The tab of the revisions: what was published when, and going back to it.

use domain::wire::versions::Revision;
use leptos::prelude::*;

use super::Frame;
use crate::{
    form::Form,
    format,
    icon::{Icon, icon},
    part::{
        field::refusal,
        table::{self, Empty, Shape, Table},
    },
};

/// The tab of the revisions.
#[derive(Clone, Debug)]
pub struct Revisions {
    pub frame: Frame,
    pub revisions: Vec<Revision>,
    pub refused: Form,
}

#[must_use]
pub fn revisions(page: Revisions) -> AnyView {
    let action = format!("{}/revisions", page.frame.home_address());
    let may = page.frame.may_edit;
    let now = page.frame.at.now;
    let rows: Vec<_> = page
        .revisions
        .iter()
        .map(|revision| revision_row(revision, &action, may, now))
        .collect();
    let columns = vec![
        table::number("Revision"),
        table::wide("Note"),
        table::text("Path"),
        table::number("Operations"),
        table::text("Published"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Branch,
        "No revision yet",
        "Publishing makes the first one.",
    );
    let content = view! {
        {refusal(&page.refused, &[])}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
    };
    page.frame.around("revisions", content)
}

fn revision_row(
    revision: &Revision,
    action: &str,
    may: bool,
    now: chrono::DateTime<chrono::Utc>,
) -> AnyView {
    let note = if revision.note.is_empty() {
        "–".to_owned()
    } else {
        revision.note.clone()
    };
    let act = if revision.current {
        view! { <span class="badge badge--ok">{icon(Icon::Ok)} "Current"</span> }.into_any()
    } else if may {
        view! {
            <form method="post" action=action.to_owned()>
                <button class="btn btn--s" name="number" value=revision.number.to_string()>"Make current"</button>
            </form>
        }
        .into_any()
    } else {
        ().into_any()
    };
    let unread = (!revision.unreadable.is_empty())
        .then(|| view! { <span class="sub">"Not all of it can be read by this release."</span> });
    view! {
        <tr>
            <td class="n"><b>{revision.number}</b></td>
            <td data-label="Note">{note}<span class="sub">{revision.published_by.name.clone()}</span> {unread}</td>
            <td class="mono" data-label="Path">{revision.route.path.clone()}</td>
            <td class="n" data-label="Operations">{format::count(revision.operations)}</td>
            <td data-label="Published">{format::time(revision.published_at, now)}</td>
            <td class="act">{act}</td>
        </tr>
    }
    .into_any()
}
