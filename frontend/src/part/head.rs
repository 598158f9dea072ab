//! Heads: of a page (crumbs, title, lede, actions), of a section, and tabs.

use leptos::prelude::*;

use super::{Text, part};
use crate::icon::{Icon, icon};

/// A link with its words.
#[derive(Clone, Debug)]
pub struct Link {
    pub href: String,
    pub label: Text,
}

impl Link {
    pub fn new(href: impl Into<String>, label: impl Into<Text>) -> Self {
        Self {
            href: href.into(),
            label: label.into(),
        }
    }
}

/// The way from the top of the workspace to the page, which comes last and is no link.
#[must_use]
pub fn crumbs(way: Vec<Link>, here: impl Into<Text>) -> AnyView {
    let here: Text = here.into();
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            {way
                .into_iter()
                .map(|link| {
                    view! {
                        <a href=link.href>{link.label}</a>
                        {icon(Icon::Chevron)}
                    }
                })
                .collect_view()}
            <span aria-current="page">{here}</span>
        </nav>
    }
    .into_any()
}

/// The head of a page: its one `h1`.
pub struct PageHead {
    title: Text,
    beside: Option<AnyView>,
    lede: Option<AnyView>,
    actions: Option<AnyView>,
}

impl PageHead {
    pub fn new(title: impl Into<Text>) -> Self {
        Self {
            title: title.into(),
            beside: None,
            lede: None,
            actions: None,
        }
    }

    /// What stands beside the title: the state, mostly.
    #[must_use]
    pub fn beside(mut self, view: impl IntoAny) -> Self {
        self.beside = Some(view.into_any());
        self
    }

    /// One or two sentences below the title.
    #[must_use]
    pub fn lede(mut self, view: impl IntoAny) -> Self {
        self.lede = Some(view.into_any());
        self
    }

    /// Buttons on the right; one of them primary at most.
    #[must_use]
    pub fn actions(mut self, view: impl IntoAny) -> Self {
        self.actions = Some(view.into_any());
        self
    }

    fn view(self) -> AnyView {
        view! {
            <header class="page-head">
                <div>
                    <div class="page-title">
                        <h1>{self.title}</h1>
                        {self.beside}
                    </div>
                    {self.lede.map(|lede| view! { <p class="lede">{lede}</p> })}
                </div>
                {self.actions.map(|actions| view! { <div class="actions">{actions}</div> })}
            </header>
        }
        .into_any()
    }
}
part!(PageHead);

/// A section with its head; `id` names the heading for its label.
pub struct Section {
    id: &'static str,
    title: Text,
    count: Option<u64>,
    note: Option<Text>,
    actions: Option<AnyView>,
    body: Option<AnyView>,
}

impl Section {
    pub fn new(id: &'static str, title: impl Into<Text>) -> Self {
        Self {
            id,
            title: title.into(),
            count: None,
            note: None,
            actions: None,
            body: None,
        }
    }

    /// How many things the section holds.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// A faint remark beside the title: unit, period.
    #[must_use]
    pub fn note(mut self, note: impl Into<Text>) -> Self {
        self.note = Some(note.into());
        self
    }

    #[must_use]
    pub fn actions(mut self, view: impl IntoAny) -> Self {
        self.actions = Some(view.into_any());
        self
    }

    #[must_use]
    pub fn body(mut self, view: impl IntoAny) -> Self {
        self.body = Some(view.into_any());
        self
    }

    fn view(self) -> AnyView {
        let count = self.count.map(crate::format::count);
        view! {
            <section class="section" aria-labelledby=self.id>
                <div class="section-head">
                    <h2 id=self.id>{self.title}</h2>
                    {count.map(|count| view! { <span class="count count--quiet">{count}</span> })}
                    {self.note.map(|note| view! { <span class="small faint">{note}</span> })}
                    {self.actions.map(|actions| view! { <div class="actions">{actions}</div> })}
                </div>
                {self.body}
            </section>
        }
        .into_any()
    }
}
part!(Section);

/// Tabs are links; the address says which one is open.
#[must_use]
pub fn tabs(label: impl Into<Text>, tabs: Vec<Link>, open: &str) -> AnyView {
    let label: Text = label.into();
    let links = tabs
        .into_iter()
        .map(|tab| {
            let current = (tab.href == open).then_some("page");
            view! { <a href=tab.href aria-current=current>{tab.label}</a> }
        })
        .collect_view();
    view! { <nav class="tabs" aria-label=label>{links}</nav> }.into_any()
}
