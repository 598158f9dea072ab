//! What every request passes, outermost first: the whole stack on one screen.

use std::{any::Any, time::Duration};

use api::http::{idempotency::BODY_LIMIT, identify::RequestId, problem};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use domain::problem::Code;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer,
};

use crate::{cross_site, failure, failure::Failure, headers, visit::Portal};

/// The largest body of an ordinary form; the import raises it for itself.
pub const FORM: usize = 256 * 1024;
/// No answer takes longer; slow work belongs into a job.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts the stack around the routes.
pub fn around(routes: Router, portal: &Portal) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(portal.clone(), headers::secure))
            .layer(from_fn(log))
            .layer(CompressionLayer::new())
            .layer(api::http::session::layer(portal.plane()))
            .layer(from_fn_with_state(portal.clone(), failure::explain))
            .layer(CatchPanicLayer::custom(on_panic))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::SERVICE_UNAVAILABLE,
                PATIENCE,
            ))
            .layer(from_fn_with_state(portal.clone(), cross_site::check))
            // The largest of all, which the management API takes; each route has its own below it.
            .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
            .layer(DefaultBodyLimit::max(FORM)),
    )
}

/// One line per answer. The route's pattern, not the path: single-use tokens travel there.
async fn log(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let route = problem::route(request.extensions());
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone());
    let response = next.run(request).await;
    tracing::debug!(
        %method,
        route = &*route,
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_millis() as u64,
        request.id = id.as_deref(),
        "answered"
    );
    response
}

/// A panic costs one request and says nothing to its reader.
fn on_panic(panic: Box<dyn Any + Send + 'static>) -> axum::http::Response<axum::body::Body> {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    tracing::error!(panic = message, "a request handler panicked");
    Failure::of(Code::Internal).into_response()
}
