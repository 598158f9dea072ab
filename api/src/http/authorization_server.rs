//! The token endpoint and what is published beside it. Errors are those of RFC 6749 §5.2, not
//! problems: clients read them with their libraries.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::problem::Code;
use serde_json::{Value, json};

use crate::ctx::Ctx;
use crate::error::Error;
use crate::http::client;
use crate::http::identify::RequestId;
use crate::http::problem;
use crate::plane::Plane;
use crate::service::authorization_server::{self, Asked, Refused, Shown};
use crate::service::refusals;

pub(super) fn routes() -> Router<Arc<Plane>> {
    Router::new()
        .route("/api/oauth/token", post(token))
        .route("/api/oauth/jwks", get(jwks))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        // Where clients of OpenID Connect look (Discovery 1.0 §4).
        .route("/.well-known/openid-configuration", get(metadata))
}

/// Whoever asks is no person to us.
struct Nobody(Ctx);

impl FromRequestParts<Arc<Plane>> for Nobody {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, plane: &Arc<Plane>) -> Result<Self, Infallible> {
        let id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let address = client::address(parts, &plane.settings.trusted_proxies);
        Ok(Self(Ctx::request(plane, id.unwrap_or_default(), address)))
    }
}

async fn metadata(Nobody(ctx): Nobody) -> Json<Value> {
    Json(authorization_server::metadata(&ctx))
}

async fn jwks(Nobody(ctx): Nobody) -> Response {
    match authorization_server::jwks(&ctx).await {
        Ok(set) => ([(header::CACHE_CONTROL, "public, max-age=300")], Json(set)).into_response(),
        Err(error) => failed(&ctx, &error),
    }
}

/// What is our fault is told in the log.
fn failed(ctx: &Ctx, error: &Error) -> Response {
    problem::log(error, &ctx.request_id, "/api/oauth");
    let body = json!({ "error": "server_error" });
    (StatusCode::SERVICE_UNAVAILABLE, never_kept(), Json(body)).into_response()
}

async fn token(Nobody(ctx): Nobody, headers: HeaderMap, body: Bytes) -> Response {
    let by_header = headers.contains_key(header::AUTHORIZATION);
    let answered = answer(&ctx, &headers, &body).await;
    let (status, body) = match answered {
        Ok(granted) => (StatusCode::OK, json!(granted)),
        Err(Refused::Because(error, why)) => {
            let body = json!({ "error": error, "error_description": why });
            (StatusCode::BAD_REQUEST, body)
        }
        Err(Refused::Client) => {
            let refused = Error::new(Code::CredentialsWrong, "No such client, or not its secret.");
            refusals::note(&ctx, &refused).await;
            (
                StatusCode::UNAUTHORIZED,
                json!({ "error": "invalid_client" }),
            )
        }
        Err(Refused::TooMany(seconds)) => {
            let body = json!({ "error": "temporarily_unavailable", "error_description": "Too many requests from this network." });
            let mut answer =
                (StatusCode::TOO_MANY_REQUESTS, never_kept(), Json(body)).into_response();
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
            return answer;
        }
        Err(Refused::Failed(error)) => return failed(&ctx, &error),
    };
    let mut answer = (status, never_kept(), Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED && by_header {
        let challenge = header::HeaderValue::from_static("Basic realm=\"token endpoint\"");
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// RFC 6749 §5.1.
fn never_kept() -> [(header::HeaderName, &'static str); 2] {
    [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ]
}

async fn answer(
    ctx: &Ctx,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<authorization_server::Granted, Refused> {
    const REQUEST: &str = "invalid_request";
    let form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_form = form.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(Refused::Because(
            REQUEST,
            "Send application/x-www-form-urlencoded.",
        ));
    }
    let Ok(fields) = serde_urlencoded::from_bytes::<Vec<(String, String)>>(body) else {
        return Err(Refused::Because(REQUEST, "The form cannot be read."));
    };
    // RFC 6749 §3.2: none twice; `resource` may be (RFC 8707 §2).
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| *name != "resource");
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refused::Because(REQUEST, "A parameter is there twice."));
    }
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let mut proofs = headers.get_all("dpop").iter();
    let proof = match (proofs.next(), proofs.next()) {
        (None, _) => None,
        (Some(one), None) => Some(one.as_bytes()),
        (Some(_), Some(_)) => {
            let why = "Send one proof, in the field DPoP.";
            return Err(Refused::Because("invalid_dpop_proof", why));
        }
    };
    let basic = basic(headers)?;
    let by_form = !field("client_secret").is_empty();
    let client = match &basic {
        Some(_) if by_form => {
            return Err(Refused::Because(
                REQUEST,
                "Authenticate in one way, not in two.",
            ));
        }
        Some((id, secret)) => Some(Shown { id, secret }),
        None if by_form => Some(Shown {
            id: field("client_id"),
            secret: field("client_secret"),
        }),
        None => None,
    };
    let resources = fields.iter().filter(|(name, _)| name == "resource");
    let asked = Asked {
        grant_type: field("grant_type"),
        scope: field("scope").trim(),
        resources: resources.map(|(_, value)| value.as_str()).collect(),
        client,
        proof,
    };
    authorization_server::grant(ctx, asked).await
}

/// Id and secret from `Authorization: Basic`, each form-encoded in it (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let read = || {
        let text = first.to_str().ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") || lines.next().is_some() {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        let decoded = |text: &str| {
            let form = format!("v={text}");
            let fields: Vec<(String, String)> = serde_urlencoded::from_str(&form).ok()?;
            match fields.as_slice() {
                [(_, value)] => Some(value.clone()),
                _ => None,
            }
        };
        Some((decoded(id)?, decoded(secret)?))
    };
    let mut read = read;
    read().map(Some).ok_or(Refused::Client)
}
