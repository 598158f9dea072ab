//! The server of the developer portal: hosts the pages of `frontend` and the management API.
//!
//! Read [`routes`] for what answers where and [`layers`] for what every request passes. A page
//! handler gets a [`visit::Visit`] (who looks, in which colours, with which nonce), calls
//! `api::service`, and ends with [`visit::Visit::page`]. What goes wrong is a
//! [`failure::Failure`], which one layer turns into a page or a problem document.

use std::future::Future;

use tokio::net::TcpListener;

pub mod assets;
pub mod cross_site;
pub mod failure;
pub mod headers;
pub mod layers;
pub mod listener;
pub mod pages;
mod person;
pub mod place;
pub mod query;
pub mod routes;
pub mod settings;
pub mod typed;
pub mod visit;

pub use listener::Bounds;
pub use settings::Settings;
pub use visit::Portal;

/// Everything that the portal answers, with all layers around it.
pub fn router(portal: &Portal) -> axum::Router {
    layers::around(routes::routes(portal), portal)
}

/// Serves until `stop` resolves, then lets requests in flight end.
pub async fn serve(listener: TcpListener, portal: &Portal, stop: impl Future<Output = ()>) {
    let bounds = portal.settings().bounds;
    listener::serve(listener, router(portal), bounds, stop).await;
}
