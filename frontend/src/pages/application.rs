//! The page of an application: its keys, its subscriptions, and what its calls did.

mod claims;
mod end;
mod keys;
mod light;
mod roll;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    application::CredentialKind,
    id::PlanId,
    lifecycle::ApplicationState,
    policy::Policy,
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

pub use self::claims::{Claim, Claiming, OauthClient, Password, claim, oauth_client, password};
pub use self::end::{Disable, Revoke, disable, revoke};
pub use self::keys::{Created, NewKey, created, new_key};
pub use self::roll::{Roll, roll};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Application {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Wire,
    /// Of all kinds, newest first.
    pub keys: Vec<Credential>,
    pub subscriptions: Vec<Subscription>,
    /// What the plans of the subscriptions allow.
    pub allowed: HashMap<PlanId, Vec<Policy>>,
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
    let subscriptions = subscriptions::rows(
        &page.subscriptions,
        &page.allowed,
        &base,
        &home,
        false,
        page.now,
    );
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
    let (keys, claimed): (Vec<_>, Vec<_>) = page.keys.iter().partition(|one| is_key(one));
    let content = view! {
        {crumbs(
            vec![Link::new(format!("{base}/applications"), "Applications")],
            page.application.name.clone(),
        )}
        {head(&page, &home)}
        {disabled}
        {page.usage.as_ref().map(figures)}
        {next_step(&page, &home)}
        {again(&page)}
        {keys::section(&keys, &home, page.may.keys, page.now)}
        {claims::section(&claimed, &home, page.may.keys, page.now)}
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
    let called = called(page);
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
    let disable = page.may.disable.then(|| match page.application.state {
        ApplicationState::Active => {
            view! { <a href=format!("{home}/disable")>{icon(Icon::Pause)} "Disable"</a> }.into_any()
        }
        ApplicationState::Disabled => view! {
            <form method="post" action=format!("{home}/enable")>
                <button>{icon(Icon::Play)} "Enable"</button>
            </form>
        }
        .into_any(),
    });
    let more = (edit.is_some() || disable.is_some()).then(|| {
        let label = view! { {icon(Icon::Dots)} <span class="vh">"More"</span> };
        menu("btn btn--icon", label, view! { {edit} {disable} })
    });
    let traffic = page.usage.as_ref().map(|_| {
        let base = page.place.address();
        let log = format!("{base}/log?application={}", page.application.id);
        view! {
            <a class="btn" href=format!("{base}/analytics?application={}", page.application.id)>"Usage"</a>
            <a class="btn" href=log>"Request log"</a>
        }
    });
    let lede = page.application.description.clone();
    view! {
        {PageHead::new(page.application.name.clone())
            .beside(view! { {state} })
            .lede(lede)
            .actions(view! { {traffic} {more} {new_key} })}
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
    // A step of the week is longer than an hour.
    let hours = (usage.step_seconds / 3600).max(1).unsigned_abs();
    let last = usage.series.last().map_or(0, |point| point.totals.requests);
    let hourly = last.div_ceil(hours);
    stats(vec![
        Stat::new("Requests, 7 days", format::count(totals.requests), ""),
        Stat::new("Error ratio", ratio, ""),
        Stat::new("p95", p95, ""),
        Stat::new("Requests per hour", format::count(hourly), "now")
            .below(spark(Kind::Requests, &line)),
    ])
}

fn is_key(credential: &Credential) -> bool {
    credential.kind == Some(CredentialKind::Key)
}

fn called(page: &Application) -> bool {
    page.keys.iter().any(|key| key.first_success_at.is_some())
}

/// The ready call stays after it succeeded: for the next program, and the next developer.
fn again(page: &Application) -> Option<AnyView> {
    let call = page.first_call.as_ref().filter(|_| called(page))?;
    let body = code(call.title.clone(), call.curl.clone());
    Some(view! { {Section::new("call", "A call").body(body)} }.into_any())
}

/// Until the first call succeeded: the one thing that is missing.
fn next_step(page: &Application, home: &str) -> Option<AnyView> {
    if called(page) {
        return None;
    }
    let effective = page
        .subscriptions
        .iter()
        .any(|subscription| subscription.effective);
    let body = match (&page.first_call, effective) {
        (Some(call), true) if page.keys.iter().any(is_key) => {
            let newest = page.keys.iter().find(|one| is_key(one));
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
