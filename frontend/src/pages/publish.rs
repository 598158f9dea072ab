//! The pages of those who publish: APIs, upstreams, products and plans, approvals.

pub mod apis;
pub mod approvals;
pub mod attached;
pub mod certificates;
pub mod import;
pub mod ip_lists;
pub mod operation;
pub mod organization;
pub mod plan;
pub mod policies;
pub mod policy;
pub mod products;
pub mod upstreams;
pub mod version;

use chrono::{DateTime, Utc};
use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Place, Section, Visitor},
};

/// Where a page of a workspace stands, who looks and when.
#[derive(Clone, Debug)]
pub struct At {
    pub visitor: Visitor,
    pub place: Place,
    pub now: DateTime<Utc>,
}

impl At {
    /// `/o/{organization}` or `/o/{organization}/t/{team}`.
    pub(crate) fn base(&self) -> String {
        self.place.address()
    }

    pub(crate) fn page(&self, section: Section, content: impl IntoAny) -> AnyView {
        frame::workspace(&self.visitor, &self.place, Some(section), content)
    }
}

/// One button that posts to `action`; `name` and `value` say what to do.
pub(crate) fn button(
    action: String,
    value: &'static str,
    class: &'static str,
    words: impl IntoAny,
) -> AnyView {
    view! {
        <form method="post" action=action class="inline">
            <button class=class name="do" value=value>{words.into_any()}</button>
        </form>
    }
    .into_any()
}

/// The tag of what the form was made from: a save over somebody else's is refused.
pub(crate) fn tag(form: &Form) -> AnyView {
    view! { <input type="hidden" name="etag" value=form.value("etag").to_owned() /> }.into_any()
}
