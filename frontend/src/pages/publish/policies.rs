//! The policies of a version: the stages with what stands in them, a form for each kind, and the
//! chain that results.

use domain::policy::{Mode, Policy, PolicyKind, Stage};
use domain::wire::versions::EffectivePolicies;
use leptos::prelude::*;

use super::version::Frame;
use crate::{
    form::Form,
    icon::{Icon, icon},
    part::{
        Text,
        field::{Field, choice, refusal},
        limits::limits,
        state::{Badge, Tone},
    },
};

/// What the tab shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub frame: Frame,
    /// Of the draft, in the order of stages.
    pub chain: EffectivePolicies,
    /// Which form is open: a policy of the draft by its place, or a new one of a kind.
    pub open: Open,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    None,
    At(usize),
    New(PolicyKind),
}

#[must_use]
pub fn view(page: Policies) -> AnyView {
    let home = format!("{}/policies", page.frame.home_address());
    let policies = page.frame.version.draft.policies.clone();
    let may = page.frame.may_edit;
    let stages = stages(&policies, &home, page.open);
    let add = may.then(|| add(&home));
    let form = match page.open {
        Open::None => view! {
            <div class="card"><div class="card-body"><p class="soft">"Choose a policy to see it"{may.then_some(", or add one")}"."</p></div></div>
        }
        .into_any(),
        Open::At(index) => match policies.get(index) {
            Some(policy) => edit(policy.kind(), &page.form, may, true),
            None => ().into_any(),
        },
        Open::New(kind) => edit(kind, &page.form, may, false),
    };
    let content = view! {
        <div class="editor">
            <div class="stages">{stages} {add}</div>
            {form}
            {effective(&page.chain)}
        </div>
    };
    page.frame.around("policies", content)
}

fn stages(policies: &[Policy], home: &str, open: Open) -> AnyView {
    Stage::ALL
        .into_iter()
        .filter(|stage| PolicyKind::ALL.iter().any(|kind| kind.stage() == *stage))
        .map(|stage| {
            let name = format!("{stage:?}");
            let of_stage: Vec<_> = policies
                .iter()
                .enumerate()
                .filter(|(_, policy)| policy.kind().stage() == stage)
                .collect();
            let body = if of_stage.is_empty() {
                view! { <p class="none">"No policies"</p> }.into_any()
            } else {
                let items = of_stage
                    .into_iter()
                    .map(|(index, policy)| item(index, policy, home, open))
                    .collect_view();
                view! { <ul>{items}</ul> }.into_any()
            };
            view! { <section><h2>{name}</h2>{body}</section> }
        })
        .collect_view()
        .into_any()
}

fn item(index: usize, policy: &Policy, home: &str, open: Open) -> AnyView {
    let current = (open == Open::At(index)).then_some("true");
    view! {
        <li>
            <a class="policy" href=format!("{home}?policy={index}") aria-current=current>
                <code>{policy.kind().as_str()}</code>
                {observe(policy)}
                <span class="sub">{words(policy)}</span>
            </a>
        </li>
    }
    .into_any()
}

