//! What caches gave: the share of hits and its course. Nothing where no cache was asked.

use domain::wire::traffic::{CacheTotals, Totals, Usage as Wire};
use leptos::prelude::*;

use super::{chart, line, per_step};
use crate::format;
use crate::part::boxes::{Drift, Stat, delta};
use crate::part::chart::Kind;
use crate::part::head::Section;

/// The share of hits among the other figures.
pub(super) fn stat(now: &Totals, before: Option<&Totals>) -> Option<Stat> {
    let now = ratio(now)?;
    let stat = Stat::new("Cache hits", format::percent(now), "");
    Some(match before {
        Some(before) => stat.below(against(now, ratio(before))),
        None => stat,
    })
}

fn ratio(totals: &Totals) -> Option<f64> {
    totals.cache?.hit_ratio
}

fn against(now: f64, before: Option<f64>) -> AnyView {
    let Some(before) = before else {
        return delta(Drift::Same, "none before");
    };
    let points = (now - before) * 100.0;
    match points {
        points if points.abs() < 0.01 => delta(Drift::Same, "as before"),
        points if points > 0.0 => delta(
            Drift::Better { up: true },
            format!("{points:.2} points, better"),
        ),
        points => delta(
            Drift::Worse { up: false },
            format!("{:.2} points, worse", -points),
        ),
    }
}

pub(super) fn section(usage: &Wire) -> Option<AnyView> {
    let all = usage.totals.cache?;
    let course = all.hit_ratio.map(|_| {
        let hits = line(usage, Kind::Hits, true, |point| {
            ratio(&point.totals).map(|share| share * 100.0)
        });
        chart(
            usage,
            "Share of cache hits",
            " %",
            (true, false),
            vec![hits],
        )
    });
    let section = Section::new("cache", "Cache")
        .note(format!("share of hits, {}", per_step(usage)))
        .body(view! { {course} <p class="small soft">{words(&all)}</p> });
    Some(view! { {section} }.into_any())
}

fn words(all: &CacheTotals) -> String {
    let CacheTotals {
        hits,
        stale,
        misses,
        passes,
        hit_ratio: _,
    } = *all;
    let hits = format::counted(hits, "hit", "hits");
    let [stale, misses, passes] = [stale, misses, passes].map(format::count);
    format!(
        "{hits}, {stale} given stale, {misses} asked of the upstream; {passes} whose answers are never kept"
    )
}
