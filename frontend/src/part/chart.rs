//! Charts, made on the server as SVG, with the numbers in a table behind.
//!
//! The outer `svg` has no view box, so that its text never scales; the inner one stretches.
//! Colours come from classes (`c-2xx`, `c-p95`, …), which mean the same on every page.

mod scale;
mod small;

use std::fmt::Write as _;

use leptos::prelude::*;

use self::scale::Scale;
pub use self::small::{bar, spark};
use super::{escape, part, table};
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
    Hits,
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
            Self::Hits => "c-hits",
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
            Self::Hits => "Hits",
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

impl Series {
    /// The value of a step; none counts as nothing.
    fn at(&self, step: usize) -> f64 {
        self.values.get(step).copied().flatten().unwrap_or(0.0)
    }
}

/// A chart over equal steps of time: lines, or bars of parts.
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
    /// Bars that stand on each other, the first series lowest, instead of lines: parts of a sum.
    pub stacked: bool,
}

impl Chart {
    fn view(self) -> AnyView {
        let svg = self.svg();
        let legend = self.stacked.then(|| self.legend());
        view! {
            <div inner_html=svg></div>
            {legend}
            {self.numbers()}
        }
        .into_any()
    }

    fn svg(&self) -> String {
        let highest = if self.stacked {
            (0..self.times.len())
                .map(|step| self.series.iter().map(|bars| bars.at(step)).sum())
                .fold(0.0, f64::max)
        } else {
            let all = self.series.iter().flat_map(|line| &line.values).flatten();
            all.copied().fold(0.0, f64::max)
        };
        let scale = Scale::up_to(highest);
        let size = match (self.small, self.stacked) {
            (true, true) => "chart chart--s chart--wide",
            (true, false) => "chart chart--s",
            (false, true) => "chart chart--wide",
            (false, false) => "chart",
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
        if self.stacked {
            self.write_bars(&mut svg, &scale);
        } else {
            self.write_lines(&mut svg, &scale);
            self.write_labels(&mut svg, &scale);
        }
        svg.push_str("</svg>");
        svg
    }

    fn write_bars(&self, svg: &mut String, scale: &Scale) {
        let width = 100.0 / self.times.len().max(1) as f64;
        for step in 0..self.times.len() {
            let x = (step as f64 + 0.2) * width;
            let mut below = 0.0;
            for bars in &self.series {
                let value = bars.at(step);
                let (top, foot) = (scale.y(below + value), scale.y(below));
                below += value;
                if value > 0.0 {
                    let _ = write!(
                        svg,
                        "<rect class=\"fill {}\" x=\"{x:.2}%\" width=\"{:.2}%\" y=\"{top:.2}%\" height=\"{:.2}%\"/>",
                        bars.kind.class(),
                        width * 0.6,
                        foot - top
                    );
                }
            }
        }
    }

    /// What the colours of bars mean, with the sum of each.
    fn legend(&self) -> AnyView {
        let unit = self.unit;
        let entries = self
            .series
            .iter()
            .map(|bars| {
                let svg = format!(
                    "<svg class=\"{}\" aria-hidden=\"true\"><rect class=\"fill\" width=\"8\" height=\"8\" rx=\"1\"/></svg>",
                    bars.kind.class()
                );
                let sum = bars.values.iter().flatten().sum();
                view! {
                    <span>
                        <span inner_html=svg></span>
                        {format!("{} {}", bars.kind.label(), figure(sum, unit))}
                    </span>
                }
            })
            .collect_view();
        view! { <p class="legend">{entries}</p> }.into_any()
    }

    fn write_lines(&self, svg: &mut String, scale: &Scale) {
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
            if !path.is_empty() {
                let _ = write!(svg, "<path class=\"{before}{class}\" d=\"{path}\"/>");
            }
            let dots = scale.dots(&line.values);
            if !dots.is_empty() {
                let _ = write!(svg, "<path class=\"dot {class}\" d=\"{dots}\"/>");
            }
        }
        svg.push_str("</svg>");
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

    /// The name of each line at its end, with the last value where it has a unit, moved apart where
    /// lines end close together. A line without a value has no end.
    fn write_labels(&self, svg: &mut String, scale: &Scale) {
        let mut ends: Vec<(f64, Kind, String)> = self
            .series
            .iter()
            .filter_map(|line| {
                let end = line.values.iter().rev().find_map(|value| *value)?;
                let value = match self.unit {
                    "" => String::new(),
                    unit => format!(" {}", figure(end, unit)),
                };
                Some((scale.y(end), line.kind, value))
            })
            .collect();
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        // From the lowest upwards, each label keeps 9 % of the height: its own line of text.
        let mut free_above = 100.0;
        for (y, kind, value) in ends {
            let y = y.min(free_above);
            free_above = y - if self.small { 12.0 } else { 9.0 };
            let _ = write!(
                svg,
                "<text class=\"direct {}\" x=\"100%\" dx=\"8\" dy=\"4\" y=\"{y:.2}%\">{}{value}</text>",
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
            stacked: false,
        };
        let svg = chart(vec![Some(10.0), None, Some(30.0), Some(20.0)]).svg();
        assert!(svg.contains("Latency &lt;p95&gt;"));
        assert_eq!(
            svg.matches('M').count(),
            4,
            "line and area each start twice: {svg}"
        );
        assert!(svg.contains("class=\"dot c-p95\""), "a lone value: {svg}");
        assert!(svg.contains("p95 20 ms"), "{svg}");
        let ended = chart(vec![Some(10.0), Some(30.0), None]).svg();
        assert!(
            ended.contains("p95 30 ms"),
            "the last that is there: {ended}"
        );
        let bare = chart(vec![None, None]).svg();
        assert!(!bare.contains("p95</text>"), "no value, no end: {bare}");
        assert!(!chart(Vec::new()).svg().contains("NaN"));
        assert!(!chart(vec![Some(0.0)]).svg().contains("NaN"));
    }

    #[test]
    fn parts_of_a_sum_stand_on_each_other() {
        let bars = |kind, values| Series {
            kind,
            values,
            area: false,
        };
        let chart = Chart {
            label: "Errors".into(),
            step: "Hour",
            times: vec!["00:00".into(), "01:00".into()],
            series: vec![
                bars(Kind::ClientError, vec![Some(3.0), Some(0.0)]),
                bars(Kind::ServerError, vec![Some(1.0), None]),
            ],
            unit: "",
            small: true,
            stacked: true,
        };
        let svg = chart.svg();
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert!(svg.contains("y=\"25.00%\" height=\"75.00%\""), "{svg}");
        assert!(svg.contains("y=\"0.00%\" height=\"25.00%\""), "{svg}");
    }
}
