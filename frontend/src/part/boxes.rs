//! Boxes: callouts, figures, lists of names and values, menus.

use leptos::prelude::*;

use super::{Text, state::Tone};
use crate::form::Form;
use crate::icon::{Icon, icon};

/// A remark that must be seen; its icon follows the tone.
#[must_use]
pub fn callout(tone: Tone, body: impl IntoAny) -> AnyView {
    let symbol = match tone {
        Tone::Plain | Tone::Info => Icon::Info,
        Tone::Ok => Icon::Ok,
        Tone::Warn => Icon::Warn,
        Tone::Danger => Icon::No,
    };
    // An error must be heard at once, the rest when there is time.
    let role = if tone == Tone::Danger {
        "alert"
    } else {
        "note"
    };
    view! {
        <div class=tone.callout() role=role>
            {icon(symbol)}
            <div>{body.into_any()}</div>
        </div>
    }
    .into_any()
}

/// One figure of a row of [`stats`].
pub struct Stat {
    pub label: Text,
    pub value: String,
    /// Written small behind the value.
    pub unit: &'static str,
    /// Below: a [`delta`], a remark, or nothing.
    pub below: Option<AnyView>,
}

impl Stat {
    pub fn new(label: impl Into<Text>, value: impl Into<String>, unit: &'static str) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            unit,
            below: None,
        }
    }

    #[must_use]
    pub fn below(mut self, view: impl IntoAny) -> Self {
        self.below = Some(view.into_any());
        self
    }
}

/// A row of figures.
#[must_use]
pub fn stats(figures: Vec<Stat>) -> AnyView {
    let figures = figures
        .into_iter()
        .map(|figure| {
            let unit =
                (!figure.unit.is_empty()).then(|| view! { " " <small>{figure.unit}</small> });
            view! {
                <div>
                    <dt>{figure.label}</dt>
                    <dd class="stat-value">{figure.value}{unit}</dd>
                    {figure.below.map(|below| view! { <dd>{below}</dd> })}
                </div>
            }
        })
        .collect_view();
    view! { <dl class="stats">{figures}</dl> }.into_any()
}

/// Which way a figure went, and whether that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    Same,
    Up,
    Down,
    Better { up: bool },
    Worse { up: bool },
}

/// The change against the period before, in words.
#[must_use]
pub fn delta(drift: Drift, words: impl Into<Text>) -> AnyView {
    let words: Text = words.into();
    let (class, up) = match drift {
        Drift::Same => ("delta", None),
        Drift::Up => ("delta", Some(true)),
        Drift::Down => ("delta", Some(false)),
        Drift::Better { up } => ("delta delta--better", Some(up)),
        Drift::Worse { up } => ("delta delta--worse", Some(up)),
    };
    let arrow = up.map(|up| icon(if up { Icon::ArrowUp } else { Icon::ArrowDown }));
    view! { <span class=class>{arrow}{words}</span> }.into_any()
}

/// Names and values, one below the other.
#[must_use]
pub fn pairs(pairs: Vec<(Text, AnyView)>) -> AnyView {
    let rows = pairs
        .into_iter()
        .map(|(name, value)| {
            view! {
                <dt>{name}</dt>
                <dd>{value}</dd>
            }
        })
        .collect_view();
    view! { <dl class="kv">{rows}</dl> }.into_any()
}

/// Fields of a form that most never need: open where one of those whose names begin so is set or
/// wrong.
#[must_use]
pub fn fold(
    form: &Form,
    title: impl Into<Text>,
    names: &[&str],
    closed: &'static str,
    body: impl IntoAny,
) -> AnyView {
    let title: Text = title.into();
    let open = names.iter().any(|name| form.touches(name));
    let note = (!open).then(|| view! { <span class="faint">{closed}</span> });
    view! {
        <details class="fold" open=open>
            <summary>{icon(Icon::Chevron)} {title} {note}</summary>
            <div class="form">{body.into_any()}</div>
        </details>
    }
    .into_any()
}

/// A menu that opens without JavaScript; `label` is the summary, `list` the links and buttons.
#[must_use]
pub fn menu(class: &'static str, label: impl IntoAny, list: impl IntoAny) -> AnyView {
    view! {
        <details class="menu">
            <summary class=class>{label.into_any()}</summary>
            <div class="menu-list">{list.into_any()}</div>
        </details>
    }
    .into_any()
}
