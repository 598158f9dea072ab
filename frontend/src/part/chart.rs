//! Charts, made on the server as SVG, with the numbers in a table behind.
//!
//! The outer `svg` has no view box, so that its text never scales; the inner one stretches.
//! Colours come from classes (`c-2xx`, `c-p95`, …), which mean the same on every page.

mod scale;

use std::fmt::Write as _;

use leptos::prelude::*;

use self::scale::Scale;
use super::{Text, escape, part, table};
use crate::{
    format,
    icon::{Icon, icon},
};

/// What a line shows; decides its colour everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Requests,
    Success,
    ClientError,
    ServerError,
    P50,
    P95,
    P99,
    Before,
}

impl Kind {
    const fn class(self) -> &'static str {
        match self {
            Self::Requests => "c-requests",
            Self::Success => "c-2xx",
            Self::ClientError => "c-4xx",
            Self::ServerError => "c-5xx",
            Self::P50 => "c-p50",
            Self::P95 => "c-p95",
            Self::P99 => "c-p99",
            Self::Before => "c-before",
        }
    }

    /// The word at the line's end and over the table's column.
    const fn label(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Success => "2xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Before => "Before",
        }
    }
}

/// One line: as many values as the chart has steps; `None` leaves a gap (no traffic, no latency).
#[derive(Clone, Debug)]
pub struct Series {
    pub kind: Kind,
    pub values: Vec<Option<f64>>,
    /// Fills the ground below the line.
    pub area: bool,
}

/// A line chart over equal steps of time.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows, for who cannot see it.
    pub label: String,
    /// Head of the table's first column: `Hour`, `Day`.
    pub step: &'static str,
    /// One per step, as written in table and axis.
    pub times: Vec<String>,
    pub series: Vec<Series>,
    /// Behind each number of the table: `""` or `" ms"`.
    pub unit: &'static str,
    /// A lower chart, for a second rank.
    pub small: bool,
}

impl Chart {
    fn view(self) -> AnyView {
        let svg = self.svg();
        view! {
            <div inner_html=svg></div>
            {self.numbers()}
        }
        .into_any()
    }

    fn svg(&self) -> String {
        let highest = self.series.iter().flat_map(|line| &line.values).flatten();
        let scale = Scale::up_to(highest.copied().fold(0.0, f64::max));
        let size = if self.small {
            "chart chart--s"
        } else {
            "chart"
        };
        let mut svg = format!(
            "<svg class=\"{size}\" role=\"img\" aria-label=\"{}. The table below holds the numbers.\">",
            escape(&self.label)
        );
        for tick in scale.ticks() {
            let y = scale.y(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.2}%\" y2=\"{y:.2}%\"/>\
                 <text class=\"axis\" x=\"0\" dx=\"-8\" dy=\"4\" y=\"{y:.2}%\" text-anchor=\"end\">{}</text>",
                format::short(tick)
            );
        }
        self.write_times(&mut svg);
        svg.push_str(
            "<svg class=\"plot\" width=\"100%\" height=\"100%\" viewBox=\"0 0 100 100\" \
             preserveAspectRatio=\"none\" aria-hidden=\"true\">",
        );
        for line in &self.series {
            let before = if line.kind == Kind::Before {
                "before "
            } else {
                ""
            };
            let class = line.kind.class();
            if line.area {
                let area = scale.area(&line.values);
                let _ = write!(svg, "<path class=\"area {class}\" d=\"{area}\"/>");
            }
            let path = scale.path(&line.values);
            let _ = write!(svg, "<path class=\"{before}{class}\" d=\"{path}\"/>");
        }
        svg.push_str("</svg>");
        self.write_labels(&mut svg, &scale);
        svg.push_str("</svg>");
        svg
    }

    /// Five times along the axis; the second and fourth go on narrow screens.
    fn write_times(&self, svg: &mut String) {
        let Some(last) = self.times.len().checked_sub(1).filter(|last| *last > 0) else {
            return;
        };
        for quarter in 0..=4 {
            let index = last * quarter / 4;
            let x = index as f64 / last as f64 * 100.0;
            let anchor = ["start", "middle", "middle", "middle", "end"][quarter];
            let wide = if quarter % 2 == 1 { " wide" } else { "" };
            let _ = write!(
                svg,
                "<text class=\"axis{wide}\" x=\"{x:.2}%\" y=\"100%\" dy=\"18\" text-anchor=\"{anchor}\">{}</text>",
                escape(&self.times[index])
            );
        }
    }

    /// The name of each line at its end, moved apart where lines end close together.
    fn write_labels(&self, svg: &mut String, scale: &Scale) {
        let mut ends: Vec<(f64, Kind)> = self
            .series
            .iter()
            .map(|line| {
                let end = line.values.last().copied().flatten().unwrap_or(0.0);
                (scale.y(end), line.kind)
            })
            .collect();
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        // From the lowest upwards, each label keeps 9 % of the height: its own line of text.
        let mut free_above = 100.0;
        for (y, kind) in ends {
            let y = y.min(free_above);
            free_above = y - if self.small { 12.0 } else { 9.0 };
            let _ = write!(
                svg,
                "<text class=\"direct {}\" x=\"100%\" dx=\"8\" dy=\"4\" y=\"{y:.2}%\">{}</text>",
                kind.class(),
                kind.label()
            );
        }
    }

    fn numbers(self) -> AnyView {
        let columns = std::iter::once(table::text(self.step))
            .chain(
                self.series
                    .iter()
                    .map(|line| table::number(line.kind.label())),
            )
            .collect();
        let (series, unit) = (self.series, self.unit);
        let rows = self.times.into_iter().enumerate().map(|(index, time)| {
            let cells = series
                .iter()
                .map(|line| {
                    let value = line.values.get(index).copied().flatten();
                    let text = value.map_or("–".to_owned(), |value| figure(value, unit));
                    view! { <td class="n">{text}</td> }
                })
                .collect_view();
            view! {
                <tr>
                    <td>{time}</td>
                    {cells}
                </tr>
            }
        });
        let numbers =
            table::Table::new(table::Shape::Tight, columns).rows(rows.collect::<Vec<_>>());
        view! {
            <details class="more">
                <summary>{icon(Icon::Chevron)} "Numbers as a table"</summary>
                {numbers}
            </details>
        }
        .into_any()
    }
}
part!(Chart);

