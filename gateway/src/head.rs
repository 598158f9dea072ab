//! The head of a request, neutral: the pipeline knows nothing of the library that read it.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const PORTUNUS_APPLICATION: HeaderName =
    HeaderName::from_static("x-portunus-application");
pub(crate) const PORTUNUS_PLAN: HeaderName = HeaderName::from_static("x-portunus-plan");
pub(crate) const PORTUNUS_SUBSCRIPTION: HeaderName =
    HeaderName::from_static("x-portunus-subscription");
pub(crate) const PORTUNUS_ENVIRONMENT: HeaderName =
    HeaderName::from_static("x-portunus-environment");

/// Everything of a request before its body, except the target, which stays as it was sent.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The query that goes on instead of the one sent: a key was cut out of it.
    pub(crate) cut_query: Option<Option<String>>,
}

impl Head {
    pub(crate) const fn new(method: Method, headers: HeaderMap) -> Self {
        Self {
            method,
            headers,
            cut_query: None,
        }
    }
}

/// The key in `Authorization: Bearer ptn_…`, if it is one of ours.
pub(crate) fn bearer_key(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && token.starts_with(b"ptn_")).then_some(token)
}
