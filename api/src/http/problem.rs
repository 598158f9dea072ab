//! Errors as responses: RFC 9457 problems, made in one place, where the request id is known.

use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use domain::problem::{Code, Problem};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Extensions, StatusCode};

use crate::error::Error;

/// An error on its way out. The identify layer, which knows the request, writes the body.
#[derive(Debug, Clone)]
pub struct Refusal(pub Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Refusal(Arc::new(self)));
        response
    }
}

/// The problem document of `error`.
pub fn problem(error: &Error, portal_url: &str, request_id: &str) -> Problem {
    let mut problem = Problem::new(
        error.code,
        error.detail.clone(),
        Some(portal_url),
        request_id,
    );
    problem.errors.clone_from(&error.invalid);
    problem
}

/// The response of `error` with body and fields.
pub fn render(error: &Error, portal_url: &str, request_id: &str) -> Response {
    let document = problem(error, portal_url, request_id);
    let body = serde_json::to_string(&document).unwrap_or_default();
    let status = StatusCode::from_u16(document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    if let Some(seconds) = error.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"portunus\""),
        );
    }
    response
}

/// The pattern of the route that a request found, for logs: its path may hold a single-use token,
/// and one that found none may hold half of one.
#[must_use]
pub fn route(extensions: &Extensions) -> Arc<str> {
    match extensions.get::<MatchedPath>() {
        Some(path) => path.as_str().into(),
        None => "none".into(),
    }
}

/// Writes what only the log may know, once.
pub fn log(error: &Error, request_id: &str, route: &str) {
    let Some(source) = &error.source else { return };
    if error.code.status() >= 500 {
        tracing::error!(request.id = request_id, route, error = %chain(source.as_ref()), "a request failed");
    } else {
        tracing::debug!(request.id = request_id, code = error.code.as_str(), error = %source, "a request was refused");
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        out.push_str(": ");
        out.push_str(&error.to_string());
        next = error.source();
    }
    out
}

/// For a path that exists under another method; axum adds `Allow`.
pub async fn method_not_allowed() -> Error {
    Error::new(
        Code::MethodNotAllowed,
        "The path exists, this method does not.",
    )
}
