//! The page of one list: how it goes with its address, what stands in it, and what can be done with
//! that.

use domain::ip_list::Entry;
use domain::wire::ip_lists::{Fetch, IpList};
use leptos::prelude::*;

use super::super::{At, button, tag};
use super::{FIELDS, fields, keeper};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        Text,
        boxes::{callout, pairs},
        field::{Field, check, refusal},
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Shown {
    pub at: At,
    pub list: IpList,
    /// A page of what stands in it.
    pub entries: Vec<Entry>,
    /// What was looked for.
    pub find: String,
    pub older: Option<String>,
    /// What the list is.
    pub form: Form,
    /// Networks to put in, and a text to read.
    pub add: Form,
    pub may_edit: bool,
}

#[must_use]
pub fn show(page: Shown) -> AnyView {
    let base = format!("{}/ip-lists", page.at.base());
    let own = format!("{base}/{}", page.list.id);
    let list = &page.list;
    let fetch = (page.may_edit && list.source.is_some()).then(|| {
        button(
            own.clone(),
            "fetch",
            "btn",
            view! { {icon(Icon::Roll)} "Fetch it now" },
        )
    });
    let delete = page.may_edit.then(|| {
        view! { <a class="btn btn--danger" href=format!("{own}/delete")>"Delete"</a> }
    });
    // What an address gives, nobody writes.
    let by_hand = page.may_edit && list.source.is_none();
    let write = by_hand.then(|| write(&page.add, &own, list));
    // Whoever was about to write, or had it fetched, is told also where the list has become another.
    let told = (!by_hand).then(|| refusal(&page.add, &[])).flatten();
    let edit = page.may_edit.then(|| {
        let form = &page.form;
        let body = view! {
            <form class="form form--page" method="post">
                {tag(form)}
                {refusal(form, FIELDS)}
                {fields(form)}
                <div class="actions"><button class="btn" name="do" value="save">"Save"</button></div>
            </form>
        };
        view! { {Section::new("settings", "What it is").body(body)} }
    });
    let content = view! {
        {crumbs(vec![Link::new(base, "Lists of networks")], list.name.clone())}
        {PageHead::new(list.name.clone())
            .beside(keeper(list))
            .lede(list.description.clone())
            .actions(view! { {fetch} {delete} })}
        {told}
        {facts(list, page.at.now)}
        {entries(&page, &own, by_hand)}
        {write}
        {edit}
    };
    page.at.page(Menu::IpLists, content)
}

fn facts(list: &IpList, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let mut rows: Vec<(Text, AnyView)> = vec![
        ("Networks".into(), format::count(list.entries).into_any()),
        (
            "Named by policies of".into(),
            match list.named_by.as_slice() {
                [] => view! { <span class="faint">"nothing yet"</span> }.into_any(),
                namers => namers.join(", ").into_any(),
            },
        ),
    ];
    if let Some(source) = &list.source {
        let every = format!(", every {}", source.every);
        let address = source.url.clone();
        rows.push((
            "Fetched from".into(),
            view! { <code class="break">{address}</code> {every} }.into_any(),
        ));
    }
    let fetch = list.fetch.as_ref();
    if let Some(at) = fetch.and_then(|fetch| fetch.fetched_at) {
        let at = view! { {format::time(at, now)} };
        rows.push(("Last good".into(), at.into_any()));
    }
    if let Some(at) = fetch.and_then(|fetch| fetch.next_at) {
        let at = view! { {format::moment(at)} };
        rows.push(("Next try".into(), at.into_any()));
    }
    view! { {fetch.and_then(|fetch| problem(fetch, list.entries))} {pairs(rows)} }.into_any()
}

/// What stands in the way of trusting it: what went wrong, or that nothing came yet.
fn problem(fetch: &Fetch, entries: u64) -> Option<AnyView> {
    let Some(problem) = fetch.problem.clone() else {
        let words = match entries {
            0 => "Nothing was fetched from its address yet. Until then no policy can name it.",
            _ => "Nothing was fetched from its address yet. What stood in the list before counts.",
        };
        return fetch
            .fetched_at
            .is_none()
            .then(|| callout(Tone::Info, view! { <p>{words}</p> }));
    };
    let rest = match fetch.fetched_at {
        Some(_) => "What was fetched last is kept and counts.",
        None if entries == 0 => "Nothing was fetched yet, so no policy can name it.",
        None => "Nothing was fetched yet, so what stood in the list before counts.",
    };
    Some(callout(
        Tone::Warn,
        view! { <p>{problem}</p> <p>{rest}</p> },
    ))
}

