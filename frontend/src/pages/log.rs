//! The request log with its filters in the address, and the page of one request.

use chrono::{DateTime, Utc};
use domain::{
    problem::Code,
    wire::traffic::{LogEntry, LogLine},
};
use leptos::prelude::*;

use crate::{
    form::Form,
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::Icon,
    part::{
        Text,
        boxes::{callout, pairs},
        code::code,
        field::Field,
        head::{Link, PageHead, Section, crumbs},
        state::{Tone, method, status},
        table::{self, Empty, Shape, Table, chip, pager},
    },
};

/// What the list shows.
#[derive(Clone, Debug)]
pub struct Log {
    pub visitor: Visitor,
    pub place: Place,
    /// Address of the log without a query.
    pub address: String,
    /// What stays in the query whatever the filter form says: name and value.
    pub kept: Vec<(String, String)>,
    /// Views of the same log: words, address, whether it is this one. Empty: only one.
    pub sides: Vec<(Text, String, bool)>,
    /// Filters that are on: name, value, and the address without it.
    pub filters: Vec<(String, String, String)>,
    /// The filter form: `status`, `method`, `path`, `code`, with what is set.
    pub form: Form,
    pub lines: Vec<LogLine>,
    /// Query that the address of an entry needs, with its question mark; often empty.
    pub entry_query: String,
    pub older: Option<String>,
    pub newest: Option<String>,
}

#[must_use]
pub fn list(page: Log) -> AnyView {
    let chips = page
        .filters
        .iter()
        .map(|(name, value, without)| chip(name, value, without.clone()))
        .collect_view();
    let clear = (!page.filters.is_empty())
        .then(|| view! { <a class="btn btn--quiet btn--s" href=page.address.clone()>"Clear"</a> });
    let sides = (!page.sides.is_empty()).then(|| {
        let links = page
            .sides
            .clone()
            .into_iter()
            .map(|(words, href, here)| view! { <a href=href aria-current=here.then_some("page")>{words}</a> })
            .collect_view();
        view! { <nav class="tabs" aria-label="Side">{links}</nav> }
    });
    let rows: Vec<_> = page
        .lines
        .iter()
        .map(|line| row(line, &page.address, &page.entry_query))
        .collect();
    let columns = vec![
        table::text("Time"),
        table::text("Status"),
        table::wide("Request"),
        table::text("Code"),
        table::text("Application"),
        table::number("Total"),
    ];
    let empty = if page.filters.is_empty() {
        Empty::new(
            Icon::List,
            "No request yet",
            "Requests appear here a few seconds after the gateway answered them.",
        )
    } else {
        Empty::new(
            Icon::Filter,
            "Nothing matches",
            "No request of the kept time fits these filters. Take one away.",
        )
    };
    let shown = format::counted(page.lines.len() as u64, "request", "requests");
    let content = view! {
        {PageHead::new("Request log").lede("Every call that the gateways answered, the newest first. Times are UTC.")}
        {sides}
        {filters(&page)}
        <div class="filters">{chips} {clear}</div>
        {Table::new(Shape::Lines, columns).rows(rows).or_empty(empty)}
        {pager(shown, page.newest, page.older)}
    };
    frame::workspace(&page.visitor, &page.place, Some(Open::Log), content)
}

/// A plain form that puts the filters into the address.
fn filters(page: &Log) -> AnyView {
    let choose = |words: &[(&str, &str)]| -> Vec<(String, String)> {
        words
            .iter()
            .map(|(value, words)| ((*value).to_owned(), (*words).to_owned()))
            .collect()
    };
    let statuses = choose(&[
        ("", "Any"),
        ("2xx", "2xx"),
        ("3xx", "3xx"),
        ("4xx", "4xx"),
        ("5xx", "5xx"),
    ]);
    let methods = choose(&[
        ("", "Any"),
        ("GET", "GET"),
        ("POST", "POST"),
        ("PUT", "PUT"),
        ("PATCH", "PATCH"),
        ("DELETE", "DELETE"),
    ]);
    let kept = page
        .kept
        .iter()
        .map(
            |(name, value)| view! { <input type="hidden" name=name.clone() value=value.clone() /> },
        )
        .collect_view();
    let form = &page.form;
    view! {
        <form class="form-row log-filters" role="search" action=page.address.clone()>
            {kept}
            {Field::select("status", "Status", statuses).filter().of(form)}
            {Field::select("method", "Method", methods).filter().of(form)}
            {Field::text("path", "Path has").filter().mono().of(form)}
            {Field::text("code", "Code").filter().mono().placeholder("rate_limited").of(form)}
            <button class="btn">"Filter"</button>
        </form>
    }
    .into_any()
}

fn row(line: &LogLine, address: &str, query: &str) -> AnyView {
    let href = format!("{address}/{}{query}", line.id);
    let cut = line.path_cut.then_some("…");
    let code = match line.code.as_str() {
        "" if line.status >= 400 => {
            view! { <td class="faint second" data-label="Code">"upstream’s own"</td> }.into_any()
        }
        code => {
            view! { <td class="mono second" data-label="Code">{code.to_owned()}</td> }.into_any()
        }
    };
    view! {
        <tr>
            <td class="nowrap">
                <a href=href><time datetime=line.at.to_rfc3339()>{line.at.format("%H:%M:%S%.3f").to_string()}</time></a>
                <span class="sub">{format::day(line.at)}</span>
            </td>
            <td data-label="Status">{status(line.status)}</td>
            <td class="second break" data-label="Request">
                {method(&line.method)} " " <span class="mono">{line.path.clone()} {cut}</span>
            </td>
            {code}
            <td class="third soft nowrap" data-label="Application">{line.application.name.clone()}</td>
            <td class="n end" data-label="Total">{millis(line.total_ms)}</td>
        </tr>
    }
    .into_any()
}

fn millis(ms: f64) -> String {
    format::latency((ms * 1000.0).round().max(0.0) as u64)
}

/// What the page of one request shows.
#[derive(Clone, Debug)]
pub struct Entry {
    pub visitor: Visitor,
    pub place: Place,
    /// Address of the log, with the query of the list.
    pub back: String,
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
    let title = format!("{} {}", line.method, line.path);
    let content = view! {
        {crumbs(vec![Link::new(page.back, "Request log")], line.request_id.clone())}
        {PageHead::new(title)
            .beside(status(line.status))
            .lede(view! { {format::time(line.at, page.now)} ", request " <code>{line.request_id.clone()}</code> })}
        <div class="entry">
            <div class="stack">
                {explained}
                {Section::new("time", "Time").body(times(&entry))}
                {code("Copy as curl", entry.curl.clone())}
            </div>
            {facts(&entry)}
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

fn facts(entry: &LogEntry) -> AnyView {
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
    if !entry.client.is_empty() {
        rows.push(("Client".into(), mono(entry.client.clone())));
    }
    if !entry.decided_by.is_empty() {
        rows.push(("Decided by".into(), mono(entry.decided_by.clone())));
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
    }
    pairs(rows)
}
