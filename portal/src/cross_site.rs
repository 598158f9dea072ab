//! Refuses forms that another site made a browser send. The rule is the management API's
//! ([`api::http::cross_site`]); pages ask it always, also without a session: signing somebody in
//! as another person is an attack too.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{failure::Failure, visit::Portal};

/// The layer. What lies under `/api/` is checked by the API itself, where the bearer is known.
pub async fn check(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let settings = &portal.plane().settings;
    let is_page = !request.uri().path().starts_with("/api/");
    let found = api::http::cross_site::check(request.method(), request.headers(), settings);
    match found {
        Err(error) if is_page => Failure::from(error).into_response(),
        Ok(()) | Err(_) => next.run(request).await,
    }
}
