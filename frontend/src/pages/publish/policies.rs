//! The policies of a version: the stages with what stands in them, the one that is open, and the
//! chain that results.

use domain::policy::{AttachPoint, Policy, PolicyKind, Stage};
use domain::wire::traffic::{Observed, ObservedPolicy};
use domain::wire::versions::EffectivePolicies;
use leptos::prelude::*;

use super::policy::{self, Edit, Open};
use super::version::{self, Frame};
use crate::icon::{Icon, icon};

/// What the tab shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub frame: Frame,
    /// Of the draft, in the order of stages.
    pub chain: EffectivePolicies,
    /// Which policy is open: one of the draft by its place, or a new one of a kind.
    pub open: Open,
    /// What is shown of it.
    pub edit: Option<Edit>,
    /// What it would have refused while it observes.
    pub seen: Option<(Observed, ObservedPolicy)>,
}

#[must_use]
pub fn view(page: Policies) -> AnyView {
    let home = format!("{}/policies", page.frame.home_address());
    let policies = page.frame.version.draft.policies.clone();
    let may = page.frame.may_edit;
    let stages = stages(&policies, &home, page.open);
    let is_choosing = may && page.edit.is_none();
    let add = (may && !is_choosing).then(|| {
        view! { <a class="btn" href=home.clone()>{icon(Icon::Plus)} "Add a policy"</a> }
    });
    let middle = match &page.edit {
        Some(edit) => policy::edit(edit, "Save to draft"),
        None if may => policy::chooser(&home, AttachPoint::Version, &policies),
        None => view! {
            <div class="card"><div class="card-body"><p class="soft">"Choose a policy to see it."</p></div></div>
        }
        .into_any(),
    };
    let seen = page.seen.as_ref().map(|(found, policy)| {
        let who = format!("{}/observed", page.frame.home_address());
        version::remark(found, policy, who)
    });
    let content = view! {
        <div class="editor">
            <div class="stages">{stages} {add}</div>
            <div class="editor-main">{seen} {middle}</div>
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
                    .map(|(index, policy)| {
                        policy::entry(index, policy, home, open == Open::At(index))
                    })
                    .collect_view();
                view! { <ul>{items}</ul> }.into_any()
            };
            view! { <section><h2>{name}</h2>{body}</section> }
        })
        .collect_view()
        .into_any()
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
                        <span><code>{kind.as_str()}</code> " " {policy::observe(&effective.policy)}</span>
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
