//! What handlers take: who calls, and bodies, queries and paths whose refusals are problems.

// Wrapped here so that nobody else needs them.
#![allow(clippy::disallowed_types)]

mod shape;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use domain::actor::Denied;
use domain::problem::Code;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ctx::Ctx;
use crate::error::Error;
use crate::nul;
use crate::plane::Plane;

/// Anyone may call, signed in or not.
#[derive(Debug)]
pub struct Anyone(pub Ctx);

/// Somebody is signed in; the service decides what they may.
#[derive(Debug)]
pub struct SignedIn(pub Ctx);

/// The platform's operator. For anybody else the route does not exist.
#[derive(Debug)]
pub struct Operator(pub Ctx);

fn ctx(parts: &Parts) -> Result<Ctx, Error> {
    let ctx = parts.extensions.get::<Ctx>().cloned();
    ctx.ok_or_else(|| Error::internal("the identify layer is missing"))
}

impl FromRequestParts<Arc<Plane>> for Anyone {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Plane>) -> Result<Self, Error> {
        Ok(Self(ctx(parts)?))
    }
}

impl FromRequestParts<Arc<Plane>> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Plane>) -> Result<Self, Error> {
        let ctx = ctx(parts)?;
        if ctx.actor.person().is_none() {
            return Err(Denied::Anonymous.into());
        }
        Ok(Self(ctx))
    }
}

impl FromRequestParts<Arc<Plane>> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Plane>) -> Result<Self, Error> {
        let ctx = ctx(parts)?;
        ctx.operate(!parts.method.is_safe())?;
        Ok(Self(ctx))
    }
}

/// A JSON body, in and out. In: 415 unless the media type is JSON, 422 with the field's pointer
/// when it does not fit.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(&request) {
            return Err(Error::new(
                Code::MediaTypeUnsupported,
                "Send application/json.",
            ));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(body_refused)?;
        parse_json(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body that may be left out; an empty one is the default value.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let json = is_json(&request);
        let typed = request.headers().contains_key(CONTENT_TYPE);
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(body_refused)?;
        if bytes.is_empty() && (json || !typed) {
            return Ok(Self(T::default()));
        }
        if !json {
            return Err(Error::new(
                Code::MediaTypeUnsupported,
                "Send application/json.",
            ));
        }
        parse_json(&bytes).map(Self)
    }
}

fn is_json(request: &Request) -> bool {
    let Some(Ok(value)) = request
        .headers()
        .get(CONTENT_TYPE)
        .map(|value| value.to_str())
    else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// 413 for a body over the limit, 400 for one that broke off.
pub fn body_refused(rejection: BytesRejection) -> Error {
    if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
        Error::new(
            Code::BodyTooLarge,
            "The body is larger than this route accepts.",
        )
    } else {
        Error::new(Code::BadRequest, "The body could not be read.").with_source(rejection)
    }
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| shape::refused::<T>(bytes, &error))?;
    reader
        .end()
        .map_err(|_| Error::new(Code::BadRequest, "Something follows the JSON value."))?;
    refuse_nul(bytes)?;
    Ok(value)
}

/// JSON writes U+0000 only as an escape; a body without one is not read a second time.
fn refuse_nul(json: &[u8]) -> Result<(), Error> {
    let is_suspect = std::str::from_utf8(json).is_ok_and(|text| text.contains("\\u0000"));
    if !is_suspect {
        return Ok(());
    }
    let value = serde_json::from_slice(json)
        .map_err(|_| Error::new(Code::BadRequest, "The body is nested too deeply."))?;
    match nul::pointer(&value) {
        Some(pointer) => Err(Error::field(pointer, nul::MESSAGE)),
        None => Ok(()),
    }
}

/// A JSON Pointer (RFC 6901) of serde's path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut out, segment| {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } => out.push_str(&format!("/{}", nul::escaped(key))),
            // What is read here has a variant with something in it as a member of that name.
            Segment::Enum { variant } => out.push_str(&format!("/{}", nul::escaped(variant))),
            Segment::Unknown => {}
        }
        out
    })
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    let mut out: String = first.into_iter().flatten().chain(chars).collect();
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

/// The query; 422 with the parameter's name when it does not fit.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        if let Some((name, _)) = pairs.clone().find(|(_, value)| nul::is_in(value)) {
            let pointer = format!("/{}", nul::escaped(&name));
            return Err(Error::field(pointer, nul::MESSAGE));
        }
        let reader = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(reader)
            .map(Self)
            .map_err(|error| {
                Error::field(pointer(error.path()), sentence(&error.inner().to_string()))
            })
    }
}

/// Path parameters. One that cannot be an id names nothing: 404, as for an unknown id.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        names(parts, state).await?;
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0))
            .map_err(|_| Error::not_found())
    }
}

/// The parameters of the path by name, decoded. Nothing is called by a text that cannot be
/// stored: 404, as for an unknown name.
///
/// # Errors
/// Not found, also for a path without parameters.
pub async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Error> {
    let names = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Error::not_found())?;
    match names.iter().any(|(_, value)| nul::is_in(value)) {
        true => Err(Error::not_found()),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_text_that_cannot_be_stored_is_pointed_at() {
        for (body, expected) in [
            (r#"{"email":"a\u0000@b"}"#, Some("/email")),
            (r#"{"a":[{"b":"\u0000"}]}"#, Some("/a/0/b")),
            (r#"{"a":"\\u0000"}"#, None),
        ] {
            let read = parse_json::<Value>(body.as_bytes());
            let pointer = read.err().map(|error| error.invalid[0].pointer.clone());
            assert_eq!(pointer.as_deref(), expected, "{body}");
        }
        // Readers that ignore a member go deeper into it than those that keep it.
        let deep = format!(
            r#"{{"a":"\u0000","b":{}{}}}"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        #[derive(Debug, serde::Deserialize)]
        struct OnlyA {
            #[serde(rename = "a")]
            _a: String,
        }
        let error = parse_json::<OnlyA>(deep.as_bytes()).unwrap_err();
        assert_eq!(error.code, Code::BadRequest);
    }
}
