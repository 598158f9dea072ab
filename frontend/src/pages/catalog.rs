//! The catalog: every API that the reader may see, with search and filters in the address.

use leptos::prelude::*;

use super::landing::search;
use crate::{
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    part::{
        Text,
        head::PageHead,
        state::Badge,
        table::{Empty, chip, pager},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub visitor: Visitor,
    /// What was searched for; empty for all.
    pub words: String,
    /// Filters that are on: name, value, and the address without it.
    pub filters: Vec<(String, String, String)>,
    pub facets: Vec<Facet>,
    pub entries: Vec<Entry>,
    /// How many match, over all pages.
    pub total: u64,
    pub newer: Option<String>,
    pub older: Option<String>,
}

/// One way to narrow the list.
#[derive(Clone, Debug)]
pub struct Facet {
    pub title: &'static str,
    pub values: Vec<FacetValue>,
}

/// A value of a facet; its address toggles it.
#[derive(Clone, Debug)]
pub struct FacetValue {
    pub words: String,
    pub href: String,
    pub count: u64,
    pub on: bool,
}

/// An API in the list.
#[derive(Clone, Debug)]
pub struct Entry {
    pub href: String,
    pub name: String,
    /// The newest version that is served, `v2`.
    pub version: String,
    pub state: Badge,
    pub description: String,
    pub owner: String,
    pub operations: u64,
    /// Anything more worth a word: tags, older versions.
    pub remarks: Vec<String>,
    /// The plan that is easiest to get, and how: `Free plan`, `approved at once`.
    pub plan: Option<(String, Text)>,
}

#[must_use]
pub fn view(page: Catalog) -> AnyView {
    let shown = page.entries.len() as u64;
    let entries = if page.entries.is_empty() {
        nothing(page.words.is_empty() && page.filters.is_empty())
    } else {
        list(page.entries)
    };
    let chips = page
        .filters
        .iter()
        .map(|(name, value, without)| chip(name, value, without.clone()))
        .collect_view();
    let content = view! {
        {PageHead::new("APIs").lede("Everything that you can call, with its reference and plans.")}
        <div class="catalog-search">{search(&page.words)}</div>
        <div class="catalog">
            <nav class="facets" aria-label="Filters">
                {page.facets.into_iter().map(facet).collect_view()}
            </nav>
            <div>
                <div class="filters">
                    {chips}
                    <span class="end small faint">
                        {format::counted(page.total, "API", "APIs")}
                    </span>
                </div>
                {entries}
                {(shown > 0)
                    .then(|| pager(
                        format!("{} of {}", format::count(shown), format::count(page.total)),
                        page.newer,
                        page.older,
                    ))}
            </div>
        </div>
    };
    frame::public(&page.visitor, Area::Apis, content)
}

/// The rows of APIs, also on the start page.
pub(super) fn list(entries: Vec<Entry>) -> AnyView {
    let rows = entries.into_iter().map(row).collect_view();
    view! { <ul class="api-list">{rows}</ul> }.into_any()
}

fn row(entry: Entry) -> AnyView {
    let tile: String = entry.name.chars().take(2).collect();
    let operations = format::counted(entry.operations, "operation", "operations");
    let remarks = entry
        .remarks
        .into_iter()
        .map(|remark| view! { <span>{remark}</span> })
        .collect_view();
    let plan = entry.plan.map(|(plan, how)| {
        view! {
            <div class="api-side">
                <span class="strong">{plan}</span>
                <br />
                {how}
            </div>
        }
    });
    view! {
        <li>
            <span class="tile" aria-hidden="true">{tile}</span>
            <div>
                <h3>
                    <a href=entry.href>{entry.name}</a>
                    " "
                    <span class="tag mono">{entry.version}</span>
                    " "
                    {entry.state}
                </h3>
                <p>{entry.description}</p>
                <p class="meta">
                    <span>{icon(Icon::Users)}{entry.owner}</span>
                    <span>{operations}</span>
                    {remarks}
                </p>
            </div>
            {plan}
        </li>
    }
    .into_any()
}

fn facet(facet: Facet) -> AnyView {
    let values = facet
        .values
        .into_iter()
        .map(|value| {
            view! {
                <a href=value.href aria-current=value.on.then_some("true")>
                    {value.words}
                    " "
                    <span>{format::count(value.count)}</span>
                </a>
            }
        })
        .collect_view();
    view! {
        <section>
            <h2>{facet.title}</h2>
            {values}
        </section>
    }
    .into_any()
}

fn nothing(unfiltered: bool) -> AnyView {
    if unfiltered {
        return Empty::new(
            Icon::Layers,
            "No API is published yet",
            "An API appears here when its owner publishes a version that you may see. Sign in to see those of your organization.",
        )
        .next(view! { <a class="btn" href="/sign-in">"Sign in"</a> })
        .view();
    }
    Empty::new(
        Icon::Search,
        "Nothing matches",
        "Try fewer words, or take a filter away. APIs of your organization show only when you are signed in.",
    )
    .next(view! { <a class="btn" href="/apis">"Show all APIs"</a> })
    .view()
}
