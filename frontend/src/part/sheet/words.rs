//! Help texts, which have code in backticks.

use leptos::prelude::*;

/// The text with its code as code.
pub(super) fn rich(text: &str) -> AnyView {
    text.split('`')
        .enumerate()
        .map(|(index, piece)| match index % 2 {
            0 => piece.to_owned().into_any(),
            _ => view! { <code>{piece.to_owned()}</code> }.into_any(),
        })
        .collect_view()
        .into_any()
}
