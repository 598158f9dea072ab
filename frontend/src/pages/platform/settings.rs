//! Settings: the few that are rows and edited here, and those that the process was started with.

use domain::wire::platform::Setting;
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        boxes::callout,
        field::{Field, refusal},
        head::{PageHead, Section},
        state::Tone,
        table::{self, Empty, Shape, Table},
    },
};

/// A setting of the running process, as the executable read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    pub name: String,
    /// Secrets are masked by whoever fills this in.
    pub value: String,
    /// Where the value comes from: `default`, a variable, a flag, a file.
    pub source: String,
    pub help: String,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Settings {
    pub at: At,
    /// Each with its form, whose one field is named as the setting.
    pub rows: Vec<(Setting, Form)>,
    pub effective: Vec<EffectiveSetting>,
    pub saved: bool,
}

#[must_use]
pub fn view(page: Settings) -> AnyView {
    let saved = page.saved.then(|| {
        callout(
            Tone::Ok,
            "Saved. It holds at once, on every node within a second.",
        )
    });
    let forms = page
        .rows
        .iter()
        .map(|(setting, form)| row(setting, form, page.at.now))
        .collect_view();
    let rows: Vec<_> = page.effective.into_iter().map(effective).collect();
    let columns = vec![
        table::text("Setting"),
        table::text("Value"),
        table::text("Source"),
        table::wide("What it is"),
    ];
    let empty = Empty::new(
        Icon::Gear,
        "Not told",
        "The process that serves this page told nothing about its settings; portunus config prints them.",
    );
    let table = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let content = view! {
        {PageHead::new("Settings").lede("Three settings can be changed while everything runs. The rest is read at the start, from flags, variables or a file.")}
        {saved}
        {Section::new("rows", "Changed here").body(view! { <div class="stack">{forms}</div> })}
        {Section::new("effective", "Effective settings").note("of the process that serves this page, read only").body(view! { {table} })}
    };
    page.at.page(Menu::Settings, content)
}

fn row(setting: &Setting, form: &Form, now: chrono::DateTime<chrono::Utc>) -> AnyView {
    let name = setting.name.clone();
    let label = match name.as_str() {
        "sign_up" => "Sign-up",
        "retention_days" => "Retention of the request log, days",
        "upstream_allow" => "Networks that upstreams may lie in",
        _ => "Value",
    };
    let since = match setting.updated_at {
        Some(at) => {
            view! { <span class="small faint">"changed " {format::time(at, now)}</span> }.into_any()
        }
        None if setting.is_default => {
            view! { <span class="small faint">"the default"</span> }.into_any()
        }
        None => ().into_any(),
    };
    let field = Field::text(name.clone(), label)
        .mono()
        .help(setting.help.clone());
    // An empty list of networks is a value: none besides public addresses.
    let field = if name == "upstream_allow" {
        field.optional()
    } else {
        field
    };
    view! {
        <form class="form form--page" method="post" action=format!("/operator/settings/{name}")>
            <input type="hidden" name="etag" value=setting.etag.to_string() />
            {refusal(form, &[name.as_str()])}
            {field.of(form)}
            <div class="actions"><button class="btn">"Save"</button> {since}</div>
        </form>
    }
    .into_any()
}

fn effective(setting: EffectiveSetting) -> AnyView {
    let value = match setting.value.as_str() {
        "" => view! { <span class="faint">"none"</span> }.into_any(),
        _ => view! { <span class="mono break">{setting.value}</span> }.into_any(),
    };
    view! {
        <tr>
            <td class="mono">{setting.name}</td>
            <td data-label="Value">{value}</td>
            <td data-label="Source">{setting.source}</td>
            <td data-label="What it is">{setting.help}</td>
        </tr>
    }
    .into_any()
}
