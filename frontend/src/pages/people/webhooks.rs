//! Webhooks of the organization: the list with what became of the last messages, and the form that
//! adds one.

use domain::wire::webhooks::{Delivery, DeliveryState, MadeWebhook, Webhook};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::Section as Menu,
    icon::Icon,
    pages::publish::At,
    part::{
        boxes::callout,
        code::{Once, once},
        field::{Field, refusal},
        head::{Link, PageHead, Section, crumbs},
        state::{Badge, Tone},
        table::{self, Empty, Shape, Table},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Webhooks {
    pub at: At,
    pub hooks: Vec<Webhook>,
    /// The newest messages, each with its webhook.
    pub deliveries: Vec<(Webhook, Delivery)>,
    /// One whose secret is shown now.
    pub made: Option<MadeWebhook>,
    pub form: Form,
    /// What has just been done, as a sentence.
    pub done: Option<&'static str>,
}

#[must_use]
pub fn view(page: Webhooks) -> AnyView {
    let home = format!("{}/webhooks", page.at.base());
    let done = page.done.map(|words| callout(Tone::Ok, words));
    let secret = page.made.map(|made| {
        once(Once {
            value: made.secret,
            hint: made.webhook.url,
            variable: "WEBHOOK_SECRET".to_owned(),
            done: home.clone(),
        })
    });
    let rows = page.hooks.iter().map(|hook| row(hook, &page.at, &home));
    let rows: Vec<_> = rows.collect();
    let empty = Empty::new(
        Icon::Webhook,
        "No webhook",
        "Add an address below to be told when a quota is nearly used up, or a subscription is asked for or decided.",
    );
    let columns = vec![
        table::wide("Address"),
        table::text("State"),
        table::actions(),
    ];
    let hooks = Table::new(Shape::Rows, columns).rows(rows).or_empty(empty);
    let messages = deliveries(&page.deliveries, &page.at, &home);
    let content = view! {
        {crumbs(vec![Link::new(format!("{}/settings", page.at.base()), "Organization settings")], "Webhooks")}
        {PageHead::new("Webhooks").lede("Addresses that are told what the organization's people get mails of. Messages are signed as Standard Webhooks says.")}
        <div class="stack">
            {done}
            {secret}
        </div>
        {Section::new("webhooks", "Addresses").count(page.hooks.len() as u64).body(hooks.into_render())}
        {Section::new("add", "Add a webhook").body(add(&page.form))}
        {Section::new("messages", "Last messages").note("kept for seven days").body(messages)}
    };
    page.at.page(Menu::Settings, content)
}

fn row(hook: &Webhook, at: &At, home: &str) -> AnyView {
    let state = if hook.enabled {
        Badge::new(Tone::Ok, Icon::Ok, "On").quiet()
    } else {
        Badge::new(Tone::Plain, Icon::Ban, "Off").quiet()
    };
    let acts = if hook.enabled {
        vec![("test", "Send a test"), ("off", "Switch off")]
    } else {
        vec![("on", "Switch on")]
    };
    let former = hook.former_secret_until.map(|until| {
        view! { <span class="sub">"The former secret ends "{format::time(until, at.now)}</span> }
    });
    let always = [("renew", "New secret"), ("delete", "Delete")];
    let acts = acts.into_iter().chain(always);
    let acts: Vec<_> = acts
        .map(|(act, words)| button(hook, home, act, words))
        .collect();
    view! {
        <tr>
            <td class="mono break">{hook.url.clone()}</td>
            <td data-label="State">{state}{former}</td>
            <td class="act"><div class="actions">{acts}</div></td>
        </tr>
    }
    .into_any()
}

/// A small form of its own, as the page has one for the whole list.
fn button(hook: &Webhook, home: &str, act: &'static str, words: &'static str) -> AnyView {
    let class = match act {
        "delete" => "btn btn--s btn--danger",
        _ => "btn btn--s",
    };
    view! {
        <form method="post" action=home.to_owned() class="inline">
            <input type="hidden" name="webhook" value=hook.id.to_string() />
            <input type="hidden" name="etag" value=hook.etag.to_string() />
            <button class=class name="do" value=act>{words}</button>
        </form>
    }
    .into_any()
}

fn add(form: &Form) -> AnyView {
    view! {
        <form class="form form--page" method="post">
            {refusal(form, &["url"])}
            {Field::text("url", "Address").mono().placeholder("https://example.com/hook").help("https. Its secret is shown once.").of(form)}
            <div class="actions"><button class="btn btn--primary" name="do" value="create">"Add the webhook"</button></div>
        </form>
    }
    .into_any()
}

fn deliveries(all: &[(Webhook, Delivery)], at: &At, home: &str) -> AnyView {
    let rows: Vec<_> = all
        .iter()
        .map(|(hook, delivery)| {
            let state = match delivery.state {
                DeliveryState::Waiting => Badge::new(Tone::Info, Icon::Info, "Waits").quiet(),
                DeliveryState::Delivered => Badge::new(Tone::Ok, Icon::Ok, "Delivered").quiet(),
                DeliveryState::GivenUp => Badge::new(Tone::Danger, Icon::No, "Given up"),
            };
            let next = delivery.next_try_at.map(|next| format::time(next, at.now));
            let again = may_go_again(hook, delivery).then(|| again(hook, delivery, home));
            view! {
                <tr>
                    <td class="mono break">{delivery.kind.clone()}<span class="sub">{hook.url.clone()}</span></td>
                    <td data-label="State">{state}<span class="sub">{delivery.last_error.clone()}</span></td>
                    <td class="n" data-label="Status">{delivery.last_status}</td>
                    <td class="n" data-label="Tries">{delivery.tries}</td>
                    <td data-label="Since">{format::time(delivery.created_at, at.now)}</td>
                    <td data-label="Next try">{next}</td>
                    <td class="act">{again}</td>
                </tr>
            }
        })
        .collect();
    let columns = vec![
        table::wide("Event"),
        table::text("State"),
        table::number("Status"),
        table::number("Tries"),
        table::text("Since"),
        table::text("Next try"),
        table::actions(),
    ];
    let empty = Empty::new(
        Icon::Mail,
        "No message",
        "Messages appear here as soon as there is something to tell.",
    );
    Table::new(Shape::Rows, columns)
        .rows(rows)
        .or_empty(empty)
        .into_render()
}

/// Whether the button would not be refused.
fn may_go_again(hook: &Webhook, delivery: &Delivery) -> bool {
    hook.enabled
        && match delivery.state {
            DeliveryState::Waiting => false,
            DeliveryState::Delivered | DeliveryState::GivenUp => true,
        }
}

fn again(hook: &Webhook, delivery: &Delivery, home: &str) -> AnyView {
    view! {
        <form method="post" action=home.to_owned() class="inline">
            <input type="hidden" name="webhook" value=hook.id.to_string() />
            <input type="hidden" name="delivery" value=delivery.id.to_string() />
            <button class="btn btn--s" name="do" value="redeliver">"Send again"</button>
        </form>
    }
    .into_any()
}
