//! Variants of upstreams side by side: how a canary does against what it would replace.

use domain::wire::traffic::VariantUsage;
use leptos::prelude::*;

use super::{millis, share};
use crate::format;
use crate::part::head::Section;
use crate::part::table::{self, Shape, Table};

/// Nothing where there is nothing to compare.
pub(super) fn section(variants: &[VariantUsage]) -> Option<AnyView> {
    if variants.is_empty() {
        return None;
    }
    let columns = vec![
        table::wide("Variant"),
        table::number("Requests"),
        table::number("Errors"),
        table::number("5xx"),
        table::number("p50"),
        table::number("p95"),
    ];
    let rows: Vec<_> = variants.iter().map(row).collect();
    let body = view! { {Table::new(Shape::Rows, columns).rows(rows)} };
    let section = Section::new("variants", "Variants")
        .note("requests that reached a target of the variant")
        .body(body);
    Some(view! { {section} }.into_any())
}

fn row(one: &VariantUsage) -> AnyView {
    let totals = &one.totals;
    let server =
        (totals.requests > 0).then(|| totals.server_errors as f64 / totals.requests as f64);
    let ratio = |share: Option<f64>| share.map_or("–".to_owned(), format::percent);
    let time = |ms: Option<f64>| ms.map_or("–".to_owned(), millis);
    view! {
        <tr>
            <td>
                <span class="mono">{one.variant.clone()}</span> " "
                <span class="faint">{format!("{} {}", one.api.name, one.version)}</span>
            </td>
            <td class="n" data-label="Requests">{format::count(totals.requests)}</td>
            <td class="n" data-label="Errors">{ratio(share(totals))}</td>
            <td class="n" data-label="5xx">{ratio(server)}</td>
            <td class="n" data-label="p50">{time(totals.p50_ms)}</td>
            <td class="n" data-label="p95">{time(totals.p95_ms)}</td>
        </tr>
    }
    .into_any()
}
