//! What the gateway shows to an upstream: its credential and its client certificate. Both go in
//! and never come out; the page tells what is no secret of them. Each form leads back to itself, as
//! it lies far below the head of its page.

use chrono::{DateTime, Utc};
use domain::certificate::Facts;
use domain::wire::upstreams::{CredentialHint, Upstream};
use leptos::prelude::*;

use super::super::{certificates::left, tag};
use crate::form::Form;
use crate::format;
use crate::part::Text;
use crate::part::boxes::pairs;
use crate::part::field::Field;
use crate::part::head::Section;

/// The fields of these sections.
pub(super) const NAMES: [&str; 5] = [
    "kind",
    "credential_name",
    "credential_secret",
    "client_certificate/certificate",
    "client_certificate/key",
];

/// What is known of a credential that nobody can read again.
pub(super) fn hint(credential: Option<&CredentialHint>) -> String {
    match credential {
        None => "none".to_owned(),
        Some(CredentialHint::Header { name }) => format!("header {name}"),
        Some(CredentialHint::Basic { user }) => format!("basic, user {user}"),
        Some(CredentialHint::Bearer) => "bearer token".to_owned(),
        Some(CredentialHint::Unreadable) => "sealed with a key that is gone".to_owned(),
    }
}

pub(super) fn credential(upstream: &Upstream, form: &Form) -> AnyView {
    let kinds = [
        ("bearer", "Bearer token"),
        ("basic", "User and password"),
        ("header", "A header"),
    ];
    let kinds = kinds
        .into_iter()
        .map(|(value, words)| (value.to_owned(), words.to_owned()))
        .collect();
    let present = upstream.credential.is_some().then(|| {
        view! { <button class="btn btn--danger" name="do" value="clear" formnovalidate=true>"Remove it"</button> }
    });
    let body = view! {
        <p class="small soft">
            "Shown to the targets with every request; sealed in the database and never shown again. Now: "
            {hint(upstream.credential.as_ref())} "."
        </p>
        <form class="form form--page" method="post" action="#credential">
            {Field::select("kind", "Kind", kinds).of(form)}
            {Field::text("credential_name", "Header or user").optional().mono().of(form)}
            {Field::password("credential_secret", "Value, password or token").optional().autocomplete("off").of(form)}
            <div class="actions">
                <button class="btn" name="do" value="credential">"Store the credential"</button>
                {present}
            </div>
        </form>
    };
    view! { {Section::new("credential", "Credential").body(body)} }.into_any()
}

pub(super) fn client_certificate(upstream: &Upstream, form: &Form, now: DateTime<Utc>) -> AnyView {
    let stored = upstream.client_certificate.as_ref();
    let words = match stored {
        Some(_) => "Replace the certificate",
        None => "Store the certificate",
    };
    let remove = stored.map(|_| {
        view! { <button class="btn btn--danger" name="do" value="remove-certificate" formnovalidate=true>"Remove it"</button> }
    });
    let body = view! {
        <p class="small soft">
            "Shown to targets that ask for a certificate, by requests and by health checks. The private key is sealed in the database and never shown again."
        </p>
        {stored.map(|facts| self::facts(facts, now))}
        <form class="form form--page" method="post" action="#client-certificate">
            {tag(form)}
            {Field::area("client_certificate/certificate", "Certificate (PEM)", 4)
                .mono()
                .placeholder("-----BEGIN CERTIFICATE-----")
                .help("The gateway's own first, then the authorities between it and the root.")
                .of(form)}
            {Field::area("client_certificate/key", "Private key (PEM)", 3)
                .mono()
                .placeholder("-----BEGIN PRIVATE KEY-----")
                .help("Not encrypted.")
                .of(form)}
            <div class="actions">
                <button class="btn" name="do" value="certificate">{words}</button>
                {remove}
            </div>
        </form>
    };
    let section = Section::new("client-certificate", "Client certificate").body(body);
    view! { {section} }.into_any()
}

fn facts(facts: &Facts, now: DateTime<Utc>) -> AnyView {
    let mono = |text: &str| view! { <span class="mono">{text.to_owned()}</span> }.into_any();
    let rows: Vec<(Text, AnyView)> = vec![
        ("Subject".into(), mono(&facts.subject)),
        ("Issuer".into(), mono(&facts.issuer)),
        ("Ends".into(), ends(facts, now)),
        ("Key".into(), facts.key.clone().into_any()),
        ("SHA-256".into(), mono(&facts.fingerprint)),
    ];
    pairs(rows)
}

/// When it ends, and how long that is.
pub(super) fn ends(facts: &Facts, now: DateTime<Utc>) -> AnyView {
    view! { {format::date(facts.not_after)} " " {left(facts.not_after, now)} }.into_any()
}
