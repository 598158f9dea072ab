//! What one host asks of a connection.

use leptos::prelude::*;

use super::super::{At, tag};
use crate::{
    form::Form,
    frame::Section as Menu,
    part::{
        field::{Field, check, refusal},
        head::{Link, PageHead, crumbs},
    },
};

/// The form of a host's settings.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: At,
    pub form: Form,
    /// Its name, if it has settings already.
    pub existing: Option<String>,
    pub may_edit: bool,
}

#[must_use]
pub fn edit(page: Edit) -> AnyView {
    let base = format!("{}/certificates", page.at.base());
    let title = page
        .existing
        .clone()
        .unwrap_or_else(|| "Set up a host".to_owned());
    let content = view! {
        {crumbs(vec![Link::new(base, "Certificates")], title.clone())}
        {PageHead::new(title)}
        {fields(&page)}
    };
    page.at.page(Menu::Certificates, content)
}

fn fields(page: &Edit) -> AnyView {
    let form = &page.form;
    let modes = [
        ("", "As its certificate says"),
        ("required", "Sent on to https, or refused"),
        ("optional", "Served as well"),
    ];
    let modes = modes.map(|(value, words)| (value.to_owned(), words.to_owned()));
    let host = match &page.existing {
        Some(host) => view! { <input type="hidden" name="host" value=host.clone() /> }.into_any(),
        None => {
            view! { {Field::text("host", "Host").mono().placeholder("api.example.com").of(form)} }
                .into_any()
        }
    };
    let remove = page.existing.is_some().then(|| {
        view! { <button class="btn btn--danger" name="do" value="remove" formnovalidate=true>"Remove the settings"</button> }
    });
    let actions = page.may_edit.then(|| {
        view! {
            <div class="actions">
                <button class="btn btn--primary" name="do" value="save">"Save"</button>
                {remove}
            </div>
        }
    });
    view! {
        <form class="form form--page" method="post">
            {tag(form)}
            {refusal(form, &["host", "tls", "client_ca", "client_crl", "client_crl_current"])}
            {host}
            {Field::select("tls", "Plain HTTP", modes.to_vec()).optional().unmarked().of(form)}
            {Field::area("client_ca", "Authorities of client certificates (PEM)", 6)
                .optional()
                .mono()
                .placeholder("-----BEGIN CERTIFICATE-----")
                .help("Whoever calls the host must show a certificate of one of them. Nobody is asked if the field is empty.")
                .of(form)}
            {Field::area("client_crl", "Their lists of revoked certificates (PEM)", 6)
                .optional()
                .mono()
                .placeholder("-----BEGIN X509 CRL-----")
                .help("One of each authority at most, signed by it. What they name is refused at once, on open connections, too.")
                .of(form)}
            {check("client_crl_current", "yes", "A list whose time is over lets nobody in", form)}
            {actions}
        </form>
    }
    .into_any()
}