fn observe(policy: &Policy) -> Option<AnyView> {
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

fn add(home: &str) -> AnyView {
    let links = PolicyKind::ALL
        .iter()
        .map(|kind| view! { <a href=format!("{home}?add={}", kind.as_str())><code>{kind.as_str()}</code></a> })
        .collect_view();
    crate::part::boxes::menu("btn", view! { {icon(Icon::Plus)} "Add a policy" }, links)
}

/// The form of one kind. Field names are those of the written form.
fn edit(kind: PolicyKind, form: &Form, may: bool, exists: bool) -> AnyView {
    let fields = fields(kind, form);
    // Where the settings are a text, the mode is in it.
    let mode = has_fields(kind).then(|| {
        view! {
            {choice("mode", "Mode", vec![("enforce", "Enforce".into()), ("observe", "Observe".into())], form)}
            <p class="help">"Observe decides, counts and logs, and refuses nothing."</p>
        }
    });
    let remove = exists.then(|| {
        view! {
            <button class="btn btn--quiet btn--danger" name="do" value="remove" formnovalidate=true>
                {icon(Icon::Trash)} "Remove"
            </button>
        }
    });
    let foot = may.then(|| {
        view! {
            <div class="card-foot">
                {remove}
                <span class="end"><button class="btn btn--primary" name="do" value="save">"Save to draft"</button></span>
            </div>
        }
    });
    view! {
        <form class="card" method="post">
            <div class="card-head"><h2><code>{kind.as_str()}</code></h2></div>
            <div class="card-body form">
                {refusal(form, &["mode", "name", "limit", "window", "burst", "by", "period", "time_zone", "optional", "query", "settings"])}
                {mode}
                {fields}
            </div>
            {foot}
        </form>
    }
    .into_any()
}

/// Whether a kind has a form of its own; the others are edited as the JSON that a file has.
#[must_use]
pub const fn has_fields(kind: PolicyKind) -> bool {
    matches!(
        kind,
        PolicyKind::KeyAuth | PolicyKind::RateLimit | PolicyKind::Quota
    )
}

/// The fields of one kind; also on the page of a plan.
pub(super) fn fields(kind: PolicyKind, form: &Form) -> AnyView {
    let name = || {
        Field::text("name", "Name")
            .optional()
            .mono()
            .help("Shown to callers in RateLimit-Policy.")
            .of(form)
    };
    match kind {
        PolicyKind::KeyAuth => {
            let options: Vec<(&'static str, Text)> = vec![("", "Needed".into()), ("yes", "Optional".into())];
            view! {
                {choice("optional", "A key is", options, form)}
                <p class="help">"Optional: a call without a key passes, one with a wrong key is refused."</p>
                {Field::text("query", "Also from this query parameter").optional().mono().help("Keys in addresses end up in logs elsewhere; better not.").of(form)}
            }
            .into_any()
        }
        PolicyKind::RateLimit => {
            let scopes = vec![
                ("", "by each gateway node".into()),
                ("cluster", "by all nodes together, through Redis".into()),
            ];
            view! {
            {name()}
            <div class="form-row">
                {Field::number("limit", "Limit").mono().min("1").unit("requests").of(form)}
                {Field::text("window", "Window").mono().help("Like 10s, 5m, 1h").of(form)}
                {Field::number("burst", "Burst").optional().mono().min("1").placeholder("same as limit").of(form)}
            </div>
            {Field::text("by", "Counted by").optional().mono()
                .help("subscription, application, key, address or route; several with blanks between. Unless set: the subscription in a plan, the application elsewhere, the address of strangers.")
                .of(form)}
            {choice("scope", "Counted", scopes, form)}
        }
        .into_any()
        }
        PolicyKind::Quota => {
            let periods = ["day", "week", "month"].map(|period| (period, Text::from(period))).to_vec();
            view! {
                {name()}
                {Field::number("limit", "Limit").mono().min("1").unit("requests").of(form)}
                {choice("period", "in each", periods, form)}
                {Field::text("time_zone", "Time zone").optional().mono().placeholder("UTC").of(form)}
            }
            .into_any()
        }
        _ => view! {
            {Field::area("settings", "Settings as JSON", 12).mono()
                .help("What a file has behind the kind: docs/policies.md lists the fields. \"mode\": \"observe\" decides, counts and logs, and refuses nothing.")
                .of(form)}
        }
        .into_any(),
    }
}

fn effective(chain: &EffectivePolicies) -> AnyView {
    let mut stage = None;
    let rows = chain
        .chain
        .iter()
        .map(|effective| {
            let kind = effective.policy.kind();
            let head = (stage != Some(kind.stage())).then(|| {
                stage = Some(kind.stage());
                view! { <li class="stage">{format!("{:?}", kind.stage())}</li> }
            });
            view! {
                {head}
                <li>
                    <span class="row">
                        <span><code>{kind.as_str()}</code> " " {observe(&effective.policy)}</span>
                        <span class="sub">{effective.place.clone()}</span>
                    </span>
                </li>
            }
        })
        .collect_view();
    let access = if chain.open {
        "No policy asks who calls: the version is open to everybody."
    } else {
        "An effective subscription is asked for as well; the caller's plan adds its limits."
    };
    view! {
        <aside class="chain" aria-labelledby="chain-h">
            <h2 id="chain-h">"Effective chain"</h2>
            <p class="small soft">{access}</p>
            <ol>{rows}<li class="stage">"Upstream"</li><li class="stage">"Record"</li></ol>
        </aside>
    }
    .into_any()
}