fn figure(value: f64, unit: &str) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        format!("{value:.1}{unit}")
    } else {
        format!("{}{unit}", format::count(value.round() as u64))
    }
}

/// A small line without axes, beside its number.
#[must_use]
pub fn spark(kind: Kind, values: &[f64]) -> AnyView {
    let scale = Scale::up_to(values.iter().copied().fold(0.0, f64::max));
    let values: Vec<_> = values.iter().copied().map(Some).collect();
    let svg = format!(
        "<svg class=\"spark {}\" viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"area\" d=\"{}\"/><path d=\"{}\"/></svg>",
        kind.class(),
        scale.area(&values),
        scale.path(&values),
    );
    view! { <div inner_html=svg></div> }.into_any()
}

/// A bar of a share between 0 and 1. With words it is read out, without it only decorates.
#[must_use]
pub fn bar(kind: Kind, share: f64, words: Option<Text>) -> AnyView {
    let role = match words {
        Some(words) => format!("role=\"img\" aria-label=\"{}\"", escape(&words)),
        None => "aria-hidden=\"true\"".to_owned(),
    };
    let svg = format!(
        "<svg class=\"bar {}\" {role}><rect class=\"track\" width=\"100%\" height=\"6\" rx=\"3\"/>\
         <rect class=\"fill\" width=\"{:.1}%\" height=\"6\" rx=\"3\"/></svg>",
        kind.class(),
        share.clamp(0.0, 1.0) * 100.0
    );
    view! { <div class="bar-box" inner_html=svg></div> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_with_gaps_and_one_without_values_are_drawn() {
        let chart = |values: Vec<Option<f64>>| Chart {
            label: "Latency <p95>".into(),
            step: "Hour",
            times: (0..values.len())
                .map(|hour| format!("{hour:02}:00"))
                .collect(),
            series: vec![Series {
                kind: Kind::P95,
                values,
                area: true,
            }],
            unit: " ms",
            small: false,
        };
        let svg = chart(vec![Some(10.0), None, Some(30.0), Some(20.0)]).svg();
        assert!(svg.contains("Latency &lt;p95&gt;"));
        assert_eq!(
            svg.matches('M').count(),
            4,
            "line and area each start twice: {svg}"
        );
        assert!(!chart(Vec::new()).svg().contains("NaN"));
        assert!(!chart(vec![Some(0.0)]).svg().contains("NaN"));
    }
}
