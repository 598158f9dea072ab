//! A dashboard: requests, errors, latency, top operations and applications, over 1 h to 30 d.
//! The same page for who calls and for who offers; only the data differs.

mod cache;
mod variants;

use chrono::{DateTime, Utc};
use domain::wire::traffic::{Point, Range, Totals, Usage as Wire, VariantUsage};
use leptos::prelude::*;

use crate::{
    format,
    frame::{self, Place, Section as Open, Visitor},
    icon::Icon,
    part::{
        Text,
        boxes::{Drift, Stat, delta, stats},
        chart::{Chart, Kind, Series, bar},
        head::{PageHead, Section},
        state::method,
        table::{self, Empty, Shape, Table, chip},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Usage {
    pub visitor: Visitor,
    pub place: Place,
    /// The entry of the rail that is open.
    pub open: Open,
    pub title: Text,
    pub lede: Text,
    /// Addresses of the ranges, in the order of [`Range::ALL`].
    pub ranges: Vec<String>,
    /// Views of the same traffic: words, address, whether it is this one. Empty: only one.
    pub sides: Vec<(Text, String, bool)>,
    /// Filters that are on: name, value, and the address without it.
    pub filters: Vec<(String, String, String)>,
    pub usage: Wire,
    /// Variants of upstreams, to compare; mostly none.
    pub variants: Vec<VariantUsage>,
    /// Address of the log with the same filters.
    pub log: Option<String>,
}

#[must_use]
pub fn view(page: Usage) -> AnyView {
    let usage = &page.usage;
    let ranges = Range::ALL
        .into_iter()
        .zip(page.ranges.clone())
        .map(|(range, href)| {
            let here = (range == usage.range).then_some("true");
            view! { <a class="btn" href=href aria-current=here>{words(range)}</a> }
        })
        .collect_view();
    let sides = (!page.sides.is_empty()).then(|| {
        let links = page
            .sides
            .clone()
            .into_iter()
            .map(|(words, href, here)| view! { <a href=href aria-current=here.then_some("page")>{words}</a> })
            .collect_view();
        view! { <nav class="tabs" aria-label="Side">{links}</nav> }
    });
    let chips = (!page.filters.is_empty()).then(|| {
        let chips = page
            .filters
            .iter()
            .map(|(name, value, without)| chip(name, value, without.clone()))
            .collect_view();
        view! { <div class="filters">{chips}</div> }
    });
    let log = page
        .log
        .clone()
        .map(|href| view! { <a class="btn" href=href>"Request log"</a> });
    let body = if usage.totals.requests == 0 {
        Empty::new(Icon::Chart, "No calls in this time", "Figures appear about ten seconds after a call. Choose a longer time to look further back.").view()
    } else {
        view! {
            {totals(usage)}
            {Section::new("requests", "Requests").note(per_step(usage)).body(requests(usage))}
            <div class="section halves">
                <section aria-labelledby="errors">
                    <div class="section-head"><h2 id="errors">"Errors"</h2></div>
                    {errors(usage)}
                </section>
                <section aria-labelledby="latency">
                    <div class="section-head">
                        <h2 id="latency">"Latency"</h2>
                        <span class="small faint">"total, ms"</span>
                    </div>
                    {latency(usage)}
                </section>
            </div>
            {cache::section(usage)}
            <div class="section halves">
                <section aria-labelledby="operations">
                    <div class="section-head"><h2 id="operations">"Top operations"</h2></div>
                    {operations(usage)}
                </section>
                <section aria-labelledby="applications">
                    <div class="section-head"><h2 id="applications">"Top applications"</h2></div>
                    {applications(usage)}
                </section>
            </div>
            {variants::section(&page.variants)}
        }
        .into_any()
    };
    let content = view! {
        {PageHead::new(page.title.clone())
            .lede(page.lede.clone())
            .actions(view! { <span class="btn-group">{ranges}</span> {log} })}
        {sides}
        {chips}
        {body}
    };
    frame::workspace(&page.visitor, &page.place, Some(page.open), content)
}

pub(crate) const fn words(range: Range) -> &'static str {
    match range {
        Range::Hour => "1 h",
        Range::Day => "24 h",
        Range::Week => "7 d",
        Range::Month => "30 d",
    }
}

fn per_step(usage: &Wire) -> String {
    format!(
        "per {}, UTC",
        format::span(usage.step_seconds.unsigned_abs())
    )
}

/// The row of figures, each against the period before where that is still kept.
#[must_use]
pub fn totals(usage: &Wire) -> AnyView {
    let (now, before) = (&usage.totals, usage.before.as_ref());
    let mut requests = Stat::new("Requests", format::count(now.requests), "");
    let mut errors = Stat::new(
        "Error ratio",
        share(now).map_or("–".to_owned(), format::percent),
        "",
    );
    if let Some(before) = before {
        requests = requests.below(drift(now.requests, before.requests));
        errors = errors.below(worse(share(now), share(before)));
    }
    let latency = |label: &'static str, pick: fn(&Totals) -> Option<f64>| {
        let stat = Stat::new(label, pick(now).map_or("–".to_owned(), millis), "");
        match before.and_then(pick).zip(pick(now)) {
            Some((before, now)) => stat.below(slower(now, before)),
            None => stat,
        }
    };
    let mut figures = vec![
        requests,
        errors,
        latency("p50", |totals| totals.p50_ms),
        latency("p95", |totals| totals.p95_ms),
        latency("p99", |totals| totals.p99_ms),
    ];
    figures.extend(cache::stat(now, before));
    stats(figures)
}

