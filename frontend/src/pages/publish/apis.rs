//! The APIs that a team publishes: the list, and the page of one with its versions.

mod policies;

use domain::{api::Visibility, wire::apis::Api, wire::versions::VersionSummary};
use leptos::prelude::*;

pub use self::policies::{Policies, policies};

use super::At;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        boxes::callout,
        field::{Field, choice, refusal},
        head::{Link, PageHead, Section, crumbs, tabs},
        state::{Badge, Tone, tag},
        table::{self, Empty, Shape, Table, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Apis {
    pub at: At,
    pub apis: Vec<Api>,
    pub older: Option<String>,
    pub may_import: bool,
}

#[must_use]
pub fn list(page: Apis) -> AnyView {
    let base = format!("{}/apis", page.at.base());
    let import = format!("{base}/import");
    let shown = format::counted(page.apis.len() as u64, "API", "APIs");
    let action = page.may_import.then(|| {
        let import = import.clone();
        view! { <a class="btn btn--primary" href=import>{icon(Icon::Plus)} "Import a document"</a> }
    });
    let mut empty = Empty::new(
        Icon::Layers,
        "Nothing to publish yet",
        "Import an OpenAPI document: it becomes an API with a draft that you can look at before anybody else does.",
    );
    if page.may_import {
        empty = empty.next(view! { <a class="btn" href=import>"Import a document"</a> });
    }
    let columns = vec![
        table::wide("API"),
        table::text("Versions"),
        table::text("Seen by"),
        table::text("Team"),
        table::text("Changed"),
    ];
    let now = page.at.now;
    let rows: Vec<_> = page.apis.iter().map(|api| row(api, &base, now)).collect();
    let content = view! {
        {PageHead::new("APIs").lede("What your teams publish, drafts included.").actions(view! { {action} })}
        {Table::new(Shape::Rows, columns).rows(rows).or_empty(empty)}
        {page.older.clone().map(|older| pager(shown, None, Some(older)))}
    };
    page.at.page(Menu::Apis, content)
}

fn row(api: &Api, base: &str, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let versions = api
        .versions
        .iter()
        .map(|version| {
            view! {
                <span class="row">
                    <a class="mono" href=format!("{base}/{}/versions/{}", api.id, version.id)>{version.slug.clone()}</a>
                    {state(version)}
                </span>
            }
        })
        .collect_view();
    view! {
        <tr>
            <td>
                <a href=format!("{base}/{}", api.id)><b>{api.name.clone()}</b></a>
                <span class="sub mono">{api.slug.clone()}</span>
            </td>
            <td data-label="Versions">{versions}</td>
            <td data-label="Seen by">{Badge::from(api.visibility)}</td>
            <td data-label="Team">{api.team.name.clone()}</td>
            <td data-label="Changed">{format::time(api.updated_at, now)}</td>
        </tr>
    }
    .into_any()
}

/// The state of a version, and whether its draft differs from what is served.
pub(super) fn state(version: &VersionSummary) -> AnyView {
    let off = (!version.enabled).then(|| Badge::new(Tone::Danger, Icon::Pause, "Switched off"));
    let changed = (version.changed && version.current.is_some())
        .then(|| Badge::new(Tone::Plain, Icon::Pencil, "Draft changed").quiet());
    view! {
        {Badge::from(version.state).quiet()}
        {off.map(|badge| view! { {badge} })}
        {changed.map(|badge| view! { {badge} })}
    }
    .into_any()
}

/// What the page of an API shows.
#[derive(Clone, Debug)]
pub struct Shown {
    pub at: At,
    pub api: Api,
    /// The values of the form below.
    pub form: Form,
    /// Of the public page; none while nothing is published.
    pub catalog: Option<String>,
    pub may_edit: bool,
    /// Whether the person may say what conditions of policies decide by.
    pub may_label: bool,
    /// The form of what is taken out of the caches; `Some(true)`: it was just sent.
    pub purge: Form,
    pub purged: bool,
}

const FIELDS: &[&str] = &[
    "name",
    "description",
    "category",
    "tags",
    "labels",
    "visibility",
];

#[must_use]
pub fn show(page: Shown) -> AnyView {
    let home = format!("{}/apis/{}", page.at.base(), page.api.id);
    let versions: Vec<_> = page
        .api
        .versions
        .iter()
        .map(|version| version_row(version, &home, page.at.now))
        .collect();
    let columns = vec![
        table::text("Version"),
        table::text("State"),
        table::number("Revision"),
        table::wide("Address"),
        table::text("Changed"),
    ];
    let served = page.api.versions.iter().any(|one| one.state.is_served());
    let content = view! {
        {head(&page.at, &page.api, page.catalog.clone(), "")}
        {Section::new("versions", "Versions")
            .count(page.api.versions.len() as u64)
            .body(view! { {Table::new(Shape::Rows, columns).rows(versions)} })}
        {(page.may_edit && served).then(|| view! { {Section::new("kept", "Kept answers").body(purge(&page.purge, page.purged, &home))} })}
        {page.may_edit.then(|| view! { {Section::new("entry", "Entry in the catalog").body(edit(&page.form, page.may_label))} })}
    };
    page.at.page(Menu::Apis, content)
}

/// What stands above each tab of an API.
fn head(at: &At, api: &Api, catalog: Option<String>, open: &str) -> AnyView {
    let base = format!("{}/apis", at.base());
    let home = format!("{base}/{}", api.id);
    let tags = api.tags.iter().map(|text| tag(text.clone())).collect_view();
    let catalog = catalog.map(|href| {
        view! { <a class="btn" href=href>{icon(Icon::Eye)} "In the catalog"</a> }
    });
    let served = api.versions.iter().any(|one| one.state.is_served());
    let usage = served.then(|| {
        let href = format!("{}/analytics?side=answers&api={}", at.base(), api.id);
        view! { <a class="btn" href=href>{icon(Icon::Chart)} "Usage"</a> }
    });
    let policies = format!("Policies ({})", api.policies.len());
    let links = vec![
        Link::new(home.clone(), "Versions and entry"),
        Link::new(format!("{home}/policies"), policies),
    ];
    view! {
        {crumbs(vec![Link::new(base, "APIs")], api.name.clone())}
        {PageHead::new(api.name.clone())
            .beside(view! { {Badge::from(api.visibility)} })
            .lede(view! { {api.team.name.clone()} " " {tags} })
            .actions(view! { {usage} {catalog} })}
        {tabs("API", links, &format!("{home}{open}"))}
    }
    .into_any()
}

fn version_row(
    version: &VersionSummary,
    home: &str,
    now: chrono::DateTime<chrono::Utc>,
) -> AnyView {
    let address = match version.address.clone() {
        Some(address) => view! { <code>{address}</code> }.into_any(),
        None => view! { <span class="faint">"not published"</span> }.into_any(),
    };
    let revision = version
        .current
        .map_or_else(|| "–".to_owned(), |number| number.to_string());
    view! {
        <tr>
            <td><a href=format!("{home}/versions/{}", version.id)><b class="mono">{version.slug.clone()}</b></a></td>
            <td data-label="State">{state(version)}</td>
            <td class="n" data-label="Revision">{revision}</td>
            <td data-label="Address">{address}</td>
            <td data-label="Changed">{format::time(version.updated_at, now)}</td>
        </tr>
    }
    .into_any()
}

fn edit(form: &Form, may_label: bool) -> AnyView {
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, FIELDS)}
            {Field::text("name", "Name").of(form)}
            {Field::area("description", "Description", 6)
                .optional()
                .help("Markdown. The first paragraph is the summary in the catalog.")
                .of(form)}
            {Field::text("category", "Category").optional().of(form)}
            {Field::text("tags", "Tags").optional().help("Separated by commas.").of(form)}
            {may_label.then(|| view! {
                {Field::area("labels", "Labels", 2)
                    .optional()
                    .mono()
                    .placeholder("tier=gold")
                    .help("One name=value per line. Conditions of policies ask for them: api.labels[\"tier\"].")
                    .of(form)}
            })}
            {visibility(form)}
            <div class="actions"><button class="btn btn--primary" name="do" value="save">"Save"</button></div>
        </form>
    }
    .into_any()
}

