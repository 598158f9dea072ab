//! The first page of the operator: is everything alright, and where to look.

use domain::wire::platform::Node;
use leptos::prelude::*;

use super::nodes::newest_state;
use crate::{
    format,
    frame::Section as Menu,
    icon::{Icon, icon},
    pages::publish::At,
    part::{
        Text,
        boxes::{Stat, callout, stats},
        head::{PageHead, Section},
        state::Tone,
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    pub at: At,
    pub nodes: Vec<Node>,
    /// How many, and whether there are more than were counted.
    pub organizations: (u64, bool),
    pub mails: (u64, bool),
    /// Whether nothing sends mails, so that the operator reads them here.
    pub without_smtp: bool,
}

#[must_use]
pub fn view(page: Overview) -> AnyView {
    let alive = page.nodes.iter().filter(|node| node.alive).count() as u64;
    let dropped: u64 = page
        .nodes
        .iter()
        .map(|node| node.dropped.unsigned_abs())
        .sum();
    let figures = stats(vec![
        Stat::new("Nodes alive", format::count(alive), "").below(view! { <span class="small faint">{format!("of {} known", format::count(page.nodes.len() as u64))}</span> }),
        Stat::new("State number", newest_state(&page.nodes).map_or_else(|| "–".to_owned(), |state| format::count(state.unsigned_abs())), "").below(view! { <span class="small faint">"newest that a node serves"</span> }),
        Stat::new("Organizations", most(page.organizations), ""),
        Stat::new("Mails that wait", most(page.mails), ""),
        Stat::new("Records dropped", format::count(dropped), "").below(view! { <span class="small faint">"since the nodes started"</span> }),
    ]);
    let remarks = remarks(&page, alive, dropped);
    let remarks = remarks
        .into_iter()
        .map(|(tone, words)| callout(tone, words))
        .collect_view();
    let links = [
        (
            Icon::Building,
            "organizations",
            "Organizations",
            "Prefixes and hosts, suspend and resume.",
        ),
        (
            Icon::Node,
            "nodes",
            "Gateway nodes",
            "State number, version, load, connections.",
        ),
        (
            Icon::Mail,
            "outbox",
            "Mail outbox",
            "What waits to be sent.",
        ),
        (
            Icon::Gear,
            "settings",
            "Settings",
            "Sign-up, retention, networks of upstreams; what else holds, and why.",
        ),
        (
            Icon::Shield,
            "audit",
            "Audit",
            "What was done to the platform, and whether it is whole.",
        ),
    ];
    let links = links
        .into_iter()
        .map(|(symbol, path, title, words)| {
            view! { <li>{icon(symbol)} <span><a href=format!("/operator/{path}")><b>{title}</b></a> <span class="sub">{words}</span></span></li> }
        })
        .collect_view();
    let content = view! {
        {PageHead::new("Platform").lede("What everything runs on. The operator has no rights inside tenants.")}
        <div class="stack">{remarks} {figures}</div>
        {Section::new("places", "Where to look").body(view! { <ul class="blast">{links}</ul> })}
    };
    page.at.page(Menu::Home, content)
}

fn most((count, more): (u64, bool)) -> String {
    let plus = if more { "+" } else { "" };
    format!("{}{plus}", format::count(count))
}

/// What the operator should do something about, the worst first.
fn remarks(page: &Overview, alive: u64, dropped: u64) -> Vec<(Tone, Text)> {
    let mut remarks: Vec<(Tone, Text)> = Vec::new();
    if alive == 0 {
        remarks.push((
            Tone::Danger,
            "No gateway node has reported in the last 15 seconds: calls may not be answered."
                .into(),
        ));
    }
    if dropped > 0 {
        remarks.push((
            Tone::Warn,
            "Nodes have dropped traffic records: dashboards show less than was answered.".into(),
        ));
    }
    let is_short = |node: &Node| node.alive && node.unreadable > 0;
    if page.nodes.iter().any(is_short) {
        remarks.push((
            Tone::Warn,
            "Nodes cannot read all of the configuration, as a newer release wrote it: what hangs on that is refused there until they are updated."
                .into(),
        ));
    }
    if page.without_smtp {
        remarks.push((Tone::Info, "No SMTP server is configured (smtp_url): mails are not sent but wait in the outbox, where you can read them.".into()));
    }
    remarks
}