fn share(totals: &Totals) -> Option<f64> {
    (totals.requests > 0).then(|| totals.errors as f64 / totals.requests as f64)
}

fn millis(ms: f64) -> String {
    format::latency((ms * 1000.0).round() as u64)
}

fn drift(now: u64, before: u64) -> AnyView {
    if before == 0 {
        return delta(Drift::Same, "none before");
    }
    let change = (now as f64 - before as f64) / before as f64;
    let words = format::percent(change.abs());
    match change {
        change if change.abs() < 0.005 => delta(Drift::Same, "as before"),
        change if change > 0.0 => delta(Drift::Up, format!("{words} more")),
        _ => delta(Drift::Down, format!("{words} less")),
    }
}

fn worse(now: Option<f64>, before: Option<f64>) -> AnyView {
    let (Some(now), Some(before)) = (now, before) else {
        return delta(Drift::Same, "none before");
    };
    let points = (now - before) * 100.0;
    match points {
        points if points.abs() < 0.01 => delta(Drift::Same, "as before"),
        points if points > 0.0 => delta(
            Drift::Worse { up: true },
            format!("{points:.2} points, worse"),
        ),
        points => delta(
            Drift::Better { up: false },
            format!("{:.2} points, better", -points),
        ),
    }
}

fn slower(now: f64, before: f64) -> AnyView {
    let change = now - before;
    match change {
        change if change.abs() < 0.5 => delta(Drift::Same, "as before"),
        change if change > 0.0 => delta(
            Drift::Worse { up: true },
            format!("{}, worse", millis(change)),
        ),
        change => delta(
            Drift::Better { up: false },
            format!("{}, better", millis(-change)),
        ),
    }
}

fn chart(
    usage: &Wire,
    label: &str,
    unit: &'static str,
    (small, stacked): (bool, bool),
    series: Vec<Series>,
) -> AnyView {
    let times = usage
        .series
        .iter()
        .map(|point| time(point.at, usage.range))
        .collect();
    let chart = Chart {
        label: format!("{label}, last {}", words(usage.range)),
        step: "Time",
        times,
        series,
        unit,
        small,
        stacked,
    };
    view! { {chart} }.into_any()
}

