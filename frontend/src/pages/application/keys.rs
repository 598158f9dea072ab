//! Keys: the list, making one, and the page that shows it once.

use chrono::{DateTime, Utc};
use domain::{
    application::{CredentialKind, CredentialState},
    key::Environment,
    wire::{
        applications::Application,
        credentials::{Credential, NewKey as Made},
    },
};
use leptos::prelude::*;

use super::{light, roll};
use crate::{
    form::Form,
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::Icon,
    part::{
        boxes::{callout, pairs},
        code::{Once, code, once},
        field::{Field, choice, refusal},
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// A retiring key that was used so recently still has a caller somewhere, in seconds.
pub(super) const STILL_USED: i64 = 3600;

pub(super) fn section(
    keys: &[&Credential],
    home: &str,
    may_edit: bool,
    now: DateTime<Utc>,
) -> AnyView {
    let mut empty = Empty::new(
        Icon::Key,
        "No key yet",
        "A key is what the program sends with each call, in X-Api-Key. Its value is shown once.",
    );
    if may_edit {
        empty = empty.next(view! { <a class="btn" href=format!("{home}/keys/new")>"New key"</a> });
    }
    let table = list(keys, home, may_edit, now).or_empty(empty);
    view! { {Section::new("keys", "Keys").count(keys.len() as u64).body(view! { {table} })} }
        .into_any()
}

/// Credentials of whatever kind.
pub(super) fn list(all: &[&Credential], home: &str, may_edit: bool, now: DateTime<Utc>) -> Table {
    let columns = vec![
        table::wide("Name"),
        table::text("State"),
        table::text("Environment"),
        table::text("Last used"),
        table::text("Expires"),
        table::actions(),
    ];
    let rows = all.iter().map(|one| row(one, home, may_edit, now));
    Table::new(Shape::Rows, columns).rows(rows.collect::<Vec<_>>())
}

fn row(key: &Credential, home: &str, may_edit: bool, now: DateTime<Utc>) -> AnyView {
    let works = matches!(
        key.state,
        CredentialState::Active | CredentialState::Retiring
    );
    let state = match (key.state, key.retires_at) {
        _ if works && key.kind.is_none() => view! {
            {Badge::new(Tone::Warn, Icon::Warn, "Of a newer kind")}
            <span class="sub">"made by a newer release, not usable in this one"</span>
        }
        .into_any(),
        (CredentialState::Retiring, Some(at)) => {
            let left = format::span((at - now).num_seconds().max(0).unsigned_abs() / 60 * 60);
            view! {
                {Badge::new(Tone::Warn, Icon::Clock, format!("Retiring in {left}"))}
                <span class="sub">"until " {format::time(at, now)}</span>
            }
            .into_any()
        }
        (CredentialState::Active, _) => view! {
            {Badge::from(key.state).quiet()}
            {key.first_success_at.map(|at| view! { <span class="sub">{light::on(at, now)}</span> })}
        }
        .into_any(),
        (state, _) => view! { {Badge::from(state)} }.into_any(),
    };
    let recent = key
        .last_used_at
        .is_some_and(|at| (now - at).num_seconds() < STILL_USED);
    let used = match key.last_used_at {
        Some(at) if recent && key.state == CredentialState::Retiring => view! {
            {Badge::new(Tone::Warn, Icon::Warn, format!("Still used {}", format::relative(at, now)))}
        }
        .into_any(),
        Some(at) => view! { {format::time(at, now)} }.into_any(),
        None => view! { <span class="faint">"never"</span> }.into_any(),
    };
    let expires = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => {
            view! { <span class="faint">"revoked " {format::time(at, now)}</span> }.into_any()
        }
        (None, Some(at)) => view! { {format::date(at)} }.into_any(),
        (None, None) => view! { <span class="faint">"never"</span> }.into_any(),
    };
    let from = (!key.cidrs.is_empty())
        .then(|| view! { <span class="sub mono">{key.cidrs.join(", ")}</span> });
    let actions = (may_edit && works).then(|| actions(key, home));
    view! {
        <tr>
            <td>
                <b>{key.name.clone()}</b>
                <span class="sub mono">{key.recognized_by()}</span>
                {key.client.as_ref().map(|client| view! { <span class="sub">"of " {client.issuer.clone()}</span> })}
            </td>
            <td data-label="State">{state}</td>
            <td data-label="Environment">{environment(key.environment)}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Expires">{expires} {from}</td>
            <td class="act">{actions}</td>
        </tr>
    }
    .into_any()
}

fn environment(environment: Environment) -> AnyView {
    view! { <span class="env">{environment.as_str()}</span> }.into_any()
}

fn actions(key: &Credential, home: &str) -> AnyView {
    let base = format!("{home}/keys/{}", key.id);
    let can_roll = key.kind == Some(CredentialKind::Key) && key.state == CredentialState::Active;
    let roll = can_roll.then(|| roll::menu(&base));
    view! {
        {roll}
        " "
        <a class="btn btn--s btn--danger" href=format!("{base}/revoke")>"Revoke"</a>
    }
    .into_any()
}

/// The form of a new key.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub form: Form,
}

