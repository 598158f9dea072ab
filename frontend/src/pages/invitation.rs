//! An invitation to an organization, as the invited person sees it.

use domain::{actor::OrganizationRole, wire::organizations::InvitationOffer};
use leptos::prelude::*;

use crate::{
    form::Form,
    frame::{self, Visitor},
    icon::Icon,
    part::{
        boxes::pairs,
        field::{Field, refusal},
        state::{Badge, Tone},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub visitor: Visitor,
    pub offer: InvitationOffer,
    pub form: Form,
    pub password_min: usize,
}

#[must_use]
pub fn view(page: Invitation) -> AnyView {
    let (offer, form) = (page.offer, page.form);
    let facts = pairs(vec![
        (
            "Organization".into(),
            view! { {offer.organization.clone()} }.into_any(),
        ),
        (
            "Team".into(),
            view! { {offer.team.clone().unwrap_or_else(|| "none yet".to_owned())} }.into_any(),
        ),
        ("Role".into(), role(offer.role)),
        ("For".into(), view! { {offer.email.clone()} }.into_any()),
    ]);
    let new_account = offer.new_account.then(|| {
        let length = format!("At least {} characters; a sentence is fine.", page.password_min);
        view! {
            {Field::text("name", "Your name").autocomplete("name").of(&form)}
            {Field::password("password", "Password").autocomplete("new-password").help(length).of(&form)}
        }
    });
    let shown: &[&str] = if offer.new_account {
        &["name", "password"]
    } else {
        &[]
    };
    let card = view! {
        {facts}
        <form class="form" method="post">
            {refusal(&form, shown)}
            {new_account}
            <button class="btn btn--primary btn--wide">"Accept the invitation"</button>
        </form>
        <p class="small soft">"Not for you? Leave this page; the link ends by itself."</p>
    };
    let title = format!("Join {}", offer.organization);
    frame::door(&page.visitor, title, "You have been invited.", card)
}

fn role(role: OrganizationRole) -> AnyView {
    let (icon, word) = match role {
        OrganizationRole::Owner => (Icon::Shield, "Owner"),
        OrganizationRole::Admin => (Icon::Gear, "Admin"),
        OrganizationRole::Member => (Icon::User, "Member"),
    };
    view! { {Badge::new(Tone::Plain, icon, word).quiet()} }.into_any()
}
