//! Sign in with address and password.

use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Visitor},
    part::{
        boxes::callout,
        field::{Field, check, refusal},
        state::Tone,
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub visitor: Visitor,
    pub form: Form,
    /// A word about what just happened: "The password is changed."
    pub notice: Option<String>,
    /// Where to go afterwards; a local path, checked by the server.
    pub next: Option<String>,
    /// Whether a stranger may make an account.
    pub open: bool,
}

#[must_use]
pub fn view(page: SignIn) -> AnyView {
    let form = page.form;
    let notice = page.notice.map(|notice| callout(Tone::Ok, notice));
    let next = page
        .next
        .map(|next| view! { <input type="hidden" name="next" value=next /> });
    let lede = format!("to the developer portal of {}", page.visitor.site);
    let card = view! {
        {notice}
        <form class="form" method="post">
            {refusal(&form, &["email", "password", "remember"])}
            {Field::email("email", "E-mail").autocomplete("username").of(&form)}
            {Field::password("password", "Password").autocomplete("current-password").of(&form)}
            {check("remember", "yes", "Remember this device for 30 days", &form)}
            {next}
            <button class="btn btn--primary btn--wide">"Sign in"</button>
            <p class="small">
                <a href="/reset">"Forgot the password?"</a>
            </p>
        </form>
        <p class="small soft">
            {page
                .open
                .then(|| view! { "New here? " <a href="/sign-up">"Make an account"</a> ". " })}
            "The "
            <a href="/apis">"catalog"</a>
            " needs none."
        </p>
    };
    frame::door(&page.visitor, "Sign in", lede, card)
}
