//! Lists of networks that policies of an organization name: all of them, a new one, and the question
//! before one is deleted.

mod one;

use domain::wire::ip_lists::IpList;
use leptos::prelude::*;

pub use self::one::{Shown, show};

use super::At;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        confirm::{Question, confirm},
        field::{Field, refusal},
        head::{Link, PageHead, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list of lists shows.
#[derive(Clone, Debug)]
pub struct Lists {
    pub at: At,
    pub lists: Vec<IpList>,
    pub older: Option<String>,
    pub may_edit: bool,
}

#[must_use]
pub fn list(page: Lists) -> AnyView {
    let base = format!("{}/ip-lists", page.at.base());
    let new = format!("{base}/new");
    let action = page.may_edit.then(|| {
        let new = new.clone();
        view! { <a class="btn btn--primary" href=new>{icon(Icon::Plus)} "New list"</a> }
    });
    let shown = format::counted(page.lists.len() as u64, "list", "lists");
    let rows: Vec<_> = page
        .lists
        .iter()
        .map(|list| row(list, &base, page.at.now))
        .collect();
    let columns = vec![
        table::wide("List"),
        table::number("Networks"),
        table::text("Source"),
        table::text("Changed"),
    ];
    let mut empty = Empty::new(
        Icon::Globe,
        "No list yet",
        "A list holds networks that ip_filter and auth_guard name together: what is changed in it counts for all of them at once.",
    );
    if page.may_edit {
        empty = empty.next(view! { <a class="btn" href=new>"New list"</a> });
    }
    let content = view! {
        {PageHead::new("Lists of networks")
            .lede("Named by policies of all your APIs. Changes are live at once, without publishing.")
            .actions(view! { {action} })}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    page.at.page(Menu::IpLists, content)
}

fn row(list: &IpList, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", list.id)><b class="mono">{list.name.clone()}</b></a>
                <span class="sub">{list.description.clone()}</span>
            </td>
            <td class="n" data-label="Networks">{format::count(list.entries)}</td>
            <td data-label="Source">{keeper(list)}</td>
            <td data-label="Changed">{format::time(list.updated_at, now)}</td>
        </tr>
    }
    .into_any()
}

/// Where its networks come from, and whether that goes well.
fn keeper(list: &IpList) -> AnyView {
    let Some(fetch) = &list.fetch else {
        return view! { <span class="faint">"by hand"</span> }.into_any();
    };
    let badge = match (&fetch.problem, fetch.fetched_at) {
        (Some(_), _) => Badge::new(Tone::Warn, Icon::Warn, "Its address fails"),
        (None, None) => Badge::new(Tone::Plain, Icon::Clock, "Not fetched yet"),
        (None, Some(_)) => Badge::new(Tone::Ok, Icon::Ok, "Its address").quiet(),
    };
    view! { {badge} }.into_any()
}

/// The form of a new list.
#[derive(Clone, Debug)]
pub struct New {
    pub at: At,
    pub form: Form,
}

#[must_use]
pub fn new(page: New) -> AnyView {
    let base = format!("{}/ip-lists", page.at.base());
    let form = &page.form;
    let content = view! {
        {crumbs(vec![Link::new(base, "Lists of networks")], "New")}
        {PageHead::new("New list")
            .lede("Networks are put in on its page, one by one or out of a text; or its address gives them.")}
        <form class="form form--page" method="post">
            {refusal(form, FIELDS)}
            {fields(form)}
            <div class="actions"><button class="btn btn--primary">"Make the list"</button></div>
        </form>
    };
    page.at.page(Menu::IpLists, content)
}

/// What [`fields`] shows.
const FIELDS: &[&str] = &["name", "description", "source/url", "source/every"];

/// What a list is, and where it comes from.
fn fields(form: &Form) -> AnyView {
    view! {
        {Field::text("name", "Name")
            .mono()
            .placeholder("blocked")
            .help("What policies name it by: 1 to 40 of a-z, 0-9, _ and -.")
            .of(form)}
        {Field::text("description", "What it is for").optional().of(form)}
        {Field::text("source/url", "Address")
            .optional()
            .mono()
            .placeholder("https://lists.example/blocked.txt")
            .help("A text with one network per line. It is fetched regularly, and nobody writes into the list then; what was good is kept while it fails.")
            .of(form)}
        {Field::text("source/every", "Fetched every")
            .optional()
            .mono()
            .placeholder("1h")
            .help("5m to 30d.")
            .of(form)}
    }
    .into_any()
}

/// The question before a list is deleted.
#[derive(Clone, Debug)]
pub struct Delete {
    pub at: At,
    pub list: IpList,
    pub form: Form,
}

#[must_use]
pub fn delete(page: Delete) -> AnyView {
    let base = format!("{}/ip-lists", page.at.base());
    let list = page.list;
    let own = format!("{base}/{}", list.id);
    let blast = match list.named_by.as_slice() {
        [] => (Tone::Info, "No policy names it.".to_owned()),
        namers => {
            let namers = namers.join(", ");
            let words = format!("Policies of {namers} name it: it stays while they do.");
            (Tone::Warn, words)
        }
    };
    let question = Question {
        name: list.name.clone(),
        verb: "Delete",
        does: "The list is gone with all that stands in it.",
        blast: vec![blast],
        symbol: Icon::Trash,
        button: "Delete the list",
        home: own.clone(),
        form: page.form,
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "Lists of networks"), Link::new(own, list.name)], "Delete")}
        {confirm(question)}
    };
    page.at.page(Menu::IpLists, content)
}
