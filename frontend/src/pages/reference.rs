//! The reference of a version, rendered from its document: contents, text, samples. One operation
//! per address, so that a large document costs only what is looked at.

mod operation;
mod schema;
mod words;

use std::sync::Arc;

use domain::openapi::{Document, Language, Operation, SecurityKind};
use leptos::prelude::*;

use self::operation::{Frame, article, title};
use super::api::{Head, address, tabs_of};
use crate::{
    format,
    frame::{self, Area, Visitor},
    icon::{Icon, icon},
    markdown::markdown,
    part::{
        head::Section,
        state::method,
        table::{self, Empty, Shape, Table},
    },
};

/// A document with more operations than this lists only the open group beside the text.
const MANY: usize = 120;
/// Most operations in the list; the search finds the others.
const MOST: usize = 500;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Reference {
    pub visitor: Visitor,
    pub head: Head,
    pub document: Arc<Document>,
    /// Slug of the operation to show; none: the list of all.
    pub open: Option<String>,
    /// Only operations with these words, in the list.
    pub find: String,
    /// Only operations with this tag, in the list.
    pub tag: Option<String>,
    pub language: Language,
}

#[must_use]
pub fn view(page: Reference) -> AnyView {
    let version = page.head.version.as_ref();
    let slug = version
        .map(|version| version.slug.clone())
        .unwrap_or_default();
    let base = version
        .map(|version| version.address.clone())
        .unwrap_or_default();
    let home = format!("{}/{slug}/reference", address(&page.head.page));
    let document = &*page.document;
    let open = page
        .open
        .as_deref()
        .and_then(|slug| document.operation(slug));
    let body = match open {
        Some(operation) => article(
            operation,
            &Frame {
                document,
                base: &base,
                ask: version.and_then(|version| version.ask.as_ref()),
                needs_key: page.head.page.entry.needs_key,
                language: page.language,
                address: format!("{home}/{}", operation.slug),
            },
        ),
        None => introduction(&page, &home),
    };
    let content = view! {
        {page.head.view(page.open.is_some())}
        {tabs_of(&page.head, &home)}
        {search(&home, &page)}
        <div class="ref">
            {contents(document, &home, open)}
            <div class="ref-body">{body}</div>
        </div>
    };
    frame::public(&page.visitor, Area::Apis, content)
}

fn search(home: &str, page: &Reference) -> AnyView {
    let count = page.document.operations.len() as u64;
    view! {
        <div class="section-head ref-head">
            <span class="small faint">
                {format::counted(count, "operation", "operations")} " · OpenAPI "
                {page.document.openapi.clone()}
            </span>
            <form class="actions" role="search" action=home.to_owned()>
                <div class="input-icon">
                    {icon(Icon::Search)}
                    <input
                        class="input"
                        type="search"
                        name="q"
                        value=page.find.clone()
                        placeholder="Find an operation"
                        aria-label="Find an operation"
                    />
                </div>
            </form>
        </div>
    }
    .into_any()
}

/// The groups of a document with their operations; operations without a tag come last.
fn groups(document: &Document) -> Vec<(String, Vec<&Operation>)> {
    let mut groups: Vec<(String, Vec<&Operation>)> = document
        .tags
        .iter()
        .map(|tag| (tag.name.clone(), Vec::new()))
        .collect();
    let mut rest = Vec::new();
    for operation in &document.operations {
        let first = operation.tags.first();
        match groups.iter_mut().find(|(name, _)| Some(name) == first) {
            Some((_, operations)) => operations.push(operation),
            None => rest.push(operation),
        }
    }
    groups.retain(|(_, operations)| !operations.is_empty());
    if !rest.is_empty() {
        let name = if groups.is_empty() {
            "Operations"
        } else {
            "Other"
        };
        groups.push((name.to_owned(), rest));
    }
    groups
}

fn contents(document: &Document, home: &str, open: Option<&Operation>) -> AnyView {
    let many = document.operations.len() > MANY;
    let groups = groups(document)
        .into_iter()
        .map(|(name, operations)| {
            let holds = operations.iter().any(|operation| Some(*operation) == open);
            if many && !holds {
                let query = url_encoded(&name);
                let count = format::count(operations.len() as u64);
                return view! { <a href=format!("{home}?tag={query}")>{name} <span class="method">{count}</span></a> }.into_any();
            }
            let links = operations
                .into_iter()
                .map(|operation| {
                    let here = (Some(operation) == open).then_some("page");
                    view! {
                        <a href=format!("{home}/{}", operation.slug) aria-current=here>
                            {title(operation)}
                            {method(operation.method.as_str())}
                        </a>
                    }
                })
                .collect_view();
            view! { <h3>{name}</h3> {links} }.into_any()
        })
        .collect_view();
    let here = open.is_none().then_some("page");
    view! {
        <nav class="ref-nav" aria-label="Operations">
            <a href=home.to_owned() aria-current=here>"Introduction"</a>
            {groups}
        </nav>
    }
    .into_any()
}

