//! The editor of a version: its draft, what keeps it from being published, and its revisions.

mod chosen;
mod document;
mod explain;
mod lifecycle;
mod observed;
mod revisions;
mod route;

use domain::api::Operations;
use domain::lifecycle::VersionState;
use domain::problem::Invalid;
use domain::wire::NamedUpstream;
use domain::wire::versions::Version;
use leptos::prelude::*;

use super::{At, apis, button};
use crate::{
    form::Form,
    frame::Section as Menu,
    icon::{Icon, icon},
    part::{
        boxes::{callout, pairs},
        code::code_line,
        confirm::{Question, confirm},
        farewell,
        field::{Field, choice, refusal},
        head::{Link, PageHead, Section, crumbs, tabs},
        state::Tone,
    },
};

pub use self::document::{Document, document};
pub use self::explain::{Explain, explain};
pub use self::lifecycle::{Deprecate, deprecate};
pub use self::observed::{Observed, observed, remark};
pub use self::revisions::{Revisions, revisions};

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
    pub(super) fn api(&self) -> String {
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
            (VersionState::Retired, _) => {
                "It is gone for good: its calls get version_retired, unless another version answers them.".to_owned()
            }
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
            Link::new(format!("{home}/observed"), "Observed"),
            Link::new(format!("{home}/document"), "Document"),
            Link::new(format!("{home}/revisions"), "Revisions"),
            Link::new(format!("{home}/explain"), "Explain"),
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
        let usage = summary.state.is_served().then(|| {
            let base = self.at.base();
            let href = format!("{base}/analytics?side=answers&version={}", summary.id);
            view! { <a class="btn" href=href>{icon(Icon::Chart)} "Usage"</a> }
        });
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
                .actions(view! { {usage} {catalog} {self.switches()} })}
            {self.farewell()}
            {tabs("Version editor", links, &open)}
            {content.into_any()}
        };
        self.at.page(Menu::Apis, page)
    }

    /// What is said about its end.
    fn farewell(&self) -> Option<AnyView> {
        let told = self.version.deprecation.as_ref()?;
        let slug = &self.version.summary.slug;
        let api = self.api();
        Some(farewell(slug, told, |next| {
            format!("{api}/versions/{}", next.id)
        }))
    }

    /// The runtime switch and the steps towards its end, where they apply.
    fn switches(&self) -> Option<AnyView> {
        let summary = &self.version.summary;
        if !self.may_edit || !summary.state.is_served() {
            return None;
        }
        let home = self.home_address();
        let switch = if summary.enabled {
            let href = format!("{home}/switch-off");
            view! { <a class="btn" href=href>{icon(Icon::Pause)} "Switch off"</a> }.into_any()
        } else {
            button(
                home.clone(),
                "enable",
                "btn",
                view! { {icon(Icon::Play)} "Switch on" },
            )
        };
        let is_announced = summary.state == VersionState::Deprecated;
        let words = if is_announced {
            "Deprecation"
        } else {
            "Deprecate"
        };
        let retire = is_announced.then(|| {
            view! { <a class="btn btn--danger" href=format!("{home}/retire")>"Retire"</a> }
        });
        Some(
            view! {
                {switch}
                <a class="btn" href=format!("{home}/deprecate")>{icon(Icon::Sunset)} {words}</a>
                {retire}
                <a class="btn btn--danger" href=format!("{home}/unpublish")>"Unpublish"</a>
            }
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
    /// Where one is made, for who may; it leads back here.
    pub new_upstream: Option<String>,
    pub form: Form,
    pub publish: Form,
    /// Products of a served version while none has a plan to subscribe to: where a plan is made or
    /// published, and the product's name.
    pub not_offered: Vec<(String, String)>,
}

const FIELDS: &[&str] = &["upstream", "test_upstream", "operations_mode"];

#[must_use]
pub fn routing(page: Routing) -> AnyView {
    let draft = &page.frame.version.draft;
    let missing = page
        .new_upstream
        .clone()
        .filter(|_| page.frame.may_edit && page.upstreams.is_empty());
    let blockers = blockers(&draft.blockers, missing);
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
    let edit = if page.frame.may_edit {
        edit(&page.form, page.upstreams.clone(), page.new_upstream)
    } else {
        facts(&page.frame.version)
    };
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

/// The draft's routing for who may not change it.
fn facts(version: &Version) -> AnyView {
    let draft = &version.draft;
    let named = |upstream: &Option<NamedUpstream>, none: &'static str| match upstream {
        Some(upstream) => upstream.name.clone().into_any(),
        None => view! { <span class="faint">{none}</span> }.into_any(),
    };
    let hosts = match draft.route.hosts.join(", ") {
        hosts if hosts.is_empty() => "any".to_owned(),
        hosts => hosts,
    };
    let cut = if draft.route.strip_path {
        "cut off before the target"
    } else {
        "sent to the target"
    };
    let answers = match draft.operations_mode {
        Operations::Listed => "only operations of the document",
        Operations::Open => "everything under the path",
    };
    pairs(vec![
        (
            "Path".into(),
            view! { <code>{draft.route.path.clone()}</code> ", " {cut} }.into_any(),
        ),
        ("Hosts".into(), hosts.into_any()),
        (
            "Asked for by".into(),
            match route::asked(&draft.route) {
                Some(asked) => view! { <code>{asked}</code> }.into_any(),
                None => view! { <span class="faint">"nothing more"</span> }.into_any(),
            },
        ),
        ("Upstream".into(), named(&draft.upstream, "none yet")),
        (
            "Upstream of test keys".into(),
            named(&draft.test_upstream, "the same"),
        ),
        ("Upstreams of some callers".into(), chosen::words(draft)),
        (
            "Time-outs".into(),
            match route::times(&draft.route) {
                Some(times) => times.into_any(),
                None => view! { <span class="faint">"as the upstream has them"</span> }.into_any(),
            },
        ),
        ("Answers".into(), answers.into_any()),
    ])
}

/// The page that asks before a version is unpublished, switched off or retired.
#[derive(Clone, Debug)]
pub struct Stop {
    pub frame: Frame,
    pub question: Question,
}

#[must_use]
pub fn stop(page: Stop) -> AnyView {
    let frame = page.frame;
    let content = view! {
        {crumbs(
            vec![
                Link::new(format!("{}/apis", frame.at.base()), "APIs"),
                Link::new(frame.api(), frame.version.api.name.clone()),
                Link::new(frame.home_address(), frame.version.summary.slug.clone()),
            ],
            page.question.verb,
        )}
        {confirm(page.question)}
    };
    frame.at.page(Menu::Apis, content)
}

fn blockers(found: &[Invalid], new_upstream: Option<String>) -> Option<AnyView> {
    if found.is_empty() {
        return None;
    }
    let lines = found.iter().map(|invalid| view! { <li>{invalid.message.clone()} " " <code>{invalid.pointer.clone()}</code></li> }).collect_view();
    Some(callout(
        Tone::Warn,
        view! {
            <p><b>"Before this can be published"</b></p>
            <ul>{lines}</ul>
            {new_upstream.map(|href| view! { <p><a class="btn btn--s" href=href>{icon(Icon::Plus)} "New upstream"</a></p> })}
        },
    ))
}

fn publish(frame: &Frame, form: &Form) -> AnyView {
    let summary = &frame.version.summary;
    let is_gone = summary.state == VersionState::Retired;
    let may =
        frame.version.draft.blockers.is_empty() && (summary.changed || !summary.state.is_served());
    if is_gone || !may {
        return ().into_any();
    }
    let next = summary.current.unwrap_or(0) + 1;
    let stays = (summary.state == VersionState::Deprecated)
        .then(|| view! { <p class="small soft">"Publishing takes the deprecation back."</p> });
    let body = view! {
        <form class="form form--page" method="post">
            {refusal(form, &["note", "visibility"])}
            {apis::visibility(form)}
            {Field::text("note", "Note for the change log").optional().placeholder("What is new").of(form)}
            <p class="small soft">
                {format!("Makes revision {next} of the draft and serves it on all gateways. It is offered in its product, or in a new one of its own.")}
            </p>
            {stays}
            <div class="actions">
                <button class="btn btn--primary" name="do" value="publish">{format!("Publish revision {next}")}</button>
            </div>
        </form>
    };
    view! { {Section::new("publish", "Publish").body(body)} }.into_any()
}

fn edit(form: &Form, upstreams: Vec<(String, String)>, new: Option<String>) -> AnyView {
    let with_none = |words: &str| {
        let mut options = vec![(String::new(), words.to_owned())];
        options.extend(upstreams.clone());
        options
    };
    let modes = vec![
        ("listed", "Only operations of the document".into()),
        ("open", "Everything under the path".into()),
    ];
    let names = chosen::names(form);
    let names = names.iter().map(String::as_str);
    let fixed = [FIELDS, route::FIELDS].concat();
    let shown: Vec<&str> = fixed.into_iter().chain(names).collect();
    view! {
        <form class="form form--page" method="post">
            {super::tag(form)}
            {refusal(form, &shown)}
            {route::fields(form)}
            {Field::select("upstream", "Upstream", with_none("choose one"))
                .link(new.map(|href| Link::new(href, "New upstream")))
                .of(form)}
            {Field::select("test_upstream", "Upstream of test keys", with_none("the same")).optional().of(form)}
            {chosen::fields(form, &upstreams)}
            {choice("operations_mode", "What it answers", modes, form)}
            <div class="actions"><button class="btn" name="do" value="save">"Save to draft"</button></div>
        </form>
    }
    .into_any()
}
