//! Rolling a key: the menu of how long the old one still works, and the page for a time that one
//! writes oneself.

use domain::{
    application::Overlap,
    wire::{applications::Application, credentials::Credential},
};
use leptos::prelude::*;

use super::keys::way;
use crate::{
    form::Form,
    frame::{self, Place, Section as Open, Visitor},
    icon::{Icon, icon},
    part::{
        boxes,
        field::{Field, refusal},
        head::PageHead,
    },
};

/// `base` is the key's address.
pub(super) fn menu(base: &str) -> AnyView {
    let address = format!("{base}/roll");
    let choices = Overlap::ALL
        .into_iter()
        .map(|overlap| {
            let words = match overlap {
                Overlap::None => "now",
                Overlap::Hour => "in 1 hour",
                Overlap::Day => "in 24 hours",
                Overlap::Week => "in 7 days",
            };
            let usual = (overlap == Overlap::default())
                .then(|| view! { <span class="faint">"usual"</span> });
            view! { <button name="overlap" value=overlap.as_str()>{words} {usual}</button> }
        })
        .collect_view();
    let list = view! {
        <form method="post" action=address.clone()>
            <p>"A new key now. The old one stops"</p>
            {choices}
        </form>
        <a href=address>"at another time"</a>
    };
    let label = view! { {icon(Icon::Roll)} "Roll" {icon(Icon::ChevronDown)} };
    boxes::menu("btn btn--s", label, list)
}

/// The page on which one writes until when the old key works.
#[derive(Clone, Debug)]
pub struct Roll {
    pub visitor: Visitor,
    pub place: Place,
    pub application: Application,
    pub key: Credential,
    pub form: Form,
}

#[must_use]
pub fn roll(page: Roll) -> AnyView {
    let home = format!(
        "{}/applications/{}",
        page.place.address(),
        page.application.id
    );
    let form = page.form;
    let content = view! {
        {way(&page.place, &page.application, "Roll a key")}
        {PageHead::new(format!("Roll {}", page.key.name))
            .lede("A new key now. The old one works until the time that you write here, but not beyond its own expiry.")}
        <form class="form form--page" method="post">
            {refusal(&form, &["retires_at"])}
            {Field::text("retires_at", "The old key stops")
                .mono()
                .placeholder("2026-12-31")
                .help("A day, or a time like 2026-12-31T08:00:00Z. UTC, within 90 days.")
                .of(&form)}
            <div class="actions">
                <button class="btn btn--primary">{icon(Icon::Roll)} "Roll the key"</button>
                <a class="btn" href=home>"Cancel"</a>
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
