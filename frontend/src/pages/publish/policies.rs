//! The policies of a version: the stages with what stands in them, the one that is open, and the
//! chain that results.

use domain::policy::AttachPoint;
use domain::wire::traffic::{Observed, ObservedPolicy};
use domain::wire::versions::{EffectivePolicies, EffectivePolicy};
use leptos::prelude::*;

use super::attached::{Attached, address_of, step};
use super::version::{self, Frame};

/// What the tab shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub frame: Frame,
    /// Of the draft, in the order of stages.
    pub chain: EffectivePolicies,
    /// Those of the draft.
    pub attached: Attached,
    /// What the one that is open would have refused while it observes.
    pub seen: Option<(Observed, ObservedPolicy)>,
}

#[must_use]
pub fn view(page: Policies) -> AnyView {
    let seen = page.seen.as_ref().map(|(found, policy)| {
        let who = format!("{}/observed", page.frame.home_address());
        version::remark(found, policy, who)
    });
    let chain = effective(&page.chain, &page.frame, None);
    let content = page.attached.editor("Save to draft", seen, Some(chain));
    page.frame.around("policies", content)
}

/// The chain that results; `operation` is the page of the operation that it is of.
pub(super) fn effective(
    chain: &EffectivePolicies,
    frame: &Frame,
    operation: Option<&str>,
) -> AnyView {
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
            let from = from(effective, frame, operation);
            view! { {head} {step(&effective.policy, from, effective.overshoot.clone())} }
        })
        .collect_view();
    let unread = chain.unreadable.iter().map(|one| {
        let from = format!("{} {}", one.from.as_str(), one.place);
        let at =
            (!one.pointer.is_empty()).then(|| view! { " " <code>{one.pointer.clone()}</code> });
        view! {
            <li>
                <span class="row">
                    <span>{one.message.clone()}</span>
                    <span class="sub">{from} {at}</span>
                </span>
            </li>
        }
    });
    let unread = (!chain.unreadable.is_empty())
        .then(|| view! { <li class="stage">"Not read"</li> {unread.collect_view()} });
    let access = match (chain.unreadable.is_empty(), chain.open) {
        (false, _) => {
            "Not all policies on the way can be read. Gateways that cannot read them either refuse the calls."
        }
        (true, true) => "No policy asks who calls: the version is open to everybody.",
        (true, false) => {
            "An effective subscription is asked for as well; the caller's plan adds its limits."
        }
    };
    view! {
        <aside class="chain" aria-labelledby="chain-h">
            <h2 id="chain-h">"Effective chain"</h2>
            <p class="small soft">{access}</p>
            <ol>{unread} {rows}<li class="stage">"Upstream"</li><li class="stage">"Record"</li></ol>
        </aside>
    }
    .into_any()
}

/// The name of the place that a policy comes from, and the way to it there.
fn from(effective: &EffectivePolicy, frame: &Frame, operation: Option<&str>) -> AnyView {
    let place = match effective.from {
        AttachPoint::Operation => "this operation".to_owned(),
        _ => effective.place.clone(),
    };
    let home = match effective.from {
        AttachPoint::Organization => Some(format!("/o/{place}/policies")),
        AttachPoint::Api => Some(format!("{}/policies", frame.api())),
        AttachPoint::Version => Some(format!("{}/policies", frame.home_address())),
        AttachPoint::Operation => operation.map(str::to_owned),
        // On the way of some calls alone.
        AttachPoint::Plan => None,
    };
    match home {
        Some(home) => {
            let href = address_of(&home, &effective.policy);
            let of = match effective.from {
                AttachPoint::Organization => "organization ",
                AttachPoint::Api => "API ",
                AttachPoint::Version | AttachPoint::Operation | AttachPoint::Plan => "",
            };
            view! { {of} <a href=href>{place}</a> }.into_any()
        }
        None => place.into_any(),
    }
}
