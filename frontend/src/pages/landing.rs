//! The start page: what can be built here, and the way in.

use leptos::prelude::*;

use super::catalog::{Entry, list};
use crate::{
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    part::{code::code, table::Empty},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Landing {
    pub visitor: Visitor,
    /// Where calls go, without a slash at the end: the first call is written with it.
    pub gateway_url: String,
    /// How many APIs this reader can see.
    pub apis: u64,
    /// A few of them, best first.
    pub featured: Vec<Entry>,
}

#[must_use]
pub fn view(page: Landing) -> AnyView {
    let sample = format!(
        "curl {}/your-api/v1/… \\\n  -H \"X-Api-Key: $API_KEY\"",
        page.gateway_url.trim_end_matches('/')
    );
    let more = (page.apis > page.featured.len() as u64).then(|| {
        view! {
            <p class="section small">
                <a href="/apis">{format!("All {} ", format::counted(page.apis, "API", "APIs"))}</a>
            </p>
        }
    });
    let apis = if page.featured.is_empty() {
        Empty::new(
            Icon::Layers,
            "No API is published yet",
            "An API appears here when its owner publishes a version that you may see.",
        )
        .view()
    } else {
        list(page.featured)
    };
    let content = view! {
        <section class="hero">
            <div>
                <h1>{format!("Build on {}", page.visitor.site)}</h1>
                <p class="lede">
                    "Find an API, read its reference, make an application, choose a plan, and call in a minute."
                </p>
                {search("")}
            </div>
            {code("Your first call", sample)}
        </section>
        <ol class="steps steps--row">
            <li>"Choose an API from the catalog and read what it does."</li>
            <li>"Make an application and subscribe it to a plan."</li>
            <li>"Create a key, call, and watch the traffic arrive."</li>
        </ol>
        <section class="section" aria-labelledby="apis-h">
            <div class="section-head">
                <h2 id="apis-h">"APIs"</h2>
                <div class="actions">
                    <a class="btn btn--s" href="/apis">"Open the catalog"</a>
                </div>
            </div>
            {apis}
            {more}
        </section>
    };
    frame::public(&page.visitor, Area::Elsewhere, content)
}

/// The search of the catalog, as a plain form.
pub(super) fn search(words: &str) -> AnyView {
    view! {
        <form class="stack stack--s" role="search" action="/apis">
            <div class="input-icon">
                {icon(Icon::Search)}
                <input
                    class="input"
                    id="q"
                    type="search"
                    name="q"
                    value=words.to_owned()
                    placeholder="Search APIs and operations"
                    aria-label="Search APIs and operations"
                />
            </div>
        </form>
    }
    .into_any()
}