fn time(at: DateTime<Utc>, range: Range) -> String {
    match range {
        Range::Hour | Range::Day => at.format("%H:%M").to_string(),
        Range::Week => at.format("%a %H:%M").to_string(),
        Range::Month => at.format("%-d %b").to_string(),
    }
}

fn line(usage: &Wire, kind: Kind, area: bool, pick: impl Fn(&Point) -> Option<f64>) -> Series {
    Series {
        kind,
        values: usage.series.iter().map(pick).collect(),
        area,
    }
}

fn requests(usage: &Wire) -> AnyView {
    let all = line(usage, Kind::Requests, true, |point| {
        Some(point.totals.requests as f64)
    });
    chart(usage, "Requests", "", (false, false), vec![all])
}

fn errors(usage: &Wire) -> AnyView {
    let client = line(usage, Kind::ClientError, false, |point| {
        Some(point.totals.client_errors as f64)
    });
    let server = line(usage, Kind::ServerError, false, |point| {
        Some(point.totals.server_errors as f64)
    });
    chart(
        usage,
        "Errors by class",
        "",
        (true, true),
        vec![client, server],
    )
}

fn latency(usage: &Wire) -> AnyView {
    let series = vec![
        line(usage, Kind::P50, false, |point| point.totals.p50_ms),
        line(usage, Kind::P95, false, |point| point.totals.p95_ms),
        line(usage, Kind::P99, false, |point| point.totals.p99_ms),
    ];
    chart(usage, "Latency", " ms", (true, false), series)
}

fn columns(first: &'static str) -> Vec<table::Column> {
    vec![
        table::wide(first),
        table::number("Requests"),
        table::number("Errors"),
        table::number("p95"),
    ]
}

fn cells(totals: &Totals) -> AnyView {
    view! {
        <td class="n">{format::count(totals.requests)}</td>
        <td class="n">{share(totals).map_or("–".to_owned(), format::percent)}</td>
        <td class="n">{totals.p95_ms.map_or("–".to_owned(), millis)}</td>
    }
    .into_any()
}

fn operations(usage: &Wire) -> AnyView {
    let most = usage
        .operations
        .iter()
        .map(|operation| operation.totals.requests)
        .max()
        .unwrap_or(1)
        .max(1);
    let rows = usage.operations.iter().map(|operation| {
        let name = if operation.method.is_empty() {
            view! { <span class="soft">"other"</span> }.into_any()
        } else {
            view! { {method(&operation.method)} " " <span class="mono">{operation.template.clone()}</span> }.into_any()
        };
        let share = operation.totals.requests as f64 / most as f64;
        view! {
            <tr>
                <td>
                    {name} " "
                    <span class="faint">{format!("{} {}", operation.api.name, operation.version)}</span>
                    {bar(Kind::Requests, share, None)}
                </td>
                {cells(&operation.totals)}
            </tr>
        }
    });
    view! { {Table::new(Shape::Tight, columns("Operation")).rows(rows.collect::<Vec<_>>())} }
        .into_any()
}

fn applications(usage: &Wire) -> AnyView {
    let most = usage
        .applications
        .iter()
        .map(|application| application.totals.requests)
        .max()
        .unwrap_or(1)
        .max(1);
    let rows = usage.applications.iter().map(|application| {
        let name = if application.name.is_empty() {
            view! { <span class="soft">"nobody known"</span> }.into_any()
        } else {
            view! { {application.name.clone()} }.into_any()
        };
        let share = application.totals.requests as f64 / most as f64;
        view! {
            <tr>
                <td>
                    {name} " " <span class="faint">{application.organization.clone()}</span>
                    {bar(Kind::Requests, share, None)}
                </td>
                {cells(&application.totals)}
            </tr>
        }
    });
    view! { {Table::new(Shape::Tight, columns("Application")).rows(rows.collect::<Vec<_>>())} }
        .into_any()
}
