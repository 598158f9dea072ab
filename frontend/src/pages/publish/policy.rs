//! One policy being edited, as a form or as YAML, and the list of kinds to choose from: wherever
//! policies stand.

use domain::form::sheet;
use domain::policy::{AttachPoint, Mode, Policy, PolicyKind, Stage};
use leptos::prelude::*;

use super::tag;
use crate::{
    form::Form,
    icon::{Icon, icon},
    part::{
        code::code,
        field::{Field, refusal},
        limits::limits,
        sheet::{Sheet, names},
        state::{Badge, Tone},
    },
};

/// Which policy of a list an address opens: one by its place, or a new one of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    None,
    At(usize),
    New(PolicyKind),
}

/// A policy in the middle of the page.
#[derive(Clone, Debug)]
pub struct Edit {
    pub kind: PolicyKind,
    /// It is there already, so it can be taken away.
    pub exists: bool,
    /// Its fields, or `yaml`; and what is wrong. In `was` the name that it has where it is there
    /// already.
    pub form: Form,
    pub look: Look,
    /// The row that was just added.
    pub focus: Option<String>,
}

/// How a policy is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Form,
    Yaml,
    /// For who may not change it: as YAML, in the field `yaml`.
    Fixed,
}

/// The policy; its form goes to `action`, and `save` says what its button does.
#[must_use]
pub(super) fn edit(edit: &Edit, action: String, save: &'static str) -> AnyView {
    let kind = edit.kind;
    if edit.look == Look::Fixed {
        return code(kind.as_str(), edit.form.value("yaml").to_owned());
    }
    let is_yaml = edit.look == Look::Yaml;
    let body = if is_yaml {
        yaml(&edit.form)
    } else {
        let parts = sheet::shown(kind);
        let shown = names(parts, &edit.form);
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        view! {
            {refusal(&edit.form, &shown)}
            {Sheet::new(&edit.form, edit.focus.as_deref()).parts(parts)}
        }
        .into_any()
    };
    let remove = edit.exists.then(|| {
        view! {
            <button class="btn btn--quiet btn--danger" name="do" value="remove">
                {icon(Icon::Trash)} "Remove"
            </button>
        }
    });
    // By kind and name it is found again where others have moved it.
    let was = (edit.exists && edit.form.has("was")).then(|| {
        view! { <input type="hidden" name="was" value=edit.form.value("was").to_owned() /> }
    });
    let turn = |value: &'static str, words: &'static str, pressed: bool| {
        let pressed = if pressed { "true" } else { "false" };
        view! { <button class="btn btn--s" name="do" value=value aria-pressed=pressed>{words}</button> }
    };
    view! {
        <form class="card" method="post" action=action novalidate=true aria-labelledby="policy-h">
            // The first button is what the enter key presses.
            <button class="vh" name="do" value="save" tabindex="-1" aria-hidden="true"></button>
            {tag(&edit.form)}
            <input type="hidden" name="kind" value=kind.as_str() />
            {was}
            <div class="card-head">
                <div>
                    <h2 id="policy-h"><code>{kind.as_str()}</code></h2>
                    <p class="small soft">{kind.about()}</p>
                </div>
                <span class="end btn-group" role="group" aria-label="Edit as">
                    {turn("form", "Form", !is_yaml)}
                    {turn("yaml", "YAML", is_yaml)}
                </span>
            </div>
            <div class="card-body form">{body}</div>
            <div class="card-foot">
                {remove}
                <span class="end"><button class="btn btn--primary" name="do" value="save">{save}</button></span>
            </div>
        </form>
    }
    .into_any()
}

fn yaml(form: &Form) -> AnyView {
    let lines = form.value("yaml").lines().count() + 2;
    let rows = lines.clamp(10, 30) as u8;
    view! {
        {refusal(form, &["yaml"])}
        {Field::area("yaml", "The policy as YAML", rows).mono()
            .help("As in a file. Comments are not kept.")
            .of(form)}
    }
    .into_any()
}

/// The card to choose a kind from, while nothing is open.
#[must_use]
pub(super) fn chooser(home: &str, point: AttachPoint, present: &[Policy]) -> AnyView {
    view! {
        <section class="card" aria-labelledby="add-h">
            <div class="card-head">
                <div>
                    <h2 id="add-h">"Add a policy"</h2>
                    <p class="small soft">"In the order in which they act."</p>
                </div>
            </div>
            <div class="card-body kinds">{kinds(home, point, present)}</div>
        </section>
    }
    .into_any()
}

/// The kinds that fit at a place, by stage. Of those that can stand there once, `present` tells
/// the address of the one that does.
fn kinds(home: &str, point: AttachPoint, present: &[Policy]) -> AnyView {
    Stage::ALL
        .into_iter()
        .filter_map(|stage| {
            let kinds = PolicyKind::ALL.iter().copied();
            let of_stage: Vec<PolicyKind> = kinds
                .filter(|kind| kind.stage() == stage && kind.fits(point))
                .collect();
            let items = of_stage
                .iter()
                .map(|kind| item(*kind, home, present))
                .collect_view();
            (!of_stage.is_empty()).then(|| {
                view! {
                    <section>
                        <h3>{format!("{stage:?}")} <span class="sub">{stage.about()}</span></h3>
                        <ul>{items}</ul>
                    </section>
                }
            })
        })
        .collect_view()
        .into_any()
}

fn item(kind: PolicyKind, home: &str, present: &[Policy]) -> AnyView {
    let there = present
        .iter()
        .position(|policy| kind.is_single() && policy.kind() == kind);
    let (href, note) = match there {
        Some(index) => (format!("{home}?policy={index}"), Some("here already")),
        None => (format!("{home}?add={}", kind.as_str()), None),
    };
    view! {
        <li>
            <a class="kind" href=href>
                <code>{kind.as_str()}</code>
                {note.map(|note| view! { <span class="tag">{note}</span> })}
                <span class="sub">{kind.about()}</span>
            </a>
        </li>
    }
    .into_any()
}

/// A policy in a list: its kind, whether it only watches, a few words, and how far several nodes
/// may exceed it.
#[must_use]
pub(super) fn entry(
    index: usize,
    policy: &Policy,
    home: &str,
    is_open: bool,
    bound: Option<String>,
) -> AnyView {
    let current = is_open.then_some("true");
    view! {
        <li>
            <a class="policy" href=format!("{home}?policy={index}") aria-current=current>
                <code>{policy.kind().as_str()}</code>
                {observe(policy)}
                <span class="sub">{words(policy)}</span>
                {bound.map(|words| view! { <span class="sub">{words}</span> })}
            </a>
        </li>
    }
    .into_any()
}

pub(super) fn observe(policy: &Policy) -> Option<AnyView> {
    (policy.mode() == Mode::Observe)
        .then(|| view! { {Badge::new(Tone::Info, Icon::Eye, "Observe")} }.into_any())
}

/// A policy in a few words.
fn words(policy: &Policy) -> String {
    let limits = limits(std::slice::from_ref(policy)).join(", ");
    if limits.is_empty() {
        policy.words()
    } else {
        limits
    }
}