fn entries(page: &Shown, own: &str, by_hand: bool) -> AnyView {
    let now = page.at.now;
    let rows: Vec<_> = page
        .entries
        .iter()
        .map(|entry| row(entry, own, by_hand, now))
        .collect();
    let shown = format::counted(rows.len() as u64, "network", "networks");
    let mut columns = vec![
        table::text("Network"),
        table::wide("Note"),
        table::text("Until"),
    ];
    if by_hand {
        columns.push(table::actions());
    }
    let empty = match page.find.is_empty() {
        true => Empty::new(
            Icon::Globe,
            "Nothing in it",
            "An empty list of allowed networks allows nobody; one of denied networks denies nobody.",
        ),
        false => Empty::new(
            Icon::Search,
            "Nothing found",
            "Look for a network or an address to see what holds it, or for a part of a note.",
        ),
    };
    let find = Form::default().with("find", page.find.clone());
    let table = Table::new(Shape::Tight, columns).rows(rows).or_empty(empty);
    let body = view! {
        <form class="filters find" role="search" method="get" action=own.to_owned()>
            {Field::text("find", "Network, address or note").unmarked().mono().placeholder("192.0.2.7").of(&find)}
            <button class="btn">{icon(Icon::Search)} "Find"</button>
        </form>
        {table}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    let section = Section::new("list", "Networks")
        .count(page.list.entries)
        .body(body);
    view! { {section} }.into_any()
}

fn row(entry: &Entry, own: &str, by_hand: bool, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let until = match entry.until {
        None => view! { <span class="faint">"for good"</span> }.into_any(),
        Some(at) if at <= now => {
            view! { {Badge::new(Tone::Plain, Icon::Clock, "over").quiet()} }.into_any()
        }
        Some(at) => view! { {format::moment(at)} }.into_any(),
    };
    let remove = by_hand.then(|| {
        let label = format!("Remove {}", entry.net);
        view! {
            <td class="act">
                <form method="post" action=own.to_owned() class="inline">
                    <input type="hidden" name="network" value=entry.net.clone() />
                    <button class="btn btn--quiet btn--icon btn--s" name="do" value="remove" aria-label=label>
                        {icon(Icon::Close)}
                    </button>
                </form>
            </td>
        }
    });
    view! {
        <tr>
            <td><code>{entry.net.clone()}</code></td>
            <td class="grow">{entry.note.clone()}</td>
            <td class="nowrap">{until}</td>
            {remove}
        </tr>
    }
    .into_any()
}

const LINES: &str = "One per line: a network or an address, until with a time behind it where it ends, # before a note.";

/// Networks to put in, and a text to read.
fn write(form: &Form, own: &str, list: &IpList) -> AnyView {
    let add = view! {
        <form class="form form--page" method="post" action=own.to_owned()>
            {Field::area("networks", "Networks", 3)
                .mono()
                .placeholder("198.51.100.0/24 until 2026-12-31T00:00:00Z # why")
                .help(LINES)
                .of(form)}
            <div class="actions"><button class="btn btn--primary" name="do" value="add">"Put them in"</button></div>
        </form>
    };
    let etag = list.etag.to_string();
    let import = view! {
        <form class="form form--page" method="post" action=format!("{own}/import") enctype="multipart/form-data">
            <input type="hidden" name="etag" value=etag />
            {Field::file("file", "File").unmarked().help("A text like that, of at most 8 MiB and 100,000 networks. It is taken whole, or not at all.").of(form)}
            {Field::area("text", "Or paste it here", 6).unmarked().mono().of(form)}
            {check("replace", "yes", "In the place of all that is in the list now", form)}
            <div class="actions"><button class="btn">"Import"</button></div>
        </form>
    };
    view! {
        {refusal(form, &["networks", "file", "text", "replace"])}
        {Section::new("add", "Add").body(add)}
        {Section::new("import", "Import").body(import)}
    }
    .into_any()
}
