//! The editor of a version: its draft, what keeps it from being published, and its revisions.

use domain::lifecycle::VersionState;
use domain::problem::Invalid;
use domain::wire::versions::{LintFinding, Revision, Version};
use leptos::prelude::*;

use super::{At, apis, button};
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        boxes::callout,
        code::code_line,
        field::{Field, check, choice, refusal},
        head::{Link, PageHead, Section, crumbs, tabs},
        state::{Tone, method},
        table::{self, Empty, Shape, Table},
    },
};

/// The version, its address in the workspace and who looks: what all tabs share.
#[derive(Clone, Debug)]
pub struct Frame {
    pub at: At,
    pub version: Version,
    /// Address of the public page, once something is published.
    pub catalog: Option<String>,
    pub may_edit: bool,
}

impl Frame {
    fn api(&self) -> String {
        format!("{}/apis/{}", self.at.base(), self.version.api.id)
    }

    pub(super) fn home_address(&self) -> String {
        format!("{}/versions/{}", self.api(), self.version.summary.id)
    }

    /// Everything above a tab's content.
    pub(super) fn around(&self, open: &str, content: impl IntoAny) -> AnyView {
        let home = self.home_address();
        let summary = &self.version.summary;
        let name = format!("{} {}", self.version.api.name, summary.slug);
        let lede = match (summary.state, summary.current) {
            (VersionState::Draft, _) | (_, None) => {
                "Nothing is served yet: publish when the draft is as it should be.".to_owned()
            }
            (_, Some(number)) if summary.changed => format!(
                "Revision {number} is served. The draft differs; nothing of it is served before you publish again."
            ),
            (_, Some(number)) => format!("Revision {number} is served, and the draft equals it."),
        };
        let count = self.version.draft.policies.len();
        let links = vec![
            Link::new(home.clone(), "Routing"),
            Link::new(format!("{home}/policies"), format!("Policies ({count})")),
            Link::new(format!("{home}/document"), "Document"),
            Link::new(format!("{home}/revisions"), "Revisions"),
        ];
        let open = if open.is_empty() {
            home.clone()
        } else {
            format!("{home}/{open}")
        };
        let catalog = self
            .catalog
            .clone()
            .map(|href| view! { <a class="btn" href=href>{icon(Icon::Eye)} "In the catalog"</a> });
        let page = view! {
            {crumbs(
                vec![
                    Link::new(format!("{}/apis", self.at.base()), "APIs"),
                    Link::new(self.api(), self.version.api.name.clone()),
                ],
                summary.slug.clone(),
            )}
            {PageHead::new(name)
                .beside(apis::state(summary))
                .lede(lede)
                .actions(view! { {catalog} {self.switches()} })}
            {tabs("Version editor", links, &open)}
            {content.into_any()}
        };
        self.at.page(Menu::Apis, page)
    }

    /// The runtime switch and unpublish, where they apply.
    fn switches(&self) -> Option<AnyView> {
        let summary = &self.version.summary;
        if !self.may_edit || !summary.state.is_served() {
            return None;
        }
        let home = self.home_address();
        let switch = if summary.enabled {
            button(
                home.clone(),
                "disable",
                "btn",
                view! { {icon(Icon::Pause)} "Switch off" },
            )
        } else {
            button(
                home.clone(),
                "enable",
                "btn",
                view! { {icon(Icon::Play)} "Switch on" },
            )
        };
        Some(
            view! { {switch} {button(home, "unpublish", "btn btn--danger", "Unpublish")} }
                .into_any(),
        )
    }
}

/// The first tab: where the version answers, where its requests go, and publishing.
#[derive(Clone, Debug)]
pub struct Routing {
    pub frame: Frame,
    /// Id and name of the organization's upstreams.
    pub upstreams: Vec<(String, String)>,
    pub form: Form,
    pub publish: Form,
    /// Products of a served version while none has a plan to subscribe to: where a plan is made or
    /// published, and the product's name.
    pub not_offered: Vec<(String, String)>,
}

const FIELDS: &[&str] = &[
    "path",
    "hosts",
    "strip_path",
    "upstream",
    "test_upstream",
    "operations_mode",
];

#[must_use]
pub fn routing(page: Routing) -> AnyView {
    let draft = &page.frame.version.draft;
    let blockers = blockers(&draft.blockers);
    let publish = page
        .frame
        .may_edit
        .then(|| self::publish(&page.frame, &page.publish));
    let bare = page
        .frame
        .may_edit
        .then(|| not_offered(&page.not_offered))
        .flatten();
    let address = page.frame.version.summary.address.clone().map(|address| {
        view! { <div class="field"><span class="label">"Answers at"</span>{code_line(address)}</div> }
    });
    let edit = page
        .frame
        .may_edit
        .then(|| edit(&page.form, page.upstreams.clone()));
    let content = view! {
        {address}
        {bare}
        {blockers}
        {publish}
        {Section::new("routing", "Routing and upstream").body(edit)}
    };
    page.frame.around("", content)
}

fn not_offered(products: &[(String, String)]) -> Option<AnyView> {
    let (href, name) = products.first()?.clone();
    Some(callout(
        Tone::Warn,
        view! {
            <p><b>"Nobody can subscribe yet"</b></p>
            <p>{format!("The product {name} has no published plan. A plan says what a subscriber gets and who approves.")}</p>
            <p><a class="btn btn--s" href=href>"To the plan"</a></p>
        },
    ))
}

