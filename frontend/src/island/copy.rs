//! The button that puts a text on the clipboard. The text stands beside it anyway.

use leptos::prelude::*;

use crate::icon::Icon;

/// Copies `text`; says so on the button until the page is left or the button pressed again.
#[island]
pub fn Copy(
    /// What goes on the clipboard.
    text: String,
    /// What the button says; an empty label makes it an icon that names itself to readers.
    label: String,
    /// Classes of the button, after `btn`.
    class: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let on_click = move |_| {
        // Without https there is no clipboard for pages, and asking for it would throw.
        if let Some(window) = web_sys::window().filter(|window| window.is_secure_context()) {
            // The promise is not awaited: a browser that refuses says so to the person itself.
            let _ = window.navigator().clipboard().write_text(&text);
            copied.set(true);
        }
    };
    let symbol = move || {
        if copied.get() {
            Icon::Check
        } else {
            Icon::Copy
        }
        .href()
    };
    let bare = label.is_empty();
    let words = move || match (copied.get(), bare) {
        (true, _) => "Copied".to_owned(),
        (false, true) => String::new(),
        (false, false) => label.clone(),
    };
    view! {
        <button
            type="button"
            class=format!("btn {class} needs-js")
            aria-label=bare.then_some("Copy")
            on:click=on_click
        >
            <svg class="i" aria-hidden="true">
                <use href=symbol></use>
            </svg>
            <span aria-live="polite">{words}</span>
        </button>
    }
}
