//! The request log with its filters in the address, and the page of one request.

use chrono::{DateTime, Utc};
use domain::{
    id::{ApiId, ApplicationId},
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
    /// Address without any filter.
    pub clear: String,
    /// The filter form: [`FIELDS`], with what is set.
    pub form: Form,
    pub choices: Choices,
    pub lines: Vec<Line>,
    pub older: Option<String>,
    pub newest: Option<String>,
}

/// Fields of the filter form.
pub const FIELDS: &[&str] = &[
    "since",
    "status",
    "method",
    "path",
    "code",
    "api",
    "application",
    "environment",
];

/// What can be chosen by name: ids and names, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    pub apis: Vec<(String, String)>,
    pub applications: Vec<(String, String)>,
}

impl Choices {
    /// Adds an API, unless it is there or has no name.
    pub fn api(&mut self, id: ApiId, name: &str) {
        add(&mut self.apis, id.to_string(), name);
    }

    /// Adds an application, unless it is there or has no name.
    pub fn application(&mut self, id: ApplicationId, name: &str) {
        add(&mut self.applications, id.to_string(), name);
    }
}

fn add(list: &mut Vec<(String, String)>, id: String, name: &str) {
    if !name.is_empty() && list.iter().all(|(known, _)| *known != id) {
        list.push((id, name.to_owned()));
    }
}

/// A line with the addresses behind its cells.
#[derive(Clone, Debug)]
pub struct Line {
    pub line: LogLine,
    pub entry: String,
    /// The log of this status only.
    pub status: String,
    /// The log of this application only.
    pub application: String,
}

#[must_use]
pub fn list(page: Log) -> AnyView {
    let chips = page
        .filters
        .iter()
        .map(|(name, value, without)| chip(name, value, without.clone()))
        .collect_view();
    let clear = (!page.filters.is_empty())
        .then(|| view! { <a class="btn btn--quiet btn--s" href=page.clear.clone()>"Clear"</a> });
    let sides = (!page.sides.is_empty()).then(|| {
        let links = page
            .sides
            .clone()
            .into_iter()
            .map(|(words, href, here)| view! { <a href=href aria-current=here.then_some("page")>{words}</a> })
            .collect_view();
        view! { <nav class="tabs" aria-label="Side">{links}</nav> }
    });
    let rows: Vec<_> = page.lines.iter().map(row).collect();
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
    let mut statuses = choose(&[
        ("", "Any"),
        ("2xx", "2xx"),
        ("3xx", "3xx"),
        ("4xx", "4xx"),
        ("5xx", "5xx"),
    ]);
    // A line's status narrows to one code, which no list of all codes needs to hold.
    let exact = page.form.value("status").to_owned();
    if statuses.iter().all(|(known, _)| *known != exact) {
        statuses.push((exact.clone(), exact));
    }
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
    let since = choose(&[
        ("", "All that is kept"),
        ("1h", "1 h"),
        ("24h", "24 h"),
        ("7d", "7 d"),
        ("30d", "30 d"),
    ]);
    let environments = choose(&[("", "Any"), ("live", "live"), ("test", "test")]);
    let named = |list: &[(String, String)]| {
        let mut options = choose(&[("", "Any")]);
        options.extend_from_slice(list);
        options
    };
    view! {
        <form class="form-row log-filters" role="search" action=page.address.clone()>
            {kept}
            {Field::select("since", "Since", since).unmarked().of(form)}
            {Field::select("api", "API", named(&page.choices.apis)).unmarked().of(form)}
            {Field::select("application", "Application", named(&page.choices.applications)).unmarked().of(form)}
            {Field::select("environment", "Environment", environments).unmarked().of(form)}
            {Field::select("status", "Status", statuses).unmarked().of(form)}
            {Field::select("method", "Method", methods).unmarked().of(form)}
            {Field::text("path", "Path has").unmarked().mono().of(form)}
            {Field::text("code", "Code").unmarked().mono().placeholder("rate_limited").of(form)}
            <button class="btn">"Filter"</button>
        </form>
    }
    .into_any()
}

fn row(shown: &Line) -> AnyView {
    let line = &shown.line;
    let href = shown.entry.clone();
    let only = shown.status.clone();
    let application = (!line.application.name.is_empty()).then(|| {
        view! { <a href=shown.application.clone()>{line.application.name.clone()}</a> }
    });
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
            <td data-label="Status"><a href=only aria-label=format!("Only {}", line.status)>{status(line.status)}</a></td>
            <td class="second break" data-label="Request">
                {method(&line.method)} " " <span class="mono">{line.path.clone()} {cut}</span>
            </td>
            {code}
            <td class="third soft nowrap" data-label="Application">{application}</td>
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
