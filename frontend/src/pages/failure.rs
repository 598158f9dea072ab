//! The page for what did not work: not found, not allowed, broken.

use leptos::prelude::*;

use crate::{
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    part::Text,
};

/// What is said; nothing of the cause that is not meant for the reader.
#[derive(Clone, Debug)]
pub struct Failure {
    pub visitor: Visitor,
    pub status: u16,
    /// Code of the table of problems, with its own page.
    pub code: Text,
    pub title: Text,
    /// What to do now.
    pub detail: Text,
    /// What helps, words and address, the most likely first; the start page and the catalog unless
    /// something else does.
    pub ways: Vec<(Text, Text)>,
    /// To be named when asking for help.
    pub request_id: String,
}

impl Failure {
    /// The ways on from most failures.
    #[must_use]
    pub fn usual() -> Vec<(Text, Text)> {
        vec![
            ("To the start page".into(), "/".into()),
            ("Browse APIs".into(), "/apis".into()),
        ]
    }
}

#[must_use]
pub fn view(failure: Failure) -> AnyView {
    let symbol = if failure.status >= 500 {
        Icon::Warn
    } else {
        Icon::Search
    };
    let mut class = "btn btn--primary";
    let ways = failure
        .ways
        .into_iter()
        .map(|(words, href)| {
            view! { <a class=std::mem::replace(&mut class, "btn") href=href>{words}</a> }
        })
        .collect_view();
    let page = view! {
        <div class="failure">
            <p class="failure-status">{icon(symbol)} <span class="mono">{failure.status}</span></p>
            <h1>{failure.title}</h1>
            <p class="lede">{failure.detail}</p>
            <div class="actions">
                {ways}
            </div>
            <p class="meta">
                <span>
                    <a class="mono" href=format!("/docs/errors/{}", failure.code)>{failure.code.clone()}</a>
                </span>
                <span>"Request " <code>{failure.request_id}</code></span>
            </p>
        </div>
    };
    frame::public(&failure.visitor, Area::Elsewhere, page)
}
