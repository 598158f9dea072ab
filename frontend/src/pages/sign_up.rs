//! Signing up: the form, "mail sent", and the page that the link of the mail opens.

use domain::wire::accounts::SignUpOffer;
use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Visitor},
    icon::{Icon, icon},
    part::{
        boxes::{callout, pairs},
        field::{Field, refusal},
        state::Tone,
    },
};

/// What the form shows.
#[derive(Clone, Debug)]
pub struct SignUp {
    pub visitor: Visitor,
    pub form: Form,
    /// Least length of a password in characters.
    pub password_min: usize,
    /// Whether a stranger may make an account; otherwise the page says how else.
    pub open: bool,
}

#[must_use]
pub fn view(page: SignUp) -> AnyView {
    let card = if page.open {
        fields(&page.form, page.password_min)
    } else {
        callout(
            Tone::Info,
            "New accounts are made by invitation here. Ask a member of your organization to invite you.",
        )
    };
    let card = view! {
        {card}
        <p class="small soft">
            "Have an account? " <a href="/sign-in">"Sign in"</a> ". The " <a href="/apis">"catalog"</a>
            " needs none."
        </p>
    };
    let lede = format!("for the developer portal of {}", page.visitor.site);
    frame::door(&page.visitor, "Make an account", lede, card)
}

fn fields(form: &Form, password_min: usize) -> AnyView {
    let length = format!("At least {password_min} characters; a sentence is fine.");
    view! {
        <form class="form" method="post">
            {refusal(form, &["name", "email", "password", "organization"])}
            {Field::text("name", "Your name").autocomplete("name").of(form)}
            {Field::email("email", "E-mail").autocomplete("username").of(form)}
            {Field::password("password", "Password").autocomplete("new-password").help(length).of(form)}
            {Field::text("organization", "Organization")
                .autocomplete("organization")
                .help("You get one of your own, with a first team. You can invite others.")
                .of(form)}
            <button class="btn btn--primary btn--wide">"Sign up"</button>
        </form>
    }
    .into_any()
}

/// The page after a form that sends a mail: the same whether the address is known or not.
#[derive(Clone, Debug)]
pub struct MailSent {
    pub visitor: Visitor,
    /// What the server said.
    pub message: String,
    /// The address, to ask again with; nothing where asking again makes no sense.
    pub resend: Option<String>,
}

#[must_use]
pub fn mail_sent(page: MailSent) -> AnyView {
    let again = page.resend.map(|email| {
        view! {
            <form class="form" method="post" action="/sign-up/resend">
                <input type="hidden" name="email" value=email />
                <p class="small soft">"Nothing came? Look into the spam folder, or"</p>
                <button class="btn btn--wide">{icon(Icon::Mail)} "Send it again"</button>
            </form>
        }
    });
    let card = view! {
        {callout(Tone::Info, view! { <p>{page.message}</p> })}
        {again}
        <p class="small"><a href="/sign-in">"Back to the sign-in"</a></p>
    };
    frame::door(
        &page.visitor,
        "Look into your mail",
        "One step is left.",
        card,
    )
}

/// What the link of the mail opens.
#[derive(Clone, Debug)]
pub struct Verify {
    pub visitor: Visitor,
    pub form: Form,
    pub offer: SignUpOffer,
}

/// Only the button makes the account, because mail programs follow links by themselves; and only
/// with the password, because anybody can sign up with anybody's address.
#[must_use]
pub fn verify(page: Verify) -> AnyView {
    let (offer, form) = (page.offer, page.form);
    let email = offer.email.clone();
    let facts = pairs(vec![
        ("Name".into(), view! { {offer.name} }.into_any()),
        (
            "Organization".into(),
            view! { {offer.organization} }.into_any(),
        ),
        ("For".into(), view! { {offer.email} }.into_any()),
    ]);
    let card = view! {
        {facts}
        <p class="small">
            "Are these not your words? Then somebody else signed up with your address: do not go on, leave this page."
        </p>
        <form class="form" method="post">
            {refusal(&form, &["password"])}
            <input type="hidden" name="email" autocomplete="username" value=email />
            {Field::password("password", "Password")
                .autocomplete("current-password")
                .help("The one that you chose when you signed up.")
                .of(&form)}
            <button class="btn btn--primary btn--wide">"Make my account"</button>
        </form>
        <p class="small soft">
            "The link is good for 24 hours and once. "
            <a href="/sign-up">"Sign up again"</a>
            " if it is no longer good."
        </p>
    };
    frame::door(
        &page.visitor,
        "Confirm your address",
        "Your account comes into being with this step.",
        card,
    )
}
