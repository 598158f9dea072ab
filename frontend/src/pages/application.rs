//! The page of an application: its keys, its subscriptions, and what its calls did.

mod keys;
mod light;

use chrono::{DateTime, Utc};
use domain::{
    lifecycle::ApplicationState,
    wire::{
        applications::{Application as Wire, FirstCall},
        credentials::Credential,
        subscriptions::Subscription,
        traffic::Usage,
    },
};
use leptos::prelude::*;

use super::subscriptions;
use crate::{
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::{Stat, callout, menu, stats},
        chart::{Kind, spark},
        code::code,
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
    },
};

pub use self::keys::{Created, NewKey, Revoke, created, new_key, revoke};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Application {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Wire,
    pub keys: Vec<Credential>,
    pub subscriptions: Vec<Subscription>,
    /// Of the last seven days; absent for who may not read traffic.
    pub usage: Option<Usage>,
    /// What to type, without a key in it.
    pub first_call: Option<FirstCall>,
    pub may: May,
    pub now: DateTime<Utc>,
}

/// Which buttons are there: the same checks as behind them.
#[derive(Clone, Copy, Debug, Default)]
pub struct May {
    pub edit: bool,
    pub keys: bool,
    pub request: bool,
    pub disable: bool,
}

#[must_use]
pub fn view(page: Application) -> AnyView {
    let base = page.place.address();
    let home = format!("{base}/applications/{}", page.application.id);
    let subscriptions = subscriptions::rows(&page.subscriptions, &base, &home, false, page.now);
    let subscribe = page.may.request.then(|| {
        view! { <a class="btn btn--s" href="/apis">"Subscribe to a product"</a> }
    });
    let disabled = (page.application.state == ApplicationState::Disabled).then(|| {
        callout(
            Tone::Danger,
            "The application is disabled: all its calls are refused.",
        )
    });
    let count = page.subscriptions.len() as u64;
    let content = view! {
        {crumbs(
            vec![Link::new(format!("{base}/applications"), "Applications")],
            page.application.name.clone(),
        )}
        {head(&page, &home)}
        {disabled}
        {page.usage.as_ref().map(figures)}
        {next_step(&page, &home)}
        {keys::section(&page.keys, &home, page.may.keys, page.now)}
        {Section::new("subscriptions", "Subscriptions")
            .count(count)
            .actions(view! { {subscribe} })
            .body(subscriptions)}
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Open::Applications),
        content,
    )
}

fn head(page: &Application, home: &str) -> AnyView {
    let called = page.keys.iter().any(|key| key.first_success_at.is_some());
    let state = match page.application.state {
        ApplicationState::Active if called => Badge::new(Tone::Ok, Icon::Ok, "Calling"),
        ApplicationState::Active => Badge::new(Tone::Plain, Icon::Clock, "No successful call yet"),
        ApplicationState::Disabled => Badge::from(page.application.state),
    };
    let new_key = page.may.keys.then(|| {
        view! { <a class="btn btn--primary" href=format!("{home}/keys/new")>{icon(Icon::Plus)} "New key"</a> }
    });
    let edit = page
        .may
        .edit
        .then(|| view! { <a href=format!("{home}/edit")>{icon(Icon::Pencil)} "Edit"</a> });
    let disable = page.may.disable.then(|| {
        let (verb, words, symbol) = match page.application.state {
            ApplicationState::Active => ("disable", "Disable", Icon::Pause),
            ApplicationState::Disabled => ("enable", "Enable", Icon::Play),
        };
        view! {
            <form method="post" action=format!("{home}/{verb}")>
                <button>{icon(symbol)} {words}</button>
            </form>
        }
    });
    let more = (edit.is_some() || disable.is_some()).then(|| {
        let label = view! { {icon(Icon::Dots)} <span class="vh">"More"</span> };
        menu("btn btn--icon", label, view! { {edit} {disable} })
    });
    let lede = page.application.description.clone();
    view! {
        {PageHead::new(page.application.name.clone())
            .beside(view! { {state} })
            .lede(lede)
            .actions(view! { {more} {new_key} })}
    }
    .into_any()
}

fn figures(usage: &Usage) -> AnyView {
    let totals = &usage.totals;
    let ratio = match totals.requests {
        0 => "–".to_owned(),
        all => format::percent(totals.errors as f64 / all as f64),
    };
    let p95 = totals
        .p95_ms
        .map_or("–".to_owned(), |ms| format::latency((ms * 1000.0) as u64));
    let line: Vec<f64> = usage
        .series
        .iter()
        .map(|point| point.totals.requests as f64)
        .collect();
    let last = usage.series.last().map_or(0, |point| point.totals.requests);
    stats(vec![
        Stat::new("Requests, 7 days", format::count(totals.requests), ""),
        Stat::new("Errors", ratio, ""),
        Stat::new("p95", p95, ""),
        Stat::new("Requests over time", format::count(last), "now")
            .below(spark(Kind::Requests, &line)),
    ])
}

/// Until the first call succeeded: the one thing that is missing.
fn next_step(page: &Application, home: &str) -> Option<AnyView> {
    if page.keys.iter().any(|key| key.first_success_at.is_some()) {
        return None;
    }
    let effective = page
        .subscriptions
        .iter()
        .any(|subscription| subscription.effective);
    let body = match (&page.first_call, effective) {
        (Some(call), true) if !page.keys.is_empty() => {
            let newest = page.keys.first();
            let light = newest
                .map(|key| light::waiting(key, page.application.organization, &page.place, home));
            view! { <div class="stack">{code(call.title.clone(), call.curl.clone())} {light}</div> }
                .into_any()
        }
        (_, true) => callout(
            Tone::Info,
            "A subscription is effective. Make a key, and the ready call is shown with it.",
        ),
        (_, false) if page.subscriptions.is_empty() => callout(
            Tone::Info,
            view! { "Next: choose an API in the " <a href="/apis">"catalog"</a> " and subscribe to one of its plans." },
        ),
        (_, false) => callout(
            Tone::Info,
            "The subscription is not effective yet. You can make a key meanwhile; it starts to work with the approval.",
        ),
    };
    Some(view! { {Section::new("first-call", "Make the first call").body(body)} }.into_any())
}
