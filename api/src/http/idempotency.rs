//! `Idempotency-Key` on creates: a repeated request gets the first one's answer and does nothing.
//!
//! The answer is kept for a day, sealed, because it may hold a key that is shown once. It is given
//! again only to who may still all that the first caller might: a token of fewer scopes, or a role
//! that was taken since, gets none of it.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::actor::Standing;
use domain::problem::Code;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::service::idempotency::{self, Begun};

const FIELD: HeaderName = HeaderName::from_static("idempotency-key");
const KEY_MAX: usize = 255;

/// Largest body that any route reads, in bytes: a document of 5 MiB as a JSON string.
pub const BODY_LIMIT: usize = 12 * 1024 * 1024;

/// What is kept of an answer.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What the caller might at the first request.
    standing: Standing,
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

pub async fn layer(State(_): State<Arc<Plane>>, request: Request, next: Next) -> Response {
    let key = match key(request.method(), request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    match once(key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn key(method: &Method, headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(FIELD).filter(|_| *method == Method::POST) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) if (1..=KEY_MAX).contains(&text.len()) => Ok(Some(text.to_owned())),
        Ok(_) | Err(_) => Err(Error::new(
            Code::BadRequest,
            "Idempotency-Key takes 1 to 255 visible ASCII characters.",
        )),
    }
}

async fn once(key: String, request: Request, next: Next) -> Result<Response> {
    let ctx = request.extensions().get::<Ctx>().cloned();
    let Some(ctx) = ctx else {
        return Ok(next.run(request).await);
    };
    let Some(person) = ctx.actor.person() else {
        // A stranger has nothing that a repetition could create twice.
        return Ok(next.run(request).await);
    };
    let (user, standing) = (person.id, Standing::of(person));
    let (parts, body) = request.into_parts();
    let too_large = |_| {
        Error::new(
            Code::BodyTooLarge,
            "The body is larger than any route accepts.",
        )
    };
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?;
    let key_of_ours = ctx.portal_ring().derive("idempotency");
    let digest = fingerprint(&key_of_ours, &parts.method, parts.uri.path(), &bytes)?;
    match idempotency::begin(&ctx, user, &key, digest).await? {
        Begun::Again(kept) => return replay(&kept, &standing),
        Begun::Now => {}
    }
    let response = next
        .run(Request::from_parts(parts, Body::from(bytes)))
        .await;
    if !response.status().is_success() {
        idempotency::abandon(&ctx, user, &key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(Error::internal)?;
    let kept = serde_json::to_string(&keep(standing, parts.status, &parts.headers, &bytes))?;
    idempotency::finish(&ctx, user, &key, parts.status.as_u16(), &kept).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// With a key of ours, as a body may hold a password that somebody chose: who reads the table cannot
/// try others against it.
fn fingerprint(key: &[u8; 32], method: &Method, path: &str, body: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    for part in [method.as_str(), path] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    mac.update(body);
    Ok(mac.finalize().into_bytes().into())
}

fn keep(standing: Standing, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Kept {
    let fields = [CONTENT_TYPE, ETAG, LOCATION]
        .into_iter()
        .filter_map(|name| {
            Some((
                name.to_string(),
                headers.get(&name)?.to_str().ok()?.to_owned(),
            ))
        })
        .collect();
    Kept {
        standing,
        status: status.as_u16(),
        fields,
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn replay(kept: &str, standing: &Standing) -> Result<Response> {
    let kept: Kept = serde_json::from_str(kept)?;
    if !standing.includes(&kept.standing) {
        return Err(Error::new(
            Code::IdempotencyConflict,
            "This Idempotency-Key was used with rights that you, or this token, do not have now.",
        ));
    }
    let status = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
    let mut response = (status, kept.body).into_response();
    for (name, value) in kept.fields {
        let name = HeaderName::try_from(name).map_err(Error::internal)?;
        response
            .headers_mut()
            .insert(name, HeaderValue::try_from(value).map_err(Error::internal)?);
    }
    response.headers_mut().insert(
        HeaderName::from_static("idempotency-replayed"),
        HeaderValue::from_static("true"),
    );
    Ok(response)
}
