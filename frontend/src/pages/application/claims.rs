//! What the application shows beside keys: passwords, clients of identity providers, certificates.

use chrono::{DateTime, Utc};
use domain::wire::{
    applications::Application,
    credentials::{Credential, GrantedScopes, KnownIssuer, NewOauthClient, NewPassword},
};
use leptos::prelude::*;

use super::keys::{list, terms, way};
use crate::{
    form::Form,
    frame::{self, Place, Section as Open, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::{callout, menu, pairs},
        code::{Once, code, once},
        field::{Field, refusal},
        head::{PageHead, Section},
        state::Tone,
        table::Empty,
    },
};

pub(super) fn section(
    all: &[&Credential],
    home: &str,
    may_edit: bool,
    now: DateTime<Utc>,
) -> AnyView {
    let ways = |class: &'static str| {
        may_edit.then(|| {
            view! {
                <a class=class href=format!("{home}/oauth-clients/new")>"New OAuth client"</a>
                " "
                <a class=class href=format!("{home}/passwords/new")>"New password"</a>
                " "
                <a class=class href=format!("{home}/clients/new")>"Add a client"</a>
                " "
                <a class=class href=format!("{home}/certificates/new")>"Add a certificate"</a>
                " "
                <a class=class href=format!("{home}/signing-keys/new")>"Add a signing key"</a>
            }
        })
    };
    let empty = Empty::new(
        Icon::Shield,
        "No client, password or certificate",
        "Some APIs take tokens, user names with passwords, or client certificates in the place of a key. Make an OAuth client or a password here, or say which client of an identity provider and which certificates are this application's.",
    );
    let empty = match ways("btn") {
        Some(ways) => empty.next(ways),
        None => empty,
    };
    let add = (may_edit && !all.is_empty()).then(|| {
        let label = view! { {icon(Icon::Plus)} "Add" {icon(Icon::ChevronDown)} };
        let items = view! {
            <a href=format!("{home}/oauth-clients/new")>"New OAuth client"</a>
            <a href=format!("{home}/passwords/new")>"New password"</a>
            <a href=format!("{home}/signing-keys/new")>"Signing key"</a>
            <a href=format!("{home}/clients/new")>"Client of an identity provider"</a>
            <a href=format!("{home}/certificates/new")>"Certificate"</a>
        };
        menu("btn btn--s", label, items)
    });
    let table = list(all, home, may_edit, now).or_empty(empty);
    view! {
        {Section::new("claims", "Clients, passwords and certificates")
            .count(all.len() as u64)
            .actions(view! { {add} })
            .body(view! { {table} })}
    }
    .into_any()
}

/// The form of a client or certificate.
#[derive(Clone, Debug)]
pub struct Claim {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub form: Form,
    pub what: Claiming,
}

#[derive(Clone, Debug)]
pub enum Claiming {
    /// Of the platform's own token endpoint, with what its tokens may allow now.
    OauthClient(Vec<GrantedScopes>),
    Password,
    SigningKey,
    /// With the issuers that the application's APIs know.
    Client(Vec<KnownIssuer>),
    Certificate,
}

