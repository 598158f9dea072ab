//! The organization's own page: its name, what is kept of clients' addresses, and what the operator
//! gave it.

use domain::organization::ClientAddresses;
use domain::wire::organizations::{Grant, Organization};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::{At, tag},
    part::{
        boxes::{callout, pairs},
        field::{Field, refusal},
        head::{PageHead, Section},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Settings {
    pub at: At,
    pub organization: Organization,
    pub form: Form,
    pub saved: bool,
}

#[must_use]
pub fn view(page: Settings) -> AnyView {
    let form = &page.form;
    let organization = &page.organization;
    let saved = page.saved.then(|| callout(Tone::Ok, "Saved."));
    let facts = pairs(vec![
        (
            "Address".into(),
            view! { <span class="mono">{page.at.base()}</span> }.into_any(),
        ),
        (
            "State".into(),
            view! { {Badge::from(organization.state).quiet()} }.into_any(),
        ),
        (
            "Founded".into(),
            view! { {format::time(organization.created_at, page.at.now)} }.into_any(),
        ),
    ]);
    let kept = ClientAddresses::ALL.map(|form| {
        let words = match form {
            ClientAddresses::Whole => "Whole",
            ClientAddresses::Truncated => "Truncated: /24 of IPv4, /48 of IPv6",
            ClientAddresses::Dropped => "Not at all",
        };
        (form.as_str().to_owned(), words.to_owned())
    });
    let content = view! {
        {PageHead::new("Organization settings").lede(organization.name.clone())}
        <div class="stack">
            {saved}
            {facts}
            <form class="form form--page" method="post">
                {tag(form)}
                {refusal(form, &["name", "client_addresses"])}
                {Field::text("name", "Name").help("Shown in the catalog and to those who subscribe. The name in addresses stays.").of(form)}
                {Field::select("client_addresses", "Clients' addresses", kept.to_vec())
                    .help("How much of them the request log keeps, from now on. Policies see all of them.")
                    .of(form)}
                <div class="actions"><button class="btn btn--primary">"Save"</button></div>
            </form>
        </div>
        {Section::new("policies", "Policies")
            .note("of all its APIs")
            .actions(view! { <a class="btn" href=format!("{}/policies", page.at.base())>{icon(Icon::Shield)} "Policies"</a> })
            .body(view! { <p class="small soft">"What every call of every API of the organization meets, at once and without publishing."</p> })}
        {Section::new("webhooks", "Webhooks")
            .note("beside mails")
            .actions(view! { <a class="btn" href=format!("{}/webhooks", page.at.base())>{icon(Icon::Webhook)} "Webhooks"</a> })
            .body(view! { <p class="small soft">"Addresses that are told of subscriptions, quotas at 80 and 100 %, versions that go and credentials that end."</p> })}
        {Section::new("prefix", "Where its APIs may answer")
            .note("set by the operator")
            .body(grants(&organization.grants))}
    };
    page.at.page(Menu::Settings, content)
}

/// The parts of the gateway's address space as a table.
pub(crate) fn grants(grants: &[Grant]) -> AnyView {
    let rows: Vec<_> = grants
        .iter()
        .map(|grant| {
            let hosts = match grant.hosts.as_slice() {
                [] => view! { <span class="faint">"any host"</span> }.into_any(),
                hosts => view! { <span class="mono">{hosts.join(", ")}</span> }.into_any(),
            };
            view! {
                <tr>
                    <td class="mono">{grant.path.clone()}</td>
                    <td data-label="Hosts">{hosts}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![table::wide("Prefix"), table::text("Hosts")];
    let empty = Empty::new(
        Icon::Globe,
        "No prefix",
        "Nothing can be published before the operator grants a prefix.",
    );
    Table::new(Shape::Rows, columns)
        .rows(rows)
        .or_empty(empty)
        .into_render()
}