fn blockers(found: &[Invalid]) -> Option<AnyView> {
    if found.is_empty() {
        return None;
    }
    let lines = found.iter().map(|invalid| view! { <li>{invalid.message.clone()} " " <code>{invalid.pointer.clone()}</code></li> }).collect_view();
    Some(callout(
        Tone::Warn,
        view! { <p><b>"Before this can be published"</b></p> <ul>{lines}</ul> },
    ))
}

fn publish(frame: &Frame, form: &Form) -> AnyView {
    let summary = &frame.version.summary;
    let may =
        frame.version.draft.blockers.is_empty() && (summary.changed || !summary.state.is_served());
    if !may {
        return ().into_any();
    }
    let next = summary.current.unwrap_or(0) + 1;
    let body = view! {
        <form class="form form--page" method="post">
            {refusal(form, &["note", "visibility"])}
            {apis::visibility(form)}
            {Field::text("note", "Note for the change log").optional().placeholder("What is new").of(form)}
            <p class="small soft">
                {format!("Makes revision {next} of the draft and serves it on all gateways. It is offered in its product, or in a new one of its own.")}
            </p>
            <div class="actions">
                <button class="btn btn--primary" name="do" value="publish">{format!("Publish revision {next}")}</button>
            </div>
        </form>
    };
    view! { {Section::new("publish", "Publish").body(body)} }.into_any()
}

fn edit(form: &Form, upstreams: Vec<(String, String)>) -> AnyView {
    let with_none = |words: &str| {
        let mut options = vec![(String::new(), words.to_owned())];
        options.extend(upstreams.clone());
        options
    };
    let modes = vec![
        ("listed", "Only operations of the document".into()),
        ("open", "Everything under the path".into()),
    ];
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, FIELDS)}
            {Field::text("path", "Path").mono().help("Under your organization's prefix.").of(form)}
            {Field::text("hosts", "Hosts").optional().mono().help("Separated by blanks; empty is any host.").of(form)}
            {check("strip_path", "yes", "Cut the path off before the rest goes to the target", form)}
            {Field::select("upstream", "Upstream", with_none("choose one")).of(form)}
            {Field::select("test_upstream", "Upstream of test keys", with_none("the same")).optional().of(form)}
            {choice("operations_mode", "What it answers", modes, form)}
            <div class="actions"><button class="btn" name="do" value="save">"Save to draft"</button></div>
        </form>
    }
    .into_any()
}

/// The tab of the document: what is in it, what its lint says, and replacing it.
#[derive(Clone, Debug)]
pub struct Document {
    pub frame: Frame,
    pub form: Form,
}

#[must_use]
pub fn document(page: Document) -> AnyView {
    let draft = &page.frame.version.draft;
    let info = draft.document.as_ref().map(|info| {
        let words = format!(
            "{} {}, OpenAPI {}, {}",
            info.title,
            info.version,
            info.openapi,
            format::size(info.bytes)
        );
        view! { <p class="small soft">{words}</p> {findings(&info.findings)} }
    });
    let rows: Vec<_> = draft
        .operations
        .iter()
        .map(|operation| {
            view! {
                <tr>
                    <td>{method(&operation.method)} " " <code>{operation.template.clone()}</code></td>
                    <td class="grow">{operation.summary.clone()}</td>
                </tr>
            }
        })
        .collect();
    let count = rows.len() as u64;
    let empty = Empty::new(
        Icon::Book,
        "No document",
        "Without a document the version passes everything under its path and shows no reference.",
    );
    let operations = Table::new(
        Shape::Tight,
        vec![table::text("Operation"), table::wide("Summary")],
    )
    .rows(rows)
    .or_empty(empty);
    let replace = page.frame.may_edit.then(|| {
        let form = &page.form;
        let body = view! {
            <form class="form form--page" method="post" enctype="multipart/form-data">
                {refusal(form, &["file", "document"])}
                {Field::file("file", "File").optional().of(form)}
                {Field::area("document", "Or paste it here", 10).optional().mono().of(form)}
                <div class="actions"><button class="btn">"Replace in the draft"</button></div>
            </form>
        };
        view! { {Section::new("replace", "Replace the document").body(body)} }
    });
    let content = view! {
        {info}
        {Section::new("operations", "Operations").count(count).body(view! { {operations} })}
        {replace}
    };
    page.frame.around("document", content)
}

fn findings(found: &[LintFinding]) -> Option<AnyView> {
    if found.is_empty() {
        return None;
    }
    let lines = found
        .iter()
        .take(50)
        .map(|finding| view! { <li>{finding.message.clone()} " " <code>{finding.pointer.clone()}</code></li> })
        .collect_view();
    let more =
        (found.len() > 50).then(|| view! { <li>{format!("and {} more", found.len() - 50)}</li> });
    let title = format::counted(found.len() as u64, "finding", "findings");
    Some(view! { <details class="more"><summary>{title} " of the lint"</summary><ul>{lines}{more}</ul></details> }.into_any())
}

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
    view! {
        <tr>
            <td class="n"><b>{revision.number}</b></td>
            <td data-label="Note">{note}<span class="sub">{revision.published_by.name.clone()}</span></td>
            <td class="mono" data-label="Path">{revision.route.path.clone()}</td>
            <td class="n" data-label="Operations">{format::count(revision.operations)}</td>
            <td data-label="Published">{format::time(revision.published_at, now)}</td>
            <td class="act">{act}</td>
        </tr>
    }
    .into_any()
}
