//! A forgotten password: asking for the mail, and choosing a new one by its link.

use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Visitor},
    part::field::{Field, refusal},
};

/// The form that asks for the mail.
#[must_use]
pub fn ask(visitor: &Visitor, form: &Form) -> AnyView {
    let card = view! {
        <form class="form" method="post">
            {refusal(form, &["email"])}
            {Field::email("email", "E-mail").autocomplete("username").of(form)}
            <button class="btn btn--primary btn--wide">"Send the link"</button>
        </form>
        <p class="small"><a href="/sign-in">"Back to the sign-in"</a></p>
    };
    frame::door(
        visitor,
        "Forgot the password?",
        "We send you a link to choose a new one.",
        card,
    )
}

/// The form behind the link.
#[must_use]
pub fn choose(visitor: &Visitor, form: &Form, password_min: usize) -> AnyView {
    let length = format!("At least {password_min} characters; a sentence is fine.");
    let card = view! {
        <form class="form" method="post">
            {refusal(form, &["password"])}
            {Field::password("password", "New password")
                .autocomplete("new-password")
                .help(length)
                .of(form)}
            <button class="btn btn--primary btn--wide">"Set the password"</button>
        </form>
        <p class="small soft">
            "All your sessions end with it. " <a href="/reset">"Ask for a new link"</a>
            " if this one is no longer good."
        </p>
    };
    frame::door(
        visitor,
        "Choose a new password",
        "Then sign in with it.",
        card,
    )
}
