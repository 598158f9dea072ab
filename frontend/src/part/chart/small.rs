//! What stands beside a number: a line without axes, the bar of a share.

use leptos::prelude::*;

use super::{Kind, Scale};
use crate::part::{Text, escape};

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
