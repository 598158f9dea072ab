//! The pages of the portal: what a person sees, and nothing of how it got there.
//!
//! Every page is rendered on the server in one piece and works without JavaScript; there is no
//! client router. A page is a plain function from its props (domain types, loaded before) to a
//! view. What must move in the browser is an island ([`island`]); only islands are compiled to
//! wasm, everything else here exists with the feature `ssr` only.
//!
//! # How to add a page
//!
//! 1. **Props and view**: `pages/<noun>.rs` with a struct of what the page shows (domain types,
//!    and a [`form::Form`] if it has a form) and `pub fn view(props) -> AnyView`. Compose it of
//!    [`part`]s and of [`frame::door`], [`frame::public`] or [`frame::workspace`]; text, numbers
//!    and times go through [`format`](mod@format). No `style` attribute, no inline script: the
//!    policy of the portal refuses both.
//! 2. **Handler**: in `portal/src/pages/<noun>.rs`, `async fn show(visit: Visit, …) ->
//!    Result<Response, Failure>`: call `api::service`, build the props, end with
//!    `Ok(visit.page("Title", move || view(props)))`. A `Failure` becomes the error page, or the
//!    way to the sign-in, in one layer.
//! 3. **Form**: a plain `<form method="post">` to the page's own address. The handler takes
//!    `typed: Typed` (`portal::typed`), calls the service and answers 303 with `see(address)`; on a
//!    problem of the input it renders the same page by `visit.refused(…)`, which is 422, with
//!    `Form::typed(…)` holding what was typed and the problems at their fields.
//! 4. **Route and test**: one line in `portal/src/routes.rs`; a test that renders it in
//!    `portal/tests/it/`.
//!
//! # How to add an island
//!
//! `island/<noun>.rs` with `#[island]`, serializable props, no context from outside, and an
//! element that makes sense without JavaScript (or class `needs-js`, which hides it until the
//! page is hydrated). Then `cargo xtask front`.

pub mod icon;
pub mod island;

#[cfg(feature = "ssr")]
pub mod document;
#[cfg(feature = "ssr")]
pub mod form;
#[cfg(feature = "ssr")]
pub mod format;
#[cfg(feature = "ssr")]
pub mod frame;
#[cfg(feature = "ssr")]
pub mod markdown;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod part;

/// The one stylesheet: the design tokens, then the components.
#[cfg(feature = "ssr")]
pub const STYLE: &str = concat!(
    include_str!("../style/tokens.css"),
    include_str!("../style/portal.css")
);

/// Called once by the loader, before it hydrates each island.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