/// What the document says of itself, and the list of its operations.
fn introduction(page: &Reference, home: &str) -> AnyView {
    let document = &*page.document;
    let filtered = !page.find.is_empty() || page.tag.is_some();
    let text = (!filtered && !document.description.trim().is_empty())
        .then(|| markdown(&document.description));
    let words = page.find.to_lowercase();
    let found: Vec<_> = document
        .operations
        .iter()
        .filter(|operation| matches(operation, &words, page.tag.as_deref()))
        .collect();
    let shown = found.len();
    let rows = found.into_iter().take(MOST).map(|operation| {
        view! {
            <tr>
                <td class="op-cell">
                    {method(operation.method.as_str())}
                    " "
                    <a href=format!("{home}/{}", operation.slug)>{title(operation)}</a>
                    {operation.deprecated.then(|| view! { <span class="sub">"deprecated"</span> })}
                </td>
                <td class="mono soft break">{operation.path.clone()}</td>
            </tr>
        }
    });
    let more = (shown > MOST).then(|| {
        let rest = format::count((shown - MOST) as u64);
        view! { <p class="small faint">{format!("And {rest} more: search for the one you need.")}</p> }
    });
    let columns = vec![table::text("Operation"), table::wide("Path")];
    let empty = Empty::new(
        Icon::Search,
        "Nothing matches",
        "No operation has these words in its name, path or id.",
    )
    .next(view! { <a class="btn" href=home.to_owned()>"Show all operations"</a> });
    let table = Table::new(Shape::Tight, columns)
        .rows(rows.collect::<Vec<_>>())
        .or_empty(empty);
    view! {
        <div class="op-text ref-intro">
            {text}
            {(!filtered).then(|| authentication(page))}
            {Section::new("operations", "Operations").count(shown as u64).body(view! { {table} {more} })}
        </div>
    }
    .into_any()
}

fn matches(operation: &Operation, words: &str, tag: Option<&str>) -> bool {
    let tagged = tag.is_none_or(|tag| operation.tags.iter().any(|own| own == tag));
    let texts = [
        &operation.path,
        &operation.summary,
        operation.operation_id.as_ref().unwrap_or(&operation.slug),
    ];
    tagged
        && words.split_whitespace().all(|word| {
            texts.iter().any(|text| text.to_lowercase().contains(word))
                || operation.method.as_str().eq_ignore_ascii_case(word)
        })
}

/// How callers prove who they are: to the gateway, and what the document says besides.
fn authentication(page: &Reference) -> AnyView {
    let key = if page.head.page.entry.needs_key {
        view! {
            <p>
                "Every call carries a key of an application that is subscribed: "
                <code>"X-Api-Key: …"</code>", or as "<code>"Authorization: Bearer …"</code>". "
                "The key is taken off before the call goes on."
            </p>
        }
        .into_any()
    } else {
        view! { <p>"Calls need no key."</p> }.into_any()
    };
    let schemes = page
        .document
        .security_schemes
        .iter()
        .map(|scheme| {
            view! {
                <div class="prop">
                    <div class="prop-head">
                        <code>{scheme.name.clone()}</code>
                        <span class="type">{scheme_words(&scheme.kind)}</span>
                    </div>
                    {(!scheme.description.trim().is_empty()).then(|| markdown(&scheme.description))}
                </div>
            }
        })
        .collect::<Vec<_>>();
    let schemes = (!schemes.is_empty()).then(|| {
        view! {
            <p class="small soft">"The document describes for the API itself:"</p>
            <div class="props">{schemes}</div>
        }
    });
    let body = view! { <div class="stack stack--s">{key} {schemes}</div> };
    view! { {Section::new("authentication", "Authentication").body(body)} }.into_any()
}

fn scheme_words(kind: &SecurityKind) -> String {
    match kind {
        SecurityKind::ApiKey { parameter, .. } => format!("key in {parameter}"),
        SecurityKind::Http { scheme } => format!("HTTP {scheme}"),
        SecurityKind::OAuth2 { flows } => {
            let flows: Vec<_> = flows.iter().map(|flow| flow.flow.as_str()).collect();
            format!("OAuth 2.0, {}", flows.join(", "))
        }
        SecurityKind::OpenIdConnect { .. } => "OpenID Connect".to_owned(),
        SecurityKind::MutualTls => "mutual TLS".to_owned(),
        SecurityKind::Other { kind } => kind.clone(),
    }
}

/// A value of a query, percent-encoded.
fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
