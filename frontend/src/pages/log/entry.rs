//! The page of one request: where its time went, who called what, and what it was refused for.

use chrono::{DateTime, Utc};
use domain::{problem::Code, traffic::Cached, wire::traffic::LogEntry};
use leptos::prelude::*;

use super::{detail::detail, millis};
use crate::{
    format,
    frame::{self, Place, Section as Open, Visitor},
    part::{
        Text,
        boxes::{callout, pairs},
        code::code,
        head::{Link, PageHead, Section, crumbs},
        state::{Tone, status},
    },
};

/// What the page of one request shows.
#[derive(Clone, Debug)]
pub struct Entry {
    pub visitor: Visitor,
    pub place: Place,
    /// Address of the log, with the query of the list.
    pub back: String,
    /// Address of the log of its trace alone.
    pub trace: String,
    pub entry: LogEntry,
    pub now: DateTime<Utc>,
}

#[must_use]
pub fn entry(page: Entry) -> AnyView {
    let entry = page.entry;
    let line = &entry.line;
    let explained = Code::parse(&line.code).map(|code| {
        let told = code.entry();
        let tone = if told.status >= 500 { Tone::Danger } else { Tone::Warn };
        callout(
            tone,
            view! {
                <p><strong>{told.title}</strong></p>
                <p>{told.help}</p>
                <p><a href=format!("/docs/errors/{}", told.code)>"About " <code>{told.code}</code></a></p>
            },
        )
    });
    // No code of ours: what came is what the upstream said.
    let explained = explained.or_else(|| {
        (line.status >= 400).then(|| {
            let tone = if line.status >= 500 { Tone::Danger } else { Tone::Warn };
            callout(
                tone,
                view! {
                    <p><strong>{format!("The upstream answered {}", line.status)}</strong></p>
                    <p>"The gateway let the request through and passed the answer on as it came: what it means, the API says."</p>
                },
            )
        })
    });
    let title = format!("{} {}", line.method, line.path);
    let seen = entry
        .inside
        .as_ref()
        .and_then(|inside| inside.detail.clone());
    let content = view! {
        {crumbs(vec![Link::new(page.back, "Request log")], line.at.format("%H:%M:%S%.3f").to_string())}
        {PageHead::new(title)
            .beside(status(line.status))
            .lede(view! { {format::time(line.at, page.now)} ", request " <code>{line.request_id.clone()}</code> })}
        <div class="entry">
            <div class="stack">
                {explained}
                {Section::new("time", "Time").body(times(&entry))}
                {code("Copy as curl", entry.curl.clone())}
                {seen.map(detail)}
            </div>
            {facts(&entry, &page.trace)}
        </div>
    };
    frame::workspace(&page.visitor, &page.place, Some(Open::Log), content)
}

/// Policies, connecting, waiting for the first byte, and the rest: as bars over the whole time.
fn times(entry: &LogEntry) -> AnyView {
    let total = entry.line.total_ms.max(0.001);
    let first_byte = entry
        .first_byte_ms
        .max(entry.policies_ms + entry.connect_ms);
    let waiting = first_byte - entry.policies_ms - entry.connect_ms;
    let mut at = 0.0;
    let mut spans = Vec::new();
    for (words, ms, class) in [
        ("Policies", entry.policies_ms, "c-policies"),
        ("Upstream connect", entry.connect_ms, "c-connect"),
        ("Upstream, first byte", waiting, "c-upstream"),
        (
            "Answer, until its end",
            (entry.line.total_ms - first_byte).max(0.0),
            "c-requests",
        ),
    ] {
        if ms > 0.0 {
            spans.push((words, ms, (at / total, ms / total, class)));
        }
        at += ms;
    }
    let whole: Vec<_> = spans.iter().map(|(_, _, span)| *span).collect();
    let rows = spans
        .iter()
        .map(|(words, ms, span)| view! { <span>{*words}</span> {timing(&[*span])} <span>{millis(*ms)}</span> })
        .collect_view();
    view! {
        <div class="timing">
            <span class="strong">"Total"</span>
            {timing(&whole)}
            <span class="strong">{millis(entry.line.total_ms)}</span>
            {rows}
        </div>
    }
    .into_any()
}

