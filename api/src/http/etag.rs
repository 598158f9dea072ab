//! `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1): nobody overwrites what they have not seen.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use domain::problem::Code;
use http::StatusCode;
use http::header::{ETAG, HeaderValue, IF_MATCH, LOCATION};
use http::request::Parts;
use serde::Serialize;

use crate::error::Error;
use crate::http::extract::Json;

/// What `If-Match` asks for; `None` without the field or with `*`. Services compare it with the
/// row's `etag` inside their transaction: [`crate::write::expect`].
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut fields = parts.headers.get_all(IF_MATCH).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return if parts.headers.contains_key(IF_MATCH) {
                Err(malformed())
            } else {
                Ok(Self(None))
            };
        };
        match field.to_str().map(str::trim) {
            Ok("*") => Ok(Self(None)),
            Ok(text) => parse(text)
                .map(|etag| Self(Some(etag)))
                .ok_or_else(malformed),
            Err(_) => Err(malformed()),
        }
    }
}

fn parse(text: &str) -> Option<i64> {
    text.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

fn malformed() -> Error {
    Error::new(
        Code::PreconditionMalformed,
        "If-Match takes one strong entity tag as the ETag header gave it.",
    )
}

/// A JSON answer with the row's `etag` as its strong entity tag.
#[derive(Debug)]
pub struct Tagged<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Self(etag, body) = self;
        let mut response = Json(body).into_response();
        if let Ok(value) = HeaderValue::try_from(format!("\"{etag}\"")) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }
}

/// 201 with `Location` (relative to [`crate::http::BASE`]) and the new row's entity tag.
#[derive(Debug)]
pub struct Created<T> {
    pub location: String,
    pub etag: i64,
    pub body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Tagged(self.etag, self.body).into_response();
        *response.status_mut() = StatusCode::CREATED;
        if let Ok(value) = HeaderValue::try_from(format!("{}{}", super::BASE, self.location)) {
            response.headers_mut().insert(LOCATION, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tags() {
        assert_eq!(super::parse("\"7\""), Some(7));
        for bad in ["7", "W/\"7\"", "\"\"", "\"7\", \"8\"", "\"x\""] {
            assert_eq!(super::parse(bad), None, "{bad}");
        }
    }
}
