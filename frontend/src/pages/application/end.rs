//! What is asked before an application is disabled, or a credential dies.

use chrono::{DateTime, Utc};
use domain::application::CredentialKind;
use domain::wire::{applications::Application, credentials::Credential};
use leptos::prelude::*;

use super::keys::{STILL_USED, way};
use crate::{
    form::Form,
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::Icon,
    part::{
        confirm::{Question, confirm},
        state::Tone,
    },
};

/// The page that asks before an application is disabled.
#[derive(Clone, Debug)]
pub struct Disable {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub question: Question,
}

#[must_use]
pub fn disable(page: Disable) -> AnyView {
    let content = view! {
        {way(&page.place, &page.application, "Disable")}
        {confirm(page.question)}
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Open::Applications),
        content,
    )
}

/// The page that asks before a key dies for good.
#[derive(Clone, Debug)]
pub struct Revoke {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub key: Credential,
    pub form: Form,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn revoke(page: Revoke) -> AnyView {
    let home = format!(
        "{}/applications/{}",
        page.place.address(),
        page.application.id
    );
    let key = page.key;
    let blast = match key.last_used_at {
        Some(at) => {
            let ago = format::relative(at, page.now);
            if (page.now - at).num_seconds() < STILL_USED {
                (
                    Tone::Warn,
                    format!(
                        "It is in use: the last call came {ago}. Whoever calls with it is refused from the next call on."
                    ),
                )
            } else {
                (Tone::Info, format!("The last call with it came {ago}."))
            }
        }
        None => (Tone::Info, "It was never used.".to_owned()),
    };
    let (does, button, title) = match key.kind {
        Some(CredentialKind::Key) => (
            "A revoked key never works again. To change it without a gap, roll it instead.",
            "Revoke the key",
            "Revoke a key",
        ),
        Some(CredentialKind::Client) => (
            "Tokens of this client no longer call as this application. The client can be added again.",
            "Revoke the client",
            "Revoke a client",
        ),
        Some(CredentialKind::Password) => (
            "A revoked password never works again. To change it without a gap, make the next one first.",
            "Revoke the password",
            "Revoke a password",
        ),
        Some(CredentialKind::Signature) => (
            "Requests that this key signs no longer call as this application.",
            "Revoke the signing key",
            "Revoke a signing key",
        ),
        Some(CredentialKind::Certificate) => (
            "Whoever shows this certificate no longer calls as this application. It can be added again.",
            "Revoke the certificate",
            "Revoke a certificate",
        ),
        None => (
            "A newer release made it, of a kind that this one does not know. Whoever shows it no longer calls as this application.",
            "Revoke the credential",
            "Revoke a credential",
        ),
    };
    let question = Question {
        name: key.name,
        verb: "Revoke",
        does,
        blast: vec![blast],
        symbol: Icon::Ban,
        button,
        home,
        form: page.form,
    };
    let content = view! {
        {way(&page.place, &page.application, title)}
        {confirm(question)}
    };
    frame::workspace(
        &page.visitor,
        &page.place,
        Some(Open::Applications),
        content,
    )
}
