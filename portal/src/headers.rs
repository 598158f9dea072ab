//! What every response says to the browser, and the ids of a request: nonce and request id.

use std::sync::Arc;

use api::http::{cookie, identify::RequestId};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::visit::{self, Portal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The nonce of the policy of one response; only `[A-Za-z0-9_-]`.
#[derive(Clone, Debug)]
pub struct Nonce(pub Arc<str>);

/// The outermost layer: gives the request its ids and the response its headers.
pub async fn secure(State(portal): State<Portal>, mut request: Request, next: Next) -> Response {
    // The request id is always ours, never the client's: it names the request in the audit.
    let id = uuid::Builder::from_random_bytes(random())
        .into_uuid()
        .to_string();
    let nonce = URL_SAFE_NO_PAD.encode(random());
    request.extensions_mut().insert(RequestId(id.clone()));
    request
        .extensions_mut()
        .insert(Nonce(nonce.as_str().into()));
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let name = cookie::name(&portal.plane().settings);
    let known = visit::cookie(request.headers(), name).is_some();

    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        // Whoever has a session leaves nothing in a cache; a reader may keep what is asked anew.
        let cache = if safe && !known {
            "private, no-cache"
        } else {
            "no-store"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    }
    set(headers, REQUEST_ID, &id);
    set(headers, header::CONTENT_SECURITY_POLICY, &policy(&nonce));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Not `no-referrer` for all: it would make browsers send `Origin: null` with our own forms.
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    if portal.settings().is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// For pages that a single-use link opens: their address holds a token that must not travel on.
#[must_use]
pub fn without_referrer(mut response: Response) -> Response {
    let never = HeaderValue::from_static("no-referrer");
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, never);
    response
}

/// Nothing is loaded from elsewhere, no script runs but those with the nonce, no style stands in
/// an attribute. `data:` is the arrow of a select.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Both values are made here of visible ASCII; a failure would leave the header out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Sixteen bytes from the operating system.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Without randomness there are no sessions and no nonces: the request must fail (the layer
    // above answers 500), not go on with zeros.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
