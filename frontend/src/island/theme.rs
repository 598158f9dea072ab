//! The switch of the colour scheme. The choice is a cookie, so that the server renders the next
//! page in it and nothing flashes.

use leptos::prelude::*;

use crate::icon::Icon;

/// Switches between light and dark; starts from what the page shows.
#[island]
pub fn Theme(
    /// The choice that came with the request: `light`, `dark`, or empty for the system's.
    chosen: String,
) -> impl IntoView {
    let chosen = RwSignal::new(chosen);
    let on_click = move |_| {
        let next = if is_dark(&chosen.get_untracked()) {
            "light"
        } else {
            "dark"
        };
        remember(next);
        chosen.set(next.to_owned());
    };
    let symbol = move || match chosen.get().as_str() {
        "light" => Icon::Sun.href(),
        _ => Icon::Moon.href(),
    };
    let label = move || {
        let chosen = chosen.get();
        let scheme = if chosen.is_empty() {
            "as the system"
        } else {
            &chosen
        };
        format!("Colour scheme: {scheme}")
    };
    view! {
        <button
            type="button"
            class="btn btn--quiet btn--icon needs-js"
            aria-label=label
            on:click=on_click
        >
            <svg class="i" aria-hidden="true">
                <use href=symbol></use>
            </svg>
        </button>
    }
}

fn is_dark(chosen: &str) -> bool {
    match chosen {
        "dark" => true,
        "light" => false,
        _ => web_sys::window()
            .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok()?)
            .is_some_and(|query| query.matches()),
    }
}

/// Applies the scheme to the open page and keeps it for a year.
fn remember(scheme: &str) {
    use leptos::wasm_bindgen::JsCast;
    let Some(document) = web_sys::window().and_then(|window| window.document()) else {
        return;
    };
    if let Some(root) = document.document_element() {
        let _ = root.set_attribute("data-theme", scheme);
    }
    if let Ok(document) = document.dyn_into::<web_sys::HtmlDocument>() {
        let cookie = format!("theme={scheme}; Path=/; Max-Age=31536000; SameSite=Lax");
        let _ = document.set_cookie(&cookie);
    }
}
