//! Upstreams: where requests go, with the credential that the gateway shows there.

mod fields;
pub mod plain;
mod secrets;

use std::collections::BTreeSet;

use domain::wire::upstreams::Upstream;
use leptos::prelude::*;

use self::secrets::hint;
use super::At;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        Text,
        boxes::pairs,
        field::{Field, refusal},
        head::{Link, PageHead, Section, crumbs},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Upstreams {
    pub at: At,
    pub upstreams: Vec<Upstream>,
    pub older: Option<String>,
    pub may_edit: bool,
}

#[must_use]
pub fn list(page: Upstreams) -> AnyView {
    let base = format!("{}/upstreams", page.at.base());
    let new = format!("{base}/new");
    let action = page.may_edit.then(|| {
        let new = new.clone();
        view! { <a class="btn btn--primary" href=new>{icon(Icon::Plus)} "New upstream"</a> }
    });
    let shown = format::counted(page.upstreams.len() as u64, "upstream", "upstreams");
    let rows: Vec<_> = page
        .upstreams
        .iter()
        .map(|upstream| row(upstream, &base, page.at.now))
        .collect();
    let columns = vec![
        table::wide("Upstream"),
        table::text("Targets"),
        table::text("Credential"),
        table::number("Versions"),
        table::text("Changed"),
    ];
    let mut empty = Empty::new(
        Icon::Node,
        "No upstream yet",
        "An upstream is the server behind an API: its address, its timeouts, its credential.",
    );
    if page.may_edit {
        empty = empty.next(view! { <a class="btn" href=new>"New upstream"</a> });
    }
    let content = view! {
        {PageHead::new("Upstreams").lede("The servers behind your APIs. Changes are live at once.").actions(view! { {action} })}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    page.at.page(Menu::Upstreams, content)
}

fn row(upstream: &Upstream, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let targets = upstream
        .settings
        .targets
        .iter()
        .map(|target| view! { <span class="line mono">{target.url.clone()}</span> })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", upstream.id)><b>{upstream.name.clone()}</b></a>
                <span class="sub">{upstream.team.name.clone()}</span>
            </td>
            <td data-label="Targets">{targets}</td>
            <td data-label="Credential">{hint(upstream.credential.as_ref())}</td>
            <td class="n" data-label="Versions">{format::count(upstream.used_by)}</td>
            <td data-label="Changed">{format::time(upstream.updated_at, now)}</td>
        </tr>
    }
    .into_any()
}

/// The form of a new upstream, or of one to edit.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: At,
    pub form: Form,
    /// Teams to choose from, for a new one.
    pub teams: Vec<(String, String)>,
    pub existing: Option<Upstream>,
    /// Whether the person may change it: else the page only tells.
    pub may_edit: bool,
    /// Where to go on after making one.
    pub next: Option<String>,
    /// Id and name of others of the organization, to fall back on and to mirror to.
    pub others: Vec<(String, String)>,
}

impl Edit {
    /// The name of another upstream; its id where the person does not see it.
    fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        let other = self.others.iter().find(|(known, _)| known == id);
        other.map_or(id, |(_, name)| name)
    }
}

#[must_use]
pub fn edit(page: Edit) -> AnyView {
    let base = format!("{}/upstreams", page.at.base());
    let form = &page.form;
    let title = page.existing.as_ref().map_or_else(
        || "New upstream".to_owned(),
        |upstream| upstream.name.clone(),
    );
    let team = match (&page.existing, page.teams.as_slice()) {
        (Some(_), _) => ().into_any(),
        (None, [(id, _)]) => {
            view! { <input type="hidden" name="team" value=id.clone() /> }.into_any()
        }
        (None, teams) => {
            view! { {Field::select("team", "Team", teams.to_vec()).of(form)} }.into_any()
        }
    };
    let body = match &page.existing {
        Some(upstream) if !page.may_edit => facts(&page, upstream),
        Some(upstream) => view! {
            {switch(upstream)}
            {editor(form, team, None, &page.others)}
            {secrets::credential(upstream, form)}
            {secrets::client_certificate(upstream, form, page.at.now)}
        }
        .into_any(),
        None => editor(form, team, page.next.clone(), &page.others),
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "Upstreams")], title.clone())}
        {PageHead::new(title)}
        {body}
    };
    page.at.page(Menu::Upstreams, content)
}