/// Takes out what gateways keep of its answers.
fn purge(form: &Form, done: bool, home: &str) -> AnyView {
    let kinds = [
        ("all", "Everything of this API"),
        ("url", "One address"),
        ("prefix", "All addresses that begin with"),
        ("tag", "All with a group or key of the upstream"),
    ]
    .map(|(value, words)| (value.to_owned(), words.to_owned()))
    .to_vec();
    let told = done.then(|| {
        callout(
            Tone::Ok,
            "Every gateway takes it out, as soon as it hears of it: within a second.",
        )
    });
    view! {
        {told}
        <form class="form form--page" method="post" action=format!("{home}/purge")>
            {refusal(form, &["what", "value"])}
            {Field::select("what", "Take out", kinds).of(form)}
            {Field::text("value", "Address or tag")
                .unmarked()
                .mono()
                .placeholder("api.example.com/shop/v1/pets")
                .help("As clients write it, without https://. Empty for everything. Only what a policy cache keeps is there.")
                .of(form)}
            <div class="actions"><button class="btn">"Take out of the caches"</button></div>
        </form>
    }
    .into_any()
}

/// The choice of who sees an API.
pub(super) fn visibility(form: &Form) -> AnyView {
    let options = Visibility::ALL
        .into_iter()
        .map(|visibility| {
            let words = match visibility {
                Visibility::Private => "Private: the team",
                Visibility::Internal => "Internal: the organization",
                Visibility::Public => "Public: everybody",
            };
            (visibility.as_str(), words.into())
        })
        .collect();
    choice(
        "visibility",
        "Who sees it and may ask for it",
        options,
        form,
    )
}
