//! What stands around a page: the top bar and the rail of a workspace, or the door.

mod rail;

use leptos::prelude::*;

pub use self::rail::{Place, Section};
use crate::{
    document::Theme,
    icon::{Icon, icon, mark},
    island::theme::Theme as ThemeSwitch,
    part::{Text, boxes::menu},
};

/// Who looks at the page, and what the top bar needs for everybody.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Name of the portal.
    pub site: String,
    pub theme: Theme,
    /// Absent for an anonymous reader.
    pub person: Option<Person>,
    /// Whether the page is hydrated: without a browser part there is no colour switch.
    pub scripted: bool,
}

/// The person who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// In the order of the switcher.
    pub organizations: Vec<Membership>,
    /// Runs the platform: the menu leads to the operator's pages.
    pub operator: bool,
    /// Decisions that wait for this person, over all teams.
    pub waiting: u64,
}

/// An organization that the person belongs to, with the teams that the person sees.
#[derive(Clone, Debug)]
pub struct Membership {
    pub slug: String,
    pub name: String,
    /// Slug and name.
    pub teams: Vec<(String, String)>,
}

/// Where in the portal a public page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    Apis,
    Errors,
    Elsewhere,
}

/// A page on a bare ground with one card: sign-in, sign-up, a link from a mail.
#[must_use]
pub fn door(
    visitor: &Visitor,
    title: impl Into<Text>,
    lede: impl IntoAny,
    card: impl IntoAny,
) -> AnyView {
    let title: Text = title.into();
    let home = format!("{}, home", visitor.site);
    view! {
        <main id="main" class="door">
            <svg class="door-lines" aria-hidden="true" fill="none" stroke="currentColor">
                <svg x="600" y="100%" overflow="visible">
                    <path d="M-230 0V-420a230 230 0 0 1 460 0V0M-310 0V-420a310 310 0 0 1 620 0V0M-390 0V-420a390 390 0 0 1 780 0V0M-470 0V-420a470 470 0 0 1 940 0V0M-550 0V-420a550 550 0 0 1 1100 0V0"></path>
                </svg>
            </svg>
            <div class="door-card">
                <div class="stack stack--s">
                    <a class="brand" href="/" aria-label=home>{mark()}</a>
                    <h1>{title}</h1>
                    <p class="small soft">{lede.into_any()}</p>
                </div>
                {card.into_any()}
            </div>
        </main>
    }
    .into_any()
}

/// A page that anybody may read.
#[must_use]
pub fn public(visitor: &Visitor, area: Area, page: impl IntoAny) -> AnyView {
    let link = |here: Area, href: &'static str, words: &'static str| {
        view! { <a href=href aria-current=(here == area).then_some("page")>{words}</a> }
    };
    view! {
        <header class="topbar">
            <a class="brand" href="/">
                {mark()}
                <span>{visitor.site.clone()}</span>
            </a>
            <nav class="topbar-links" aria-label="Portal">
                {link(Area::Apis, "/apis", "APIs")}
                {link(Area::Errors, "/docs/errors", "Errors")}
            </nav>
            {places(visitor).map(|list| menu("btn btn--quiet switcher", view! { "Workspaces" {icon(Icon::UpDown)} }, list))}
            {topbar_end(visitor)}
        </header>
        <main id="main" class="page page--centre">
            {page.into_any()}
        </main>
    }
    .into_any()
}

/// A page inside a workspace.
#[must_use]
pub fn workspace(
    visitor: &Visitor,
    place: &Place,
    open: Option<Section>,
    page: impl IntoAny,
) -> AnyView {
    view! {
        <header class="topbar">
            <a class="brand" href="/" aria-label=format!("{}, home", visitor.site)>
                {mark()}
                <span class="brand-name">{visitor.site.clone()}</span>
            </a>
            <span class="topbar-slash" aria-hidden="true">"/"</span>
            {switcher(visitor, place)}
            {topbar_end(visitor)}
        </header>
        <div class="shell">
            {rail::rail(place, open, visitor.person.as_ref().map_or(0, |person| person.waiting))}
            <main id="main" class="page">
                {page.into_any()}
            </main>
        </div>
    }
    .into_any()
}

/// The workspace, with a way to the others.
fn switcher(visitor: &Visitor, place: &Place) -> AnyView {
    let label = view! {
        {place.name()}
        {place.team_name().map(|team| view! { " " <span class="faint">{team}</span> })}
        {icon(Icon::UpDown)}
    };
    menu("btn btn--quiet switcher", label, places(visitor))
}

/// Organizations and teams as plain links: addresses carry the tenant. None without any.
fn places(visitor: &Visitor) -> Option<AnyView> {
    let organizations = &visitor.person.as_ref()?.organizations;
    if organizations.is_empty() {
        return None;
    }
    let list = organizations
        .iter()
        .map(|organization| {
            let home = format!("/o/{}", organization.slug);
            let teams = organization
                .teams
                .iter()
                .map(|(slug, name)| {
                    view! {
                        <a href=format!("{home}/t/{slug}")>
                            {icon(Icon::Users)}
                            {name.clone()}
                        </a>
                    }
                })
                .collect_view();
            view! {
                <a href=home.clone()>
                    {icon(Icon::Building)}
                    <b>{organization.name.clone()}</b>
                </a>
                {teams}
            }
        })
        .collect_view();
    Some(list.into_any())
}

fn topbar_end(visitor: &Visitor) -> AnyView {
    let theme = visitor.scripted.then(|| {
        view! { <ThemeSwitch chosen=visitor.theme.as_str().to_owned() /> }
    });
    let account = match &visitor.person {
        Some(person) => account(person),
        None => view! {
            <a class="btn btn--quiet" href="/sign-in">"Sign in"</a>
            <a class="btn btn--primary" href="/sign-up">"Sign up"</a>
        }
        .into_any(),
    };
    view! {
        <div class="topbar-end">
            <a class="jump" href="/apis#q" aria-label="Search APIs">
                {icon(Icon::Search)}
                <span>"Search APIs"</span>
            </a>
            {theme}
            {account}
        </div>
    }
    .into_any()
}

fn account(person: &Person) -> AnyView {
    let label = view! { <span class="avatar" aria-hidden="true">{initials(&person.name)}</span> <span class="vh">"Account"</span> };
    let list = view! {
        <p>{person.name.clone()} <br /> {person.email.clone()}</p>
        <a href="/home">{icon(Icon::Home)} "Home"</a>
        <a href="/account">{icon(Icon::User)} "Account"</a>
        {person.operator.then(|| view! { <a href="/operator">{icon(Icon::Node)} "Platform"</a> })}
        <hr />
        <form method="post" action="/sign-out">
            <button>{icon(Icon::External)} "Sign out"</button>
        </form>
    };
    menu("btn btn--quiet btn--icon", label, list)
}

/// The first letters of the first and the last word of a name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first
        .into_iter()
        .chain(last)
        .flat_map(char::to_uppercase)
        .collect()
}
