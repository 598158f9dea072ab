//! What went wrong, from a handler to the reader: a page for people, a problem document under
//! `/api/`. Handlers and layers only answer a [`Failure`]; one layer explains it.

use std::sync::Arc;

use api::{
    http::problem::{self, Refusal},
    service::refusals,
};
use axum::{
    Json,
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use domain::problem::{Code, Problem};
use frontend::{pages, part::Text};

use crate::visit::{self, Portal, Visit};

/// A refusal or a breakdown, by its code in the one table.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: Code,
    /// One sentence about this occurrence that the reader may see; the table's words if empty.
    pub detail: String,
    /// Seconds to wait, where waiting helps.
    pub retry_after: Option<u64>,
    /// What a service said, for the log and the record of refusals.
    source: Option<Arc<api::Error>>,
}

/// What handlers answer.
pub type Result<T = Response, E = Failure> = std::result::Result<T, E>;

impl From<api::Error> for Failure {
    fn from(error: api::Error) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<api::Error>> for Failure {
    fn from(error: Arc<api::Error>) -> Self {
        Self {
            code: error.code,
            detail: error.detail.clone(),
            retry_after: error.retry_after,
            source: Some(error),
        }
    }
}

impl Failure {
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self {
            code,
            detail: String::new(),
            retry_after: None,
            source: None,
        }
    }

    #[must_use]
    pub fn because(code: Code, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::of(code)
        }
    }

    /// Stands in for a plain answer of axum or a layer.
    fn of_status(status: StatusCode) -> Self {
        Self::of(match status {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::MediaTypeUnsupported,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            status if status.is_server_error() => Code::Internal,
            _ => Code::BadRequest,
        })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The layer that gives a failure its body.
pub async fn explain(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = visit::identify(&portal, &mut parts).await;
    let mut asked = parts.clone();
    let response = match known {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    };
    let Some(failure) = failure_of(&response) else {
        return response;
    };
    let Ok(visit) = Visit::from_request_parts(&mut asked, &portal).await;
    if let Some(error) = &failure.source {
        let route = problem::route(&asked.extensions);
        problem::log(error, visit.request_id(), &route);
        refusals::note(visit.ctx(), error).await;
    }
    let mut explained = if asked.uri.path().starts_with("/api/") {
        document(&failure, &visit)
    } else if let Some(door) = door(&failure, &asked) {
        return door;
    } else {
        page(&failure, visit, asked.uri.path())
    };
    // Keep what the refusal itself said: Retry-After, Allow.
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            explained.headers_mut().append(name, value.clone());
        }
    }
    explained
}

/// The failure that a response stands for: our own, or a bare one of axum and the layers.
fn failure_of(response: &Response) -> Option<Failure> {
    if let Some(failure) = response.extensions().get::<Failure>() {
        return Some(failure.clone());
    }
    // An extractor of the management API, used by a page.
    if let Some(Refusal(error)) = response.extensions().get::<Refusal>() {
        return Some(Arc::clone(error).into());
    }
    let status = response.status();
    let bare = match response.headers().get(header::CONTENT_TYPE) {
        None => true,
        Some(kind) => kind.as_bytes().starts_with(b"text/plain"),
    };
    ((status.is_client_error() || status.is_server_error()) && bare)
        .then(|| Failure::of_status(status))
}

/// Somebody who must sign in first is led there and comes back; a form post is not repeated.
fn door(failure: &Failure, asked: &Parts) -> Option<Response> {
    if failure.code != Code::SignInRequired || asked.method != Method::GET {
        return None;
    }
    let next: String =
        url::form_urlencoded::byte_serialize(asked.uri.to_string().as_bytes()).collect();
    Some(Redirect::to(&format!("/sign-in?next={next}")).into_response())
}

fn document(failure: &Failure, visit: &Visit) -> Response {
    let base = visit.portal().settings().portal_base();
    let problem = Problem::new(
        failure.code,
        failure.detail.clone(),
        Some(base),
        visit.request_id(),
    );
    let mut response = Json(problem).into_response();
    *response.status_mut() = status(failure);
    let kind = HeaderValue::from_static(Problem::MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What helps somebody whose link is no longer good: it may have done its work already, else a new
/// one does it. Whoever was invited asks who invited them.
fn ways(code: Code, path: &str) -> Vec<(Text, Text)> {
    if code != Code::LinkUsed {
        return pages::failure::Failure::usual();
    }
    let again = match path.split('/').nth(1) {
        Some("verify") => Some("/sign-up"),
        Some("reset") => Some("/reset"),
        _ => None,
    };
    let again = again.map(|href| ("Send a new link".into(), href.into()));
    std::iter::once(("Sign in".into(), "/sign-in".into()))
        .chain(again)
        .collect()
}

fn page(failure: &Failure, visit: Visit, path: &str) -> Response {
    let entry = failure.code.entry();
    let detail = if failure.detail.is_empty() {
        entry.help.to_owned()
    } else {
        failure.detail.clone()
    };
    let props = pages::failure::Failure {
        visitor: visit.visitor(),
        status: entry.status,
        code: entry.code.into(),
        title: entry.title.into(),
        detail: detail.into(),
        ways: ways(failure.code, path),
        request_id: visit.request_id().to_owned(),
    };
    let mut response = visit.page(entry.title, move || pages::failure::view(props));
    *response.status_mut() = status(failure);
    response
}

fn status(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
