//! The first run: the operator's account, by the single-use link of the console.

use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Visitor},
    part::field::{Field, refusal},
};

#[must_use]
pub fn view(visitor: &Visitor, form: &Form, password_min: usize) -> AnyView {
    let length = format!("At least {password_min} characters; a sentence is fine.");
    let card = view! {
        <form class="form" method="post">
            {refusal(form, &["name", "email", "password"])}
            {Field::text("name", "Your name").autocomplete("name").of(form)}
            {Field::email("email", "E-mail").autocomplete("username").of(form)}
            {Field::password("password", "Password").autocomplete("new-password").help(length).of(form)}
            <button class="btn btn--primary btn--wide">"Make the operator"</button>
        </form>
        <p class="small soft">
            "The operator runs the platform: organizations, nodes, settings, mails. An operator has no rights inside organizations."
        </p>
    };
    let lede = format!(
        "{} has no operator yet. This link works once.",
        visitor.site
    );
    frame::door(visitor, "Set up the portal", lede, card)
}
