//! The form of a new certificate, the page of one with its renewal, and the question before it is
//! deleted.

use domain::wire::certificates::Certificate;
use leptos::prelude::*;

use super::super::{At, tag};
use super::left;
use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    part::{
        Text,
        boxes::pairs,
        code::code,
        confirm::{Question, confirm},
        field::{Field, check, refusal},
        head::{Link, PageHead, Section, crumbs},
        state::Tone,
    },
};

/// The fields of a certificate with its key.
const PAIR: &[&str] = &["name", "hosts", "certificate", "key", "default"];

/// The form of a new certificate.
#[derive(Clone, Debug)]
pub struct New {
    pub at: At,
    pub form: Form,
    /// Of the platform: it may be the default.
    pub of_platform: bool,
}

#[must_use]
pub fn new(page: New) -> AnyView {
    let base = format!("{}/certificates", page.at.base());
    let form = &page.form;
    let content = view! {
        {crumbs(vec![Link::new(base, "Certificates")], "New")}
        {PageHead::new("Add a certificate")}
        <form class="form form--page" method="post">
            {refusal(form, PAIR)}
            {Field::text("name", "Name").mono().help("To tell it from others; clients do not see it.").of(form)}
            {pair(form)}
            {hosts(form, "All names of the certificate unless you list some, one a line.")}
            {page.of_platform.then(|| default(form))}
            <div class="actions"><button class="btn btn--primary">"Add the certificate"</button></div>
        </form>
    };
    page.at.page(Menu::Certificates, content)
}

/// A certificate and its key, pasted. The key is never written back into the page.
fn pair(form: &Form) -> AnyView {
    view! {
        {Field::area("certificate", "Certificate (PEM)", 6)
            .mono()
            .placeholder("-----BEGIN CERTIFICATE-----")
            .help("The host's own first, then the authorities between it and the root.")
            .of(form)}
        {Field::area("key", "Private key (PEM)", 4)
            .mono()
            .placeholder("-----BEGIN PRIVATE KEY-----")
            .help("Not encrypted. It is sealed for the gateways and never shown again.")
            .of(form)}
    }
    .into_any()
}

fn default(form: &Form) -> AnyView {
    let words = "Also show it to clients that name no host, or one without a certificate";
    view! { {check("default", "yes", words, form)} }.into_any()
}

fn hosts(form: &Form, help: &'static str) -> AnyView {
    let lines = form.value("hosts").lines().count().clamp(2, 8) as u8;
    view! {
        {Field::area("hosts", "Hosts", lines).optional().mono().placeholder("api.example.com").help(help).of(form)}
    }
    .into_any()
}

/// One certificate.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: At,
    pub form: Form,
    pub existing: Certificate,
    /// Whether the person may change it: else the page only tells.
    pub may_edit: bool,
    /// The operator's page; of an organization's certificate it offers to delete it.
    pub of_platform: bool,
}

#[must_use]
pub fn edit(page: Edit) -> AnyView {
    let base = format!("{}/certificates", page.at.base());
    let certificate = &page.existing;
    let own = format!("{base}/{}", certificate.id);
    let forms = page
        .may_edit
        .then(|| forms(&page.form, &own, page.of_platform));
    let delete = (page.of_platform && !page.may_edit).then(|| {
        let own = format!("{own}/delete");
        view! { <p><a class="btn btn--danger" href=own>"Delete"</a></p> }
    });
    let badge = left(certificate.facts.not_after, page.at.now);
    let content = view! {
        {crumbs(vec![Link::new(base, "Certificates")], certificate.name.clone())}
        {PageHead::new(certificate.name.clone()).beside(badge)}
        {facts(certificate)}
        {forms}
        {delete}
        {chain(certificate)}
    };
    page.at.page(Menu::Certificates, content)
}

fn facts(certificate: &Certificate) -> AnyView {
    let facts = &certificate.facts;
    let lines = |names: &[String]| {
        let names = names.iter();
        let lines = names.map(|name| view! { <span class="line mono">{name.clone()}</span> });
        lines.collect_view().into_any()
    };
    let mono = |text: &str| view! { <span class="mono">{text.to_owned()}</span> }.into_any();
    let rows: Vec<(Text, AnyView)> = vec![
        ("Shown for".into(), lines(&certificate.hosts)),
        ("Subject".into(), mono(&facts.subject)),
        ("Issuer".into(), mono(&facts.issuer)),
        ("Names".into(), lines(&facts.dns_names)),
        (
            "Valid".into(),
            view! { {format::date(facts.not_before)} " to " {format::date(facts.not_after)} }
                .into_any(),
        ),
        ("Key".into(), facts.key.clone().into_any()),
        ("Serial number".into(), mono(&facts.serial)),
        ("SHA-256".into(), mono(&facts.fingerprint)),
    ];
    pairs(rows)
}

fn forms(form: &Form, own: &str, of_platform: bool) -> AnyView {
    let renew = view! {
        <p class="small soft">
            "The new certificate takes the place of this one at once; connections that are open go on. It must be for the same hosts."
        </p>
        <form class="form form--page" method="post">
            {tag(form)}
            {refusal(form, PAIR)}
            {pair(form)}
            <div class="actions"><button class="btn btn--primary" name="do" value="renew">"Replace the certificate"</button></div>
        </form>
    };
    let rest = view! {
        <form class="form form--page" method="post">
            {tag(form)}
            {Field::text("name", "Name").mono().of(form)}
            {hosts(form, "One a line; all names of the certificate if the field is empty.")}
            {of_platform.then(|| default(form))}
            <div class="actions">
                <button class="btn" name="do" value="save">"Save"</button>
                <a class="btn btn--danger" href=format!("{own}/delete")>"Delete"</a>
            </div>
        </form>
    };
    view! {
        {Section::new("renew", "Replace").body(renew)}
        {Section::new("settings", "Name and hosts").body(rest)}
    }
    .into_any()
}

fn chain(certificate: &Certificate) -> AnyView {
    let section = Section::new("chain", "Certificate")
        .note("With the authorities that are sent along.")
        .body(code("PEM", certificate.chain.clone()));
    view! { {section} }.into_any()
}

/// The question before a certificate is deleted.
#[derive(Clone, Debug)]
pub struct Delete {
    pub at: At,
    pub form: Form,
    pub existing: Certificate,
}

#[must_use]
pub fn delete(page: Delete) -> AnyView {
    let base = format!("{}/certificates", page.at.base());
    let certificate = page.existing;
    let own = format!("{base}/{}", certificate.id);
    let hosts = certificate.hosts.join(", ");
    let blast = if hosts.is_empty() {
        (Tone::Info, "It is shown for no host.".to_owned())
    } else {
        let words = format!("Clients cannot call {hosts} by https any more.");
        (Tone::Warn, words)
    };
    let question = Question {
        name: certificate.name.clone(),
        verb: "Delete",
        does: "The certificate and its private key are gone. To show it again, add both again.",
        blast: vec![blast],
        symbol: Icon::Trash,
        button: "Delete the certificate",
        home: own.clone(),
        form: page.form,
    };
    let content = view! {
        {crumbs(vec![Link::new(base, "Certificates"), Link::new(own, certificate.name)], "Delete")}
        {confirm(question)}
    };
    page.at.page(Menu::Certificates, content)
}
