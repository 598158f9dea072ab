//! The policies of one operation: what stands in its stages, the one that is open, and the chain
//! that its calls meet.

use domain::wire::versions::{DraftOperation, EffectivePolicies};
use leptos::prelude::*;

use super::attached::Attached;
use super::policies::effective;
use super::version::Frame;
use crate::part::state::method;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Policies {
    pub frame: Frame,
    pub operation: DraftOperation,
    /// Of the draft, for calls of this operation, in the order of stages.
    pub chain: EffectivePolicies,
    /// Those of the draft.
    pub attached: Attached,
}

#[must_use]
pub fn policies(page: Policies) -> AnyView {
    let operation = &page.operation;
    let chain = effective(&page.chain, &page.frame, Some(&page.attached.home));
    let document = format!("{}/document", page.frame.home_address());
    let summary = (!operation.summary.is_empty())
        .then(|| view! { " " <span class="soft">{operation.summary.clone()}</span> });
    let content = view! {
        <p class="small"><a href=document>"All operations"</a></p>
        <div class="section-head">
            <h2>{method(&operation.method)} " " <code>{operation.template.clone()}</code></h2>
            {summary}
            <p class="soft">
                "Calls of this operation meet these besides those of the version; of kinds that do not add up, these stand for them."
            </p>
        </div>
        {page.attached.editor("Save to draft", None, Some(chain))}
    };
    page.frame.around("document", content)
}