/// A bar of stretches, each with its start and length as shares of the whole.
fn timing(spans: &[(f64, f64, &'static str)]) -> AnyView {
    let rects: String = spans
        .iter()
        .map(|(start, length, class)| {
            let (x, width) = (
                start.clamp(0.0, 1.0) * 100.0,
                (length.clamp(0.0, 1.0) * 100.0).max(1.0),
            );
            format!(
                "<rect class=\"fill {class}\" x=\"{x:.2}%\" width=\"{width:.2}%\" height=\"100%\"/>"
            )
        })
        .collect();
    let svg = format!(
        "<svg class=\"bar bar--timing\" aria-hidden=\"true\"><rect class=\"track\" width=\"100%\" height=\"100%\"/>{rects}</svg>"
    );
    view! { <div inner_html=svg></div> }.into_any()
}

fn facts(entry: &LogEntry, trace: &str) -> AnyView {
    let text = |words: String| view! { {words} }.into_any();
    let mono = |words: String| view! { <span class="mono">{words}</span> }.into_any();
    let line = &entry.line;
    let mut rows: Vec<(Text, AnyView)> = vec![(
        "Version".into(),
        text(format!(
            "{} {}, revision {}",
            line.api.name, line.version, entry.revision
        )),
    )];
    if !entry.operation.is_empty() {
        rows.push(("Operation".into(), mono(entry.operation.clone())));
    }
    if !line.application.name.is_empty() {
        rows.push(("Application".into(), text(line.application.name.clone())));
    }
    if let Some(credential) = &entry.credential {
        rows.push(("Key".into(), mono(credential.name.clone())));
    }
    if !entry.plan.name.is_empty() {
        rows.push(("Plan".into(), text(entry.plan.name.clone())));
    }
    rows.push(("Provider".into(), text(entry.provider.name.clone())));
    if !entry.consumer.name.is_empty() {
        rows.push(("Consumer".into(), text(entry.consumer.name.clone())));
    }
    rows.push((
        "Environment".into(),
        view! { <span class="env">{line.environment.as_str()}</span> }.into_any(),
    ));
    if !line.trace_id.is_empty() {
        let (href, id) = (trace.to_owned(), line.trace_id.clone());
        rows.push((
            "Trace".into(),
            view! { <a class="mono" href=href>{id}</a> }.into_any(),
        ));
    }
    if !entry.client.is_empty() {
        rows.push(("Client".into(), mono(entry.client.clone())));
    }
    if !entry.decided_by.is_empty() {
        rows.push(("Decided by".into(), mono(entry.decided_by.clone())));
    }
    if let Some(words) = cached(line.cached) {
        rows.push(("Cache".into(), text(words.to_owned())));
    }
    rows.push((
        "Bytes".into(),
        text(format!(
            "{} in, {} out",
            format::size(entry.bytes_in),
            format::size(entry.bytes_out)
        )),
    ));
    if let Some(inside) = &entry.inside {
        rows.push((
            "Node".into(),
            text(format!(
                "{}, state {}",
                inside.node,
                format::count(inside.state)
            )),
        ));
        if !inside.target.is_empty() {
            rows.push((
                "Target".into(),
                mono(format!(
                    "{}, {}",
                    inside.target,
                    format::counted(u64::from(inside.tries), "try", "tries")
                )),
            ));
        }
        if !inside.variant.is_empty() {
            rows.push(("Variant".into(), mono(inside.variant.clone())));
        }
    }
    pairs(rows)
}

/// `None` where no cache was asked.
const fn cached(cached: Cached) -> Option<&'static str> {
    match cached {
        Cached::None => None,
        Cached::Hit => Some("hit"),
        Cached::Shared => Some("hit, from the second level"),
        Cached::Stale => Some("given although its time was over"),
        Cached::Validated => Some("still good, as the upstream said"),
        Cached::Stored => Some("asked of the upstream, and kept"),
        Cached::Miss => Some("asked of the upstream, and not kept"),
        Cached::Pass => Some("a request whose answers are never kept"),
    }
}