#[must_use]
pub fn claim(page: Claim) -> AnyView {
    let form = page.form;
    let (title, lede, own, end, button) = match page.what {
        Claiming::OauthClient(scopes) => (
            "New OAuth client",
            "It gets short-lived tokens from this platform with its id and secret (OAuth 2.0, client credentials), and calls with them where an API takes the platform's tokens.",
            granted(&scopes),
            "Never",
            "Make the client",
        ),
        Claiming::Password => (
            "New password",
            "Programs that know nothing but user name and password call with them as this application, where an API takes them (HTTP Basic).",
            view! {
                {Field::text("user", "User name")
                    .mono()
                    .placeholder("billing")
                    .help("Any name without a colon.")
                    .of(&form)}
                {Field::password("password", "Password")
                    .optional()
                    .autocomplete("new-password")
                    .help("Leave it empty, and one is made for you, as random as a key: the best choice. One that programs have already has 8 to 128 characters.")
                    .of(&form)}
                {Field::text("argon2id", "Or its hash")
                    .mono()
                    .optional()
                    .placeholder("$argon2id$v=19$m=19456,t=2,p=1$…")
                    .help("Of a password that another gateway knows: argon2id as a PHC string.")
                    .of(&form)}
            }
            .into_any(),
            "Never",
            "Make the password",
        ),
        Claiming::SigningKey => (
            "Add a signing key",
            "Requests that are signed with the private half of this key, where an API takes signatures (RFC 9421), call as this application. Its id, shown in the list, is the keyid of the signatures.",
            view! {
                {Field::area("key", "Public key", 6)
                    .mono()
                    .placeholder("-----BEGIN PUBLIC KEY-----")
                    .help("In PEM or as a JSON Web Key: Ed25519, P-256, P-384 or RSA. The private half stays with you.")
                    .of(&form)}
            }
            .into_any(),
            "Never",
            "Add the key",
        ),
        Claiming::Client(known) => (
            "Add a client",
            "Whoever shows a token of this client, where an API takes its issuer's tokens, calls as this application: with its subscriptions, plans and limits.",
            client(&form, known),
            "Never",
            "Add the client",
        ),
        Claiming::Certificate => (
            "Add a certificate",
            "Whoever shows this certificate, or one with this name, in the TLS handshake, where an API takes certificates, calls as this application: with its subscriptions, plans and limits.",
            certificate(&form),
            "With the certificate",
            "Add the certificate",
        ),
    };
    let shown = [
        "name",
        "user",
        "password",
        "argon2id",
        "key",
        "issuer",
        "client_id",
        "certificate",
        "certificate_name",
        "environment",
        "expires",
        "cidrs",
    ];
    let content = view! {
        {way(&page.place, &page.application, title)}
        {PageHead::new(title).lede(lede)}
        <form class="form form--page" method="post">
            {refusal(&form, &shown)}
            {Field::text("name", "Name").placeholder("production").of(&form)}
            {own}
            {terms(&form, end)}
            <div class="actions">
                <button class="btn btn--primary">{button}</button>
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

fn client(form: &Form, known: Vec<KnownIssuer>) -> AnyView {
    let told = if known.is_empty() {
        callout(
            Tone::Info,
            "None of the APIs that this application is subscribed to takes tokens yet. The client is of use once one does.",
        )
    } else {
        let issuers = known.into_iter().map(|one| {
            let apis = one.apis.join(", ");
            view! { <li><code>{one.issuer}</code> " for " {apis}</li> }
        });
        let issuers = issuers.collect_view();
        callout(
            Tone::Info,
            view! { <p>"The APIs that this application is subscribed to take tokens of:"</p> <ul>{issuers}</ul> },
        )
    };
    view! {
        {told}
        {Field::text("issuer", "Issuer")
            .mono()
            .placeholder("https://login.example.com")
            .help("The iss of its tokens, exactly as the API names it.")
            .of(form)}
        {Field::text("client_id", "Client ID")
            .mono()
            .placeholder("mobile-app")
            .help("What the identity provider calls the client.")
            .of(form)}
    }
    .into_any()
}

/// What the plans grant to tokens, by API; nothing where they grant nothing.
fn granted(all: &[GrantedScopes]) -> AnyView {
    let granting: Vec<_> = all.iter().filter(|one| !one.scopes.is_empty()).collect();
    if granting.is_empty() {
        return ().into_any();
    }
    let apis = granting.into_iter().map(|one| {
        let scopes = one.scopes.join(" ");
        let resource = one.resource.clone();
        view! {
            <li>
                {one.api.clone()} ": " <code>{scopes}</code>
                <span class="sub">"resource " <code>{resource}</code></span>
            </li>
        }
    });
    let apis = apis.collect_view();
    callout(
        Tone::Info,
        view! {
            <p>"The plans of the application grant its tokens these scopes:"</p>
            <ul>{apis}</ul>
            <p>"A token has those that all of its APIs grant; ask for one API as resource to get all of its scopes."</p>
        },
    )
}

fn certificate(form: &Form) -> AnyView {
    view! {
        {Field::area("certificate", "Certificate", 8)
            .mono().unmarked()
            .placeholder("-----BEGIN CERTIFICATE-----")
            .help("In PEM, without its private key. It is recognized by its fingerprint: a renewed certificate is added beside the old one.")
            .of(form)}
        {Field::text("certificate_name", "Or a name")
            .mono().unmarked()
            .placeholder("san:dns:orders.example.com")
            .help("Instead of one certificate all that have this name: subject:CN=…, san:dns:…, san:uri:… or san:email:…. Renewed ones need nothing more.")
            .of(form)}
    }
    .into_any()
}

/// The one page that shows a client's secret; rendered from the POST itself and never kept.
#[derive(Clone, Debug)]
pub struct OauthClient {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub made: NewOauthClient,
    pub scopes: Vec<GrantedScopes>,
}

/// The one page that shows a password; rendered from the POST itself and never kept.
#[derive(Clone, Debug)]
pub struct Password {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub made: NewPassword,
}

#[must_use]
pub fn password(page: Password) -> AnyView {
    let home = format!(
        "{}/applications/{}",
        page.place.address(),
        page.application.id
    );
    let made = page.made;
    let secret = once(Once {
        value: made.password.unwrap_or_default(),
        hint: format!("user {}", made.user),
        variable: "PASSWORD".to_owned(),
        done: home,
    });
    let facts = pairs(vec![
        (
            "User name".into(),
            view! { <code>{made.user.clone()}</code> }.into_any(),
        ),
        ("Name".into(), view! { {made.credential.name} }.into_any()),
    ]);
    let content = view! {
        {way(&page.place, &page.application, "New password")}
        {PageHead::new("Your password is ready")
            .lede("Store it now. We keep only its digest, so nobody, including us, can show it again.")}
        <div class="split">
            <div class="stack">{secret}</div>
            <aside class="stack">
                <section class="card">
                    <div class="card-head"><h2>"This password"</h2></div>
                    <div class="card-body">{facts}</div>
                </section>
                {callout(Tone::Plain, view! {
                    <p>
                        <strong>"Send both with each call,"</strong>
                        " as " <code>"Authorization: Basic"</code> "; curl does so with " <code class="nowrap">"-u"</code> ". It counts for the APIs that the application is subscribed to, if they take passwords."
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

#[must_use]
pub fn oauth_client(page: OauthClient) -> AnyView {
    let home = format!(
        "{}/applications/{}",
        page.place.address(),
        page.application.id
    );
    let made = page.made;
    let secret = once(Once {
        value: made.client_secret.clone(),
        hint: format!("client {}", made.client_id),
        variable: "CLIENT_SECRET".to_owned(),
        done: home,
    });
    let curl = format!(
        "curl {} \\\n  -u '{}:{}' \\\n  -d grant_type=client_credentials",
        made.token_endpoint, made.client_id, made.client_secret
    );
    let facts = pairs(vec![
        (
            "Client ID".into(),
            view! { <code>{made.client_id}</code> }.into_any(),
        ),
        (
            "Token endpoint".into(),
            view! { <code>{made.token_endpoint}</code> }.into_any(),
        ),
        ("Name".into(), view! { {made.credential.name} }.into_any()),
    ]);
    let content = view! {
        {way(&page.place, &page.application, "New OAuth client")}
        {PageHead::new("Your OAuth client is ready")
            .lede("Store the secret now. We keep only its digest, so nobody, including us, can show it again.")}
        <div class="split">
            <div class="stack">
                {secret}
                {Section::new("call", "Get a token").body(code("Ask for a token, good for an hour".to_owned(), curl))}
            </div>
            <aside class="stack">
                <section class="card">
                    <div class="card-head"><h2>"This client"</h2></div>
                    <div class="card-body">{facts}</div>
                </section>
                {granted(&page.scopes)}
                {callout(Tone::Plain, view! {
                    <p>
                        <strong>"Send the token with each call,"</strong>
                        " as Authorization: Bearer. It counts for the APIs that the application is subscribed to when it is issued, if they take the platform's tokens."
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