#[must_use]
pub fn new_key(page: NewKey) -> AnyView {
    let form = page.form;
    let content = view! {
        {way(&page.place, &page.application, "New key")}
        {PageHead::new("New key").lede("One per place where the program runs, so that each can be rolled by itself.")}
        <form class="form form--page" method="post">
            {refusal(&form, &["name", "environment", "expires", "cidrs"])}
            {Field::text("name", "Name").placeholder("production").of(&form)}
            {terms(&form, "Never")}
            <div class="actions">
                <button class="btn btn--primary">"Make the key"</button>
            </div>
        </form>
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Open::Applications),
        content,
    )
}

pub(super) fn way(place: &Place, application: &Application, here: &'static str) -> AnyView {
    let base = format!("{}/applications", place.address());
    let home = format!("{base}/{}", application.id);
    crumbs(
        vec![
            Link::new(base, "Applications"),
            Link::new(home, application.name.clone()),
        ],
        here,
    )
}

/// What every new credential is asked: environment, end, networks.
pub(super) fn terms(form: &Form, end: &'static str) -> AnyView {
    let expiry = [
        ("", end),
        ("30", "In 30 days"),
        ("90", "In 90 days"),
        ("365", "In a year"),
    ]
    .map(|(value, words)| (value.to_owned(), words.to_owned()))
    .to_vec();
    view! {
        {choice(
            "environment",
            "Environment",
            vec![("live", "Live".into()), ("test", "Test: counted apart".into())],
            form,
        )}
        {Field::select("expires", "Expires", expiry).optional().of(form)}
        {Field::area("cidrs", "Only from these networks", 2)
            .optional()
            .mono()
            .placeholder("203.0.113.0/24")
            .help("One per line. Empty: from anywhere.")
            .of(form)}
    }
    .into_any()
}

/// The one page that shows a key; rendered from the POST itself and never kept.
#[derive(Clone, Debug)]
pub struct Created {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub made: Made,
    /// What became of the key before it, after a roll.
    pub before: Option<String>,
}

#[must_use]
pub fn created(page: Created) -> AnyView {
    let home = format!(
        "{}/applications/{}",
        page.place.address(),
        page.application.id
    );
    let key = page.made.credential;
    let secret = once(Once {
        value: page.made.key,
        hint: format!("{}…", key.display_id),
        variable: "API_KEY".to_owned(),
        done: home.clone(),
    });
    let light = light::waiting(&key, page.application.organization, &page.place, &home);
    let call = match page.made.first_call {
        Some(call) => view! {
            <div class="stack">
                {code(format!("{} {} {}", call.api.name, call.version, call.title), call.curl)}
                {light}
            </div>
        }
        .into_any(),
        None => callout(
            Tone::Info,
            view! {
                "No subscription of this application is effective yet, so there is nothing to call. "
                <a href="/apis">"Choose an API"</a> ", or wait for the approval."
            },
        ),
    };
    let expires = match key.expires_at {
        Some(at) => view! { {format::date(at)} }.into_any(),
        None => view! { <span class="faint">"never"</span> }.into_any(),
    };
    let networks = if key.cidrs.is_empty() {
        "from anywhere".to_owned()
    } else {
        key.cidrs.join(", ")
    };
    let facts = pairs(vec![
        ("Name".into(), view! { {key.name} }.into_any()),
        (
            "Application".into(),
            view! { <a href=home>{page.application.name.clone()}</a> }.into_any(),
        ),
        ("Environment".into(), environment(key.environment)),
        ("Expires".into(), expires),
        ("Networks".into(), view! { {networks} }.into_any()),
    ]);
    let content = view! {
        {way(&page.place, &page.application, "New key")}
        {PageHead::new("Your key is ready")
            .lede("Store it now. We keep only its digest, so nobody, including us, can show it again.")}
        {page.before.map(|words| callout(Tone::Info, words))}
        <div class="split">
            <div class="stack">
                {secret}
                {Section::new("call", "Make the first call").body(call)}
            </div>
            <aside class="stack">
                <section class="card">
                    <div class="card-head"><h2>"This key"</h2></div>
                    <div class="card-body">{facts}</div>
                </section>
                {callout(Tone::Plain, view! {
                    <p>
                        <strong>"Keep it on the server."</strong>
                        " A key in a mobile app or a web page can be read by anyone who has it."
                    </p>
                })}
            </aside>
        </div>
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Open::Applications),
        content,
    )
}
