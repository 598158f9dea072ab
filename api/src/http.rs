//! The HTTP door of the management plane: one router, one OpenAPI document, thin handlers.

mod accounts;
mod apis;
mod applications;
mod audit;
mod authorization_server;
mod catalog;
mod certificates;
pub mod client;
pub mod cookie;
mod credentials;
pub mod cross_site;
mod document;
pub mod etag;
mod explain;
pub mod extract;
pub mod idempotency;
pub mod identify;
mod invitations;
mod ip_lists;
mod members;
mod organizations;
mod plans;
mod platform;
pub mod problem;
mod products;
mod raw_document;
pub mod session;
mod subscriptions;
mod teams;
mod tokens;
mod traffic;
mod upstreams;
mod versions;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Error;
use crate::plane::Plane;

/// Where the API lives.
pub const BASE: &str = "/api/v1";
/// Where its OpenAPI document lives.
pub const DOCUMENT: &str = "/api/openapi.json";

/// Largest body that a route reads unless it says otherwise, in bytes.
const BODY_LIMIT: usize = 256 * 1024;

/// Every resource, one line each.
fn resources() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::with_openapi(document::skeleton())
        .merge(accounts::routes())
        .merge(audit::routes())
        .merge(explain::routes())
        .merge(invitations::routes())
        .merge(members::routes())
        .merge(organizations::routes())
        .merge(platform::routes())
        .merge(teams::routes())
        .merge(tokens::routes())
        .merge(versions::routes())
        .merge(webhooks::routes())
        .merge(upstreams::routes())
        .merge(traffic::routes())
        .merge(subscriptions::routes())
        .merge(products::routes())
        .merge(plans::routes())
        .merge(credentials::routes())
        .merge(certificates::routes())
        .merge(ip_lists::routes())
        .merge(catalog::routes())
        .merge(applications::routes())
        .merge(apis::routes())
}

/// The router, complete: `/api/v1/*`, `/api/openapi.json`, and the token endpoint with what is
/// published beside it.
pub fn router(plane: Arc<Plane>) -> Router {
    let (routes, document) = parts();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let serve =
        move || async move { ([("content-type", "application/json")], document.to_string()) };
    Router::new()
        .nest(
            BASE,
            routes
                .fallback(async || Error::not_found())
                .method_not_allowed_fallback(problem::method_not_allowed),
        )
        .route(DOCUMENT, get(serve))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&plane),
            idempotency::layer,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&plane),
            identify::layer,
        ))
        .layer(session::layer(&plane))
        // Its callers are clients, not people.
        .merge(authorization_server::routes())
        .with_state(plane)
}

/// The OpenAPI 3.1 document, for the portal's own reference and for tests.
pub fn openapi() -> OpenApi {
    parts().1
}

fn parts() -> (Router<Arc<Plane>>, OpenApi) {
    let (routes, mut document) = resources().split_for_parts();
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        .map(|(path, item)| (format!("{BASE}{path}"), item))
        .collect();
    (routes, document)
}
