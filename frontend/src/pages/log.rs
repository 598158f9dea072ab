//! The request log with its filters in the address; the page of one request is in `entry`.

mod detail;
mod entry;
mod pretty;

use domain::{
    id::{ApiId, ApplicationId},
    wire::traffic::LogLine,
};
use leptos::prelude::*;

pub use self::entry::{Entry, entry};
use crate::{
    form::Form,
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::Icon,
    part::{
        Text,
        field::Field,
        head::PageHead,
        state::{method, status},
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
    "cached",
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
    let cached = choose(&[
        ("", "Any"),
        ("hit", "hit"),
        ("shared", "hit, second level"),
        ("stale", "given stale"),
        ("validated", "still good"),
        ("stored", "kept"),
        ("miss", "not kept"),
        ("pass", "never kept"),
        ("none", "no cache"),
    ]);
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
            {Field::select("cached", "Cache", cached).unmarked().of(form)}
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