/// The upstream for who may not change it.
fn facts(page: &Edit, upstream: &Upstream) -> AnyView {
    let (settings, form) = (&upstream.settings, &page.form);
    let targets = settings
        .targets
        .iter()
        .map(|target| {
            let weight = (target.weight != 1).then(
                || view! { " " <span class="faint">{format!("weight {}", target.weight)}</span> },
            );
            let region = target.region.clone().map(
                |region| view! { " " <span class="faint">{format!("region {region}")}</span> },
            );
            view! { <span class="line mono">{target.url.clone()} {weight} {region}</span> }
        })
        .collect_view();
    let times = &settings.timeouts;
    let mut rows: Vec<(Text, AnyView)> = vec![
        ("Team".into(), upstream.team.name.clone().into_any()),
        ("Targets".into(), targets.into_any()),
        (
            "Connect within".into(),
            times.connect.to_string().into_any(),
        ),
        (
            "First byte within".into(),
            times.first_byte.to_string().into_any(),
        ),
        ("Between bytes".into(), times.idle.to_string().into_any()),
        (
            "Host sent".into(),
            if settings.preserve_host {
                "the client's"
            } else {
                "the target's"
            }
            .into_any(),
        ),
        (
            "Credential".into(),
            hint(upstream.credential.as_ref()).into_any(),
        ),
        (
            "Client certificate".into(),
            upstream.client_certificate.as_ref().map_or_else(
                || "none".into_any(),
                |facts| {
                    view! {
                        <span class="line mono">{facts.subject.clone()}</span>
                        {secrets::ends(facts, page.at.now)}
                    }
                    .into_any()
                },
            ),
        ),
        (
            "Used by".into(),
            format::counted(upstream.used_by, "version", "versions").into_any(),
        ),
    ];
    let set: Vec<_> = plain::all()
        .map(|field| (field.name, form.value(field.name)))
        .chain(["fallback", "split/live"].map(|name| (name, form.value(name))))
        .chain([(
            "mirror/upstream",
            page.name_of(form.value("mirror/upstream")),
        )])
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let words = format!("{}: {value}", name.replace('/', "."));
            view! { <span class="line mono">{words}</span> }
        })
        .collect();
    if !set.is_empty() {
        rows.push(("Also set".into(), set.into_any()));
    }
    pairs(rows)
}

/// With blue and green: the one step to the other, and back.
fn switch(upstream: &Upstream) -> Option<AnyView> {
    let settings = &upstream.settings;
    let live = settings.split.as_ref()?.live.clone()?;
    let takers = settings.targets.iter().filter(|target| target.weight > 0);
    let others: BTreeSet<_> = takers
        .filter_map(|target| target.variant.clone())
        .filter(|variant| *variant != live)
        .collect();
    let buttons = others
        .into_iter()
        .map(|variant| {
            let words = format!("Switch to {variant}");
            view! { <button class="btn" name="live" value=variant>{words}</button> }
        })
        .collect_view();
    let body = view! {
        <form class="actions" method="post">
            <input type="hidden" name="etag" value=upstream.etag.to_string() />
            <input type="hidden" name="do" value="switch" />
            {buttons}
        </form>
    };
    let note = format!("{live} takes every request");
    let section = Section::new("live", "Live").note(note).body(body);
    Some(view! { {section} }.into_any())
}

fn editor(
    form: &Form,
    team: AnyView,
    next: Option<String>,
    others: &[(String, String)],
) -> AnyView {
    let next = next.map(|next| view! { <input type="hidden" name="next" value=next /> });
    let mut shown = fields::names(form);
    shown.extend(["next", "team"].map(str::to_owned));
    shown.extend(secrets::NAMES.map(str::to_owned));
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, &shown)}
            {next}
            {team}
            {Field::text("name", "Name").mono().of(form)}
            {fields::groups(form, others)}
            <div class="actions"><button class="btn btn--primary" name="do" value="save">"Save"</button></div>
        </form>
    }
    .into_any()
}
